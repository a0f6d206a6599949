"""Languages, zones and number signs: catalogues that are whole, and pages that follow them."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from flask import Flask, g
from flask.testing import FlaskClient

from controller.domain.errors import InvalidFields
from controller.services.accounts import AccountSeries
from web import catalogues, formatting, i18n
from web.fields import Fields, plain_amount
from web.i18n import FOLDER, gettext, lazy_gettext, ngettext
from web.service_texts import service_text

TEMPLATES = {"messages": cache(catalogues.messages), "services": cache(catalogues.sentences)}
LANGUAGES = [language for language in i18n.languages() if language != "en"]
_PLACE = re.compile(r"%\((\w+)\)s|%%|%")


@dataclass
class Somebody:
    """A visitor with settings."""

    language: str = ""
    time_zone: str = ""


def stored(language: str, domain: str) -> Catalog:
    with (FOLDER / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        return read_po(file, locale=language)


def texts(message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What it says in English and in the other language; more than one where it counts."""

    def each(text: Any) -> tuple[str, ...]:
        return (text,) if isinstance(text, str) else tuple(text or ())

    return each(message.id), each(message.string)


def places(text: str) -> set[str]:
    return {found[0] for found in _PLACE.finditer(text) if found[0] != "%%"}


# -- catalogues ----------------------------------------------------------------------------


def test_spanish_is_there() -> None:
    assert i18n.languages() == ("en", "es")
    assert i18n.language_name("es") == "Español"


@pytest.mark.parametrize("domain", TEMPLATES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_as_the_code_is(language: str, domain: str) -> None:
    """`python -m web.catalogues` brings it up to date; then translate what is new."""
    path = FOLDER / language / "LC_MESSAGES" / f"{domain}.po"
    wanted = catalogues.updated(TEMPLATES[domain](), language, path)
    assert path.read_bytes().decode() == wanted.decode()


@pytest.mark.parametrize("domain", TEMPLATES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_with_the_same_places(language: str, domain: str) -> None:
    for message in stored(language, domain):
        if not message.id:
            continue
        english, other = texts(message)
        assert len(other) == len(english), english
        for text in other:
            assert text.strip(), f"not translated: {english}"
            assert "%" not in places(text), f"a percent sign alone: {text}"
            assert places(text) <= set().union(*map(places, english)), text
            assert places(text) >= set.intersection(*map(places, english)), text


@pytest.mark.parametrize("domain", TEMPLATES)
def test_english_texts_have_no_percent_sign_alone(domain: str) -> None:
    for message in TEMPLATES[domain]():
        if message.id:
            assert all("%" not in places(text) for text in texts(message)[0]), message.id


def test_html_in_a_translation_is_none() -> None:
    """A text is shown as text; what looks like HTML in a catalogue is a mistake."""
    for language in LANGUAGES:
        for domain in TEMPLATES:
            for message in stored(language, domain):
                if message.id:
                    english, other = texts(message)
                    assert ("<" in "".join(other)) == ("<" in "".join(english)), message.id


# -- the visitor's language and zone -------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("es-MX,es;q=0.9,en;q=0.5", "es"),
        ("de,fr;q=0.5", "en"),
        ("en-GB,es;q=0.9", "en"),
        ("", "en"),
        ("es;q=banana,\x00" * 50, "en"),
        ("*", "en"),
    ],
)
def test_the_browser_asks_for_a_language(app: Flask, header: str, language: str) -> None:
    with app.test_request_context(headers={"Accept-Language": header.replace("\x00", "?")}):
        assert i18n.language() == language


def test_what_a_person_set_goes_before_it(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "en"}):
        g.visitor = Somebody("es", "America/Bogota")
        assert gettext("Accounts") == "Cuentas"
        assert str(lazy_gettext("Accounts")) == "Cuentas"
        assert i18n.zone_label() == "America/Bogota"
    with app.test_request_context(headers={"Accept-Language": "es"}):
        g.visitor = Somebody("xx", "../../etc/passwd")
        assert i18n.language() == "es"
        assert i18n.zone_label() == "UTC"


