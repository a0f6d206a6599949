"""The call path's transaction on a real PostgreSQL: all or nothing, once, and under races."""

import threading
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.call_record import RecordRules
from controller.domain.errors import StoreUnavailable
from controller.domain.reasons import Reason, Refused
from controller.persistence import database
from controller.persistence import schema as t
from controller.persistence.call_store import PostgresCallStore
from controller.services.journal_entries import Admit, Answered, End, Extend, Outcome, Settled
from tests.integration.placed_calls import Caller, end_of
from tests.ledger_check import assert_books_balance
from tests.seed import Seed, plant

RULES = RecordRules()
MINUTE = Decimal("0.60")


@pytest.fixture
def caller(engine: sa.Engine, database_url: str) -> Caller:
    plant(engine, Seed((5080, 5081), balance=Decimal(30)))
    return Caller(engine, database_url)


def _funds(engine: sa.Engine, account: str = "customer") -> tuple[object, ...]:
    query = (
        sa.select(t.account_funds.c.balance, t.account_funds.c.reserved, t.account_funds.c.lines)
        .join(t.accounts)
        .where(t.accounts.c.name == account)
    )
    with engine.connect() as connection:
        balance, reserved, lines = connection.execute(query).one()
    return balance, reserved, lines


def _count(engine: sa.Engine, table: sa.Table) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def _end(caller: Caller, *entries: End) -> list[Outcome]:
    return caller.store.commit(entries)


def test_a_call_reserves_extends_and_settles(caller: Caller, engine: sa.Engine) -> None:
    ticket = caller.admit()
    assert _funds(engine) == (30, MINUTE, 1)
    (more,) = caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
    assert isinstance(more, Admitted)
    assert (more.granted_s, more.reserved) == (120, 2 * MINUTE)
    assert _funds(engine) == (30, 2 * MINUTE, 1)
    assert_books_balance(engine)
    _end(caller, End(end_of(ticket, 90), ticket, None, RULES))
    assert _funds(engine) == (Decimal("29.10"), 0, 0)
    assert_books_balance(engine)


def test_an_answer_frees_the_lines_of_the_other_vendors(caller: Caller, engine: sa.Engine) -> None:
    ticket = caller.admit()
    held = tuple(attempt.gateway_id for attempt in ticket.attempts)
    caller.store.commit([Answered(ticket, ticket.offered_us + 1, held[1])])
    lines = t.lines
    query = sa.select(lines.c.id, lines.c.used).where(lines.c.kind == "routing")
    with engine.connect() as connection:
        assert {row.id: row.used for row in connection.execute(query)} == {
            held[0]: 0,
            held[1]: 1,
        }


def test_an_end_that_comes_twice_settles_once(caller: Caller, engine: sa.Engine) -> None:
    ticket = caller.admit()
    end = End(end_of(ticket, 60), ticket, None, RULES)
    (first,), (second,) = _end(caller, end), _end(caller, end)
    assert isinstance(first, Settled)
    assert first.settlement is not None
    assert second == Settled(None)
    assert _funds(engine) == (Decimal("29.40"), 0, 0)
    assert _count(engine, t.cdrs) == 1
    assert_books_balance(engine)


def test_another_process_settles_from_the_stored_ticket_with_the_same_figures(
    caller: Caller, engine: sa.Engine, database_url: str
) -> None:
    ticket = caller.admit()
    (known,) = [End(end_of(ticket, 61), ticket, None, RULES)]
    stranger = PostgresCallStore(database_url)
    (outcome,) = stranger.commit([replace(known, ticket=None)])
    assert isinstance(outcome, Settled)
    assert outcome.settlement is not None
    # 60 s were granted: the customer pays for no more, the vendor is paid for all
    assert outcome.settlement.cdr.net == MINUTE
    assert outcome.settlement.cdr.cost == Decimal("0.305")
    assert_books_balance(engine)


def test_two_controllers_race_for_one_balance(
    caller: Caller, engine: sa.Engine, database_url: str
) -> None:
    """30.00 carries 50 calls of 0.60: of 120 that two processes admit at once, exactly 50."""
    tickets = [caller.draft() for _ in range(120)]
    outcomes: list[Outcome] = []

    def admit(share: list[Admit]) -> None:
        store = PostgresCallStore(database_url)
        for start in range(0, len(share), 7):
            outcomes.extend(store.commit(share[start : start + 7]))
        store.close()

    entries = [Admit(ticket, AdmissionRules()) for ticket in tickets]
    threads = [threading.Thread(target=admit, args=(entries[part::2],)) for part in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(outcomes) == 120
    assert len(outcomes) - len(refused) == 50
    assert {outcome.reason for outcome in refused} == {Reason.INSUFFICIENT_BALANCE}
    assert _funds(engine) == (30, 30, 50)
    assert_books_balance(engine)


def test_a_batch_with_a_bad_entry_writes_nothing(caller: Caller, engine: sa.Engine) -> None:
    ticket = caller.admit()
    again, fresh = Admit(ticket, AdmissionRules()), Admit(caller.draft(), AdmissionRules())
    with pytest.raises(psycopg.errors.UniqueViolation):
        caller.store.commit([fresh, again])
    assert _funds(engine) == (30, MINUTE, 1)
    assert _count(engine, t.calls) == 1
    # and the store is as good as new
    assert isinstance(caller.store.commit([fresh])[0], Admitted)
    assert_books_balance(engine)


def test_a_lost_connection_is_told_and_the_next_batch_connects_anew(
    caller: Caller, engine: sa.Engine
) -> None:
    ticket = caller.admit()
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tollgate-calls' AND datname = current_database()"
            )
        )
    end = End(end_of(ticket, 10), ticket, None, RULES)
    with pytest.raises(StoreUnavailable):
        _end(caller, end)
    assert isinstance(_end(caller, end)[0], Settled)
    assert_books_balance(engine)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE postings SET amount = amount + 1", "DELETE FROM postings", "TRUNCATE postings"],
)
def test_postings_cannot_be_changed(caller: Caller, engine: sa.Engine, statement: str) -> None:
    ticket = caller.admit()
    _end(caller, End(end_of(ticket, 5), ticket, None, RULES))
    with pytest.raises(sa.exc.DBAPIError, match="postings are immutable"), engine.begin() as c:
        c.execute(sa.text(statement))
    assert_books_balance(engine)


def test_the_schema_is_what_the_code_expects_and_drift_is_seen(engine: sa.Engine) -> None:
    assert database.current_revision(engine) == database.newest_revision()
    assert database.schema_differences(engine) == []
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE gateway_groups DROP COLUMN memo"))
        connection.execute(sa.text("CREATE TABLE stranger (id int)"))
    differences = " ".join(database.schema_differences(engine))
    assert "memo" in differences
    assert "stranger" in differences


def test_upgrading_twice_at_once_is_harmless(database_url: str) -> None:
    threads = [
        threading.Thread(target=database.upgrade, args=(database.make_engine(database_url),))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    engine = database.make_engine(database_url)
    assert database.current_revision(engine) == database.newest_revision()
    engine.dispose()
