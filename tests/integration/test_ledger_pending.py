"""`tollgate ledger pending`: money is held, then posted, given back, or its time is over."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller import bootstrap
from controller.cli.ledger import ledger_group
from controller.config import Settings
from controller.domain.admission import AdmissionRules
from controller.domain.movements import NotMoved
from controller.domain.reasons import Refused
from controller.persistence.movement_store import PostgresMovements
from controller.services.journal_entries import Admit
from controller.services.movements.orders import Ending, Hold
from controller.services.movements.replies import PendingReply
from controller.services.movements.two_phase import TwoPhase
from tests.integration.command_line import Ran, run, settings_for
from tests.integration.placed_calls import Caller
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, plant

pytestmark = pytest.mark.postgres

SELL = {"39": "0|0:0.60/60/1"}


@pytest.fixture
def settings(engine: sa.Engine, database_url: str, tmp_path: Path) -> Iterator[Settings]:
    """`customer` has 100 USD, `agent` above it 50 USD."""
    plant(engine, Seed((5061,), balance=Decimal(100), agents=(Agent("agent", SELL, Decimal(50)),)))
    settings = settings_for(database_url, tmp_path)
    yield settings
    assert_books_balance(engine)
    assert run(ledger_group, settings, "verify").status == 0


def pending(settings: Settings, *arguments: str) -> Ran:
    return run(ledger_group, settings, "pending", *arguments)


def hold(settings: Settings, *arguments: str) -> None:
    assert pending(settings, "hold", *arguments).status == 0


def money(settings: Settings, account: str = "customer") -> tuple[str, str, str, str]:
    """Balance, reserved, of that pending, available."""
    found: dict[str, Any] = run(ledger_group, settings, "balance", account, "--json").json
    return (found["balance"], found["reserved"], found["pending"], found["available"])


def listed(settings: Settings, *arguments: str) -> list[tuple[str, str]]:
    found = pending(settings, "list", *arguments, "--json").json["pending"]
    return [(p["key"], p["state"]) for p in found]


def overdue(engine: sa.Engine, key: str) -> None:
    """As if its time were over: past the trigger that keeps its expiry."""
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        statement = sa.text(
            "UPDATE pending_movements p SET expires_at = now() FROM movements m"
            " WHERE m.id = p.id AND m.key = :key"
        )
        assert connection.execute(statement, {"key": key}).rowcount == 1


def test_what_is_held_is_not_available(settings: Settings, engine: sa.Engine) -> None:
    hold(settings, "customer", "99.5", "--key", "k")
    assert money(settings) == ("100", "99.5", "99.5", "0.5")
    caller = Caller(engine, settings.database_url or "")
    (refused,) = caller.store.commit([Admit(caller.draft(), AdmissionRules())])
    assert isinstance(refused, Refused)
    assert pending(settings, "void", "k").status == 0
    caller.settle(caller.admit(), 60)
    caller.close()
    assert money(settings) == ("99.4", "0", "0", "99.4")


# what is done with 40 held of customer's 100 for agent, who has 50; then both balances
ENDS = [
    (("post", "k"), "posted", "60", "90"),
    (("post", "k", "40"), "posted", "60", "90"),
    (("post", "k", "12.5"), "posted", "87.5", "62.5"),
    (("void", "k"), "voided", "100", "50"),
]


@pytest.mark.parametrize(("end", "state", "customer", "agent"), ENDS)
def test_each_end_comes_once(
    settings: Settings, end: tuple[str, ...], state: str, customer: str, agent: str
) -> None:
    hold(settings, "customer", "40", "--key", "k", "--to", "agent", "--memo", "top-up")
    first = pending(settings, *end, "--json")
    assert (first.status, first.json["recorded"], first.json["state"]) == (0, True, state)
    again = pending(settings, *end, "--json")
    assert (again.status, again.json["recorded"], again.json["state"]) == (0, False, state)
    assert money(settings) == (customer, "0", "0", customer)
    assert money(settings, "agent") == (agent, "0", "0", agent)
    assert "nothing done now" in pending(settings, *end).out
    lines = run(ledger_group, settings, "history", "agent", "--json").json["lines"]
    if state == "posted":
        assert (lines[-1]["kind"], lines[-1]["memo"], lines[-1]["key"]) == (
            "transfer",
            "top-up",
            "k",
        )


@pytest.mark.parametrize(
    ("first", "then", "why"),
    [
        (("post", "k"), ("void", "k"), "it was posted before"),
        (("post", "k", "5"), ("post", "k"), "it was posted with 5 before, not 40"),
        (("post", "k"), ("post", "k", "5"), "it was posted with 40 before, not 5"),
        (("void", "k"), ("post", "k"), "it was voided before"),
        (("list",), ("post", "k", "40.01"), "40 is held, 40.01 cannot be posted"),
    ],
)
def test_an_end_is_an_end(
    settings: Settings, first: tuple[str, ...], then: tuple[str, ...], why: str
) -> None:
    hold(settings, "customer", "40", "--key", "k", "--to", "agent")
    assert pending(settings, *first).status == 0
    before = money(settings), money(settings, "agent")
    ran = pending(settings, *then)
    assert (ran.status, ran.out) == (1, "")
    assert why in ran.err
    assert (money(settings), money(settings, "agent")) == before


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (("hold", "customer", "100.01", "--key", "k"), 1, "customer has 100 USD available"),
        (("hold", "customer", "1", "--key", "k", "--to", "customer"), 1, "cannot pay itself"),
        (("hold", "nobody", "1", "--key", "k"), 2, "no account 'nobody'"),
        (("hold", "cash:USD", "1", "--key", "k"), 2, "no account 'cash:USD'"),
        (("hold", "customer", "1", "--key", "k", "--to", "nobody"), 2, "no account 'nobody'"),
        (("hold", "customer", "0", "--key", "k"), 2, "positive number"),
        (("hold", "customer", "1"), 2, "Missing parameter: key"),
        (("hold", "customer", "1", "--key", "k", "--expires", "2001-01-01"), 2, "within the next"),
        (("hold", "customer", "1", "--key", "k", "--expires", "2999-01-01"), 2, "within the next"),
        (("hold", "customer", "1", "--key", "k", "--expires", "soon"), 2, "--expires"),
        (("post", "nothing"), 2, "no pending movement has the key 'nothing'"),
        (("post", "opening"), 2, "no pending movement has the key 'opening'"),
        (("post", "k", "1e2"), 2, "positive number"),
        (("void", "nothing"), 2, "no pending movement has the key 'nothing'"),
    ],
)
def test_what_is_not_held(
    settings: Settings, arguments: tuple[str, ...], status: int, why: str
) -> None:
    ran = pending(settings, *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert why in ran.err
    assert len(ran.err.splitlines()) == 1
    assert money(settings) == ("100", "0", "0", "100")


def test_a_hold_sent_again_is_the_same_hold(settings: Settings) -> None:
    hold(settings, "customer", "40", "--key", "k")
    again = pending(settings, "hold", "customer", "40.0", "--key", "k", "--json").json
    assert (again["recorded"], again["state"]) == (False, "pending")
    other = pending(settings, "hold", "customer", "41", "--key", "k")
    assert (other.status, "amount 40, not 41" in other.err) == (1, True)
    assert money(settings) == ("100", "40", "40", "60")


def test_the_list(settings: Settings) -> None:
    hold(settings, "customer", "1", "--key", "one")
    hold(settings, "customer", "2", "--key", "two", "--to", "agent")
    hold(settings, "agent", "3", "--key", "three")
    assert pending(settings, "post", "one", "0.5", "--memo", "less", "--who", "anna").status == 0
    assert listed(settings) == [("three", "pending"), ("two", "pending")]
    assert listed(settings, "--all") == [
        ("three", "pending"),
        ("two", "pending"),
        ("one", "posted"),
    ]
    assert listed(settings, "--account", "customer") == [("two", "pending")]
    assert listed(settings, "--account", "agent", "--limit", "1") == [("three", "pending")]
    one = pending(settings, "list", "--all", "--json").json["pending"][-1]
    assert (one["posted"], one["amount"], one["ended_by"], one["ended_memo"]) == (
        "0.5",
        "1",
        "anna",
        "less",
    )
    assert "three" in pending(settings, "list").out


# -- time -----------------------------------------------------------------------------------


def test_a_day_is_the_usual_time(settings: Settings) -> None:
    before = datetime.now(UTC)
    found = pending(settings, "hold", "customer", "1", "--key", "k", "--json").json
    expires = datetime.fromisoformat(found["expires_at"])
    assert timedelta(days=1) <= expires - before < timedelta(days=1, minutes=5)


def test_the_timed_job_gives_back_what_had_its_time(settings: Settings, engine: sa.Engine) -> None:
    hold(settings, "customer", "10", "--key", "late")
    hold(settings, "customer", "20", "--key", "too late")
    hold(settings, "agent", "30", "--key", "of the agent")
    hold(settings, "customer", "40", "--key", "in time")
    for key in ("late", "too late", "of the agent"):
        overdue(engine, key)
    bootstrap.expire_pending_movements(engine)
    assert money(settings) == ("100", "40", "40", "60")
    assert money(settings, "agent") == ("50", "0", "0", "50")
    assert listed(settings) == [("in time", "pending")]
    bootstrap.expire_pending_movements(engine)
    assert money(settings) == ("100", "40", "40", "60")


@pytest.mark.parametrize(
    ("access", "status", "said"),
    [
        (("pending", "post", "late"), 1, "it has expired"),
        (("pending", "void", "late"), 0, "expired"),
        (("pending", "hold", "customer", "100", "--key", "next"), 0, "held: 100 USD"),
        (("withdraw", "customer", "100", "--key", "next"), 0, "withdrawal: 100 USD"),
        (("transfer", "customer", "agent", "100", "--key", "next"), 0, "transfer: 100 USD"),
        (("make-zero", "customer", "--key", "next", "--yes"), 0, "make zero: 100 USD"),
        (("credit", "customer", "0", "--set", "--key", "next"), 0, "overdraft limit"),
    ],
)
def test_who_comes_before_the_job_finds_it_expired(
    settings: Settings, engine: sa.Engine, access: tuple[str, ...], status: int, said: str
) -> None:
    hold(settings, "customer", "90", "--key", "late")
    overdue(engine, "late")
    ran = run(ledger_group, settings, *access)
    assert ran.status == status
    assert said in ran.out + ran.err
    assert listed(settings, "--all")[-1] == ("late", "expired")
    assert money(settings)[1] == ("100" if "hold" in access else "0")


@pytest.mark.usefixtures("settings")
def test_a_hold_that_expires_while_it_is_awaited(engine: sa.Engine) -> None:
    """By the database's clock, without anybody's help."""
    expires = datetime.now(UTC) + timedelta(seconds=1.5)
    held = TwoPhase(PostgresMovements(engine)).hold(
        Hold(account="customer", amount=Decimal(5), key="k", expires_at=expires)
    )
    assert isinstance(held, PendingReply)
    threading.Event().wait(2)
    refused = TwoPhase(PostgresMovements(engine)).post(Ending(key="k", who="anna"), None)
    assert refused == NotMoved("it has expired")


# -- races ----------------------------------------------------------------------------------


def at_once(works: list[Any]) -> None:
    start = threading.Barrier(len(works))

    def begin(work: Any) -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=begin, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ends_of(two_phase: TwoPhase, key: str) -> list[PendingReply | NotMoved]:
    """Three posts and three voids, all at once."""
    outcomes: list[PendingReply | NotMoved] = []
    posts = [lambda: outcomes.append(two_phase.post(Ending(key=key, who="a"), None))] * 3
    voids = [lambda: outcomes.append(two_phase.void(Ending(key=key, who="b")))] * 3
    at_once([*posts, *voids])
    return outcomes


def test_posts_and_voids_of_one_hold_at_once(settings: Settings, engine: sa.Engine) -> None:
    """One end wins; whoever wanted the same is told that it is so."""
    two_phase = TwoPhase(PostgresMovements(engine))
    for number in range(8):
        key = f"k{number}"
        hold(settings, "customer", "2", "--key", key, "--to", "agent")
        outcomes = ends_of(two_phase, key)
        done = [o for o in outcomes if isinstance(o, PendingReply)]
        assert len(outcomes) == 6
        assert sum(o.recorded for o in done) == 1
        assert len({o.pending.state for o in done}) == 1
        assert len(done) == 3
    states = [state for _, state in listed(settings, "--all")]
    posted = states.count("posted")
    assert posted + states.count("voided") == 8
    assert money(settings) == (str(100 - 2 * posted), "0", "0", str(100 - 2 * posted))


def test_holds_at_once_take_no_more_than_there_is(settings: Settings, engine: sa.Engine) -> None:
    two_phase = TwoPhase(PostgresMovements(engine))
    outcomes: list[PendingReply | NotMoved] = []

    def take(number: int) -> None:
        order = Hold(account="customer", amount=Decimal(30), key=f"h{number}")
        outcomes.append(two_phase.hold(order))

    at_once([lambda n=number: take(n) for number in range(8)])
    assert sum(isinstance(o, PendingReply) for o in outcomes) == 3
    assert money(settings) == ("100", "90", "90", "10")
