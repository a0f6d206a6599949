"""Limits on a real PostgreSQL: never passed, whoever races, and never stuck."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.call_record import RecordRules
from controller.domain.holdings import SECOND_US
from controller.domain.reasons import Reason, Refused
from controller.domain.ticket import Ticket
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.ledger_store import PostgresBooks
from controller.services.journal_entries import Admit, Answered, Attempted, End, Extend, Outcome
from tests.integration.placed_calls import SWITCH, Caller, end_of
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Customer, Seed, pay, plant
from tests.unit.domain.builders import attempt_ended

RULES = AdmissionRules()
RECORDS = RecordRules()
PLENTY = Decimal(100_000)
RESELLER = Agent("reseller", {"39": "0|0:0.10/60/60"}, balance=PLENTY)


def seed(**changes: Any) -> Seed:
    values: dict[str, Any] = {"balance": PLENTY, "vendor_ports": (5080, 5081)}
    return Seed(**(values | changes))


def execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def rows(engine: sa.Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


GROUPS = (
    "INSERT INTO gateway_groups (name, capacity) VALUES ('east', NULL), ('west', NULL)",
    "INSERT INTO mapping_gateway_groups SELECT m.id, g.id FROM mapping_gateways m,"
    " gateway_groups g WHERE g.name = 'east'",
    # the first vendor is in east like the customer, both vendors are in west
    "INSERT INTO routing_gateway_groups SELECT r.id, g.id FROM routing_gateways r,"
    " gateway_groups g WHERE g.name = 'west' OR r.name = 'vendor-1-trunk'",
)


def used(engine: sa.Engine) -> dict[str, int]:
    """Calls in progress, by what they count in; what nobody uses is left out."""
    found = rows(
        engine,
        """
        SELECT kind || ' ' || coalesce(m.name, r.name, l.name, p.number, ''), used
        FROM line_limits l
        LEFT JOIN mapping_gateways m ON kind = 'mapping' AND m.id = l.id
        LEFT JOIN routing_gateways r ON kind = 'routing' AND r.id = l.id
        LEFT JOIN phones p ON kind LIKE 'phone%' AND p.id = l.id
        WHERE used <> 0
        UNION ALL
        SELECT 'accounts of ' || a.name, f.subtree_lines
        FROM account_funds f JOIN accounts a ON a.id = f.account_id WHERE f.subtree_lines <> 0
        """,
    )
    return dict(sorted(found))


def assert_all_is_well(engine: sa.Engine) -> None:
    assert_books_balance(engine)
    assert PostgresBooks(engine).verify(lambda _: None).differences == ()


def admitted(outcome: Outcome) -> Admitted:
    assert isinstance(outcome, Admitted), outcome
    return outcome


def end(ticket: Ticket, talked_s: int = 0) -> End:
    """As another process knows it: the stored ticket decides."""
    return End(end_of(ticket, talked_s), None, None, RECORDS)


# -- what a call counts in -------------------------------------------------------------------


def test_a_call_counts_everywhere_until_its_end(engine: sa.Engine, database_url: str) -> None:
    plant(engine, seed(agents=(RESELLER,), mapping={"allow_phone_billing": True}))
    execute(
        engine,
        *GROUPS,
        "INSERT INTO phones (number, account_id) SELECT '0612345678', id FROM accounts"
        " WHERE name = 'customer'",
    )
    caller = Caller(engine, database_url)
    ticket = caller.admit()
    everything = {
        "accounts of customer": 1,
        "accounts of reseller": 1,
        "group east": 1,
        "group west": 1,
        "mapping customer-trunk": 1,
        "phone 0612345678": 1,
        "phone_out 0612345678": 1,
        "routing vendor-1-trunk": 1,
        "routing vendor-2-trunk": 1,
    }
    assert used(engine) == everything
    assert_all_is_well(engine)
    # what it belongs to stays as it was, whatever becomes of the groups
    execute(engine, "DELETE FROM routing_gateway_groups", "DELETE FROM mapping_gateway_groups")
    other = Caller(engine, database_url)
    assert other.draft().group_ids == ()
    assert_all_is_well(engine)
    caller.store.commit([end(ticket)])
    assert used(engine) == {}
    assert_all_is_well(engine)


def test_the_answer_frees_vendors_and_the_groups_that_only_they_needed(
    engine: sa.Engine, database_url: str
) -> None:
    plant(engine, seed())
    execute(engine, *GROUPS, "DELETE FROM routing_gateway_groups")
    execute(
        engine,
        "INSERT INTO routing_gateway_groups SELECT r.id, g.id FROM routing_gateways r,"
        " gateway_groups g WHERE g.name = 'west' AND r.name = 'vendor-1-trunk'",
    )
    caller = Caller(engine, database_url)
    ticket = caller.admit()
    assert "group west" in used(engine)
    second = ticket.attempts[1].gateway_id
    for _ in range(2):  # an answer that is told twice frees nothing twice
        caller.store.commit([Answered(ticket, ticket.offered_us + 1, second)])
        assert used(engine) == {
            "accounts of customer": 1,
            "group east": 1,
            "mapping customer-trunk": 1,
            "routing vendor-2-trunk": 1,
        }
        assert_all_is_well(engine)
    caller.store.commit([Extend(ticket, 60, ticket.offered_us), Attempted(_attempt(ticket))])
    assert_all_is_well(engine)
    caller.store.commit([end(ticket, 90)])
    assert used(engine) == {}
    assert_all_is_well(engine)


def _attempt(ticket: Ticket) -> Any:
    return attempt_ended(call_id=ticket.call_id, leg_id=ticket.attempts[0].leg_id, switch_id=SWITCH)


# -- races -----------------------------------------------------------------------------------


def race(callers: Sequence[Caller], url: str, calls: int, batch: int = 7) -> list[Outcome]:
    """Each caller's calls from two processes' worth of connections."""
    entries = [Admit(caller.draft(), RULES) for _ in range(calls) for caller in callers]
    outcomes: list[Outcome] = []

    def admit(share: list[Admit]) -> None:
        store = PostgresCallStore(url)
        for start in range(0, len(share), batch):
            outcomes.extend(store.commit(share[start : start + batch]))
        store.close()

    run_threads([partial(admit, entries[part::2]) for part in (0, 1)])
    assert len(outcomes) == len(entries)
    return outcomes


def run_threads(work: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def reasons(outcomes: Sequence[Outcome]) -> Counter[str]:
    return Counter(
        str(outcome.reason) if isinstance(outcome, Refused) else "admitted" for outcome in outcomes
    )


def test_two_controllers_race_for_the_lines_of_an_agents_accounts(
    engine: sa.Engine, database_url: str
) -> None:
    """20 calls for the reseller's two customers together; the reseller's own are none of them."""
    second = Customer("second", 5070, balance=PLENTY)
    plant(engine, seed(agents=(RESELLER,), more_customers=(second,)))
    execute(
        engine,
        "UPDATE accounts a SET parent_id = p.id FROM accounts p"
        " WHERE a.name = 'second' AND p.name = 'reseller'",
        "UPDATE accounts SET subtree_capacity = 20 WHERE name = 'reseller'",
    )
    callers = [Caller(engine, database_url), Caller(engine, database_url, port=5070)]
    outcomes = race(callers, database_url, calls=40)
    assert reasons(outcomes) == {"admitted": 20, "agent_capacity": 60}
    assert Refused(Reason.AGENT_CAPACITY, "agent reseller: 20 of 20 calls of its accounts") in (
        outcomes
    )
    counted = used(engine)
    assert counted["accounts of reseller"] == 20
    assert counted["accounts of customer"] + counted["accounts of second"] == 20
    assert_all_is_well(engine)


@pytest.mark.parametrize(
    ("group", "reason", "detail"),
    [
        ("east", "group_capacity", "group east: 30 of 30 calls"),
        (
            "west",
            "no_route_capacity",
            "vendor-1-trunk: group west: 30 of 30 calls,"
            " vendor-2-trunk: group west: 30 of 30 calls",
        ),
    ],
)
def test_two_controllers_race_for_the_lines_of_a_group(
    engine: sa.Engine, database_url: str, group: str, reason: str, detail: str
) -> None:
    plant(engine, seed())
    execute(engine, *GROUPS)
    execute(engine, f"UPDATE gateway_groups SET capacity = 30 WHERE name = '{group}'")  # noqa: S608
    outcomes = race([Caller(engine, database_url)], database_url, calls=80)
    assert reasons(outcomes) == {"admitted": 30, reason: 50}
    assert Refused(Reason(reason), detail) in outcomes
    assert used(engine)[f"group {group}"] == 30
    assert_all_is_well(engine)


def test_two_controllers_race_for_the_money_at_a_prepaid_vendor(
    engine: sa.Engine, database_url: str
) -> None:
    """0.30 a minute by the second, 62 s held of each call: 0.31. 6.20 carry 20 calls."""
    plant(engine, seed(routing={"prepaid": True}, vendor_ports=(5080,)))
    with engine.begin() as connection:
        pay(connection, "vendor-1", Decimal("6.25"), "to the vendor")
    caller = Caller(engine, database_url)
    outcomes = race([caller], database_url, calls=40)
    assert reasons(outcomes) == {"admitted": 20, "no_route_capacity": 20}
    assert (
        Refused(Reason.NO_ROUTE_CAPACITY, "vendor-1-trunk: available 0.05, needed 0.31") in outcomes
    )
    assert_all_is_well(engine)
    held = "SELECT DISTINCT array_length(vendor_ids, 1), trim_scale(vendor_reserved[1])::text"
    assert rows(engine, f"{held} FROM calls") == [(1, "0.31")]
    for ticket, _, _ in caller.store.open_calls(SWITCH):
        # each a moment longer than its grant: the vendor is paid for the true duration
        caller.store.commit([end(ticket, 62)])
    money = "SELECT trim_scale(balance)::text, reserved FROM account_funds f JOIN accounts a"
    assert rows(engine, f"{money} ON a.id = f.account_id WHERE a.name = 'vendor-1'") == [
        ("0.05", 0)
    ]
    assert_all_is_well(engine)


def test_the_money_at_a_prepaid_vendor_is_held_released_extended_and_used_up(
    engine: sa.Engine, database_url: str
) -> None:
    plant(engine, seed(routing={"prepaid": True}))
    with engine.begin() as connection:
        pay(connection, "vendor-1", Decimal("0.31"), "one")
        pay(connection, "vendor-2", Decimal("0.70"), "two")
    caller = Caller(engine, database_url)
    money = """SELECT trim_scale(f.reserved)::text FROM account_funds f
        JOIN accounts a ON a.id = f.account_id WHERE a.kind = 'clearing' ORDER BY a.name"""
    ticket = caller.admit()
    assert rows(engine, money) == [("0.31",), ("0.31",)]
    second = ticket.attempts[1].gateway_id
    caller.store.commit([Answered(ticket, ticket.offered_us, second)])
    assert rows(engine, money) == [("0",), ("0.31",)]
    (more,) = caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
    assert admitted(more).granted_s == 120
    assert rows(engine, money) == [("0",), ("0.61",)]
    assert_all_is_well(engine)
    (last,) = caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
    assert admitted(last).granted_s == 138
    assert caller.store.commit([Extend(ticket, 60, ticket.offered_us)]) == [
        Refused(
            Reason.VENDOR_BALANCE_EXHAUSTED,
            "vendor vendor-2-trunk: available 0.7, needed 1 for 198 s",
        )
    ]
    assert_all_is_well(engine)
    ended = replace(end_of(ticket, 140), connected_leg=ticket.attempts[1].leg_id)
    caller.store.commit([End(ended, None, None, RECORDS)])
    balances = money.replace("f.reserved", "f.balance")
    assert (rows(engine, money), rows(engine, balances)) == (
        [("0",), ("0",)],
        [("0.31",), ("0",)],
    )
    assert_all_is_well(engine)


# -- calls a second --------------------------------------------------------------------------

WATCH = """
CREATE TABLE seen (kind text, recent json);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (NEW.kind, NEW.recent);
    RETURN NULL;
