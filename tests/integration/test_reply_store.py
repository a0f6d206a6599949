"""Idempotency keys of the API in PostgreSQL: one doer at a time, the same answer for a day."""

import threading
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from controller.persistence.reply_store import KEPT, TAKEN_FOR_DEAD, PostgresReplies
from controller.persistence.schema import api_replies
from controller.services.api_callers import Begun, KeptReply, OtherRequest, Running

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANSWER = KeptReply(
    201, (("ETag", '"1"'), ("Content-Type", "application/json")), b'{"a":"\xc3\xbc"}'
)


@pytest.fixture
def store(engine: sa.Engine) -> PostgresReplies:
    return PostgresReplies(engine)


def begun(store: PostgresReplies, key: str = "k", at: datetime = NOW) -> Begun:
    found = store.begin("user:1", key, b"digest", at)
    assert isinstance(found, Begun)
    return found


def test_the_answer_is_kept_as_it_was(store: PostgresReplies) -> None:
    run = begun(store).run
    assert store.begin("user:1", "k", b"digest", NOW) == Running()
    store.finish("user:1", "k", run, ANSWER)
    assert store.begin("user:1", "k", b"digest", NOW) == ANSWER
    assert store.begin("user:1", "k", b"another", NOW) == OtherRequest()


def test_a_key_belongs_to_its_owner(store: PostgresReplies) -> None:
    begun(store)
    assert isinstance(store.begin("user:2", "k", b"another", NOW), Begun)


def test_a_released_key_is_free(store: PostgresReplies) -> None:
    store.release("user:1", "k", begun(store).run)
    begun(store)


def test_an_attempt_that_died_is_taken_over_and_cannot_answer_any_more(
    store: PostgresReplies,
) -> None:
    first = begun(store)
    later = NOW + TAKEN_FOR_DEAD
    second = begun(store, at=later)
    store.finish("user:1", "k", first.run, KeptReply(500, (), b"late"))
    store.release("user:1", "k", first.run)
    assert store.begin("user:1", "k", b"digest", later) == Running()
    store.finish("user:1", "k", second.run, ANSWER)
    assert store.begin("user:1", "k", b"digest", later) == ANSWER


def test_after_a_day_the_key_is_new_and_old_rows_go(
    store: PostgresReplies, engine: sa.Engine
) -> None:
    for number in range(130):
        begun(store, f"k{number}")
    later = NOW + KEPT
    assert isinstance(store.begin("user:1", "k129", b"another", later), Begun)
    begun(store, "fresh", later)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(sa.func.count()).select_from(api_replies)).scalar()
    assert rows == 2


def test_of_many_at_once_one_begins(store: PostgresReplies) -> None:
    found: list[object] = []
    gate = threading.Barrier(12)

    def try_it() -> None:
        gate.wait()
        found.append(store.begin("user:1", "k", b"digest", NOW))

    threads = [threading.Thread(target=try_it) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(each, Begun) for each in found) == 1
    assert sum(each == Running() for each in found) == 11
