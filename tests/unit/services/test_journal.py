"""Group commit on a real thread: sizes, order, poison, a store that goes away, and the end."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.call_record import RecordRules
from controller.domain.errors import Fenced, Overloaded, StoreTooSlow, StoreUnavailable
from controller.domain.ticket import Ticket
from controller.services import journal as journal_module
from controller.services.journal import GroupCommitJournal, take_batch
from controller.services.journal_entries import (
    Admit,
    AdmitLate,
    Answered,
    Attempted,
    End,
    Entry,
    Extend,
    Failed,
    Outcome,
    Settled,
)
from tests.unit.domain.builders import (
    NOW_US,
    attempt_ended,
    call_id,
    ended,
    leg_id,
    ticket,
)

DONE = Settled(None)
SOON_S = 2.0


def admission(number: int) -> Admit:
    return Admit(ticket(call_id=call_id(number)), AdmissionRules())


def extension(number: int) -> Extend:
    return Extend(ticket(call_id=call_id(number)), 60, NOW_US)


def answer(number: int) -> Answered:
    return Answered(ticket(call_id=call_id(number)), 1, None)


def attempt(number: int, leg: int = 1) -> Attempted:
    return Attempted(attempt_ended(call_id=call_id(number), leg_id=leg_id(leg)))


def end(number: int) -> End:
    return End(ended(call_id=call_id(number)), None, None, RecordRules())


class ScriptedStore:
    """A store whose answers a test decides; it remembers every batch that it committed."""

    def __init__(self) -> None:
        self.batches: list[list[Entry]] = []
        self.tries = 0
        self.away = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self.poisoned: set[str] = set()
        self.fenced = threading.Event()
        self.threads: set[int] = set()

    def commit(self, batch: Sequence[Entry]) -> list[Outcome]:
        self.threads.add(threading.get_ident())
        self.tries += 1
        self.open.wait(SOON_S)
        if self.away.is_set():
            raise StoreUnavailable("connection refused")
        if self.fenced.is_set():
            raise Fenced("epoch 1 of fs1 is over")
        if self.poisoned & {entry.call_id for entry in batch}:
            raise ValueError("the database will not take this")
        self.batches.append(list(batch))
        return [DONE for _ in batch]

    def open_calls(self, switch_id: str) -> list[tuple[Ticket, int, datetime | None]]:
        raise NotImplementedError(switch_id)

    def note_switch(self, switch_id: str, instance: str) -> str | None:
        raise NotImplementedError(switch_id, instance)

    def committed(self) -> list[Entry]:
        return [entry for batch in self.batches for entry in batch]


class Told:
    """What the journal delivered, in order."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[Entry, Outcome]] = []

    def __call__(self, outcomes: list[tuple[Entry, Outcome]]) -> None:
        self.outcomes += outcomes

    def are_more_than(self, count: int) -> bool:
        return len(self.outcomes) > count

    def of(self, entry: Entry) -> list[Outcome]:
        return [outcome for told, outcome in self.outcomes if told is entry]


@contextmanager
def running(
    store: ScriptedStore,
    told: Callable[[list[tuple[Entry, Outcome]]], None],
    **options: float,
) -> Iterator[GroupCommitJournal]:
    journal = GroupCommitJournal(store, told, **options)  # type: ignore[arg-type]
    journal.start()
    try:
        yield journal
    finally:
        store.away.clear()
        store.open.set()
        assert journal.stop(SOON_S)


