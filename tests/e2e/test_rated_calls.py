"""A real call below two agents: first-time rate, tax, package minutes, each level's postings."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.persistence.ledger_store import PostgresBooks
from tests.e2e.records import CALLER_HUNG_UP, balance, ending_of, postings, reserved
from tests.e2e.staging import Stage, free_ports, staged
from tests.e2e.switch import Switch, free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp]

TALK_MS = 6_300
"""Six or seven seconds by the switch's clock; every price below is the same for both."""


@pytest.fixture
def seed() -> Seed:
    """3 s for 0.21, then 0.30 a minute in steps of 5 s; 2 free seconds and 0.10 of gift money."""
    return Seed(
        free_ports(1),
        sell={"39": "0|0:=0.21;3:0.30/60/5"},
        cost={"39": "0|0:0.12/60/10"},
        tax_percent=Decimal(10),
        agents=(
            Agent("reseller", {"39": "0|0:0.60/60/10"}, tax_percent=Decimal(10)),
            Agent("master", {"3902": "0|0:0.30/60/10"}),
        ),
        free_s=2,
        gift=Decimal("0.10"),
        parameters={"quantum_s": 5},
    )


@pytest.fixture
def stage(switch: Switch, database_url: str, tmp_path: Path, seed: Seed) -> Iterator[Stage]:
    with staged(switch, database_url, tmp_path, seed) as stage:
        yield stage


def test_first_time_rate_tax_package_and_a_chain_of_agents(stage: Stage, seed: Seed) -> None:
    """Renewed once while it talks; 4 or 5 s are paid: 0.21 + one step of 0.025 = 0.235."""
    stage.sipp.vendor("uas_answer", seed.vendor_ports[0])
    caller = stage.sipp.caller("uac_call", free_port(), called="390212345678", hold_ms=TALK_MS)
    stage.wait_until_talking(1)
    held = reserved(stage.engine, "customer")
    assert held > 0
    assert reserved(stage.engine, "master") > 0
    caller.wait()
    record = stage.record(caller)

    assert ending_of(record) == CALLER_HUNG_UP
    assert record.duration_s in (6, 7)
    assert (record.net, record.tax, record.cost) == (
        Decimal("0.235"),
        Decimal("0.0235"),
        Decimal("0.02"),
    )
    assert sorted(postings(stage.engine, record.call_id)) == [
        ("call_charge", "customer", "resale:USD", Decimal("0.235")),
        ("call_charge", "master", "revenue:USD", Decimal("0.05")),
        ("call_charge", "reseller", "resale:USD", Decimal("0.1")),
        ("call_cost", "vendor-1", "termination_cost:USD", Decimal("0.02")),
        ("call_tax", "customer", "resale:USD", Decimal("0.0235")),
        ("call_tax", "reseller", "resale:USD", Decimal("0.01")),
        ("gift", "gifts:USD", "customer", Decimal("0.1")),
    ]
    assert lines(stage.engine) == [
        (-1, "vendor-1", "39", 10, Decimal("0.02"), Decimal(0), 0, Decimal(0)),
        (0, "customer", "39", 8, Decimal("0.235"), Decimal("0.0235"), 2, Decimal("0.1")),
        (1, "reseller", "39", 10, Decimal("0.1"), Decimal("0.01"), 0, Decimal(0)),
        (2, "master", "3902", 10, Decimal("0.05"), Decimal(0), 0, Decimal(0)),
    ]
    assert balance(stage.engine, "customer") == Decimal("100") - Decimal("0.1585")
    assert balance(stage.engine, "reseller") == Decimal("100") - Decimal("0.11")
    assert balance(stage.engine, "master") == Decimal("100") - Decimal("0.05")
    with stage.engine.connect() as connection:
        left = connection.execute(
            sa.text(
                "SELECT f.left_s, f.reserved_s, p.gift_left, p.gift_reserved, p.consumption"
                " FROM active_free_seconds f JOIN active_packages p ON p.id = f.active_package_id"
            )
        ).one()
    assert tuple(left) == (0, 0, 0, 0, Decimal("0.2585"))
    assert_books_balance(stage.engine)
    assert PostgresBooks(stage.engine).verify(lambda _: None).differences == ()


def test_an_agent_whose_money_ends_ends_its_customers_call(
    switch: Switch, database_url: str, tmp_path: Path
) -> None:
    """The agent above can pay eight seconds; the customer could pay for an hour."""
    seed = Seed(
        free_ports(1),
        sell={"39": "0|0:0.60/60/1"},
        agents=(Agent("reseller", {"39": "0|0:0.30/60/1"}, balance=Decimal("0.04")),),
        parameters={"quantum_s": 5, "admit_partial_quantum": True},
    )
    with staged(switch, database_url, tmp_path, seed) as stage:
        stage.sipp.vendor("uas_answer", seed.vendor_ports[0])
        caller = stage.sipp.caller("uac_until_bye", free_port(), hold_ms=20_000)
        caller.wait()
        record = stage.record(caller)
        assert record.reason == "balance_exhausted"
        assert record.duration_s in (6, 7, 8, 9)
        assert balance(stage.engine, "reseller") >= 0
        assert reserved(stage.engine, "reseller") == 0
        assert_books_balance(stage.engine)


def lines(engine: sa.Engine) -> list[tuple[Any, ...]]:
    query = sa.text(
        "SELECT l.party, a.name, l.prefix, l.billed_s, l.net, l.tax, l.free_s, l.gift"
        " FROM cdr_charges l JOIN accounts a ON a.id = l.account_id ORDER BY l.party"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]
