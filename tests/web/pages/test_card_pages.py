"""Phone cards through pages: made with PINs that are shown once, voided, and paid with."""

import base64
import csv
import io
import re
from typing import Any

import pytest

from controller.domain.rights import Right
from tests.integration.account_office import ROOT, Office
from tests.web.pages.conftest import Enter
from tests.web.pages.test_payment_pages import balance
from tests.web.pages.visitors import Person, error_of

NEW = {"name": "spring", "currency": "USD", "face_value": "5", "count": "3"}
Sheet = list[dict[str, str]]


def sheet_of(page: str) -> Sheet:
    """The file that stands in the page."""
    found = re.search(
        r'download="spring\.csv" href="data:text/csv;charset=utf-8;base64,([^"]+)"', page
    )
    assert found, page
    return list(csv.DictReader(io.StringIO(base64.b64decode(found[1]).decode())))


def make(person: Person, **typed: str) -> Sheet:
    answer = person.send("/cards/new", {**NEW, **typed})
    assert answer.status_code == 200, answer.text
    return sheet_of(answer.text)


def allow_cards(office: Office, account: str) -> None:
    office.accounts.change(ROOT, account, {"rights": [Right.PHONE_CARDS.value, "accounts"]})


def pay(person: Person, account: str, **typed: str) -> Any:
    return person.send(person.page_of(account, "/pay/card"), typed)


def test_pins_are_shown_once(ada: Person, office: Office) -> None:
    fields = {**ada.form("/cards/new"), **NEW, "password_length": "4"}
    first = ada.post("/cards/new", fields)
    cards = sheet_of(first.text)
    assert [card["serial"] for card in cards] == [f"spring-00000{n}" for n in (1, 2, 3)]
    assert {(card["value"], card["currency"], card["expires"]) for card in cards} == {
        ("5", "USD", "")
    }
    assert all(len(card["pin"]) == 12 and len(card["password"]) == 4 for card in cards)
    # the page again, and a day later, when the form's key is forgotten
    again = ada.post("/cards/new", fields)
    assert again.status_code == 303
    assert "PINs are shown only once" in ada.get(again.location).text
    with office.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM api_replies")
    later = ada.post("/cards/new", fields)
    assert later.status_code == 302
    batch = ada.get(later.location)
    assert "PINs are shown only once" in batch.text
    assert len(office.rows("SELECT FROM cards")) == 3
    for page in (batch, ada.get("/cards"), ada.get("/audit")):
        assert cards[0]["pin"] not in page.text
    assert cards[0]["pin"][-4:] in batch.text


def test_a_customer_pays_with_a_card(ada: Person, customer: Person, office: Office) -> None:
    cards = make(ada, password_length="5")
    account = customer.page_of("customer-001")
    assert f"{account}/pay/card" in customer.get(account).text
    assert customer.get(customer.page_of("customer-001", "/pay/payment")).status_code == 403
    refused = pay(customer, "customer-001", pin=cards[0]["pin"], password="1")
    assert (refused.status_code, bool(error_of(refused.text, "password"))) == (400, True)
    unknown = pay(customer, "customer-001", pin="9" * 12)
    assert "there is no such card" in error_of(unknown.text, "pin").lower()
    done = pay(customer, "customer-001", pin=cards[0]["pin"], password=cards[0]["password"])
    assert done.status_code == 302
    assert balance(office, "customer-001") == 5
    receipt = customer.get(done.location).text
    for shown in ("Phone card", "spring-000001", "+5.00\u00a0USD"):
        assert shown in receipt
    assert "spring-000001" in customer.get("/payments?kind=card").text
    used = pay(customer, "customer-001", pin=cards[0]["pin"], password=cards[0]["password"])
    assert used.status_code == 409
    assert "was used already" in used.text
    assert balance(office, "customer-001") == 5


def test_two_clicks_use_one_card(ada: Person, customer: Person, office: Office) -> None:
    (card, *_) = make(ada)
    path = customer.page_of("customer-001", "/pay/card")
    fields = {**customer.form(path), "pin": card["pin"]}
    answers = [customer.post(path, fields) for _ in range(3)]
    assert {answer.location for answer in answers} == {answers[0].location}
    assert balance(office, "customer-001") == 5


def test_who_guesses_is_told_to_wait(customer: Person) -> None:
    for number in range(10):
        assert pay(customer, "customer-001", pin=f"{number:012d}").status_code == 400
    answer = pay(customer, "customer-001", pin="9" * 12)
    assert answer.status_code == 429
    assert "too many wrong cards: wait 60 minutes" in answer.text.lower()


