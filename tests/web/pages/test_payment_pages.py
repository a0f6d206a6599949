"""Payments through pages: asked for twice, made once, told on a receipt, kept apart by scope."""

import csv
import io
from decimal import Decimal

import pytest
from werkzeug.test import TestResponse

from tests.integration.account_office import ROOT, Office
from tests.web.pages.conftest import Enter
from tests.web.pages.visitors import Fields, Person, error_of, form_fields


def balance(office: Office, account: str) -> Decimal:
    (row,) = office.rows(
        "SELECT f.balance FROM account_funds f JOIN accounts a ON a.id = f.account_id"
        " WHERE a.name = :name",
        name=account,
    )
    return Decimal(row["balance"])


def pay(person: Person, account: str, kind: str, **typed: str) -> TestResponse:
    """The form, then yes to the question."""
    path = person.page_of(account, f"/pay/{kind}")
    return person.confirm(person.send(path, typed), path)


def test_a_payment_is_asked_for_twice_and_has_a_receipt(ada: Person, office: Office) -> None:
    path = ada.page_of("bd-wholesale", "/pay/payment")
    question = ada.send(path, {"amount": "1250.50", "memo": "wire <1>"})
    assert question.status_code == 200
    assert balance(office, "bd-wholesale") == 0
    assert "1,250.50\u00a0USD" in question.text
    assert "0.00 → 1,250.50" in question.text
    done = ada.confirm(question, path)
    assert done.status_code == 302
    assert balance(office, "bd-wholesale") == Decimal("1250.5")
    receipt = ada.get(done.location).text
    for shown in ("Receipt", "bd-wholesale", "+1,250.50\u00a0USD", "wire &lt;1&gt;", "ada"):
        assert shown in receipt


def test_a_second_yes_pays_nothing_more(ada: Person, office: Office) -> None:
    path = ada.page_of("bd-wholesale", "/pay/payment")
    fields = form_fields(ada.send(path, {"amount": "10"}).text)
    answers = [ada.post(path, fields) for _ in range(3)]
    assert {answer.location for answer in answers} == {answers[0].location}
    assert balance(office, "bd-wholesale") == 10


def test_what_was_typed_can_be_changed_after_the_question(ada: Person, office: Office) -> None:
    path = ada.page_of("bd-wholesale", "/pay/payment")
    fields = form_fields(ada.send(path, {"amount": "10", "memo": "first"}).text)
    again = ada.post(path, {**fields, "again": "1"})
    assert again.status_code == 200
    assert form_fields(again.text)["amount"] == "10"
    assert balance(office, "bd-wholesale") == 0


@pytest.mark.parametrize(
    "amount", ["", "0", "-5", "1,000", "1.000.000", "ten", "1e3", "NaN", "9" * 30, "0.00000000001"]
)
def test_amounts_that_are_none_are_refused_at_the_field(
    ada: Person, office: Office, amount: str
) -> None:
    path = ada.page_of("bd-wholesale", "/pay/payment")
    answer = ada.send(path, {"amount": amount, "memo": "kept"})
    if answer.status_code == 200:
        answer = ada.confirm(answer, path)
    assert answer.status_code == 400
    assert error_of(answer.text, "amount")
    assert form_fields(answer.text).items() >= {"amount": amount, "memo": "kept"}.items()
    assert balance(office, "bd-wholesale") == 0


def test_every_kind_of_payment(ada: Person, office: Office) -> None:
    assert pay(ada, "dhaka-retail", "payment", amount="100").status_code == 302
    assert pay(ada, "dhaka-retail", "withdraw", amount="10").status_code == 302
    moved = pay(ada, "dhaka-retail", "transfer", to="customer-001", amount="30")
    assert moved.status_code == 302
    assert balance(office, "dhaka-retail") == 60
    assert balance(office, "customer-001") == 30
    assert pay(ada, "customer-001", "make-zero").status_code == 302
    assert balance(office, "customer-001") == 0
    assert pay(ada, "customer-001", "credit", mode="raise", amount="25").status_code == 302
    (row,) = office.rows("SELECT overdraft_limit FROM accounts WHERE name = 'customer-001'")
    assert row["overdraft_limit"] == 25
    page = ada.get("/payments").text
    for word in ("Payment", "Withdrawal", "Transfer", "Made zero", "Overdraft limit"):
        assert word in page
    rows = list(csv.DictReader(io.StringIO(ada.get("/payments.csv?account=customer-001").text)))
    assert {row["kind"] for row in rows} == {"transfer", "make_zero", "credit_limit"}
    assert {row["account"] for row in rows} == {"customer-001"}