END $$;
CREATE TRIGGER see AFTER UPDATE ON lines FOR EACH ROW
    WHEN (NEW.recent IS NOT NULL) EXECUTE FUNCTION see();
"""


def most_in_a_second(engine: sa.Engine, kind: str) -> tuple[int, int]:
    """Admissions in all, and the most of them in any second, by the database's clock."""
    times: dict[int, int] = {}
    for seen, recent in rows(engine, "SELECT kind, recent FROM seen"):
        for at_us, calls in recent if seen == kind else ():
            times[at_us] = max(calls, times.get(at_us, 0))
    most = max(
        sum(calls for at_us, calls in times.items() if first <= at_us < first + SECOND_US)
        for first in times
    )
    return sum(times.values()), most


@pytest.mark.parametrize(
    ("kind", "limit", "reason"),
    [
        ("mapping", "UPDATE mapping_gateways SET calls_per_second = 5", "gateway_cps"),
        ("routing", "UPDATE routing_gateways SET calls_per_second = 5", "no_route_capacity"),
        ("system", "SELECT 1", "system_cps"),
    ],
)
def test_g3_no_second_has_more_calls_than_its_limit_whoever_admits_them(
    engine: sa.Engine, database_url: str, kind: str, limit: str, reason: str
) -> None:
    """Two controllers try as fast as they can for two seconds and a bit."""
    plant(engine, seed(vendor_ports=(5080,)))
    execute(engine, limit, WATCH)
    caller = Caller(engine, database_url)
    rules = replace(RULES, calls_per_second=5 if kind == "system" else None)
    drafts = [caller.draft() for _ in range(80)]
    until = time.monotonic() + 2.3
    outcomes: list[Outcome] = []

    def admit(share: list[Ticket]) -> None:
        store = PostgresCallStore(database_url)
        while time.monotonic() < until:
            tried = [Admit(ticket, rules) for ticket in share[:2]]
            outcomes.extend(found := store.commit(tried))
            # a refused one tries again
            del share[: sum(isinstance(outcome, Admitted) for outcome in found)]
        store.close()

    run_threads([partial(admit, drafts[part::2]) for part in (0, 1)])
    counted = reasons(outcomes)
    assert set(counted) == {"admitted", reason}
    assert most_in_a_second(engine, kind) == (counted["admitted"], 5)
    assert counted["admitted"] >= 10
    assert_all_is_well(engine)


