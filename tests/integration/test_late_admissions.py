"""Calls that were admitted without the database, told to it: once, whoever tells it how often."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.call_record import RecordRules
from controller.domain.configuration import OfflineTerms
from controller.domain.offline import OfflineBooks, OfflineRules
from controller.domain.ticket import Ticket
from controller.persistence.batch import WAITS
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.offline_log import FileOfflineLog
from controller.services.journal_entries import (
    Admit,
    AdmitLate,
    Answered,
    End,
    Entry,
    Failed,
    LateAdmission,
    Outcome,
    Settled,
)
from controller.services.late_admissions import LateAdmissions
from tests.integration.placed_calls import SWITCH, Caller, end_of
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, plant
from tests.unit.persistence.test_offline_log import dead

RULES = AdmissionRules()
RECORDS = RecordRules()
TERMS = OfflineTerms(10, 5, Decimal(50))


def seed(**changes: Any) -> Seed:
    return Seed(**({"vendor_ports": (5080, 5081)} | changes))


def offline(caller: Caller, **changes: Any) -> AdmitLate:
    """A call that a controller has admitted without asking: five minutes, for 3.00."""
    ticket = caller.draft(**changes)
    terms = {payer.account_id: TERMS for payer in ticket.payers}
    outcome = OfflineBooks().admit(ticket, RULES, OfflineRules(terms, None, {}))
    assert isinstance(outcome, Admitted)
    return AdmitLate(ticket, outcome.granted_s, outcome.gateway_ids)


def end(ticket: Ticket, talked_s: int = 0) -> End:
    """As another process hears of it, and reads on the call how it was admitted."""
    return End(replace(end_of(ticket, talked_s), offline=True), None, None, RECORDS)


def rows(engine: sa.Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def money(engine: sa.Engine, account: str = "customer") -> tuple[Any, ...]:
    query = (
        "SELECT trim_scale(f.balance)::text, trim_scale(f.reserved)::text, f.lines, f.subtree_lines"
        " FROM account_funds f JOIN accounts a ON a.id = f.account_id WHERE a.name = '{}'"
    )
    return rows(engine, query.format(account))[0]


def assert_all_is_well(engine: sa.Engine) -> None:
    assert_books_balance(engine)
    assert PostgresBooks(engine).verify(lambda _: None).differences == ()


def test_a_call_is_held_as_if_it_had_been_asked_for_and_settled_like_any_other(
    engine: sa.Engine, database_url: str
) -> None:
    plant(engine, seed(agents=(Agent("agent", {"39": "0|0:0.10/60/60"}),)))
    caller = Caller(engine, database_url)
    late = offline(caller)
    assert caller.store.commit([late]) == [LateAdmission()]
    assert money(engine) == ("100", "3", 1, 1)
    assert money(engine, "agent") == ("100", "0.5", 0, 1)
    assert_all_is_well(engine)
    ((ticket, granted_s, answered_at),) = caller.store.open_calls(SWITCH)
    assert (ticket, granted_s, answered_at) == (late.ticket, 300, None)
    caller.store.commit([Answered(ticket, ticket.offered_us, ticket.attempts[1].gateway_id)])
    assert_all_is_well(engine)
    (outcome,) = caller.store.commit([end(ticket, 90)])
    assert isinstance(outcome, Settled)
    assert outcome.settlement is not None
    assert outcome.settlement.cdr.review == ""
    assert money(engine) == ("99.1", "0", 0, 0)
    assert money(engine, "agent") == ("99.8", "0", 0, 0)
    assert_all_is_well(engine)


def test_however_often_it_is_told_it_is_held_once(engine: sa.Engine, database_url: str) -> None:
    """The journal tells it, and who finds the file; before, at and after the call's end."""
    plant(engine, seed())
    caller = Caller(engine, database_url)
    calls = [offline(caller) for _ in range(40)]
    outcomes: list[Outcome] = []

    def tell(share: Sequence[AdmitLate], batch: int) -> None:
        store = PostgresCallStore(database_url)
        for start in range(0, len(share), batch):
            outcomes.extend(store.commit(share[start : start + batch]))
        store.close()

    work = [partial(tell, calls, 7), partial(tell, calls[::-1], 5), partial(tell, calls, 40)]
    threads = [threading.Thread(target=task) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 120
    assert money(engine) == ("100", "120", 40, 40)
    assert_all_is_well(engine)
    caller.store.commit([end(late.ticket, 60) for late in calls])
    caller.store.commit(calls)
    assert caller.store.commit([end(late.ticket, 60) for late in calls]) == [Settled(None)] * 40
    assert money(engine) == ("76", "0", 0, 0)
    assert caller.store.open_calls(SWITCH) == []
    assert_all_is_well(engine)


def test_an_account_may_be_overdrawn_by_what_its_terms_allowed(
    engine: sa.Engine, database_url: str
) -> None:
    plant(engine, seed(balance=Decimal("3.50")))
    caller = Caller(engine, database_url)
    first, second = offline(caller), offline(caller)
    account = first.ticket.account_id
    assert caller.store.commit([first]) == [LateAdmission()]
    assert caller.store.commit([second]) == [LateAdmission((account,))]
    assert money(engine) == ("3.5", "6", 2, 2)
    refused = caller.store.commit([Admit(caller.draft(), RULES)])[0]
    assert "available -2.5" in getattr(refused, "detail", "")
    assert_all_is_well(engine)


# -- its end comes first ---------------------------------------------------------------------


def test_the_end_of_a_call_that_nobody_told_yet_waits_for_that(
    engine: sa.Engine, database_url: str
) -> None:
    """Another controller has the switch by now; the one that admitted the call is slow."""
    plant(engine, seed())
    caller = Caller(engine, database_url)
    late = offline(caller)
    neighbor = caller.draft()
    entries: list[Entry] = [end(late.ticket, 30), Admit(neighbor, RULES)]
    waits, admitted = caller.store.commit(entries)
    assert waits == Failed(WAITS, retry=False)
    assert isinstance(admitted, Admitted)
    assert rows(engine, "SELECT FROM cdrs") == []
    caller.store.commit([late])
    (settled,) = caller.store.commit([end(late.ticket, 30)])
    assert isinstance(settled, Settled)
    assert settled.settlement is not None
    assert rows(engine, "SELECT duration_s, trim_scale(net)::text, review FROM cdrs") == [
        (30, "0.3", "")
    ]
    caller.settle(neighbor, 0)
    assert_all_is_well(engine)


@pytest.mark.parametrize("known_by", ["its record", "its admission"])
def test_a_call_that_the_database_knows_is_not_opened_again(
    engine: sa.Engine, database_url: str, known_by: str
) -> None:
    """It was dialed by nobody, and its end recorded; or its admission was committed although the
    connection broke before anybody heard of that."""
    plant(engine, seed())
    caller = Caller(engine, database_url)
    late = offline(caller)
    if known_by == "its record":
        caller.store.commit([End(end_of(late.ticket, 0), None, None, RECORDS)])
    else:
        caller.store.commit([Admit(late.ticket, RULES)])
    before = money(engine)
    assert caller.store.commit([late]) == [LateAdmission()]
    assert money(engine) == before
    (outcome,) = caller.store.commit([end(late.ticket, 0)])
    assert isinstance(outcome, Settled)
    assert (outcome.settlement is None) == (known_by == "its record")
    assert money(engine) == ("100", "0", 0, 0)
    assert len(rows(engine, "SELECT FROM cdrs")) == 1
    assert_all_is_well(engine)


# -- files -----------------------------------------------------------------------------------


def test_what_a_dead_controller_left_is_told_and_the_file_goes(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    plant(engine, seed())
    caller = Caller(engine, database_url)
    path = dead(tmp_path, offline(caller), offline(caller))
    own = FileOfflineLog(tmp_path, "own")
    own.append([offline(caller)])
    learned: list[tuple[Entry, Outcome]] = []
    LateAdmissions(own, caller.store, learned.extend).tell()
    assert money(engine)[1:] == ("9", 3, 3)
    assert not path.exists()
    # only its own counts in the terms of this process
    assert [entry.call_id for entry, _ in learned] == [late.call_id for late in own.kept()]
    LateAdmissions(own, caller.store, learned.extend).tell()
    assert money(engine)[1:] == ("9", 3, 3)
    assert_all_is_well(engine)


def test_what_the_database_refuses_stays_and_harms_no_other(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    plant(engine, seed())
    caller = Caller(engine, database_url)
    good = offline(caller)
    bad = offline(caller)
    bad = replace(bad, ticket=replace(bad.ticket, caller="\x00"))
    path = dead(tmp_path, bad, good)
    own = FileOfflineLog(tmp_path, "own")
    LateAdmissions(own, caller.store, lambda _: None).tell()
    assert path.exists()
    assert [t.call_id for t, _, _ in caller.store.open_calls(SWITCH)] == [good.call_id]
    assert_all_is_well(engine)
