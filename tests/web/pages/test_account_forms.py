"""Accounts made and changed through pages: what was typed stays, and the field is named."""

import io
import json
from decimal import Decimal

import pytest

from tests.integration.account_office import ROOT, Office
from tests.web.pages.conftest import Enter
from tests.web.pages.visitors import Person, error_of, form_fields, said

NASTY = (
    "'; DROP TABLE accounts; --",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "%(name)s %s %d",
    "=cmd|' /C calc'!A0",
    "\u202eright to left",
    "x" * 70_000,
    "\x07bell",
    "1e999",
    "-1",
    "٣",
)
TEXT_FIELDS = (
    "name",
    "title",
    "parent",
    "currency",
    "kind",
    "rate_group",
    "private_rate_group",
    "monthly_minimum",
    "capacity",
    "subtree_capacity",
    "expires_at",
    "low_balance",
    "number_sections",
    "destination_rules",
    "company",
    "email",
    "card_type",
    "memo",
)


# -- making --------------------------------------------------------------------------------


def test_an_agent_makes_an_account_below_itself(wholesaler: Person, office: Office) -> None:
    answer = wholesaler.send(
        "/accounts/new", {"name": "chatgaon", "title": "Chatgaon Ltd", "rights": ["accounts"]}
    )
    assert answer.status_code == 302
    assert said(wholesaler.get(answer.location).text) == "Account chatgaon was made."
    record = office.accounts.get(ROOT, "chatgaon")
    assert (record.spec.parent, record.spec.currency) == ("bd-wholesale", "USD")
    assert record.spec.title == "Chatgaon Ltd"
    assert [str(right) for right in record.spec.rights] == ["accounts"]


def test_what_was_typed_stays_and_the_field_is_named(wholesaler: Person, office: Office) -> None:
    typed = {"name": "two words", "title": "Kept <b>title</b>", "capacity": "many"}
    answer = wholesaler.send("/accounts/new", {**typed, "locked": "1", "rights": ["phones"]})
    assert answer.status_code == 400
    assert "is not a name" in error_of(answer.text, "name")
    assert "whole number" in error_of(answer.text, "capacity")
    again = form_fields(answer.text)
    assert again.items() >= {**typed, "locked": ["1"], "rights": ["phones"]}.items()
    assert 'href="#name"' in answer.text
    assert 'aria-describedby="name-about name-error" aria-invalid="true"' in answer.text
    assert office.rows("SELECT 1 FROM accounts WHERE title LIKE 'Kept%'") == []
    mended = wholesaler.post("/accounts/new", {**again, "name": "one-word", "capacity": "7"})
    assert mended.status_code == 302
    assert office.accounts.get(ROOT, "one-word").spec.capacity == 7


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_nothing_hostile_gets_in_or_breaks_a_page(ada: Person, office: Office, field: str) -> None:
    form = {**ada.form("/accounts/new"), "name": "victim", "currency": "USD"}
    before = office.rows("SELECT count(*) AS n FROM accounts")
    for text in NASTY:
        answer = ada.post("/accounts/new", {**form, field: text})
        assert answer.status_code in (302, 400, 413), (field, text[:20])
        if answer.status_code == 302:  # plain text that a title may well be
            page = ada.get(answer.location).text
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            name = office.rows("SELECT name FROM accounts ORDER BY id DESC LIMIT 1")[0]["name"]
            office.accounts.delete(ROOT, name)
            form = {**ada.form("/accounts/new"), "name": "victim", "currency": "USD"}
        else:
            assert "<script>alert" not in answer.text
            assert "<img src=x" not in answer.text
    assert office.rows("SELECT count(*) AS n FROM accounts") == before


def test_a_form_that_is_sent_twice_makes_one_account(ada: Person, office: Office) -> None:
    form = {**ada.form("/accounts/new"), "name": "single", "currency": "USD"}
    first, second = ada.post("/accounts/new", form), ada.post("/accounts/new", form)
    assert (first.status_code, second.status_code) == (302, 303)
    assert first.location == second.location
    assert len(office.log(name="single")) == 1


