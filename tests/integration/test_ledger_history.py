"""What an auditor sees: histories, what cannot be changed, and what verification says and keeps."""

import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from controller import bootstrap
from controller.cli.doctor import checks
from controller.cli.ledger import ledger_group
from controller.config import Settings
from controller.persistence import schema as t
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.movement_store import PostgresMovements
from controller.services.books import Payment
from controller.services.doctor import Finding, Status
from controller.services.movements.orders import Withdrawal
from controller.services.movements.run import Movements
from tests.integration.command_line import Ran, run, settings_for
from tests.integration.configured_operator import Operator
from tests.integration.placed_calls import Caller
from tests.seed import Agent, Seed, plant

pytestmark = pytest.mark.postgres

SELL = {"39": "0|0:0.60/60/1"}


@pytest.fixture
def settings(engine: sa.Engine, database_url: str, tmp_path: Path) -> Settings:
    """`customer` has 100 USD and a limit of 20, `agent` above it 50 USD."""
    agents = (Agent("agent", SELL, Decimal(50)),)
    plant(engine, Seed((5061,), balance=Decimal(100), overdraft=Decimal(20), agents=agents))
    return settings_for(database_url, tmp_path)


def ledger(settings: Settings, *arguments: str) -> Ran:
    return run(ledger_group, settings, *arguments)


def history(settings: Settings, *arguments: str) -> Any:
    return ledger(settings, "history", *arguments, "--json").json


@pytest.fixture
def year(settings: Settings, engine: sa.Engine) -> Settings:
    """One of each movement on `customer`."""
    with_key = ("--who", "anna", "--key")
    for number, command in enumerate(
        [
            ("pay", "customer", "10", "--memo", "bank"),
            ("withdraw", "customer", "4"),
            ("transfer", "agent", "customer", "5"),
            ("transfer", "customer", "agent", "1"),
            ("correct", "customer", "-0.5", "--memo", "fee"),
            ("credit", "customer", "30", "--memo", "trusted"),
            ("pending", "hold", "customer", "9", "--memo", "later"),
        ]
    ):
        assert ledger(settings, *command, *with_key, f"k{number}").status == 0
    assert ledger(settings, "pending", "post", "k6", "2", "--who", "bert").status == 0
    caller = Caller(engine, settings.database_url or "")
    caller.place(30)
    caller.close()
    assert ledger(settings, "make-zero", "customer", "--yes", *with_key, "k7").status == 0
    return settings


# kind, amount, balance after, other side, memo, key, who
YEAR = [
    ("payment", "100", "100", "cash:USD", "", "", ""),
    ("payment", "10", "110", "cash:USD", "bank", "k0", "anna"),
    ("withdrawal", "-4", "106", "cash:USD", "", "k1", "anna"),
    ("transfer", "5", "111", "agent", "", "k2", "anna"),
    ("transfer", "-1", "110", "agent", "", "k3", "anna"),
    ("correction", "-0.5", "109.5", "adjustments:USD", "fee", "k4", "anna"),
    ("withdrawal", "-2", "107.5", "cash:USD", "later", "k6", "bert"),
    ("call_charge", "-0.3", "107.2", "resale:USD", "", "", ""),
    ("make_zero", "-107.2", "0", "adjustments:USD", "", "k7", "anna"),
]
FIELDS = ("kind", "amount", "balance_after", "other", "memo", "key", "who")


def rows(found: Any) -> list[tuple[str, ...]]:
    return [tuple(line[name] for name in FIELDS) for line in found["lines"]]


def test_everything_in_the_order_in_which_it_was_recorded(year: Settings) -> None:
    found = history(year, "customer")
    assert rows(found) == YEAR
    assert (found["opening"], found["closing"], found["currency"]) == ("0", "0", "USD")
    assert [(c["before"], c["after"], c["memo"]) for c in found["limits"]] == [
        ("0", "20", ""),
        ("20", "50", "trusted"),
    ]
    recorded = [line["recorded_at"] for line in found["lines"]]
    assert recorded == sorted(recorded)
    shown = ledger(year, "history", "customer").out
    assert "Overdraft limit" in shown
    assert "balance 0 USD before, 0 USD after" in shown
    assert len([line for line in shown.splitlines() if "USD" in line]) >= len(YEAR)