def test_counting(app: Flask) -> None:
    one, many = "%(num)s account below", "%(num)s accounts below"
    assert [ngettext(one, many, n) for n in (0, 1, 2)] == [
        "0 accounts below",
        "1 account below",
        "2 accounts below",
    ]
    with app.test_request_context():
        g.visitor = Somebody("es")
        assert ngettext(one, many, 1) == "1 cuenta debajo"


def test_numbers_are_written_as_the_language_does(app: Flask) -> None:
    assert formatting.money(Decimal("1234567.5")) == "1,234,567.50"
    with app.test_request_context():
        g.visitor = Somebody("es")
        assert formatting.money(Decimal("-1234567.5"), "USD") == "−1\u202f234\u202f567,50\u00a0USD"
        assert formatting.count(1234567) == "1\u202f234\u202f567"
        assert formatting.percent(Decimal("12.34")) == "12,3\u00a0%"
        assert formatting.seconds(1500) == "1,50\u00a0s"


@pytest.mark.parametrize(
    ("language", "typed", "read"),
    [
        ("en", "1234.56", "1234.56"),
        ("en", "1,234", None),
        ("en", "1234,56", None),
        ("en", "+5", "+5"),
        ("es", "1234,56", "1234.56"),
        ("es", "1234.56", "1234.56"),
        ("es", "1.234", None),
        ("es", "1.234,56", None),
        ("es", "1,2,3", None),
        ("es", "0,001", "0.001"),
        ("es", "", ""),
        ("en", "1e5", None),
        ("en", "٣", None),
        ("en", "Infinity", None),
    ],
)
def test_amounts_are_never_read_in_two_ways(
    app: Flask, language: str, typed: str, read: str | None
) -> None:
    with app.test_request_context():
        g.visitor = Somebody(language)
        assert plain_amount(typed) == read


def test_times_are_shown_and_read_in_the_visitors_zone(app: Flask) -> None:
    with app.test_request_context():
        g.visitor = Somebody(time_zone="America/Bogota")
        fields = Fields({"at": "2026-11-20T18:30", "late": "9999-12-31T23:59", "odd": "2026-13-01"})
        when = fields.moment("at")
        assert when is not None
        assert when.isoformat() == "2026-11-20T23:30:00+00:00"
        shown = str(formatting.moment(when))
        assert "2026-11-20 18:30:00" in shown
        assert 'datetime="2026-11-20T23:30:00.000Z"' in shown
        assert formatting.moment_input(when) == "2026-11-20T18:30:00"
        assert fields.moment("late") is None
        assert fields.moment("odd") is None
        assert fields.errors.keys() == {"late", "odd"}


# -- pages ---------------------------------------------------------------------------------


def test_a_page_in_spanish(admin: FlaskClient) -> None:
    page = admin.get("/accounts", headers={"Accept-Language": "es"}).text
    assert '<html lang="es">' in page
    for text in ("Cuentas", "Saldo", "Cuenta nueva", "Cerrar sesión", "Las horas son de UTC"):
        assert text in page
    for text in ("New account", "Sign out", "Balance"):
        assert text not in page
    assert "No encontrado" in admin.get("/nowhere", headers={"Accept-Language": "es"}).text


def test_sentences_of_services_are_recognized(app: Flask) -> None:
    with pytest.raises(InvalidFields) as error:
        list(AccountSeries("shop", 5).rows())
    said = error.value.errors["first"]
    assert service_text(said) == said
    with app.test_request_context():
        g.visitor = Somebody("es")
        assert service_text(said) == "debe terminar en 1 a 12 dígitos, como shop-001"
        assert (
            service_text("there is no account 'a 100% <b>'") == "no hay ninguna cuenta 'a 100% <b>'"
        )
        assert service_text("something nobody knows of") == "something nobody knows of"
        assert service_text("account") == "cuenta"
        assert service_text("x" * 10_000) == "x" * 10_000