def test_a_template_of_rights_is_filled_in(ada: Person) -> None:
    form = ada.form("/accounts/new?preset=wholesale")
    assert form["rights"] == [
        "accounts",
        "gateways",
        "gateway_settings",
        "gateway_capacity",
        "pay_sub",
    ]


def test_nobody_gives_what_he_has_not(wholesaler: Person) -> None:
    answer = wholesaler.send("/accounts/new", {"name": "eager", "rights": ["gateways"]})
    assert answer.status_code == 400
    assert "cannot give" in error_of(answer.text, "rights") or "cannot give" in answer.text


def test_without_the_right_there_is_no_form(enter: Enter, office: Office) -> None:
    office.accounts.change(ROOT, "dhaka-retail", {"rights": []})
    retailer = enter("retailer")
    assert retailer.get("/accounts/new").status_code == 403
    assert "/accounts/new" not in retailer.get("/accounts").text
    assert retailer.get(retailer.page_of("customer-001", "/change")).status_code == 403


def test_a_customer_makes_nothing(customer: Person) -> None:
    for path in ("/accounts/new", "/accounts/series", "/accounts/upload", "/accounts/tree"):
        assert customer.get(path).status_code == 403


# -- changing ------------------------------------------------------------------------------


def test_only_what_was_touched_is_changed(ada: Person, office: Office) -> None:
    path = ada.page_of("dhaka-retail", "/change")
    answer = ada.send(path, {"title": "Dhaka", "low_balance": "12.5", "expires_at": ""})
    assert answer.status_code == 302
    spec = office.accounts.get(ROOT, "dhaka-retail").spec
    assert (spec.title, spec.low_balance) == ("Dhaka", Decimal("12.5"))
    assert spec.parent == "bd-wholesale"
    (line,) = office.log(name="dhaka-retail", action="change")
    assert set(line.changes) == {"title", "low_balance"}
    assert (line.actor, line.source) == ("ada", "web")


def test_a_stale_edit_shows_both_values(enter: Enter, office: Office) -> None:
    ada, wholesaler = enter("ada"), enter("wholesaler")
    path = ada.page_of("dhaka-retail", "/change")
    form = ada.form(path)
    assert wholesaler.send(path, {"title": "Theirs", "memo": "new memo"}).status_code == 302
    answer = ada.post(path, {**form, "title": "Mine"})
    assert answer.status_code == 409
    assert "changed by wholesaler at" in answer.text
    assert "Stored now: Theirs" in answer.text
    again = form_fields(answer.text)
    assert (again["title"], again["memo"]) == ("Mine", "new memo")
    assert office.accounts.get(ROOT, "dhaka-retail").spec.title == "Theirs"
    assert ada.post(path, again).status_code == 302
    spec = office.accounts.get(ROOT, "dhaka-retail").spec
    assert (spec.title, spec.memo) == ("Mine", "new memo")


@pytest.mark.parametrize("was", ["", "[]", "not json", '{"title": 7, "nobody": "x"}', "[" * 5000])
def test_what_a_form_showed_may_be_garbled(ada: Person, office: Office, was: str) -> None:
    path = ada.page_of("dhaka-retail", "/change")
    answer = ada.send(path, {"title": "Sure", "was": was})
    assert answer.status_code == 302
    assert office.accounts.get(ROOT, "dhaka-retail").spec.title == "Sure"


def test_of_the_own_account_only_contact_data(wholesaler: Person, office: Office) -> None:
    own = wholesaler.page_of("bd-wholesale")
    for section in ("", "/place", "/rights", "/numbers"):
        assert wholesaler.get(f"{own}/change{section}").status_code == 403
    answer = wholesaler.send(f"{own}/change/contact", {"company": "BD Ltd", "email": "a@b.example"})
    assert answer.status_code == 302
    assert office.accounts.get(ROOT, "bd-wholesale").spec.company == "BD Ltd"
    wrong = wholesaler.send(f"{own}/change/contact", {"email": "nobody"})
    assert "not an e-mail address" in error_of(wrong.text, "email")


