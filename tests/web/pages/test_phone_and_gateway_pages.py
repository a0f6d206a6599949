"""Phones and trunks through pages: made, changed, removed, within rights and scope."""

import io
import re

import pytest

from tests.integration.account_office import ROOT, Office
from tests.web.pages.conftest import Enter
from tests.web.pages.visitors import Person, error_of, form_fields

NASTY = ("'; DROP TABLE phones; --", "<script>alert(1)</script>", "x" * 70_000, "\x07", "1e9", "-1")


def passwords(page: str) -> list[str]:
    return re.findall(r"<td><code>([^<]+)</code></td>", page)


def make_phone(person: Person, number: str = "8801700000001", account: str = "customer-001") -> str:
    answer = person.send("/phones/new", {"number": number, "account": account})
    assert answer.status_code == 200, answer.text
    (password,) = passwords(answer.text)
    return password


# -- phones --------------------------------------------------------------------------------


def test_a_phone_is_made_and_its_password_shown_once(retailer: Person) -> None:
    form = {**retailer.form("/phones/new"), "number": "8801700000001", "account": "customer-001"}
    first = retailer.post("/phones/new", form)
    (password,) = passwords(first.text)
    assert len(password) >= 12
    second = retailer.post("/phones/new", form)
    assert (second.status_code, second.location) == (303, "/phones/8801700000001")
    page = retailer.get("/phones/8801700000001").text
    assert password not in page
    assert "customer-001" in page


def test_a_phone_with_its_account(retailer: Person, office: Office) -> None:
    typed = {"number": "8801700000009", "account": "dhaka-retail", "new_account": "1"}
    assert retailer.send("/phones/new", typed).status_code == 200
    assert office.accounts.get(ROOT, "8801700000009").spec.parent == "dhaka-retail"


def test_a_range_of_phones(retailer: Person) -> None:
    typed = {"first": "8801700000010", "last": "8801700000014", "account": "customer-001"}
    answer = retailer.send("/phones/range", typed)
    assert len(set(passwords(answer.text))) == 5
    taken = retailer.send("/phones/range", typed)
    assert "taken" in error_of(taken.text, "first")
    wrong = retailer.send("/phones/range", {**typed, "first": "1", "last": "100000"})
    assert error_of(wrong.text, "last")


def test_phones_from_a_file(retailer: Person) -> None:
    def upload(content: bytes) -> tuple[int, str]:
        fields = retailer.form("/phones/upload")
        answer = retailer.post(
            "/phones/upload",
            {**fields, "file": (io.BytesIO(content), "phones.csv")},
            content_type="multipart/form-data",
        )
        return answer.status_code, answer.text

    status, text = upload(b"number,account\n880171,customer-001\n880172,other-customer\n")
    assert status == 400
    assert "2.account" in text
    status, text = upload(b"number,account,password\n880171,customer-001,\n")
    assert status == 200
    assert len(passwords(text)) == 1


def test_changing_a_phone_and_meeting_somebody_else(enter: Enter) -> None:
    retailer, ada = enter("retailer"), enter("ada")
    make_phone(retailer)
    path = "/phones/8801700000001/change"
    form = retailer.form(path)
    typed = {"dids": "88029000001\n88029000002", "monthly_rent": "1.5", "locked_in": "1"}
    assert ada.send(path, typed).status_code == 302
    answer = retailer.post(path, {**form, "memo": "mine", "dids": "88029000009"})
    assert answer.status_code == 409
    assert "changed by (somebody above) at" in answer.text
    assert "Stored now: 88029000001\n88029000002" in answer.text
    again = form_fields(answer.text)
    assert (again["memo"], again["monthly_rent"], again["locked_in"]) == ("mine", "1.5", ["1"])
    page = retailer.get("/phones").text
    assert "May not be called" in page


def test_a_lock_from_above_stays(enter: Enter) -> None:
    retailer, ada = enter("retailer"), enter("ada")
    make_phone(retailer)
    path = "/phones/8801700000001/change"
    assert ada.send(path, {"locked": "1"}).status_code == 302
    answer = retailer.send(path, {"locked": ""})
    assert answer.status_code == 400
    assert error_of(answer.text, "locked") == "locked by somebody above"
    answer = retailer.send("/phones/8801700000001/delete", {})
    assert answer.status_code == 403
    assert "is locked by somebody above" in answer.text
    assert ada.send(path, {"locked": ""}).status_code == 302
    for locked in ("1", ""):
        assert retailer.send(path, {"locked": locked}).status_code == 302


def test_a_new_password_in_place_of_the_old_one(retailer: Person) -> None:
    old = make_phone(retailer)
    weak = retailer.send("/phones/8801700000001/password", {"password": "short"})
    assert error_of(weak.text, "password")
    assert 'value="short"' not in weak.text
    (new,) = passwords(retailer.send("/phones/8801700000001/password").text)
    assert new != old


def test_deleting_is_asked_for_and_done_once(retailer: Person) -> None:
    make_phone(retailer)
    path = "/phones/8801700000001/delete"
    form = retailer.form(path)
    first, second = retailer.post(path, form), retailer.post(path, form)
    assert (first.status_code, second.status_code) == (302, 303)
    assert retailer.get("/phones/8801700000001").status_code == 404