@pytest.mark.parametrize("kind", ["payment", "transfer", "make_zero", "package_rent"])
def test_one_kind_keeps_the_balances_of_all(year: Settings, kind: str) -> None:
    found = history(year, "customer", "--kind", kind)
    assert rows(found) == [row for row in YEAR if row[0] == kind]
    assert found["limits"] == []


@pytest.mark.parametrize(("since", "until"), [(0, 4), (2, 5), (3, 9), (5, 5)])
def test_a_period_begins_where_the_one_before_ended(year: Settings, since: int, until: int) -> None:
    recorded = [line["recorded_at"] for line in history(year, "customer")["lines"]]
    wanted = ["--from", recorded[since]]
    if until < len(recorded):
        wanted += ["--to", recorded[until]]
    found = history(year, "customer", *wanted)
    assert rows(found) == YEAR[since:until]
    assert found["opening"] == (YEAR[since - 1][2] if since else "0")
    assert found["closing"] == YEAR[until - 1][2]
    moved = sum(Decimal(line["amount"]) for line in found["lines"])
    assert Decimal(found["opening"]) + moved == Decimal(found["closing"])


def test_the_newest_lines_are_told_where_there_are_too_many(year: Settings) -> None:
    found = history(year, "customer", "--limit", "2")
    assert (rows(found), found["left_out"]) == (YEAR[-2:], len(YEAR) - 2)
    assert "7 older lines are left out" in ledger(year, "history", "customer", "--limit", "2").out


def test_system_accounts_have_a_history_too(year: Settings) -> None:
    found = history(year, "adjustments:USD")
    assert rows(found)[-1][:4] == ("make_zero", "107.2", "107.7", "customer")
    assert found["closing"] == ledger(year, "balance", "adjustments:USD", "--json").json["balance"]


@pytest.mark.parametrize(
    "arguments", [("nobody",), ("customer", "--from", "x"), ("customer", "--kind", "loss")]
)
def test_bad_questions(settings: Settings, arguments: tuple[str, ...]) -> None:
    ran = ledger(settings, "history", *arguments)
    assert (ran.status, ran.out) == (2, "")


def test_balances_are_those_that_were_there(settings: Settings, engine: sa.Engine) -> None:
    """Payments and withdrawals race; no running balance is one that never was."""
    books, movements = PostgresBooks(engine), Movements(PostgresMovements(engine))

    def pay(worker: int) -> None:
        for number in range(15):
            books.pay(Payment("customer", Decimal(1), f"p{worker}-{number}"))

    def withdraw(worker: int) -> None:
        for number in range(30):
            key = f"w{worker}-{number}"
            movements.move(Withdrawal(account="customer", amount=Decimal(7), key=key))

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2) for work in (pay, withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = [Decimal(line["balance_after"]) for line in history(settings, "customer")["lines"]]
    assert len(after) > 40
    assert min(after) >= -20  # what a withdrawal was allowed to leave


# -- what cannot be changed -----------------------------------------------------------------

KEPT = {
    "postings": "UPDATE {} SET memo = 'x'",
    "movements": "UPDATE {} SET memo = 'x'",
    "account_limit_changes": "UPDATE {} SET after = 1000",
    "ledger_verifications": "UPDATE {} SET ok = true",
    "pending_movements": "UPDATE {} SET amount = amount + 1",
}


@pytest.fixture
def owner(year: Settings) -> Iterator[psycopg.Connection]:
    """The owner of every table, who may do anything that a right can give."""
    ledger(year, "verify")
    assert ledger(year, "pending", "hold", "agent", "1", "--key", "still").status == 0
    with psycopg.connect(year.database_url or "", autocommit=True) as connection:
        name = f"owner_{time.time_ns()}"
        connection.execute(f"CREATE ROLE {name}")
        connection.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
        for table in KEPT:
            connection.execute(f"ALTER TABLE {table} OWNER TO {name}")
        connection.execute(f"SET ROLE {name}")
        yield connection
        connection.execute("RESET ROLE")
        connection.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("table", list(KEPT))
def test_not_even_the_owner_changes_what_was_recorded(
    owner: psycopg.Connection, table: str
) -> None:
    rows = sql.SQL("SELECT count(*), max(x::text) FROM {} x").format(sql.Identifier(table))
    before = owner.execute(rows).fetchone()
    assert before
    assert before[0] > 0
    for statement in (KEPT[table], "DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(sql.SQL(statement).format(sql.Identifier(table)))
    assert owner.execute(rows).fetchone() == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pending_movements SET state = 'pending' WHERE state = 'posted'",
        "UPDATE pending_movements SET ended_by = 'me' WHERE state = 'posted'",
        "UPDATE pending_movements SET expires_at = now() WHERE state = 'pending'",
        "UPDATE pending_movements SET debit_account_id = credit_account_id,"
        " state = 'voided', ended_at = now() WHERE state = 'pending'",
        "INSERT INTO pending_movements SELECT gen_random_uuid(), kind, debit_account_id,"
        " credit_account_id, amount, currency, expires_at, 'voided', NULL, NULL, now()"
        " FROM pending_movements LIMIT 1",
    ],
)
def test_a_pending_movement_ends_once_whoever_writes(
    owner: psycopg.Connection, change: str
) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute(change)