def test_number_sections_and_destinations(ada: Person, office: Office) -> None:
    path = ada.page_of("bd-wholesale", "/change/numbers")
    wrong = ada.send(path, {"number_sections": "900-800", "destination_rules": "perhaps 880"})
    assert error_of(wrong.text, "number_sections")
    assert error_of(wrong.text, "destination_rules")
    typed = {"number_sections": "8801700-8801799\n8801900", "destination_rules": "allow 880"}
    assert ada.send(path, typed).status_code == 302
    spec = office.accounts.get(ROOT, "bd-wholesale").spec
    assert [str(s) for s in spec.number_sections] == ["8801700-8801799", "8801900"]
    page = ada.get(ada.page_of("bd-wholesale", "/numbers")).text
    assert "8801799" in page
    assert "allowed" in page


def test_moving_under_another_agent(ada: Person, office: Office) -> None:
    path = ada.page_of("customer-001", "/change/place")
    circle = ada.send(ada.page_of("bd-wholesale", "/change/place"), {"parent": "customer-001"})
    assert circle.status_code == 400
    assert error_of(circle.text, "parent")
    assert ada.send(path, {"parent": "bd-wholesale"}).status_code == 302
    assert office.accounts.get(ROOT, "customer-001").spec.parent == "bd-wholesale"


# -- what cannot be undone -----------------------------------------------------------------


def test_lock_close_open_and_delete_are_asked_for_first(ada: Person, office: Office) -> None:
    office.make("short-lived", "dhaka-retail")
    account = ada.page_of("short-lived")
    for action, state in (("lock", "Locked"), ("unlock", "No funds"), ("close", "Closed")):
        assert f"{action.capitalize()} short-lived?" in ada.get(f"{account}/{action}").text
        assert ada.send(f"{account}/{action}").status_code == 302
        assert state in ada.get(account).text
    assert ada.send(f"{account}/reopen").status_code == 302
    form = ada.form(f"{account}/delete")
    first, second = ada.post(f"{account}/delete", form), ada.post(f"{account}/delete", form)
    assert (first.status_code, second.status_code) == (302, 303)
    assert office.rows("SELECT 1 FROM accounts WHERE name = 'short-lived'") == []
    assert ada.get(account).status_code == 404


def test_a_lock_from_above_stays(enter: Enter, office: Office) -> None:
    retailer, ada = enter("retailer"), enter("ada")
    account = ada.page_of("customer-001")
    lock, unlock = f"{account}/lock", f"{account}/unlock"
    assert ada.send(lock).status_code == 302
    answer = retailer.send(unlock)
    assert answer.status_code == 409
    assert "<p>locked by somebody above</p>" in answer.text
    answer = retailer.post(unlock, retailer.form(unlock), headers={"Accept-Language": "es"})
    assert "<p>bloqueado por alguien de arriba</p>" in answer.text
    assert ada.send(unlock).status_code == 302
    assert retailer.send(lock).status_code == 302
    assert retailer.send(unlock).status_code == 302
    assert [line.name for line in office.log(denied_only=True)] == []


def test_an_agent_with_accounts_below_stays_and_says_why(ada: Person) -> None:
    answer = ada.send(ada.page_of("dhaka-retail", "/delete"))
    assert answer.status_code == 409
    assert "customer-001" in answer.text
    assert "Nothing was done" in answer.text


def test_a_question_that_is_too_old_is_asked_again(ada: Person, office: Office) -> None:
    path = ada.page_of("customer-001", "/close")
    form = ada.form(path)
    office.accounts.change(ROOT, "customer-001", {"title": "New"})
    answer = ada.post(path, form)
    assert answer.status_code == 409
    assert "changed by root" in answer.text
    assert ada.confirm(answer, path).status_code == 302


def test_new_accounts_of_agents_wait_for_approval(enter: Enter, office: Office) -> None:
    office.execute(
        "UPDATE configuration_state"
        """ SET parameters = parameters::jsonb || '{"approve_sub_agents": true}'::jsonb"""
    )
    wholesaler, ada = enter("wholesaler"), enter("ada")
    assert wholesaler.send("/accounts/new", {"name": "fresh"}).status_code == 302
    fresh = ada.page_of("fresh")
    assert "Waits for approval" in ada.get("/accounts?state=waiting").text
    assert wholesaler.send(f"{fresh}/approve").status_code == 403
    assert ada.send(f"{fresh}/approve").status_code == 302
    assert not office.accounts.get(ROOT, "fresh").awaiting_approval