def eventually(condition: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come to pass"
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_DELAYS_S", (0.005,))


# -- batches ---------------------------------------------------------------------------------

BATCHES = [
    # waiting, as (kind, call)                      first batch        what stays
    ([admission(1), admission(2)], [0, 1], []),
    ([admission(1), end(1)], [0], [1]),
    ([admission(1), answer(1), end(1)], [0], [1, 2]),
    ([end(1), end(1)], [0], [1]),
    ([attempt(1), attempt(1, 2), end(1)], [0, 1, 2], []),
    ([answer(1), attempt(1), end(1)], [0, 1], [2]),
    ([admission(1), answer(1), admission(2), end(2)], [0, 2], [1, 3]),
    ([extension(1), end(1), extension(2)], [0, 2], [1]),
    ([], [], []),
]


@pytest.mark.parametrize(("waiting", "batch", "stay"), BATCHES)
def test_a_batch_changes_a_call_at_most_once(
    waiting: list[Entry], batch: list[int], stay: list[int]
) -> None:
    queue = deque(waiting)
    assert take_batch(queue, 256) == [waiting[i] for i in batch]
    assert list(queue) == [waiting[i] for i in stay]


makers = st.sampled_from([admission, extension, answer, attempt, end])
entries = st.lists(st.builds(lambda make, n: make(n), makers, st.integers(1, 4)), max_size=30)


@settings(max_examples=100, deadline=None)
@given(entries, st.integers(1, 8))
def test_batches_keep_every_entry_and_every_calls_order(waiting: list[Entry], limit: int) -> None:
    queue = deque(waiting)
    batches = []
    while queue:
        batches.append(take_batch(queue, limit))
        assert 1 <= len(batches[-1]) <= limit
    assert sorted(id(e) for batch in batches for e in batch) == sorted(map(id, waiting))

    def changes(of: list[Entry], name: str) -> list[int]:
        return [id(e) for e in of if e.call_id == name and not isinstance(e, Attempted)]

    for number in range(1, 5):
        name = call_id(number)
        assert all(len(changes(batch, name)) <= 1 for batch in batches)
        assert [i for batch in batches for i in changes(batch, name)] == changes(waiting, name)


# -- group commit ----------------------------------------------------------------------------


def test_a_lone_admission_does_not_wait() -> None:
    store, told = ScriptedStore(), Told()
    with running(store, told, patience_s=5) as journal:
        started = time.monotonic()
        entry = admission(1)
        journal.submit(entry)
        eventually(lambda: told.of(entry))
        assert time.monotonic() - started < 1
    assert store.batches == [[entry]]
    assert told.outcomes == [(entry, DONE)]


def test_all_that_comes_during_a_commit_shares_the_next() -> None:
    store, told = ScriptedStore(), Told()
    store.open.clear()
    with running(store, told) as journal:
        journal.submit(admission(0))
        eventually(lambda: store.tries == 1)
        others: list[Entry] = [admission(n) for n in range(1, 50)]
        for entry in others:
            journal.submit(entry)
        assert journal.waiting == 49
        store.open.set()
        eventually(lambda: len(told.outcomes) == 50)
    assert [len(batch) for batch in store.batches] == [1, 49]
    assert store.batches[1] == others
    assert len(store.threads) == 1


def test_a_batch_has_its_largest_size() -> None:
    store, told = ScriptedStore(), Told()
    store.open.clear()
    with running(store, told, max_batch=10) as journal:
        for number in range(25):
            journal.submit(admission(number))
        store.open.set()
        eventually(lambda: len(told.outcomes) == 25)
    assert max(len(batch) for batch in store.batches) <= 10
    assert [e.call_id for e in store.committed()] == [call_id(n) for n in range(25)]


def test_a_calls_entries_are_committed_in_their_order() -> None:
    store, told = ScriptedStore(), Told()
    mine: list[Entry] = [admission(1), answer(1), extension(1), extension(1), end(1)]
    with running(store, told) as journal:
        for entry in mine:
            journal.submit(entry)
            journal.submit(attempt(1))
        eventually(lambda: len(told.outcomes) == 10)
    assert [e for e in store.committed() if e in mine] == mine
    assert [e for e, _ in told.outcomes if e in mine] == mine


def test_each_entry_gets_its_own_outcome() -> None:
    class Echo(ScriptedStore):
        def commit(self, batch: Sequence[Entry]) -> list[Outcome]:
            super().commit(batch)
            return [Failed(entry.call_id, retry=False) for entry in batch]

    store, told = Echo(), Told()
    with running(store, told) as journal:
        for number in range(20):
            journal.submit(admission(number))
        eventually(lambda: len(told.outcomes) == 20)
    for entry, outcome in told.outcomes:
        assert outcome == Failed(entry.call_id, retry=False)


def test_what_has_happened_waits_a_little_for_company() -> None:
    """An end has its CDR file as a safety net; an admission that comes takes it along."""
    store, told = ScriptedStore(), Told()
    with running(store, told, patience_s=5) as journal:
        first, second = end(1), admission(2)
        journal.submit(first)
        time.sleep(0.02)
        assert store.batches == []
        journal.submit(second)
        eventually(lambda: len(told.outcomes) == 2)
    assert store.batches == [[first, second]]


def test_what_has_happened_waits_no_longer_than_its_patience() -> None:
    store, told = ScriptedStore(), Told()
    with running(store, told, patience_s=0.02) as journal:
        journal.submit(end(1))
        eventually(lambda: told.outcomes)
    assert len(store.batches) == 1


# -- bounds ----------------------------------------------------------------------------------


def test_a_long_outage_does_not_fill_the_memory() -> None:
    """What has happened may wait twenty times longer than admissions; then it is refused, too."""
    store, told = ScriptedStore(), Told()
    store.open.clear()
    with running(store, told, max_waiting=1, patience_s=0.0) as journal:
        journal.submit(admission(0))
        eventually(lambda: store.tries == 1)
        for number in range(1, 21):
            journal.submit(end(number))
        with pytest.raises(Overloaded, match="20 entries"):
            journal.submit(end(21))
        store.open.set()
        eventually(lambda: len(told.outcomes) == 21)


def test_a_full_queue_turns_admissions_away_and_takes_everything_else() -> None:
    store, told = ScriptedStore(), Told()
    store.open.clear()
    with running(store, told, max_waiting=3) as journal:
        journal.submit(admission(0))
        eventually(lambda: store.tries == 1)
        for number in range(1, 4):
            journal.submit(admission(number))
        with pytest.raises(Overloaded, match="3 entries"):
            journal.submit(admission(4))
        kept: list[Entry] = [end(5), answer(6), extension(7), attempt(8)]
        for entry in kept:
            journal.submit(entry)
        store.open.set()
        eventually(lambda: len(told.outcomes) == 8)
        journal.submit(admission(9))
        eventually(lambda: len(told.outcomes) == 9)
    assert [e for e in store.committed() if e in kept] == kept
    assert call_id(4) not in {e.call_id for e in store.committed()}


# -- without the store -----------------------------------------------------------------------


class Open:
    """Implements `Offline`: admits everybody whose number is even."""

    def __init__(self) -> None:
        self.ended: list[Entry] = []
        self.learned: list[tuple[Entry, Outcome]] = []

    def decide(
        self, admissions: Sequence[Admit], why: str
    ) -> tuple[list[Outcome], list[AdmitLate]]:
        even = [int(entry.call_id[-1]) % 2 == 0 for entry in admissions]
        outcomes: list[Outcome] = [
            Admitted(60, offline=True) if own else Failed(why, retry=False) for own in even
        ]
        late = [
            AdmitLate(e.ticket, 60, (201,)) for e, own in zip(admissions, even, strict=True) if own
        ]
        return outcomes, late

    def end(self, entry: End) -> None:
        self.ended.append(entry)

    def learn(self, done: Sequence[tuple[Entry, Outcome]]) -> None:
        self.learned += done


@contextmanager
def away(offline: Open, **options: Any) -> Iterator[tuple[GroupCommitJournal, ScriptedStore, Told]]:
    store, told = ScriptedStore(), Told()
    store.away.set()
    with running(store, told, offline=offline, **options) as journal:  # type: ignore[arg-type]
        yield journal, store, told


def test_without_the_store_those_with_terms_are_admitted_and_told_to_it_first_of_all() -> None:
    offline = Open()
    with away(offline, patience_s=0.0) as (journal, store, told):
        entries = [admission(1), admission(2), admission(4)]
        for entry in entries:
            journal.submit(entry)
        eventually(lambda: len(told.outcomes) == 3)
        journal.submit(answer(2))
        journal.submit(end(2))
        store.away.clear()
        eventually(lambda: len(store.committed()) == 4)
    outcomes = {entry.call_id: outcome for entry, outcome in told.outcomes[:3]}
    assert outcomes == {
        call_id(1): Failed("connection refused", retry=False),
        call_id(2): Admitted(60, offline=True),
        call_id(4): Admitted(60, offline=True),
    }
    of_call = [type(e) for e in store.committed() if e.call_id == call_id(2)]
    assert of_call == [AdmitLate, Answered, End]
    assert [type(entry) for entry in offline.ended] == [End]
    assert [type(outcome) for _, outcome in offline.learned[3:]] == [type(DONE)] * 4


def test_those_who_come_during_an_outage_do_not_wait_for_the_next_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "RETRY_DELAYS_S", (0.005, 30.0))
    with away(Open(), patience_s=0.0) as (journal, store, told):
        journal.submit(end(9))
        eventually(lambda: store.tries >= 2)
        journal.submit(admission(2))
        eventually(lambda: len(told.outcomes) == 1)
        store.away.clear()
        journal.submit(admission(4))
        eventually(lambda: len(store.committed()) >= 2)