# -- verification ---------------------------------------------------------------------------


def change(engine: sa.Engine, statement: str) -> None:
    """As a hand at the database would: past every trigger."""
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    ("broken", "check", "subject", "what", "stored", "expected"),
    [
        (
            "UPDATE account_funds SET reserved = 0",
            "reserved money and lines",
            "agent",
            "reserved",
            "0",
            "3",
        ),
        (
            "UPDATE pending_movements SET amount = 4 WHERE state = 'pending'",
            "reserved money and lines",
            "agent",
            "reserved",
            "3",
            "4",
        ),
        (
            "UPDATE pending_movements SET posted = 1 WHERE state = 'posted'",
            "pending movements",
            "pending k6",
            "posted",
            "2",
            "1",
        ),
        (
            "DELETE FROM postings WHERE id = (SELECT posting_id FROM pending_movements"
            " WHERE state = 'posted')",
            "pending movements",
            "pending k6",
            "posted",
            "none",
            "2",
        ),
        (
            "DELETE FROM postings p USING movements m WHERE p.id = m.id AND m.key = 'k3'",
            "orders",
            "order k3",
            "kind of its posting",
            "none",
            "transfer",
        ),
        (
            "UPDATE postings p SET amount = 6 FROM movements m WHERE p.id = m.id AND m.key = 'k2'",
            "orders",
            "order k2",
            "amount",
            "6",
            "5",
        ),
        (
            "UPDATE postings p SET amount = 51 FROM movements m"
            " WHERE p.id = m.id AND m.kind = 'reversal'",
            "orders",
            "order back",
            "amount",
            "51",
            "50",
        ),
        (
            "UPDATE accounts SET overdraft_limit = 7 WHERE name = 'customer'",
            "limits",
            "customer",
            "overdraft limit",
            "7",
            "50",
        ),
        (
            "UPDATE account_limit_changes SET before = 19 WHERE key = 'k5'",
            "limits",
            "customer",
            None,
            "19",
            "20",
        ),
        (
            "INSERT INTO recurring_charges (kind, object_id, period_start, account_id, source,"
            " amount, currency, balance_after, posting_id, at) SELECT 'phone_rent', 1, now(), id,"
            " 'phone 39', 5, 'USD', 0, gen_random_uuid(), now() FROM accounts"
            " WHERE name = 'customer'",
            "rents and minimums",
            "phone 39",
            "posting of a phone_rent",
            "none",
            "5 of customer",
        ),
    ],
)
def test_each_difference_of_a_movement_is_named(
    year: Settings,
    engine: sa.Engine,
    broken: str,
    check: str,
    subject: str,
    what: str | None,
    stored: str,
    expected: str,
) -> None:
    assert ledger(year, "pending", "hold", "agent", "3", "--key", "still").status == 0
    opening = history(year, "agent")["lines"][0]["posting_id"]
    back = ledger(year, "reverse", opening, "--key", "back", "--force", "--yes")
    assert back.status == 0
    assert ledger(year, "verify").status == 0
    change(engine, broken)
    ran = ledger(year, "verify", "--json")
    assert ran.status == 1
    named = [d for d in ran.json["differences"] if (d["check"], d["subject"]) == (check, subject)]
    found = [(d["stored"], d["expected"]) for d in named if what in (None, d["what"])]
    assert found == [(stored, expected)]