def test_no_pin_is_logged(ada: Person, customer: Person, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        cards = make(ada, password_length="8")
        pay(customer, "customer-001", pin=cards[0]["pin"], password="12345678")
        pay(customer, "customer-001", pin=cards[0]["pin"], password=cards[0]["password"])
        pay(customer, "customer-001", pin=cards[0]["pin"], password=cards[0]["password"])
    for card in cards:
        assert card["pin"] not in caplog.text
        assert card["password"] not in caplog.text


def test_others_accounts_are_not_found(ada: Person, customer: Person) -> None:
    (card, *_) = make(ada)
    path = customer.page_of("other-customer", "/pay/card")
    assert customer.get(path).status_code == 404
    sent = {**customer.form(customer.page_of("customer-001", "/pay/card")), "pin": card["pin"]}
    assert customer.post(path, sent).status_code == 404


def test_vendors_take_no_cards(ada: Person, office: Office) -> None:
    office.make("vendor", kind="clearing")
    assert ada.get(ada.page_of("vendor", "/pay/card")).status_code == 403


def test_an_agent_pays_for_its_cards(enter: Enter, office: Office) -> None:
    allow_cards(office, "dhaka-retail")
    retailer, ada = enter("retailer"), enter("ada")
    form = retailer.get("/cards/new")
    assert "paid for now" in form.text
    assert 'name="issuer"' not in form.text
    poor = retailer.send("/cards/new", {k: v for k, v in NEW.items() if k != "currency"})
    assert poor.status_code == 409
    assert "cannot be paid for" in poor.text
    question = ada.send(ada.page_of("dhaka-retail", "/pay/payment"), {"amount": "20"})
    ada.confirm(question, ada.page_of("dhaka-retail", "/pay/payment"))
    answer = retailer.send("/cards/new", {k: v for k, v in NEW.items() if k != "currency"})
    cards = sheet_of(answer.text)
    assert balance(office, "dhaka-retail") == 5
    pay(retailer, "customer-001", pin=cards[0]["pin"])
    (row,) = office.rows("SELECT id FROM card_batches")
    path = f"/cards/{row['id']}"
    locked = retailer.send(f"{path}/2/lock")
    assert locked.status_code == 302
    assert "Locked" in retailer.get(path).text
    assert retailer.send(f"{path}/2/void").status_code == 302
    asked = retailer.get(f"{path}/void").text
    assert "Back to dhaka-retail" in asked
    voided = retailer.send(f"{path}/void")
    assert "1 card is void." in retailer.get(voided.location).text
    assert balance(office, "dhaka-retail") == 15
    assert "customer-001" in retailer.get(f"{path}?state=used").text
    assert "customer-001" not in retailer.get(f"{path}?state=voided").text
    assert retailer.get(f"{path}?state=lost").status_code == 400


def test_who_was_quicker(ada: Person) -> None:
    make(ada)
    path = re.findall(r'href="(/cards/[0-9]+)"', ada.get("/cards").text)[0]
    fields = ada.form(f"{path}/1/void")
    ada.send(f"{path}/1/lock")
    late = ada.post(f"{path}/1/void", fields)
    assert late.status_code == 409
    assert "was changed by ada at" in late.text
    everything = ada.form(f"{path}/void")
    assert ada.send(f"{path}/2/void").status_code == 302
    assert ada.post(f"{path}/void", everything).status_code == 409


def test_navigation_and_pages_follow_the_right(enter: Enter, office: Office) -> None:
    retailer, ada = enter("retailer"), enter("ada")
    make(ada)
    (row,) = office.rows("SELECT id FROM card_batches")
    assert 'href="/cards"' not in retailer.get("/").text
    assert retailer.get("/cards").status_code == 403
    allow_cards(office, "dhaka-retail")
    assert 'href="/cards"' in retailer.get("/").text
    assert "There are no phone cards" in retailer.get("/cards").text
    assert retailer.get(f"/cards/{row['id']}").status_code == 404
    assert "spring" in ada.get("/cards?q=spr").text
    assert "No batch of cards matches" in ada.get("/cards?q=sum").text
    assert ada.get("/cards?issuer=nobody").status_code == 404


def test_cards_by_pages(ada: Person) -> None:
    make(ada, count="120")
    path = re.findall(r'href="(/cards/[0-9]+)"', ada.get("/cards").text)[0]
    seen: list[str] = []
    address = path
    while address:
        page = ada.get(address).text
        seen += re.findall(r"<td>(spring-[0-9]{6})</td>", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == [f"spring-{n:06d}" for n in range(1, 121)]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "<script>"}, "name"),
        ({"face_value": "0"}, "face_value"),
        ({"count": "10001"}, "count"),
        ({"prefix": "abc"}, "prefix"),
        ({"currency": "usd"}, "currency"),
        ({"expires_at": "2020-01-01T00:00"}, "expires_at"),
    ],
)
def test_what_is_wrong_stands_by_its_field(
    ada: Person, office: Office, typed: dict[str, str], field: str
) -> None:
    answer = ada.send("/cards/new", {**NEW, **typed})
    assert answer.status_code == 400
    assert error_of(answer.text, field)
    assert office.rows("SELECT FROM card_batches") == []
