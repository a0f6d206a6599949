"""`tollgate ledger withdraw|credit|make-zero|transfer|correct|reverse`, from the command on."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.cli.ledger import ledger_group
from controller.config import Settings
from controller.domain.admission import AdmissionRules
from controller.domain.ledger import keyed_posting_id
from controller.domain.reasons import Refused
from controller.persistence import schema as t
from controller.services.journal_entries import Admit
from tests.integration.command_line import Ran, run, settings_for
from tests.integration.placed_calls import Caller
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, plant

pytestmark = pytest.mark.postgres

SELL = {"39": "0|0:0.60/60/1"}


@pytest.fixture
def settings(engine: sa.Engine, database_url: str, tmp_path: Path) -> Iterator[Settings]:
    """`customer` has 100 USD and a limit of 20, `agent` above it 50 USD."""
    agents = (Agent("agent", SELL, Decimal(50)),)
    plant(engine, Seed((5061,), balance=Decimal(100), overdraft=Decimal(20), agents=agents))
    with engine.begin() as connection:
        connection.execute(
            t.accounts.insert(),
            [
                {"name": "euros", "kind": "ordinary", "currency": "EUR"},
                {"name": "cash:EUR", "kind": "system", "currency": "EUR"},
                {"name": "adjustments:EUR", "kind": "system", "currency": "EUR"},
            ],
        )
    yield settings_for(database_url, tmp_path)
    assert_books_balance(engine)
    assert run(ledger_group, settings_for(database_url, tmp_path), "verify").status == 0


@pytest.fixture
def caller(settings: Settings, engine: sa.Engine) -> Iterator[Caller]:
    caller = Caller(engine, settings.database_url or "")
    yield caller
    caller.close()


def ledger(settings: Settings, *arguments: str) -> Ran:
    return run(ledger_group, settings, *arguments)


def money(settings: Settings, account: str) -> dict[str, Any]:
    found: dict[str, Any] = ledger(settings, "balance", account, "--json").json
    return found


def balances(settings: Settings, *accounts: str) -> tuple[str, ...]:
    return tuple(money(settings, account)["balance"] for account in accounts)


def close(engine: sa.Engine, name: str) -> None:
    with engine.begin() as connection:
        accounts = t.accounts
        closing = accounts.update().where(accounts.c.name == name)
        connection.execute(closing.values(closed_at=sa.func.now()))


# the command; then balances of customer, agent, cash and adjustments, which were 100, 50, -150, 0
SWEPT = ("149.9999999999", "0.0000000001", "-150", "0")
MOVEMENTS = [
    (("pay", "customer", "12.5"), ("112.5", "50", "-162.5", "0")),
    (("withdraw", "customer", "12.5"), ("87.5", "50", "-137.5", "0")),
    (("withdraw", "customer", "120"), ("-20", "50", "-30", "0")),
    (
        ("transfer", "agent", "customer", "49.9999999999"),
        ("149.9999999999", "0.0000000001", "-150", "0"),
    ),
    (("transfer", "customer", "agent", "120"), ("-20", "170", "-150", "0")),
    (("make-zero", "customer", "--yes"), ("0", "50", "-150", "100")),
    (("correct", "customer", "3", "--memo", "why"), ("103", "50", "-150", "-3")),
    (("correct", "customer", "+3", "--memo", "why"), ("103", "50", "-150", "-3")),
    (("correct", "customer", "-3.5", "--memo", "why"), ("96.5", "50", "-150", "3.5")),
    (("correct", "agent", "-1", "--memo", "why", "--against", "cash"), ("100", "49", "-149", "0")),
]


@pytest.mark.parametrize(("command", "after"), MOVEMENTS)
def test_each_movement_moves_what_it_says_once(
    settings: Settings, command: tuple[str, ...], after: tuple[str, ...]
) -> None:
    accounts = ("customer", "agent", "cash:USD", "adjustments:USD")
    assert balances(settings, *accounts) == ("100", "50", "-150", "0")
    first = ledger(settings, *command, "--key", "k", "--json")
    assert (first.status, first.json["recorded"]) == (0, True)
    assert first.json["posting_id"] == keyed_posting_id("k")
    assert balances(settings, *accounts) == after
    again = ledger(settings, *command, "--key", "k", "--json")
    assert (again.status, again.json["recorded"]) == (0, False)
    names = ("posting_id", "at", "amount", "currency", "key")
    assert [again.json[name] for name in names] == [first.json[name] for name in names]
    assert balances(settings, *accounts) == after
    shown = ledger(settings, *command, "--key", "k")
    assert "nothing done now" in shown.out


def test_figures_in_the_reply(settings: Settings) -> None:
    reply = ledger(settings, "transfer", "agent", "customer", "5", "--key", "k", "--json").json
    assert (reply["debit"], reply["credit"], reply["amount"], reply["currency"]) == (
        "agent",
        "customer",
        "5",
        "USD",
    )
    figures = [(a["account"], a["balance"], a["available"]) for a in reply["accounts"]]
    assert figures == [("agent", "45", "45"), ("customer", "105", "125")]
    shown = ledger(settings, "transfer", "agent", "customer", "5", "--key", "k2").out.splitlines()
    assert shown == [
        "transfer: 5 USD from agent to customer",
        "agent: balance 40 USD, available 40",
        "customer: balance 110 USD, available 130",
    ]


@pytest.mark.parametrize(
    ("first", "other", "difference"),
    [
        (("pay", "customer", "1"), ("pay", "agent", "1"), "account customer, not agent"),
        (
            ("pay", "customer", "1"),
            ("withdraw", "customer", "1"),
            "something else: payment (account",
        ),
        (
            ("pay", "customer", "1"),
            ("credit", "customer", "1"),
            "something else: payment (account",
        ),
        (("pay", "customer", "1"), ("pending", "hold", "customer", "1"), "something else: payment"),
        (("withdraw", "customer", "1"), ("withdraw", "customer", "2"), "amount 1, not 2"),
        (
            ("transfer", "agent", "customer", "1"),
            ("transfer", "customer", "agent", "1.5"),
            "from agent, not customer, to customer, not agent, amount 1, not 1.5",
        ),
        (("make-zero", "agent", "--yes"), ("make-zero", "customer", "--yes"), "account agent"),
        (
            ("correct", "customer", "1", "--memo", "m"),
            ("correct", "customer", "-1", "--memo", "m"),
            "amount 1, not -1",
        ),
        (
            ("correct", "customer", "1", "--memo", "m"),
            ("correct", "customer", "1", "--memo", "m", "--against", "cash"),
            "against adjustments, not cash",
        ),
        (
            ("credit", "customer", "5"),
            ("credit", "customer", "5", "--set", "--force", "--yes"),
            "mode raise, not set",
        ),
        (
            ("credit", "customer", "5"),
            ("make-zero", "customer", "--yes"),
            "something else: credit limit",
        ),
        (
            ("pending", "hold", "customer", "5"),
            ("pending", "hold", "customer", "5", "--to", "agent"),
            "to none, not agent",
        ),
        (("pending", "hold", "customer", "5"), ("pay", "customer", "5"), "something else: hold"),
    ],
)
def test_a_key_stands_for_one_thing(
    settings: Settings, first: tuple[str, ...], other: tuple[str, ...], difference: str
) -> None:
    assert ledger(settings, *first, "--key", "k").status == 0
    before = balances(settings, "customer", "agent")
    ran = ledger(settings, *other, "--key", "k")
    assert (ran.status, ran.out) == (1, "")
    assert difference in ran.err
    assert len(ran.err.splitlines()) == 1
    assert balances(settings, "customer", "agent") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("withdraw", "nobody", "1", "--key", "k"),
        ("withdraw", "cash:USD", "1", "--key", "k"),
        ("withdraw", "customer", "0", "--key", "k"),
        ("withdraw", "customer", "-1", "--key", "k"),
        ("withdraw", "customer", "1e3", "--key", "k"),
        ("withdraw", "customer", "0.00000000001", "--key", "k"),
        ("withdraw", "customer", "1"),
        ("withdraw", "customer", "1", "--key", "a\nb"),
        ("withdraw", "customer", "1", "--key", "recurring:phone_rent:1:2026-01-01"),
        ("withdraw", "customer", "1", "--key", "k", "--memo", "a\x1bb"),
        ("withdraw", "customer", "1", "--key", "k", "--who", "a\u202eb"),
        ("transfer", "customer", "nobody", "1", "--key", "k"),
        ("transfer", "customer", "adjustments:USD", "1", "--key", "k"),
        ("make-zero", "nobody", "--key", "k", "--yes"),
        ("correct", "customer", "0", "--key", "k", "--memo", "m"),
        ("correct", "customer", "-0", "--key", "k", "--memo", "m"),
        ("correct", "customer", "--1", "--key", "k", "--memo", "m"),
        ("correct", "customer", "NaN", "--key", "k", "--memo", "m"),
        ("correct", "customer", "-1", "--key", "k"),
        ("correct", "customer", "-1", "--key", "k", "--memo", " "),
        ("correct", "customer", "-1", "--key", "k", "--memo", "m", "--of", "x"),
        ("correct", "customer", "-1", "--key", "k", "--memo", "m", "--of", str(uuid.uuid4())),
        ("correct", "customer", "-1", "--key", "k", "--memo", "m", "--against", "resale:USD"),
        ("reverse", "x", "--yes"),
        ("reverse", str(uuid.uuid4()), "--yes"),
        ("credit", "customer", "-5", "--key", "k"),
        ("credit", "customer", "5", "--key", "k", "--lower", "--set"),
        ("credit", "customer", "0", "--key", "k"),
        ("credit", "nobody", "5", "--key", "k"),
        ("credit", "cash:USD", "5", "--key", "k"),
    ],
)
def test_bad_orders(settings: Settings, arguments: tuple[str, ...]) -> None:
    ran = ledger(settings, *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("withdraw", "customer", "120.01"), "customer has 120 USD available"),
        (("transfer", "customer", "agent", "120.01"), "customer has 120 USD available"),
        (("correct", "customer", "-120.01", "--memo", "m"), "customer has 120 USD available"),
        (("reverse", keyed_posting_id("opening"), "--yes"), "customer has 70 USD available"),
        (("credit", "customer", "20", "--lower"), "would have -30 available"),
    ],
)
def test_what_is_not_there_is_not_taken_unless_forced(
    settings: Settings, caller: Caller, command: tuple[str, ...], why: str
) -> None:
    lowered = "--lower" in command or "reverse" in command
    if lowered:
        assert ledger(settings, "withdraw", "customer", "50", "--key", "before").status == 0
    if "--lower" in command:
        assert ledger(settings, "withdraw", "customer", "60", "--key", "more").status == 0
        why = "would have -10 available"
    key = ("--key", "k") if "reverse" not in command else ()
    before = balances(settings, "customer", "agent", "cash:USD")
    ran = ledger(settings, *command, *key)
    assert (ran.status, ran.out) == (1, "")
    assert why in ran.err
    assert "--force" in ran.err
    assert balances(settings, "customer", "agent", "cash:USD") == before
    forced = ledger(settings, *command, *key, "--force", "--yes")
    assert forced.status == 0
    assert "customer has no new calls until there is money" in forced.out
    assert isinstance(caller.store.commit([Admit(caller.draft(), AdmissionRules())])[0], Refused)


@pytest.mark.parametrize(
    "command",
    [
        ("make-zero", "customer", "--key", "k"),
        ("reverse", keyed_posting_id("opening")),
        ("reverse", keyed_posting_id("opening"), "--force"),
        ("withdraw", "customer", "500", "--key", "k", "--force"),
        ("transfer", "customer", "agent", "500", "--key", "k", "--force"),
        ("correct", "customer", "-500", "--key", "k", "--memo", "m", "--force"),
        ("credit", "customer", "20", "--key", "k", "--lower", "--force"),
    ],
)
def test_where_nobody_can_be_asked_yes_must_be_said(
    settings: Settings, command: tuple[str, ...]
) -> None:
    ran = ledger(settings, *command)
    assert (ran.status, ran.out) == (1, "")
    assert "confirm with --yes" in ran.err
    assert balances(settings, "customer", "agent") == ("100", "50")
    assert ledger(settings, *command, "--yes").status == 0


def test_money_is_not_exchanged(settings: Settings) -> None:
    ran = ledger(settings, "transfer", "customer", "euros", "1", "--key", "k")
    assert ran.status == 1
    assert "customer is in USD, euros in EUR" in ran.err
    assert ledger(settings, "transfer", "agent", "agent", "1", "--key", "k").status == 1
    assert ledger(settings, "pay", "euros", "1", "--key", "k").status == 0


def test_a_closed_account_is_paid_out_and_takes_nothing(
    settings: Settings, engine: sa.Engine
) -> None:
    close(engine, "agent")
    for refused in (("transfer", "customer", "agent", "1"), ("credit", "agent", "1")):
        ran = ledger(settings, *refused, "--key", "k")
        assert (ran.status, "agent is closed" in ran.err) == (1, True)
    assert ledger(settings, "transfer", "agent", "customer", "20", "--key", "k").status == 0
    assert ledger(settings, "make-zero", "agent", "--key", "k2", "--yes").status == 0
    assert balances(settings, "agent", "customer") == ("0", "120")


# -- make zero ------------------------------------------------------------------------------


def test_zero_stays_zero_under_its_key(settings: Settings) -> None:
    """A balance that was zero then is not made zero when the order is sent again later."""
    first = ledger(settings, "make-zero", "euros", "--key", "k", "--yes", "--json")
    assert (first.json["posting_id"], first.json["amount"]) == (None, "0")
    assert ledger(settings, "pay", "euros", "7", "--key", "p").status == 0
    again = ledger(settings, "make-zero", "euros", "--key", "k", "--yes", "--json")
    assert (again.status, again.json["recorded"]) == (0, False)
    assert balances(settings, "euros") == ("7",)


def test_a_debt_is_let_off(settings: Settings) -> None:
    assert ledger(settings, "withdraw", "customer", "115", "--key", "w").status == 0
    made = ledger(settings, "make-zero", "customer", "--key", "k", "--yes", "--json").json
    assert (made["debit"], made["credit"], made["amount"]) == ("adjustments:USD", "customer", "15")
    assert balances(settings, "customer", "adjustments:USD") == ("0", "-15")


def test_calls_in_progress_are_not_robbed(settings: Settings, caller: Caller) -> None:
    """The limit of 20 covers 33 calls of 0.60; one more counts on the balance."""
    calls = [caller.admit() for _ in range(34)]
    ran = ledger(settings, "make-zero", "customer", "--key", "k", "--yes")
    assert ran.status == 1
    assert "20.4 of customer's balance of 100 is reserved" in ran.err
    assert "--force" not in ran.err
    caller.settle(calls.pop(), 30)
    assert ledger(settings, "make-zero", "customer", "--key", "k", "--yes").status == 0
    assert (money(settings, "customer")["balance"], money(settings, "customer")["available"]) == (
        "0",
        "0.2",
    )
    for call in calls:
        caller.settle(call, 60)
    assert money(settings, "customer")["available"] == "0.2"


# -- limits ---------------------------------------------------------------------------------


def limit_lines(settings: Settings, account: str) -> list[tuple[str, str, str, str, str]]:
    found = ledger(settings, "history", account, "--kind", "credit_limit", "--json").json
    assert found["lines"] == []
    return [(c["before"], c["after"], c["key"], c["memo"], c["who"]) for c in found["limits"]]


def test_a_limit_and_its_history(settings: Settings, engine: sa.Engine) -> None:
    who = ("--who", "anna")
    raised = ledger(settings, "credit", "customer", "5.5", "--key", "up", "--memo", "new", *who)
    assert raised.out.splitlines() == [
        "overdraft limit of customer: 20 to 25.5 USD",
        "customer: balance 100 USD, available 125.5",
    ]
    again = ledger(settings, "credit", "customer", "5.5", "--key", "up", "--json").json
    assert (again["recorded"], again["before"], again["after"], again["available"]) == (
        False,
        "20",
        "25.5",
        "125.5",
    )
    assert ledger(settings, "credit", "customer", "5", "--lower", "--key", "down").status == 0
    assert ledger(settings, "credit", "customer", "0", "--set", "--key", "off").status == 0
    assert ledger(settings, "credit", "customer", "0", "--set", "--key", "off too").status == 0
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE accounts SET overdraft_limit = 7, memo = 'by hand' WHERE name = 'customer'"
            )
        )
        connection.execute(sa.text("UPDATE accounts SET memo = 'nothing' WHERE name = 'customer'"))
    lines = limit_lines(settings, "customer")
    assert [line[:3] for line in lines] == [
        ("0", "20", ""),
        ("20", "25.5", "up"),
        ("25.5", "20.5", "down"),
        ("20.5", "0", "off"),
        ("0", "0", "off too"),
        ("0", "7", ""),
    ]
    assert lines[1][3:] == ("new", "anna")
    assert lines[-1][4].startswith("database user ")
    assert balances(settings, "customer") == ("100",)


def test_who_is_the_user_of_the_machine_where_nobody_is_named(settings: Settings) -> None:
    assert ledger(settings, "credit", "customer", "1", "--key", "k").status == 0
    assert ledger(settings, "pay", "customer", "1", "--key", "p").status == 0
    found = ledger(settings, "history", "customer", "--json").json
    assert found["lines"][-1]["who"] == found["limits"][-1]["who"] != ""


# -- corrections and reversals --------------------------------------------------------------


def test_a_reversal_is_the_exact_opposite_and_comes_once(settings: Settings) -> None:
    moved = ledger(settings, "transfer", "agent", "customer", "30", "--key", "k", "--json").json
    of = moved["posting_id"]
    reply = ledger(settings, "reverse", of, "--yes", "--json").json
    assert (reply["debit"], reply["credit"], reply["amount"]) == ("customer", "agent", "30")
    assert balances(settings, "customer", "agent") == ("100", "50")
    again = ledger(settings, "reverse", of, "--yes", "--json").json
    assert (again["recorded"], again["posting_id"]) == (False, reply["posting_id"])
    other_key = ledger(settings, "reverse", of, "--yes", "--key", "another")
    assert other_key.status == 1
    assert f"was reversed before, under the key 'reversal of {of}'" in other_key.err
    back = ledger(settings, "reverse", reply["posting_id"], "--yes")
    assert (back.status, "a reversal is not reversed" in back.err) == (1, True)
    line = ledger(settings, "history", "agent", "--kind", "reversal", "--json").json["lines"][0]
    assert (line["of"], line["amount"], line["balance_after"]) == (of, "30", "50")


def test_a_call_is_corrected_and_not_reversed(settings: Settings, caller: Caller) -> None:
    caller.place(30)
    line = ledger(settings, "history", "customer", "--kind", "call_charge", "--json").json
    charge = line["lines"][0]["posting_id"]
    ran = ledger(settings, "reverse", charge, "--yes")
    assert (ran.status, "re-rate the call" in ran.err) == (1, True)
    refund = ("correct", "customer", "0.3", "--key", "k", "--memo", "bad line", "--of", charge)
    assert ledger(settings, *refund, "--against", "revenue").status == 0
    assert balances(settings, "customer") == ("100",)
    other = ("correct", "euros", "0.3", "--key", "k2", "--memo", "bad line", "--of", charge)
    ran = ledger(settings, *other)
    assert (ran.status, "moved no money of euros" in ran.err) == (2, True)


def test_a_payment_of_before_is_known_by_its_key(settings: Settings, engine: sa.Engine) -> None:
    """Postings of a version that kept no orders, and those of a configuration file."""
    assert (
        ledger(settings, "pay", "customer", "100", "--key", "opening", "--json").json["recorded"]
        is False
    )
    ran = ledger(settings, "pay", "customer", "99", "--key", "opening")
    assert (ran.status, "amount 100, not 99" in ran.err) == (1, True)
    with engine.begin() as connection:
        ids = dict(connection.execute(sa.select(t.accounts.c.name, t.accounts.c.id)).all())
        connection.execute(
            t.postings.insert().values(
                id=keyed_posting_id("from a file"),
                kind="opening",
                debit_account_id=ids["customer"],
                credit_account_id=ids["cash:USD"],
                amount=3,
                currency="USD",
                at=datetime.now(UTC),
            )
        )
        funds = t.account_funds
        paid_out = funds.update().where(funds.c.account_id == ids["customer"])
        connection.execute(paid_out.values(balance=funds.c.balance - 3))
    ran = ledger(settings, "pay", "customer", "3", "--key", "from a file")
    assert (ran.status, "something else: opening" in ran.err) == (1, True)
