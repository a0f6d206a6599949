"""Payments of people: rights 7 and 8, scope, keys, history and receipts (spec §1.5, §1.7)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from controller.bootstrap.foundations import SystemClock
from controller.domain.errors import Conflict, InvalidFields, NotAllowed, NotFound
from controller.domain.rights import ALL_RIGHTS, NO_RIGHTS, Right
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.movement_store import PostgresMovements
from controller.persistence.payment_store import PostgresPayments
from controller.services.billing_run.run import BillingRun
from controller.services.movements.run import Movements
from controller.services.payments import PaymentKind, PaymentQuery, Payments
from tests.integration.account_office import ROOT, Office
from tests.ledger_check import assert_books_balance

D = Decimal


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    made = Office(engine)
    made.hierarchy()
    return made


@pytest.fixture
def till(office: Office) -> Payments:
    engine = office.engine
    billing = BillingRun(PostgresBilling(engine), SystemClock())
    movements = Movements(PostgresMovements(engine))
    return Payments(movements, billing, PostgresPayments(engine), PostgresAudit(engine))


def balance(office: Office, name: str) -> Decimal:
    (row,) = office.rows(
        "SELECT f.balance FROM accounts a JOIN account_funds f ON f.account_id = a.id"
        " WHERE a.name = :name",
        name=name,
    )
    return Decimal(row["balance"])


def system(office: Office, name: str) -> Decimal:
    (row,) = office.rows(
        "SELECT coalesce(sum(CASE WHEN p.credit_account_id = a.id THEN amount ELSE -amount END), 0)"
        " AS sum FROM accounts a LEFT JOIN postings p ON a.id IN (p.credit_account_id,"
        " p.debit_account_id) WHERE a.name = :name",
        name=name,
    )
    return Decimal(row["sum"])


def test_an_operator_takes_money_into_the_platforms_till(till: Payments, office: Office) -> None:
    done = till.pay(ROOT, "bd-wholesale", {"amount": "100.50", "memo": "wire"}, "k1")
    assert done.recorded
    assert done.accounts[0].balance == D("100.5")
    again = till.pay(ROOT, "bd-wholesale", {"amount": "100.50"}, "k1")
    assert (again.recorded, again.payment_id) == (False, done.payment_id)
    assert balance(office, "bd-wholesale") == D("100.5")
    assert system(office, "cash:USD") == D("-100.5")
    with pytest.raises(Conflict, match=r"was used for another payment: amount 100\.5, not 7"):
        till.pay(ROOT, "bd-wholesale", {"amount": "7"}, "k1")
    assert_books_balance(office.engine)


def test_an_agent_takes_money_into_its_own_till(till: Payments, office: Office) -> None:
    agent = office.agent("dhaka-retail")
    till.pay(agent, "customer-001", {"amount": "30"}, "k1")
    assert balance(office, "customer-001") == 30
    assert balance(office, "dhaka-retail") == 0
    assert (system(office, "cash:USD"), system(office, "agents_cash:USD")) == (D(0), D(-30))
    till.withdraw(agent, "customer-001", {"amount": "12"}, "k2")
    till.make_zero(agent, "customer-001", {}, "k3")
    assert balance(office, "customer-001") == 0
    assert system(office, "agents_cash:USD") == 0
    assert_books_balance(office.engine)


def test_the_same_key_of_two_agents_is_two_payments(till: Payments, office: Office) -> None:
    """Nor is anything told of the other one."""
    for name, customer in (("dhaka-retail", "customer-001"), ("other-agent", "other-customer")):
        agent = office.agent(name)
        assert till.pay(agent, customer, {"amount": "5"}, "invoice-1").recorded
    assert balance(office, "customer-001") == balance(office, "other-customer") == 5


def test_transfer_takes_from_the_agents_balance(till: Payments, office: Office) -> None:
    till.pay(ROOT, "dhaka-retail", {"amount": "20"}, "k1")
    agent = office.agent("dhaka-retail")
    done = till.transfer(agent, "dhaka-retail", {"to": "customer-001", "amount": "15"}, "k2")
    assert [(a.account, a.balance) for a in done.accounts] == [
        ("dhaka-retail", D(5)),
        ("customer-001", D(15)),
    ]
    with pytest.raises(Conflict, match="has 5 USD available"):
        till.transfer(agent, "dhaka-retail", {"to": "customer-001", "amount": "15"}, "k3")


def test_what_an_agent_took_does_not_become_money_of_the_platform(
    till: Payments, office: Office
) -> None:
    agent = office.agent("dhaka-retail")
    till.pay(agent, "customer-001", {"amount": "1000"}, "k1")
    with pytest.raises(NotAllowed, match="to your own account"):
        till.transfer(agent, "customer-001", {"to": "dhaka-retail", "amount": "1000"}, "k2")
    assert balance(office, "dhaka-retail") == 0


def test_credit_raises_the_limit_and_no_balance(till: Payments, office: Office) -> None:
    agent = office.agent("dhaka-retail")
    done = till.credit(agent, "customer-001", {"amount": "50", "mode": "raise"}, "k1")
    assert (done.accounts[0].overdraft_limit, done.accounts[0].balance) == (D(50), D(0))
    with pytest.raises(InvalidFields):
        till.credit(agent, "customer-001", {"amount": "50", "mode": "double"}, "k2")


# -- who may ---------------------------------------------------------------------------------

Use = Callable[[Payments, Any, str], object]
USES: dict[str, Use] = {
    "pay": lambda till, actor, name: till.pay(actor, name, {"amount": "1"}, "k"),
    "withdraw": lambda till, actor, name: till.withdraw(actor, name, {"amount": "1"}, "k"),
    "make_zero": lambda till, actor, name: till.make_zero(actor, name, {}, "k"),
    "credit": lambda till, actor, name: till.credit(actor, name, {"amount": "1"}, "k"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("name", "needed"), [("customer-001", Right.PAY_SUB), ("dhaka-retail", Right.PAY_OWN)]
)
def test_each_with_its_right(
    till: Payments, office: Office, use: str, name: str, needed: Right
) -> None:
    """Flags 7 and 8: nothing else helps."""
    others = office.agent("dhaka-retail", ALL_RIGHTS - {needed})
    with pytest.raises(NotAllowed, match=f"lacks the right {needed}"):
        USES[use](till, others, name)
    till.pay(ROOT, name, {"amount": "9"}, "before")
    only = office.agent("dhaka-retail", frozenset({needed}))
    if name == "dhaka-retail" and use in ("make_zero", "credit"):
        with pytest.raises(NotAllowed, match="your own account"):
            USES[use](till, only, name)
    else:
        USES[use](till, only, name)


def test_paying_the_own_account_is_paid_to_the_platform(till: Payments, office: Office) -> None:
    agent = office.agent("dhaka-retail", frozenset({Right.PAY_OWN}))
    till.pay(agent, "dhaka-retail", {"amount": "3"}, "k")
    assert system(office, "cash:USD") == -3


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["bd-wholesale", "other-customer", "nobody", "cash:USD"])
def test_what_is_outside_is_not_found(till: Payments, office: Office, use: str, name: str) -> None:
    agent = office.agent("dhaka-retail", ALL_RIGHTS)
    with pytest.raises(NotFound, match=f"there is no account '{name}'"):
        USES[use](till, agent, name)
    for source, target in (("customer-001", name), (name, "customer-001")):
        with pytest.raises(NotFound):
            till.transfer(agent, source, {"to": target, "amount": "1"}, "k")
    assert bool(office.log(denied_only=True)) == (name in ("bd-wholesale", "other-customer"))
    assert not office.rows("SELECT FROM postings")


def test_a_customer_pays_nothing(till: Payments, office: Office) -> None:
    customer = office.customer("customer-001")
    for use in USES.values():
        with pytest.raises(NotAllowed):
            use(till, customer, "customer-001")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "amount"),
        ({"amount": ""}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "1.00000000001"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": ["1"]}, "amount"),
        ({"amount": "9" * 400}, "amount"),
        ({"amount": "1", "memo": "x" * 501}, "memo"),
        ({"amount": "1", "memo": "a\nb"}, "memo"),
    ],
)
def test_bad_input(till: Payments, office: Office, values: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidFields) as raised:
        till.pay(ROOT, "customer-001", values, "k")
    assert list(raised.value.errors) == [field]
    with pytest.raises(InvalidFields):
        till.pay(ROOT, "customer-001", {"amount": "1"}, "")
    assert not office.rows("SELECT FROM movements")


# -- history ---------------------------------------------------------------------------------


@pytest.fixture
def paid(till: Payments, office: Office) -> Payments:
    agent = office.agent("dhaka-retail")
    till.pay(ROOT, "bd-wholesale", {"amount": "100", "memo": "wire"}, "k1")
    till.transfer(ROOT, "bd-wholesale", {"to": "dhaka-retail", "amount": "40"}, "k2")
    till.pay(agent, "customer-001", {"amount": "30", "memo": "cash"}, "k3")
    till.credit(agent, "customer-001", {"amount": "5", "mode": "raise"}, "k4")
    till.make_zero(agent, "customer-001", {}, "k5")
    till.make_zero(agent, "customer-001", {}, "k6")
    till.pay(ROOT, "other-customer", {"amount": "7"}, "k7")
    return till


def told(till: Payments, actor: Any, **wanted: Any) -> list[tuple[object, ...]]:
    rows = till.page(actor, PaymentQuery(**wanted)).rows
    return [(r.kind, r.account, r.amount, r.balance_after, r.other, r.who) for r in rows]


def test_everybody_sees_what_is_his(paid: Payments, office: Office) -> None:
    agent, name = office.agent("dhaka-retail"), "user-of-dhaka-retail"
    own = [
        (PaymentKind.MAKE_ZERO, "customer-001", 0, 0, "", name),
        (PaymentKind.MAKE_ZERO, "customer-001", -30, 0, "", name),
        (PaymentKind.CREDIT, "customer-001", 5, 30, "", name),
        (PaymentKind.PAYMENT, "customer-001", 30, 30, "", name),
        # who gave it stays the operator's business, as does whom it came from
        (PaymentKind.TRANSFER, "dhaka-retail", 40, 40, "", ""),
    ]
    assert told(paid, agent) == own
    assert len(told(paid, ROOT)) == 7
    assert told(paid, ROOT, account="bd-wholesale") == [
        (PaymentKind.TRANSFER, "bd-wholesale", -40, 60, "dhaka-retail", "root"),
        (PaymentKind.PAYMENT, "bd-wholesale", 100, 100, "", "root"),
    ]
    assert [row[0] for row in told(paid, agent, kind=PaymentKind.CREDIT)] == [PaymentKind.CREDIT]
    customer = office.customer("customer-001")
    assert [row[:4] for row in told(paid, customer)] == [row[:4] for row in own[:4]]
    with pytest.raises(NotFound):
        told(paid, agent, account="bd-wholesale")


def test_pages_go_on_where_they_ended(paid: Payments) -> None:
    after, walked = "", []
    while True:
        page = paid.page(ROOT, PaymentQuery(after=after, limit=2))
        walked += [row.payment_id for row in page.rows]
        if page.next_after is None:
            break
        after = page.next_after
    assert len(set(walked)) == len(walked) == 7
    with pytest.raises(InvalidFields):
        paid.page(ROOT, PaymentQuery(after="' OR 1=1"))


def test_a_receipt(paid: Payments, office: Office) -> None:
    office.accounts.change(ROOT, "customer-001", {"company": "Khan & Sons", "address": "Dhaka"})
    agent = office.agent("dhaka-retail")
    (row,) = paid.page(agent, PaymentQuery(kind=PaymentKind.PAYMENT)).rows
    receipt = paid.receipt(agent, row.payment_id)
    assert receipt.row == row
    assert (receipt.company, receipt.address) == ("Khan & Sons", "Dhaka")
    with pytest.raises(NotFound):
        paid.receipt(office.agent("other-agent"), row.payment_id)
    with pytest.raises(NotFound):
        paid.receipt(ROOT, "x")


@pytest.mark.usefixtures("paid")
def test_each_payment_has_its_line_in_the_log(office: Office) -> None:
    (line,) = [row for row in office.log(name="customer-001") if row.action == "payment"]
    assert line.actor == "user-of-dhaka-retail"
    assert line.changes["amount"] == ("", "30")
    assert line.changes["balance"] == ("", "30")


def test_without_a_scope_there_is_nothing(till: Payments, office: Office) -> None:
    lost = office.agent("dhaka-retail", NO_RIGHTS)
    with pytest.raises(NotAllowed):
        till.transfer(lost, "dhaka-retail", {"to": "customer-001", "amount": "1"}, "k")
