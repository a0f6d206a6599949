"""`tollgate ledger`: exact under traffic, names every difference, pays once."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.ledger import ledger_group
from controller.config import Settings
from controller.persistence.ledger_store import PostgresBooks
from controller.services.books import NotPaid, Paid, Payment
from tests.integration.command_line import Ran, run, settings_for
from tests.integration.placed_calls import Caller
from tests.ledger_check import assert_books_balance
from tests.seed import Seed, plant

pytestmark = pytest.mark.postgres


@pytest.fixture
def settings(engine: sa.Engine, database_url: str, tmp_path: Path) -> Settings:
    plant(engine, Seed((5061, 5062), balance=Decimal(1000), tax_percent=Decimal(10)))
    return settings_for(database_url, tmp_path)


@pytest.fixture
def caller(settings: Settings, engine: sa.Engine) -> Iterator[Caller]:
    caller = Caller(engine, settings.database_url or "")
    yield caller
    caller.close()


def verify(settings: Settings) -> Ran:
    return run(ledger_group, settings, "verify", "--json")


def change(engine: sa.Engine, statement: str) -> None:
    """As a hand at the database would: past the triggers that keep postings immutable."""
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text(statement))


def test_right_books(settings: Settings, caller: Caller) -> None:
    for talked_s in (0, 1, 30, 59):
        caller.place(talked_s)
    caller.record_refused()
    caller.admit()
    ran = verify(settings)
    assert (ran.status, ran.json["ok"], ran.json["differences"]) == (0, True, [])
    assert ran.json["checked"] == {
        "accounts": 3,
        "postings": 1 + 3 * 3,
        "call_records": 5,
        "open_calls": 1,
        "pending_movements": 0,
    }
    shown = run(ledger_group, settings, "verify")
    assert "the books are right: 3 accounts, 10 postings, 5 call records, 1 open calls" in shown.out


@pytest.mark.parametrize(
    ("broken", "check", "what", "stored", "expected"),
    [
        (
            "UPDATE account_funds SET balance = balance + 0.0000000001 WHERE account_id ="
            " (SELECT id FROM accounts WHERE name = 'customer')",
            "balances",
            "balance",
            "999.6700000001",
            "999.67",
        ),
        (
            "UPDATE account_funds SET reserved = reserved + 1, lines = 7 WHERE account_id ="
            " (SELECT id FROM accounts WHERE name = 'customer')",
            "reserved money and lines",
            "lines",
            "7",
            "1",
        ),
        (
            "UPDATE lines SET used = 3 WHERE kind = 'mapping'",
            "lines",
            "mapping gateway lines",
            "3",
            "1",
        ),
        ("UPDATE cdrs SET net = 0.4", "call figures", "net of the record", "0.4", "0.3"),
        ("UPDATE cdrs SET tax = 0", "call figures", "tax of the record", "0", "0.03"),
        ("UPDATE cdrs SET cost = 0.1", "call figures", "cost of the record", "0.1", "0.15"),
        ("UPDATE cdr_charges SET net = 1 WHERE party = 0", "call postings", "net", "0.3", "1"),
        ("DELETE FROM cdrs", "call records", "record", "none", "one"),
        (
            "DELETE FROM cdr_charges WHERE party = 0",
            "call postings",
            "line of the record",
            "none",
            "one",
        ),
        ("DELETE FROM postings WHERE kind = 'call_cost'", "call postings", "cost", "0", "0.15"),
        (
            "UPDATE cdrs SET account_id = cost_account_id",
            "call figures",
            "paying account",
            None,
            None,
        ),
        (
            'INSERT INTO cdrs SELECT (json_populate_record(c, \'{"started_at":'
            ' "2020-01-01T00:00Z"}\')).* FROM cdrs c',
            "call records",
            "records",
            "2",
            "1",
        ),
        (
            "UPDATE calls SET payer_reserved[1] = payer_reserved[1] + 1",
            "reservations",
            "customer: price of 60 s",
            "1.66",
            "0.66",
        ),
        (
            "UPDATE postings SET currency = 'EUR' WHERE kind = 'payment'",
            "currencies",
            "currency of 1 postings",
            "EUR",
            "USD to USD",
        ),
        (
            "UPDATE cdrs SET call_id = (SELECT call_id FROM calls)",
            "ended calls",
            "reservation after the end",
            "0.66",
            "none",
        ),
    ],
)
def test_each_difference_is_named(
    settings: Settings,
    caller: Caller,
    engine: sa.Engine,
    broken: str,
    check: str,
    what: str,
    stored: str | None,
    expected: str | None,
) -> None:
    caller.place(30)
    caller.admit()
    assert verify(settings).status == 0
    change(engine, broken)
    ran = verify(settings)
    assert ran.status == 1
    assert ran.json["ok"] is False
    found = [d for d in ran.json["differences"] if (d["check"], d["what"]) == (check, what)]
    assert len(found) == 1
    if stored is not None:
        assert (found[0]["stored"], found[0]["expected"]) == (stored, expected)
    shown = run(ledger_group, settings, "verify")
    assert shown.status == 1
    assert what in shown.out


def test_a_missing_row_and_a_posting_of_an_unknown_call(
    settings: Settings, caller: Caller, engine: sa.Engine
) -> None:
    caller.place(30)
    change(engine, "DELETE FROM account_funds")
    change(
        engine,
        "UPDATE postings SET call_id = gen_random_uuid() WHERE kind = 'payment'",
    )
    checks = {(d["check"], d["stored"]) for d in verify(settings).json["differences"]}
    assert ("balances", "none") in checks
    assert ("other postings of calls", "none") in checks


def test_many_differences_are_counted(settings: Settings, engine: sa.Engine) -> None:
    change(
        engine,
        "INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency,"
        " at, call_id) SELECT gen_random_uuid(), 'call_charge', 1, 2, 1, 'USD', now(),"
        " gen_random_uuid() FROM generate_series(1, 1500)",
    )
    reply = verify(settings).json
    listed = [d for d in reply["differences"] if d["check"] == "call postings"]
    assert len(listed) == 1000
    assert reply["unlisted_differences"] == 500


def test_below_zero_is_a_fact_and_not_a_difference(settings: Settings, caller: Caller) -> None:
    caller.place(30)
    ran = verify(settings)
    assert ran.status == 0
    assert ran.json["below_zero"] == [
        {"account": "vendor-1", "kind": "clearing", "currency": "USD", "available": "-0.15"}
    ]


def test_exact_while_calls_and_payments_go_on(
    settings: Settings, caller: Caller, engine: sa.Engine
) -> None:
    """Every answer of a verification beside traffic is the answer of one moment."""
    stop = threading.Event()

    def traffic() -> None:
        while not stop.is_set():
            open_call = caller.admit()
            caller.place(7)
            caller.settle(open_call, 11)

    def payments() -> None:
        books = PostgresBooks(engine)
        number = 0
        while not stop.is_set():
            number += 1
            assert isinstance(books.pay(Payment("customer", Decimal("0.01"), f"p{number}")), Paid)

    threads = [threading.Thread(target=traffic), threading.Thread(target=payments)]
    for thread in threads:
        thread.start()
    try:
        replies = [verify(settings) for _ in range(15)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert [ran.json["differences"] for ran in replies] == [[]] * 15
    assert replies[-1].json["checked"]["postings"] > replies[0].json["checked"]["postings"]
    assert_books_balance(engine)


def test_pay_and_pay_again(settings: Settings, engine: sa.Engine) -> None:
    first = run(ledger_group, settings, "pay", "customer", "12.50", "--key", "inv 7", "--json")
    assert first.status == 0
    assert (first.json["recorded"], first.json["balance"]) == (True, "1012.5")
    again = run(ledger_group, settings, "pay", "customer", "12.5", "--key", "inv 7", "--json")
    assert (again.status, again.json["recorded"], again.json["balance"]) == (0, False, "1012.5")
    assert again.json["posting_id"] == first.json["posting_id"]
    assert (
        "paid before" in run(ledger_group, settings, "pay", "customer", "12.5", "--key=inv 7").out
    )
    assert_books_balance(engine)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (("customer", "12.51"), "amount 12.5, not 12.51"),
        (("vendor-1", "12.5"), "account customer, not vendor-1"),
    ],
)
def test_a_key_stands_for_one_payment(
    settings: Settings, other: tuple[str, str], difference: str
) -> None:
    run(ledger_group, settings, "pay", "customer", "12.5", "--key", "k")
    ran = run(ledger_group, settings, "pay", *other, "--key", "k")
    assert (ran.status, ran.out) == (1, "")
    assert f"key 'k' was used for another payment: {difference}" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert run(ledger_group, settings, "balance", "customer", "--json").json["balance"] == "1012.5"


def test_a_closed_account_takes_no_money(settings: Settings, engine: sa.Engine) -> None:
    run(ledger_group, settings, "pay", "customer", "1", "--key", "before")
    change(engine, "UPDATE accounts SET closed_at = now() WHERE name = 'customer'")
    ran = run(ledger_group, settings, "pay", "customer", "1", "--key", "after")
    assert (ran.status, ran.err.strip()) == (1, "tollgate: not paid: account customer is closed")
    assert run(ledger_group, settings, "pay", "customer", "1", "--key", "before").status == 0


@pytest.mark.parametrize(
    ("account", "amount", "key"),
    [
        ("nobody", "1", "k"),
        ("cash:USD", "1", "k"),
        ("customer", "0", "k"),
        ("customer", "1e3", "k"),
        ("customer", "1,5", "k"),
        ("customer", "NaN", "k"),
        ("customer", "١", "k"),
        ("customer", "0.00000000001", "k"),
        ("customer", "1000000000001", "k"),
        ("customer", "1", ""),
        ("customer", "1", "a\nb"),
        ("customer", "1", "k" * 201),
    ],
)
def test_bad_payments(settings: Settings, account: str, amount: str, key: str) -> None:
    ran = run(ledger_group, settings, "pay", account, amount, f"--key={key}")
    assert ran.status == 2
    assert len(ran.err.splitlines()) == 1


@pytest.mark.usefixtures("settings")
def test_one_key_from_many_at_once_is_one_payment(engine: sa.Engine) -> None:
    outcomes: list[Paid | NotPaid] = []
    books = PostgresBooks(engine)

    def pay(amount: int) -> None:
        outcomes.append(books.pay(Payment("customer", Decimal(amount), "same")))

    threads = [threading.Thread(target=pay, args=(1 + n % 2,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorded = [o for o in outcomes if isinstance(o, Paid) and o.recorded]
    assert len(outcomes) == 8
    assert len(recorded) == 1
    assert sum(isinstance(o, NotPaid) for o in outcomes) == 4
    assert_books_balance(engine)


def test_balances(settings: Settings, caller: Caller) -> None:
    caller.place(30)
    caller.admit()
    customer = run(ledger_group, settings, "balance", "customer", "--json").json
    assert (
        customer["balance"],
        customer["reserved"],
        customer["available"],
        customer["lines"],
    ) == (
        "999.67",
        "0.66",
        "999.01",
        1,
    )
    revenue = run(ledger_group, settings, "balance", "revenue:USD", "--json").json
    assert (revenue["kind"], revenue["balance"]) == ("system", "0.3")
    assert "999.67" in run(ledger_group, settings, "balance", "customer").out
    assert run(ledger_group, settings, "balance", "nobody").status == 2


def test_a_database_that_is_away_is_one_line(tmp_path: Path) -> None:
    ran = run(ledger_group, settings_for("postgresql://127.0.0.1:1/x", tmp_path), "verify")
    assert ran.status == 1
    assert len(ran.err.splitlines()) == 1