@pytest.mark.parametrize(
    "field", ["number", "account", "password", "dids", "lines_in", "rate_group", "monthly_maximum"]
)
def test_nothing_hostile_gets_into_a_phone(ada: Person, office: Office, field: str) -> None:
    form = {**ada.form("/phones/new"), "number": "8801700000001", "account": "customer-001"}
    for text in NASTY:
        if field == "password" and 12 <= len(text) <= 64:
            continue  # a password may well be that
        answer = ada.post("/phones/new", {**form, field: text})
        assert answer.status_code in (400, 413), text[:20]
        assert "<script>alert" not in answer.text
    assert office.rows("SELECT 1 FROM phones") == []


def test_phones_of_others_are_not_there(enter: Enter) -> None:
    make_phone(enter("retailer"))
    stranger, customer = enter("stranger"), enter("customer")
    for part in ("", "/change", "/password", "/delete"):
        assert stranger.get(f"/phones/8801700000001{part}").status_code == 404
    assert "8801700000001" not in stranger.get("/phones?q=880").text
    assert "8801700000001" not in stranger.get("/phones.csv").text
    assert customer.get("/phones/8801700000001").status_code == 200
    assert customer.get("/phones/8801700000001/change").status_code == 403
    assert "8801700000001" in customer.get("/phones.csv").text


# -- gateways ------------------------------------------------------------------------------


def new_trunk(person: Person, **typed: str) -> int:
    fields = {"name": "dhaka-in", "account": "dhaka-retail", "addresses": "203.0.113.7", **typed}
    return person.send("/gateways/mapping/new", fields).status_code


def test_an_administrator_makes_trunks_of_both_kinds(ada: Person, office: Office) -> None:
    assert new_trunk(ada, capacity="30", codecs="PCMA\nPCMU") == 302
    office.make("vendor", kind="clearing")
    typed = {
        "name": "vendor-out",
        "clearing_account": "vendor",
        "host": "198.51.100.9",
        "routes": "39=50\n1",
        "t38": "1",
    }
    answer = ada.send("/gateways/routing/new", typed)
    assert answer.status_code == 302
    page = ada.get(answer.location).text
    for shown in ("198.51.100.9", "39=50", "1=100", "Fax by T.38"):
        assert shown in page
    assert "vendor-out" in ada.get("/gateways/routing").text
    wrong = ada.send("/gateways/routing/vendor-out/change", {"port": "99999", "routes": "x y"})
    assert error_of(wrong.text, "port") or error_of(wrong.text, "routes")
    assert ada.send("/gateways/routing/vendor-out/change", {"port": "5070"}).status_code == 302
    assert ada.send("/gateways/routing/vendor-out/delete").status_code == 302
    assert ada.get("/gateways/routing/vendor-out").status_code == 404


def test_only_fields_of_ones_rights_are_in_the_form(enter: Enter, office: Office) -> None:
    assert new_trunk(enter("ada"), capacity="30") == 302
    path = "/gateways/mapping/dhaka-in/change"
    assert enter("wholesaler").get(path).status_code == 403
    office.accounts.change(ROOT, "bd-wholesale", {"rights": ["gateway_capacity"]})
    wholesaler = enter("wholesaler")
    form = wholesaler.form(path)
    assert "capacity" in form
    assert not {"addresses", "groups", "account"} & form.keys()
    answer = wholesaler.post(path, {**form, "capacity": "12", "addresses": "192.0.2.1"})
    assert answer.status_code == 302
    page = wholesaler.get("/gateways/mapping/dhaka-in").text
    assert "203.0.113.7" in page
    assert "192.0.2.1" not in page


def test_vendors_are_the_operators_alone(enter: Enter) -> None:
    for name in ("wholesaler", "customer"):
        person = enter(name)
        for path in ("/gateways/routing", "/gateways/routing/new", "/gateways/routing/vendor-out"):
            assert person.get(path).status_code == 403, path


def test_trunks_of_others_are_not_there(enter: Enter) -> None:
    assert new_trunk(enter("ada")) == 302
    stranger = enter("stranger")
    assert stranger.get("/gateways/mapping/dhaka-in").status_code == 404
    assert "dhaka-in" not in stranger.get("/gateways/mapping").text
    assert (
        stranger.send(
            "/gateways/mapping/new",
            {
                "name": "thief",
                "account": "other-agent",
                "addresses": "203.0.113.7",
                "capacity": "1",
            },
        ).status_code
        == 400
    )
    assert "dhaka-in" in enter("retailer").get("/gateways/mapping").text


def test_a_trunk_is_made_once(ada: Person, office: Office) -> None:
    path = "/gateways/mapping/new"
    form = {**ada.form(path), "name": "once", "account": "dhaka-retail"}
    assert [ada.post(path, form).status_code for _ in range(2)] == [302, 303]
    assert len(office.log(name="once")) == 1


PLACES = ("zzz zzz", "1 99999999999999999999999", "2026-13-01 5", "\x07", "9" * 300)


@pytest.mark.parametrize("after", PLACES)
def test_a_made_up_place_is_refused_or_finds_nothing(ada: Person, after: str) -> None:
    for path in ("/phones", "/gateways/mapping", "/gateways/routing", "/payments"):
        for sort in ("", "created", "account"):
            answer = ada.get(path, query_string={"sort": sort, "after": after})
            assert answer.status_code in (200, 400), (path, sort)