def test_more_than_there_is_cannot_be_taken(ada: Person, office: Office) -> None:
    answer = pay(ada, "dhaka-retail", "withdraw", amount="1")
    assert answer.status_code == 409
    assert "Nothing was saved" in answer.text
    assert form_fields(answer.text)["amount"] == "1"
    assert balance(office, "dhaka-retail") == 0


def test_a_transfer_to_another_tenant_finds_nobody(retailer: Person, office: Office) -> None:
    assert pay(retailer, "customer-001", "payment", amount="5").status_code == 302
    for other in ("other-customer", "nobody-at-all", "bd-wholesale"):
        answer = pay(retailer, "customer-001", "transfer", to=other, amount="1")
        assert answer.status_code == 404, other
    assert balance(office, "customer-001") == 5


def test_who_may_pay_for_whom(enter: Enter, office: Office) -> None:
    retailer, customer = enter("retailer"), enter("customer")
    own, below = retailer.page_of("dhaka-retail"), retailer.page_of("customer-001")
    assert retailer.get(f"{own}/pay/payment").status_code == 403  # has pay_sub only
    assert retailer.get(f"{below}/pay/payment").status_code == 200
    assert customer.get(f"{below}/pay/payment").status_code == 403
    office.accounts.change(ROOT, "dhaka-retail", {"rights": []})
    assert enter("retailer").get(f"{below}/pay/payment").status_code == 403
    assert retailer.get(f"{below}/pay/nonsense").status_code == 404


def test_each_sees_the_payments_of_the_own_tree(enter: Enter, office: Office) -> None:
    ada = enter("ada")
    done = pay(ada, "customer-001", "payment", amount="7", memo="for the customer")
    pay(ada, "bd-wholesale", "payment", amount="9", memo="for the agent above")
    assert "for the customer" in enter("customer").get("/payments").text
    retailer = enter("retailer").get("/payments").text
    assert "for the customer" in retailer
    assert "for the agent above" not in retailer
    stranger = enter("stranger")
    assert "for the customer" not in stranger.get("/payments").text
    assert stranger.get(done.location).status_code == 404
    assert stranger.get("/payments?account=customer-001").status_code == 404
    assert enter("customer").get(done.location).status_code == 200
    assert office.log(actor="stranger", denied_only=True)


@pytest.mark.parametrize(
    "query",
    [
        "kind=bribe",
        "since=yesterday",
        "after=zzz",
        "account=" + "x" * 300,
        "until=99999-01-01T00:00",
    ],
)
def test_wrong_filters_are_said(ada: Person, query: str) -> None:
    assert ada.get(f"/payments?{query}").status_code in (400, 404)


def test_a_receipt_that_is_none(ada: Person) -> None:
    for name in ("nobody", "00000000-0000-0000-0000-000000000000", "%00", "x" * 500):
        assert ada.get(f"/payments/{name}").status_code == 404


@pytest.mark.parametrize("fields", [{"confirmed": "1"}, {"confirmed": "1", "amount": "5"}])
def test_a_yes_without_a_question_is_still_checked(ada: Person, fields: Fields) -> None:
    path = ada.page_of("bd-wholesale", "/pay/payment")
    token = ada.form(path)["csrf_token"]
    answer = ada.post(path, {"csrf_token": token, **fields})
    assert answer.status_code == (302 if "amount" in fields else 400)
    assert ada.post(path, fields).status_code == 400, "without the form's token nothing is done"