def test_g3_the_sixth_call_goes_to_the_next_vendor_and_comes_back_a_second_later(
    engine: sa.Engine, database_url: str
) -> None:
    plant(engine, seed())
    execute(
        engine, "UPDATE routing_gateways SET calls_per_second = 5 WHERE name = 'vendor-1-trunk'"
    )
    caller = Caller(engine, database_url)

    def place() -> list[str]:
        """The vendors of a call's plan."""
        ticket = caller.draft()
        outcome = admitted(caller.store.commit([Admit(ticket, RULES)])[0])
        return [a.gateway for a in ticket.attempts if a.gateway_id in outcome.gateway_ids]

    assert [place() for _ in range(6)] == [["vendor-1-trunk", "vendor-2-trunk"]] * 5 + [
        ["vendor-2-trunk"]
    ]
    time.sleep(1.01)
    assert place() == ["vendor-1-trunk", "vendor-2-trunk"]
    # the second vendor is dialed because another one failed: counted, though nobody could refuse
    execute(engine, "UPDATE routing_gateways SET calls_per_second = 1")
    ticket = caller.draft()
    failed = Attempted(_attempt(ticket), ticket.attempts[1].gateway_id)
    caller.store.commit([failed])
    outcome = caller.store.commit([Admit(ticket, RULES)])[0]
    assert outcome == Refused(
        Reason.NO_ROUTE_CAPACITY,
        "vendor-1-trunk: 1 calls a second, vendor-2-trunk: 1 calls a second",
    )
    assert_all_is_well(engine)