def test_a_store_that_is_only_slow_is_not_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows limits that calls without it would pass."""
    offline = Open()
    store, told = ScriptedStore(), Told()

    def slow(batch: Sequence[Entry]) -> list[Outcome]:
        raise StoreTooSlow(f"{len(batch)} entries took too long")

    monkeypatch.setattr(store, "commit", slow)
    with running(store, told, offline=offline) as journal:  # type: ignore[arg-type]
        journal.submit(admission(2))
        eventually(lambda: told.outcomes)
    (outcome,) = told.of(told.outcomes[0][0])
    assert outcome == Failed("1 entries took too long", retry=False)


def test_a_fault_in_deciding_without_the_store_refuses_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offline = Open()

    def fault(*_: object) -> Any:
        raise ValueError("a fault")

    monkeypatch.setattr(offline, "decide", fault)
    monkeypatch.setattr(offline, "learn", fault)
    with away(offline, patience_s=0.0) as (journal, store, told):
        journal.submit(admission(2))
        eventually(lambda: told.outcomes)
        store.away.clear()
        journal.submit(admission(4))
        eventually(lambda: len(told.outcomes) == 2)
    assert [outcome for _, outcome in told.outcomes] == [
        Failed("connection refused", retry=False),
        DONE,
    ]


# -- poison ----------------------------------------------------------------------------------


def test_one_poisoned_entry_does_not_harm_its_neighbors() -> None:
    store, told = ScriptedStore(), Told()
    store.open.clear()
    store.poisoned = {call_id(5)}
    with running(store, told) as journal:
        journal.submit(admission(0))
        eventually(lambda: store.tries == 1)
        others: list[Entry] = [end(n) for n in range(1, 10)]
        for entry in others:
            journal.submit(entry)
        store.open.set()
        eventually(lambda: len(told.outcomes) == 10)
        journal.submit(admission(11))
        eventually(lambda: len(told.outcomes) == 11)
    (refused,) = told.of(others[4])
    assert isinstance(refused, Failed)
    assert not refused.retry
    assert "will not take" in refused.why
    for entry in [*others[:4], *others[5:]]:
        assert told.of(entry) == [DONE]
    assert len(store.committed()) == 10


def test_a_poisoned_entry_alone_is_told_and_the_journal_goes_on() -> None:
    store, told = ScriptedStore(), Told()
    store.poisoned = {call_id(1)}
    with running(store, told) as journal:
        journal.submit(admission(1))
        eventually(lambda: told.outcomes)
        journal.submit(admission(2))
        eventually(lambda: len(told.outcomes) == 2)
    assert isinstance(told.outcomes[0][1], Failed)
    assert told.outcomes[1][1] == DONE


def test_a_fault_of_the_receiver_does_not_end_the_journal() -> None:
    store, told = ScriptedStore(), Told()

    def receiver(outcomes: list[tuple[Entry, Outcome]]) -> None:
        told(outcomes)
        if len(told.outcomes) == 1:
            raise RuntimeError("a fault of ours")

    with running(store, receiver) as journal:
        journal.submit(admission(1))
        eventually(lambda: told.outcomes)
        journal.submit(admission(2))
        eventually(lambda: len(told.outcomes) == 2)
    assert len(store.committed()) == 2


# -- a store that goes away ------------------------------------------------------------------


def test_without_a_store_admissions_fail_at_once_and_ends_are_kept() -> None:
    store, told = ScriptedStore(), Told()
    store.away.set()
    with running(store, told, patience_s=0.005) as journal:
        ending, noting = end(1), answer(2)
        journal.submit(ending)
        journal.submit(noting)
        eventually(lambda: store.tries >= 2)
        coming, extending = admission(3), extension(4)
        journal.submit(coming)
        journal.submit(extending)
        eventually(lambda: told.of(coming) and told.of(extending))
        assert told.of(coming) == [Failed("connection refused", retry=False)]
        assert told.of(extending) == [Failed("connection refused", retry=True)]
        assert store.committed() == []
        assert told.of(ending) == told.of(noting) == []
        later = end(5)
        journal.submit(later)
        store.away.clear()
        eventually(lambda: told.of(later))
        assert told.of(ending) == told.of(noting) == [DONE]
    assert store.committed() == [ending, noting, later]


def test_admissions_in_the_batch_that_fails_fail_too() -> None:
    store, told = ScriptedStore(), Told()
    store.away.set()
    with running(store, told) as journal:
        coming, ending = admission(1), end(2)
        journal.submit(ending)
        journal.submit(coming)
        eventually(lambda: told.of(coming))
        assert told.of(coming) == [Failed("connection refused", retry=False)]
        store.away.clear()
        eventually(lambda: told.of(ending))
    assert store.committed() == [ending]


def test_the_end_of_a_call_whose_admission_failed_comes_after_it() -> None:
    store, told = ScriptedStore(), Told()
    store.away.set()
    with running(store, told) as journal:
        coming, ending = admission(1), end(1)
        journal.submit(coming)
        journal.submit(ending)
        eventually(lambda: told.of(coming))
        store.away.clear()
        eventually(lambda: told.of(ending))
    assert [entry for entry, _ in told.outcomes] == [coming, ending]
    assert store.committed() == [ending]


def test_urgent_entries_are_urgent_again_after_an_outage() -> None:
    store, told = ScriptedStore(), Told()
    store.away.set()
    with running(store, told, patience_s=5) as journal:
        failed = admission(1)
        journal.submit(failed)
        eventually(lambda: told.of(failed))
        store.away.clear()
        started = time.monotonic()
        coming = admission(2)
        journal.submit(coming)
        eventually(lambda: told.of(coming))
        assert time.monotonic() - started < 1
        assert told.of(coming) == [DONE]


def test_a_store_that_goes_away_while_a_batch_is_taken_apart_loses_nothing() -> None:
    class Moody(ScriptedStore):
        def commit(self, batch: Sequence[Entry]) -> list[Outcome]:
            if self.tries == 4:
                self.tries += 1
                raise StoreUnavailable("gone for a moment")
            return super().commit(batch)

    store, told = Moody(), Told()
    store.poisoned = {call_id(2)}
    store.open.clear()
    with running(store, told) as journal:
        journal.submit(admission(0))
        eventually(lambda: store.tries == 1)
        others: list[Entry] = [end(n) for n in range(1, 6)]
        for entry in others:
            journal.submit(entry)
        store.open.set()
        eventually(lambda: len(told.outcomes) == 6)
    assert [e.call_id for e in store.committed()] == [call_id(n) for n in (0, 1, 3, 4, 5)]


# -- stopping --------------------------------------------------------------------------------


def test_stopping_commits_what_waits() -> None:
    store, told = ScriptedStore(), Told()
    journal = GroupCommitJournal(store, told, patience_s=60)
    journal.start()
    waiting: list[Entry] = [end(n) for n in range(20)]
    for entry in waiting:
        journal.submit(entry)
    assert journal.stop(SOON_S)
    assert store.committed() == waiting
    assert journal.waiting == 0


def test_stopping_an_idle_journal_is_quick() -> None:
    journal = GroupCommitJournal(ScriptedStore(), Told())
    journal.start()
    started = time.monotonic()
    assert journal.stop(SOON_S)
    assert time.monotonic() - started < 1


def test_stopping_without_a_store_ends_all_the_same() -> None:
    """What could not be written is still in the CDR files."""
    store = ScriptedStore()
    store.away.set()
    journal = GroupCommitJournal(store, Told(), patience_s=0.005)
    journal.start()
    for number in range(5):
        journal.submit(end(number))
    eventually(lambda: store.tries >= 2)
    assert journal.stop(SOON_S)
    assert store.committed() == []


def test_a_store_that_hangs_is_not_waited_for_longer_than_asked() -> None:
    store = ScriptedStore()
    store.open.clear()
    journal = GroupCommitJournal(store, Told())
    journal.start()
    journal.submit(admission(1))
    eventually(lambda: store.tries == 1)
    assert not journal.stop(0.05)
    store.open.set()
    assert journal.stop(SOON_S)


def test_many_threads_submit_and_nothing_is_lost() -> None:
    store, told = ScriptedStore(), Told()
    with running(store, told) as journal:

        def work(first: int) -> None:
            for number in range(first, first + 100):
                journal.submit(admission(number))

        threads = [threading.Thread(target=work, args=(n * 100,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(lambda: len(told.outcomes) == 500)
    assert {e.call_id for e in store.committed()} == {call_id(n) for n in range(500)}
    assert len(store.committed()) == 500


# -- beyond capacity -------------------------------------------------------------------------


def test_while_admissions_wait_too_long_new_ones_are_turned_away_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They would come after the plan's deadline, and all behind them, too."""
    monkeypatch.setattr(journal_module, "LONGEST_WAIT_S", 0.1)
    store, told = ScriptedStore(), Told()
    store.open.clear()
    with running(store, told) as journal:
        journal.submit(admission(1))
        eventually(lambda: store.tries == 1)
        journal.submit(admission(2))
        time.sleep(0.15)
        started = time.monotonic()
        with pytest.raises(Overloaded, match=r"admissions have waited for 0\.[0-9] s"):
            journal.submit(admission(3))
        assert time.monotonic() - started < 0.05
        # calls in progress are not concerned
        for entry in (extension(4), answer(5), attempt(5), end(6)):
            journal.submit(entry)
        store.open.set()
        eventually(lambda: len(store.committed()) == 6)
        journal.submit(admission(7))
        eventually(lambda: len(store.committed()) == 7)
    assert {entry.call_id for entry in store.committed()} >= {call_id(2), call_id(7)}
    assert call_id(3) not in {entry.call_id for entry in store.committed()}


