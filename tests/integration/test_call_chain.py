"""Calls of a customer below two agents, with a package and a phone: what stands in the database."""

import threading
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.call_record import RecordRules
from controller.domain.configuration import RateSelection
from controller.domain.reasons import Reason, Refused
from controller.persistence import schema as t
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.ledger_store import PostgresBooks
from controller.services.journal_entries import Admit, End, Extend, Outcome, Settled
from tests.integration.placed_calls import Caller, end_of
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Customer, Seed, give_package, plant

FIRST_TIME = "0|0:=0.21;180:0.15/60/60"
AGENTS = (
    Agent("reseller", {"39": "0|0:0.10/60/60"}, tax_percent=Decimal(10)),
    Agent("master", {"3906": "0|0:0.06/60/1"}, balance=Decimal(5)),
)
RULES = RecordRules()


def chain(**changes: Any) -> Seed:
    seed: dict[str, Any] = {
        "sell": {"39": FIRST_TIME},
        "cost": {"39": "0|0:0.03/60/1"},
        "tax_percent": Decimal(10),
        "agents": AGENTS,
    }
    return Seed((5080,), **(seed | changes))


def rows(engine: sa.Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def assert_all_is_well(engine: sa.Engine) -> None:
    assert_books_balance(engine)
    found = PostgresBooks(engine).verify(lambda _: None)
    assert found.differences == ()


POSTINGS = """
SELECT p.kind, d.name, c.name, trim_scale(p.amount)::text
FROM postings p JOIN accounts d ON d.id = p.debit_account_id
JOIN accounts c ON c.id = p.credit_account_id
WHERE p.call_id IS NOT NULL ORDER BY p.kind, d.name
"""
LINES = """
SELECT l.party, a.name, l.rate_group, l.prefix, l.billed_s, l.raw, trim_scale(l.net)::text,
    trim_scale(l.tax)::text, l.free_s, trim_scale(l.gift)::text
FROM cdr_charges l JOIN accounts a ON a.id = l.account_id ORDER BY l.party
"""


def test_every_party_is_charged_at_its_own_rates(engine: sa.Engine, database_url: str) -> None:
    """B2's call of 250 s below two agents: the exact postings, and a line of each party."""
    plant(engine, chain())
    caller = Caller(engine, database_url)
    ticket = caller.admit()
    for _ in range(4):
        caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
    assert_all_is_well(engine)
    caller.store.commit([End(end_of(ticket, 250), ticket, None, RULES)])
    assert rows(engine, POSTINGS) == [
        ("call_charge", "customer", "resale:USD", "0.51"),
        ("call_charge", "master", "revenue:USD", "0.25"),
        ("call_charge", "reseller", "resale:USD", "0.5"),
        ("call_cost", "vendor-1", "termination_cost:USD", "0.125"),
        ("call_tax", "customer", "resale:USD", "0.051"),
        ("call_tax", "reseller", "resale:USD", "0.05"),
    ]
    assert rows(engine, LINES) == [
        (-1, "vendor-1", "cost", "39", 250, "1/8", "0.125", "0", 0, "0"),
        (0, "customer", "sell", "39", 300, "51/100", "0.51", "0.051", 0, "0"),
        (1, "reseller", "reseller-deck", "39", 300, "1/2", "0.5", "0.05", 0, "0"),
        (2, "master", "master-deck", "3906", 250, "1/4", "0.25", "0", 0, "0"),
    ]
    assert_all_is_well(engine)


def test_an_agent_without_money_refuses_the_call_and_is_named(
    engine: sa.Engine, database_url: str
) -> None:
    poor = (AGENTS[0], Agent("master", {"39": "0|0:0.06/60/1"}, balance=Decimal("0.05")))
    plant(engine, chain(agents=poor))
    caller = Caller(engine, database_url)
    outcome = caller.store.commit([Admit(caller.draft(), AdmissionRules())])[0]
    assert outcome == Refused(
        Reason.INSUFFICIENT_BALANCE, "agent master: available 0.05, needed 0.06 for 60 s"
    )
    assert rows(engine, "SELECT * FROM calls") == []
    assert_all_is_well(engine)


def test_two_controllers_race_on_the_agents_balance(engine: sa.Engine, database_url: str) -> None:
    """The top agent's 3.00 carry 50 calls of 0.06, whoever calls."""
    agents = (AGENTS[0], Agent("master", {"39": "0|0:0.06/60/1"}, balance=Decimal(3)))
    plant(engine, chain(agents=agents))
    outcomes = race(engine, database_url, calls=90)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(outcomes) - len(refused) == 50
    assert {outcome.reason for outcome in refused} == {Reason.INSUFFICIENT_BALANCE}
    assert_all_is_well(engine)


def test_free_seconds_then_gift_money_then_the_balance(
    engine: sa.Engine, database_url: str
) -> None:
    """250 s with 100 free seconds and 0.20 of gift money: 150 s at 0.21 + 10 % are 0.231."""
    plant(engine, chain(free_s=100, gift=Decimal("0.20"), agents=()))
    caller = Caller(engine, database_url)
    ticket = caller.admit()
    assert rows(engine, "SELECT reserved_s FROM active_free_seconds") == [(60,)]
    for _ in range(4):
        (more,) = caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
        assert isinstance(more, Admitted)
    assert_all_is_well(engine)
    caller.store.commit([End(end_of(ticket, 250), ticket, None, RULES)])
    assert rows(engine, POSTINGS) == [
        ("call_charge", "customer", "revenue:USD", "0.21"),
        ("call_cost", "vendor-1", "termination_cost:USD", "0.125"),
        ("call_tax", "customer", "tax:USD", "0.021"),
        ("gift", "gifts:USD", "customer", "0.2"),
    ]
    assert rows(engine, LINES)[1] == (
        *(0, "customer", "sell", "39", 180, "21/100", "0.21", "0.021"),
        *(100, "0.2"),
    )
    assert rows(engine, "SELECT left_s, reserved_s FROM active_free_seconds") == [(0, 0)]
    assert rows(
        engine,
        "SELECT trim_scale(gift_left)::text, trim_scale(gift_reserved)::text,"
        " trim_scale(consumption)::text FROM active_packages",
    ) == [("0", "0", "0.231")]
    assert_all_is_well(engine)


def test_racing_calls_never_spend_the_same_free_second_twice(
    engine: sa.Engine, database_url: str
) -> None:
    """600 free seconds and no money: ten calls of 60 s get them, whoever comes first."""
    plant(engine, chain(free_s=600, balance=Decimal(0), agents=()))
    outcomes = race(engine, database_url, calls=60)
    admitted = [outcome for outcome in outcomes if isinstance(outcome, Admitted)]
    assert len(admitted) == 10
    assert rows(engine, "SELECT left_s, reserved_s FROM active_free_seconds") == [(600, 600)]
    assert_all_is_well(engine)


def test_racing_settlements_spend_what_they_used(engine: sa.Engine, database_url: str) -> None:
    """Ten calls hold 60 s each and talk 7 s: 70 free seconds are gone, nothing is held."""
    plant(engine, chain(free_s=600, balance=Decimal(0), agents=()))
    caller = Caller(engine, database_url)
    tickets = [caller.admit() for _ in range(10)]
    ends = [End(end_of(ticket, 7), None, None, RULES) for ticket in tickets]

    def settle(share: list[End]) -> None:
        store = PostgresCallStore(database_url)
        for end in share:
            store.commit([end])
        store.close()

    run_threads([lambda part=part: settle(ends[part::3]) for part in range(3)])
    assert rows(engine, "SELECT left_s, reserved_s FROM active_free_seconds") == [(530, 0)]
    assert (
        rows(engine, POSTINGS) == [("call_cost", "vendor-1", "termination_cost:USD", "0.0035")] * 10
    )
    assert_all_is_well(engine)


def test_benefits_begin_with_enough_consumption(engine: sa.Engine, database_url: str) -> None:
    plant(engine, chain(free_s=600, agents=()))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE active_packages SET effective_consumption = 0.30"))
    caller = Caller(engine, database_url)
    caller.store.commit([End(end_of(caller.admit(), 60), None, None, RULES)])
    caller.store.commit([End(end_of(caller.admit(), 60), None, None, RULES)])
    left = "SELECT left_s, reserved_s FROM active_free_seconds"
    assert rows(engine, left) == [(600, 0)]
    caller.store.commit([End(end_of(caller.admit(), 60), None, None, RULES)])
    assert rows(engine, left) == [(540, 0)]
    assert_all_is_well(engine)


def test_a_phones_month_is_counted_and_limits_its_calls(
    engine: sa.Engine, database_url: str
) -> None:
    """B5: a maximum of 0.50 at 0.10 a minute: four minutes used, one is left."""
    plant(
        engine,
        chain(
            agents=(),
            sell={"39": "0|0:0.10/60/60"},
            tax_percent=Decimal(0),
            mapping={"allow_phone_billing": True},
        ),
    )
    with engine.begin() as connection:
        owner = connection.scalar(sa.select(t.accounts.c.id).where(t.accounts.c.name == "customer"))
        connection.execute(
            t.phones.insert().values(
                number="0612345678", account_id=owner, monthly_maximum=Decimal("0.50")
            )
        )
    caller = Caller(engine, database_url)
    ticket = caller.admit()
    for _ in range(3):
        caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
    caller.store.commit([End(end_of(ticket, 240), ticket, None, RULES)])
    assert rows(engine, "SELECT trim_scale(consumed)::text, reserved FROM phone_months") == [
        ("0.4", 0)
    ]
    two_minutes = AdmissionRules(quantum_s=120)
    (outcome,) = caller.store.commit([Admit(caller.draft(), two_minutes)])
    assert isinstance(outcome, Admitted)
    assert outcome.granted_s == 60
    (refused,) = caller.store.commit([Admit(caller.draft(), two_minutes)])
    assert refused == Refused(Reason.MONTHLY_MAXIMUM, "0 of 0.5 left, needed 0.2 for 120 s")
    assert_all_is_well(engine)
    assert rows(engine, "SELECT phone FROM cdrs") == [("0612345678",)]


def test_a_call_that_cost_nothing_may_leave_no_record(engine: sa.Engine, database_url: str) -> None:
    plant(engine, chain(agents=()))
    caller = Caller(engine, database_url)
    quiet = RecordRules(record_zero_duration=False)
    (outcome,) = caller.store.commit([End(end_of(caller.admit(), 0), None, None, quiet)])
    assert isinstance(outcome, Settled)
    assert outcome.settlement is not None
    assert rows(engine, "SELECT call_id FROM cdrs") == []
    caller.store.commit([End(end_of(caller.admit(), 5), None, None, quiet)])
    assert len(rows(engine, "SELECT call_id FROM cdrs")) == 1
    assert_all_is_well(engine)


def test_the_cheapest_price_at_the_end_is_not_the_one_at_the_beginning(
    engine: sa.Engine, database_url: str
) -> None:
    """A private deck with a flat 0.15 against 0.10 a minute: one minute, then three."""
    plant(engine, chain(agents=(), sell={"39": "0|0:0.10/60/60"}, tax_percent=Decimal(0)))
    with engine.begin() as connection:
        group = connection.scalar(
            t.rate_groups.insert().values(name="flat", currency="USD").returning(t.rate_groups.c.id)
        )
        connection.execute(
            t.rates.insert().values(rate_group_id=group, prefix="39", tiers="0|0:=0.15")
        )
        connection.execute(
            t.accounts.update()
            .where(t.accounts.c.name == "customer")
            .values(private_rate_group_id=group)
        )
    caller = Caller(engine, database_url)
    assert caller.configuration.parameters.rate_selection is RateSelection.CHEAPEST
    for talked_s in (60, 180):
        ticket = caller.admit()
        for _ in range(2):
            caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
        caller.store.commit([End(end_of(ticket, talked_s), ticket, None, RULES)])
    nets = "SELECT rate_group, trim_scale(net)::text FROM cdr_charges WHERE party = 0 ORDER BY net"
    assert rows(engine, nets) == [("sell", "0.1"), ("flat", "0.15")]
    assert_all_is_well(engine)


def race(engine: sa.Engine, database_url: str, calls: int) -> list[Outcome]:
    """Admissions from two processes' worth of connections, seven in a batch."""
    caller = Caller(engine, database_url)
    entries = [Admit(caller.draft(), AdmissionRules()) for _ in range(calls)]
    outcomes: list[Outcome] = []

    def admit(share: list[Admit]) -> None:
        store = PostgresCallStore(database_url)
        for start in range(0, len(share), 7):
            outcomes.extend(store.commit(share[start : start + 7]))
        store.close()

    run_threads([lambda part=part: admit(entries[part::2]) for part in (0, 1)])
    assert len(outcomes) == calls
    return outcomes


def run_threads(work: list[Any]) -> None:
    threads = [threading.Thread(target=task) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@pytest.mark.parametrize("owner", ["customer", "other"])
def test_a_package_belongs_to_its_owner_alone(
    engine: sa.Engine, database_url: str, owner: str
) -> None:
    plant(engine, chain(agents=(), more_customers=(Customer("other", 5070),)))
    with engine.begin() as connection:
        give_package(connection, owner, 600, Decimal(0))
    caller = Caller(engine, database_url)
    caller.store.commit([End(end_of(caller.admit(), 60), None, None, RULES)])
    used = 60 if owner == "customer" else 0
    assert rows(engine, "SELECT 600 - left_s FROM active_free_seconds") == [(used,)]
