"""The language, the zone and the number signs of whoever looks at a page.

English texts are the message ids. Catalogues are `translations/<language>/LC_MESSAGES/messages.po`;
another language is another folder. They are read as they are: nothing has to be compiled. What a
person has set goes before what the browser asks for.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request
from markupsafe import Markup, escape

from web.context import visitor

ENGLISH = "en"
DOMAIN = "messages"
FOLDER = Path(__file__).parent / "translations"
UTC_ZONE = "UTC"
MAX_ASKED = 20
"""Languages of a browser that are looked at."""
_NARROW_SPACE = "\u202f"


@dataclass(frozen=True, slots=True)
class NumberSigns:
    """How a language writes numbers: groups of three digits, and what begins the fraction."""

    group: str = ","
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class LazyText:
    """A text that is translated when it is shown, for what is made before a request comes."""

    message: str

    def __str__(self) -> str:
        """A text with places for values needs `with_values`."""
        return gettext(self.message)

    def with_values(self, **values: object) -> str:
        return gettext(self.message, **values)

    def __html__(self) -> str:
        return str(escape(str(self)))


# -- texts ---------------------------------------------------------------------------------


def gettext(message: str, /, **values: object) -> str:
    """The text in the visitor's language. A percent sign of its own is written %%."""
    return translations().gettext(message) % values


def ngettext(singular: str, plural: str, number: int, /, **values: object) -> str:
    """As many things as `number` says; the text may have %(num)s."""
    text = translations().ngettext(singular, plural, number)
    return text % {"num": number, **values}


def lazy_gettext(message: str) -> LazyText:
    return LazyText(message)


def languages() -> tuple[str, ...]:
    """All that there is, English first."""
    return _languages()


def language_name(language: str) -> str:
    """As its own speakers call it."""
    name = Locale.parse(language).get_display_name() or language
    return name[:1].upper() + name[1:]


def language() -> str:
    """Of this request; English outside of one."""
    if not has_request_context():
        return ENGLISH
    chosen: str | None = g.get("language")
    if chosen is None:
        chosen = g.language = _chosen_language()
    return chosen


def translations() -> NullTranslations:
    return catalogue(language())


@lru_cache(maxsize=16)
def catalogue(language: str, domain: str = DOMAIN) -> NullTranslations:
    """Of one language, read from its file once."""
    path = _po_file(language, domain)
    if language not in languages() or not path.is_file():
        return NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language, domain=domain))
    compiled.seek(0)
    return Translations(compiled)


def message_ids(language: str, domain: str) -> list[str]:
    """Of a catalogue; plurals by their singular."""
    path = _po_file(language, domain)
    if language not in languages() or not path.is_file():
        return []
    with path.open("rb") as file:
        return [_single(message.id) for message in read_po(file, locale=language) if message.id]


def _single(message: str | list[str] | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


def _po_file(language: str, domain: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / f"{domain}.po"


@lru_cache(maxsize=1)
def _languages() -> tuple[str, ...]:
    found = sorted(p.parent.parent.name for p in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
    return (ENGLISH, *(name for name in found if name != ENGLISH))


def _chosen_language() -> str:
    own = getattr(visitor(), "language", "")
    if own in languages():
        return str(own)
    asked = [value for value, quality in request.accept_languages if quality > 0]
    return negotiate_locale(asked[:MAX_ASKED], languages(), sep="-") or ENGLISH


# -- times and numbers ---------------------------------------------------------------------


def time_zone() -> ZoneInfo:
    """Of the visitor; UTC where none is set."""
    return _zone(getattr(visitor(), "time_zone", "") if has_request_context() else "")


def zone_label() -> str:
    """What stands beside times: the zone's name, without underscores."""
    return time_zone().key.replace("_", " ")


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name if name in _zone_names() else UTC_ZONE)


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_names() -> list[str]:
    """For choosing one: UTC first, then those of regions."""
    regions = (name for name in _zone_names() if "/" in name and not name.startswith("Etc/"))
    return [UTC_ZONE, *sorted(regions)]


def number_signs() -> NumberSigns:
    return _signs(language())


@lru_cache(maxsize=16)
def _signs(language: str) -> NumberSigns:
    """A language with a decimal comma gets narrow spaces between groups: a point there could be
    taken for the decimal sign of another country."""
    decimal = str(Locale.parse(language).number_symbols["latn"]["decimal"])
    return NumberSigns() if decimal == "." else NumberSigns(_NARROW_SPACE, decimal)


# -- pages ---------------------------------------------------------------------------------


def register(app: Flask) -> None:
    app.jinja_env.add_extension("jinja2.ext.i18n")
    install: Callable[..., None] = app.jinja_env.install_gettext_callables  # type: ignore[attr-defined]  # put there by the extension
    install(
        gettext=lambda message: translations().gettext(message),
        ngettext=lambda one, many, number: translations().ngettext(one, many, number),
        newstyle=True,
    )
    app.jinja_env.globals.update(
        language=language, zone_label=zone_label, languages=languages, language_name=language_name
    )


def marked(message: str, /, **values: object) -> Markup:
    """A text whose values are escaped, and which is HTML itself: for texts with a link in them."""
    return Markup(translations().gettext(message)) % values  # noqa: S704 - catalogues are ours