def test_where_calls_a_second_are_not_limited_nothing_is_kept_of_them(
    engine: sa.Engine, database_url: str
) -> None:
    plant(engine, seed())
    Caller(engine, database_url).admit()
    assert rows(engine, "SELECT kind FROM lines WHERE recent IS NOT NULL") == []


# -- the check of everything -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "check", "what", "stored", "expected"),
    [
        (
            "UPDATE account_funds SET subtree_lines = 9 WHERE account_id ="
            " (SELECT id FROM accounts WHERE name = 'reseller')",
            "reserved money and lines",
            "lines of its accounts",
            "9",
            "1",
        ),
        ("UPDATE lines SET used = 2 WHERE kind = 'group'", "lines", "group lines", "2", "1"),
        ("UPDATE lines SET used = 0 WHERE kind = 'phone'", "lines", "phone lines", "0", "1"),
        (
            "UPDATE lines SET used = 0 WHERE kind = 'phone_out'",
            "lines",
            "phone out lines",
            "0",
            "1",
        ),
        ("UPDATE lines SET used = 3 WHERE kind = 'phone_in'", "lines", "phone in lines", "3", "0"),
        ("UPDATE lines SET used = 4 WHERE kind = 'system'", "lines", "system lines", "4", "0"),
        (
            "UPDATE lines SET used = 2 WHERE kind = 'mapping'",
            "lines",
            "mapping gateway lines",
            "2",
            "1",
        ),
        (
            "UPDATE lines SET used = 0 WHERE kind = 'routing'",
            "lines",
            "routing gateway lines",
            "0",
            "1",
        ),
        (
            "UPDATE account_funds SET reserved = 0 WHERE account_id ="
            " (SELECT id FROM accounts WHERE name = 'vendor-1')",
            "reserved money and lines",
            "reserved",
            "0",
            "0.31",
        ),
        (
            "UPDATE calls SET vendor_reserved = '{0.30}'",
            "reservations",
            "held at vendor #{vendor} for 60 s",
            "0.3",
            "0.31",
        ),
        (
            "UPDATE calls SET vendor_ids = '{}', vendor_reserved = '{}'",
            "reservations",
            "held at vendor #{vendor} for 60 s",
            "none",
            "0.31",
        ),
    ],
)
def test_each_difference_is_named(
    engine: sa.Engine,
    database_url: str,
    broken: str,
    check: str,
    what: str,
    stored: str,
    expected: str,
) -> None:
    plant(
        engine,
        seed(
            agents=(RESELLER,),
            mapping={"allow_phone_billing": True},
            routing={"prepaid": True},
            vendor_ports=(5080,),
        ),
    )
    execute(
        engine,
        *GROUPS[:2],
        "INSERT INTO phones (number, account_id) SELECT '0612345678', id FROM accounts"
        " WHERE name = 'customer'",
    )
    with engine.begin() as connection:
        pay(connection, "vendor-1", Decimal(5), "to the vendor")
    Caller(engine, database_url).admit()
    assert_all_is_well(engine)
    ((vendor,),) = rows(engine, "SELECT id FROM accounts WHERE name = 'vendor-1'")
    # one group only, or two would differ
    execute(engine, "DELETE FROM lines WHERE kind = 'group' AND used = 0", broken)
    differences = PostgresBooks(engine).verify(lambda _: None).differences
    found = [d for d in differences if (d.check, d.what) == (check, what.format(vendor=vendor))]
    assert [(d.stored, d.expected) for d in found] == [(stored, expected)]