# -- many at once --------------------------------------------------------------------------


def test_a_series_is_made_as_a_whole(wholesaler: Person, office: Office) -> None:
    answer = wholesaler.send(
        "/accounts/series",
        {"first": "shop-08", "count": "5", "parent": "dhaka-retail", "currency": "USD"},
    )
    assert answer.status_code == 302
    assert said(wholesaler.get(answer.location).text) == "5 accounts were made."
    names = office.rows("SELECT name FROM accounts WHERE name LIKE 'shop-%' ORDER BY name")
    assert [row["name"] for row in names] == [f"shop-{n:02}" for n in range(8, 13)]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"first": "shop", "count": "5"}, "first"),
        ({"first": "shop-1", "count": "many"}, "count"),
        ({"first": "shop-1", "count": "100"}, "count"),
        ({"first": "shop-1", "count": "2", "rate_group": "nobody"}, "rate_group"),
        ({"first": "customer-001", "count": "2"}, "first"),
    ],
)
def test_what_is_wrong_with_a_series_is_said_at_its_field(
    ada: Person, office: Office, typed: dict[str, str], field: str
) -> None:
    before = office.rows("SELECT count(*) AS n FROM accounts")
    answer = ada.send("/accounts/series", {"currency": "USD", **typed})
    assert answer.status_code == 400
    assert error_of(answer.text, field), answer.text
    assert office.rows("SELECT count(*) AS n FROM accounts") == before


def upload(
    person: Person, path: str, content: bytes, name: str = "accounts.csv"
) -> tuple[int, str]:
    fields = {**person.form(path), "file": (io.BytesIO(content), name)}
    answer = person.post(path, fields, content_type="multipart/form-data")
    return answer.status_code, answer.text


def test_a_file_of_accounts(wholesaler: Person, office: Office) -> None:
    rows = "name,title,currency,rights\nup-1,Ünë,USD,\nup-2,Two,USD,accounts;phones\n".encode()
    assert upload(wholesaler, "/accounts/upload", b"\xef\xbb\xbf" + rows)[0] == 302
    assert office.accounts.get(ROOT, "up-1").spec.title == "Ünë"
    assert office.accounts.get(ROOT, "up-2").spec.parent == "bd-wholesale"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"PK\x03\x04\x00\x00zipped workbook", "no text file"),
        (b"name,currency\ncaf\xe9,USD\n", "not UTF-8"),
        (b"title\nx\n", "no column"),
        (b"name,currency\nfine,USD\nbad name,USD\n", "2.name"),
        (b"name,currency\nfine,USD\n<script>alert(1)</script>,USD\n", "2.name"),
        (b"name,currency,nobody\nfine,USD,x\n", "nobody"),
        (b'name,currency\n"fine,USD\n', "CSV"),
    ],
)
def test_files_that_are_not_what_they_claim(
    ada: Person, office: Office, content: bytes, says: str
) -> None:
    status, text = upload(ada, "/accounts/upload", content)
    assert status == 400
    assert says in text
    assert "<script>alert" not in text
    assert office.rows("SELECT 1 FROM accounts WHERE name = 'fine'") == []


def test_a_file_that_is_too_large_is_refused_before_it_is_read(ada: Person) -> None:
    status, _text = upload(ada, "/accounts/upload", b"name,currency\n" + b"x" * (6 * 1024 * 1024))
    assert status == 413


def test_a_form_without_a_file_says_so(ada: Person) -> None:
    answer = ada.send("/accounts/upload")
    assert answer.status_code == 400
    assert "Choose a file first" in answer.text


def test_the_form_itself_has_a_bound(ada: Person) -> None:
    form = ada.form("/accounts/new")
    assert ada.post("/accounts/new", {**form, "memo": "x" * 2_000_000}).status_code == 413
    many = {**form, **{f"field{n}": "x" for n in range(2000)}}
    assert ada.post("/accounts/new", many).status_code in (302, 400, 413)
    assert json.loads(form["was"])["name"] == ""