def test_a_movement_that_nobody_ordered(year: Settings, engine: sa.Engine) -> None:
    change(
        engine,
        "INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at)"
        " SELECT gen_random_uuid(), 'transfer', min(id), max(id), 1, 'USD', now() FROM accounts",
    )
    found = ledger(year, "verify", "--json").json["differences"]
    assert ("orders", "order of a transfer") in [(d["check"], d["what"]) for d in found]


def doctor_of_the_ledger(settings: Settings) -> Finding:
    (check,) = [check for check in checks(settings) if check.name == "ledger"]
    (finding,) = check.work()
    return finding


def test_what_was_found_is_kept_and_the_doctor_says_it(year: Settings, engine: sa.Engine) -> None:
    assert doctor_of_the_ledger(year).status is Status.OK
    change(engine, "UPDATE postings SET recorded_at = recorded_at - interval '2 days'")
    never = doctor_of_the_ledger(year)
    assert (never.status, never.detail) == (Status.WARN, "was never verified")
    bootstrap.verify_books(engine)
    good = doctor_of_the_ledger(year)
    assert (good.status, good.detail) == (
        Status.OK,
        "verified 0 min ago: 3 accounts, 12 postings, 1 call records, 0 open calls,"
        " 0 pending movements, no differences",
    )
    change(engine, "UPDATE account_funds SET balance = balance + 1 WHERE balance = 0")
    assert ledger(year, "verify").status == 1
    bad = doctor_of_the_ledger(year)
    assert bad.status is Status.FAIL
    assert "1 differences, first customer, balance: 1, must be 0" in bad.detail
    change(engine, "UPDATE account_funds SET balance = 0 WHERE balance = 1")
    bootstrap.verify_books(engine)
    change(engine, "UPDATE ledger_verifications SET at = at - interval '3 days'")
    old = doctor_of_the_ledger(year)
    assert (old.status, old.detail) == (Status.WARN, "verified 3 days ago, no differences")
    with engine.connect() as connection:
        kept = connection.execute(
            sa.select(t.ledger_verifications).order_by(t.ledger_verifications.c.id)
        ).all()
    assert [(row.ok, row.difference_count, len(row.differences)) for row in kept] == [
        (True, 0, 0),
        (False, 1, 1),
        (True, 0, 0),
    ]


# -- asking ---------------------------------------------------------------------------------


def on_a_terminal(settings: Settings, answer: bytes, *arguments: str) -> tuple[int, str]:
    """The command in a process of its own, its standard input a terminal; status and question."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "controller.cli", "ledger", *arguments]
    known = {"TOLLGATE_DATABASE_URL": settings.database_url or ""}
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | known,
    )
    with process:
        os.write(ours, answer)
        assert process.stderr
        said = process.stderr.read().decode()
        status = process.wait(30)
    os.close(ours)
    os.close(theirs)
    return status, said


def test_on_a_terminal_a_person_is_asked(settings: Settings) -> None:
    order = ("make-zero", "customer", "--key", "k")
    status, said = on_a_terminal(settings, b"n\n", *order)
    assert (status, "Make the balance of customer zero? [y/N]" in said) == (1, True)
    assert history(settings, "customer")["closing"] == "100"
    status, _ = on_a_terminal(settings, b"y\n", *order)
    assert (status, history(settings, "customer")["closing"]) == (0, "0")


OPERATOR = """
accounts:
  - name: new
    currency: USD
    overdraft_limit: "{limit}"
"""


def test_a_configuration_file_leaves_a_line_of_a_limit_too(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    """Whoever changes a limit: the history is the table's, not the command's."""
    settings = settings_for(database_url, tmp_path)
    operator = Operator(settings, engine, tmp_path)
    for limit in ("12.5", "12.50", "0"):
        assert operator.apply(OPERATOR.format(limit=limit)).status == 0
    lines = history(settings, "new")["limits"]
    assert [(c["before"], c["after"], c["key"], c["memo"]) for c in lines] == [
        ("0", "12.5", "", "configuration file"),
        ("12.5", "0", "", "configuration file"),
    ]
    assert all(datetime.fromisoformat(c["at"]) <= datetime.now(UTC) for c in lines)
