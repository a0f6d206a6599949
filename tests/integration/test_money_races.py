"""Calls, payments, transfers, limits, holds and rates, all at once on the same money."""

import threading
import time
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa

from controller.domain.admission import AdmissionRules
from controller.domain.reasons import Reason, Refused
from controller.services.journal_entries import Admit, Outcome
from tests.integration.placed_calls import Caller
from tests.seed import Seed, plant

pytestmark = pytest.mark.postgres

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def until_somebody_waits(connection: psycopg.Connection) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        row = connection.execute(WAITING).fetchone()
        if row and row[0]:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the lock")


def test_an_admission_that_waited_sees_the_limit_as_it_is_now(
    engine: sa.Engine, database_url: str
) -> None:
    """The limit is lowered while the call waits for the account."""
    plant(engine, Seed((5061,), balance=Decimal(0), overdraft=Decimal(100)))
    caller = Caller(engine, database_url)
    draft = caller.draft()
    outcomes: list[Outcome] = []
    call = threading.Thread(
        target=lambda: outcomes.extend(caller.store.commit([Admit(draft, AdmissionRules())]))
    )
    with (
        psycopg.connect(database_url) as other,
        psycopg.connect(database_url, autocommit=True) as watch,
    ):
        other.execute("SELECT FROM account_funds FOR UPDATE")
        call.start()
        until_somebody_waits(watch)
        other.execute("UPDATE accounts SET overdraft_limit = 0 WHERE name = 'customer'")
        other.commit()
    call.join()
    caller.close()
    (outcome,) = outcomes
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.INSUFFICIENT_BALANCE