def test_an_outage_leaves_no_wait_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "LONGEST_WAIT_S", 0.1)
    store, told = ScriptedStore(), Told()
    store.away.set()
    with running(store, told) as journal:
        for number in range(3):
            before = len(told.outcomes)
            journal.submit(admission(number))
            eventually(partial(told.are_more_than, before))
            time.sleep(0.06)
        store.away.clear()
        journal.submit(admission(9))
        eventually(lambda: len(store.committed()) == 1)
    assert [type(outcome) for _, outcome in told.outcomes[:3]] == [Failed] * 3


# -- another owner ---------------------------------------------------------------------------


def test_who_is_fenced_writes_nothing_more_and_says_so_once() -> None:
    store, told, fenced = ScriptedStore(), Told(), threading.Event()
    journal = GroupCommitJournal(store, told, max_batch=2, fenced=fenced.set)
    journal.start()
    store.fenced.set()
    for number in range(5):
        journal.submit(admission(number))
    assert fenced.wait(SOON_S)
    # neither this one nor those that waited are committed, or answered: another one decides
    journal.submit(end(9))
    assert journal.waiting == 0
    assert journal.stop(SOON_S)
    assert store.tries == 1
    assert (store.committed(), told.outcomes) == ([], [])


def test_a_batch_that_is_taken_apart_stops_at_the_fence() -> None:
    store, told, fenced = ScriptedStore(), Told(), []

    def note() -> None:
        fenced.append("fenced")

    journal = GroupCommitJournal(store, told, fenced=note)
    store.poisoned.add(call_id(1))
    refuse = store.commit

    def commit(batch: Sequence[Entry]) -> list[Outcome]:
        if store.tries == 1:
            store.fenced.set()
        return refuse(batch)

    store.commit = commit  # type: ignore[method-assign]
    for number in range(4):
        journal.submit(admission(number))
    journal.start()
    eventually(lambda: fenced)
    assert journal.stop(SOON_S)
    assert fenced == ["fenced"]
    assert store.tries == 2
    assert told.outcomes == []


def test_an_abandoned_journal_does_not_wait_for_the_database() -> None:
    store, told = ScriptedStore(), Told()
    store.away.set()
    journal = GroupCommitJournal(store, told)
    journal.start()
    journal.submit(end(1))
    eventually(lambda: store.tries > 2)
    started = time.monotonic()
    assert journal.abandon(SOON_S)
    assert time.monotonic() - started < 1
    assert store.committed() == []
