"""A small operator for tests: one customer, two vendors, decks, routes, money."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.ledger import keyed_posting_id
from controller.persistence import schema as t

CURRENCY = "USD"


@dataclass(slots=True)
class Seed:
    """What the test's operator has. Names are ids; ports are those of SIPp or the simulator."""

    vendor_ports: tuple[int, ...]
    balance: Decimal = Decimal(100)
    overdraft: Decimal = Decimal(0)
    sell: dict[str, str] = field(default_factory=lambda: {"39": "0|0:0.60/60/1"})
    cost: dict[str, str] = field(default_factory=lambda: {"39": "0|0:0.30/60/1"})
    tax_percent: Decimal = Decimal(0)
    source: tuple[str, int] = ("127.0.0.1", 0)
    capacity: int | None = None
    vendor_capacity: int | None = None
    codecs: tuple[str, ...] = ()
    t38: bool = False
    ring_timeout_s: int = 30
    parameters: dict[str, Any] = field(default_factory=dict)


def plant(engine: sa.Engine, seed: Seed) -> None:
    """Write the seed into an empty database, through the same tables as everybody."""
    with engine.begin() as connection:
        _system_accounts(connection)
        sell = _deck(connection, "sell", seed.sell, seed.tax_percent)
        cost = _deck(connection, "cost", seed.cost, Decimal(0))
        customer = _account(connection, "customer", "ordinary", sell, seed.overdraft)
        gateway = _insert(
            connection,
            t.mapping_gateways,
            name="customer-trunk",
            account_id=customer,
            capacity=seed.capacity,
            t38=seed.t38,
        )
        ip, port = seed.source
        connection.execute(
            t.mapping_gateway_addresses.insert().values(gateway_id=gateway, ip=ip, port=port)
        )
        for number, vendor_port in enumerate(seed.vendor_ports, start=1):
            vendor = _account(connection, f"vendor-{number}", "clearing", cost, Decimal(0))
            routing = _insert(
                connection,
                t.routing_gateways,
                name=f"vendor-{number}-trunk",
                clearing_account_id=vendor,
                host="127.0.0.1",
                port=vendor_port,
                capacity=seed.vendor_capacity,
                codecs=list(seed.codecs),
                t38=seed.t38,
                ring_timeout_s=seed.ring_timeout_s,
            )
            for prefix in seed.cost:
                connection.execute(
                    t.routes.insert().values(
                        prefix=prefix, gateway_id=routing, priority=number * 10
                    )
                )
        pay(connection, "customer", seed.balance, "opening")
        connection.execute(
            t.configuration_state.update().values(version=1, parameters=seed.parameters)
        )


def pay(connection: sa.Connection, account: str, amount: Decimal, key: str) -> None:
    """A payment with its posting and the balance that follows from it."""
    accounts = t.accounts
    credit = connection.scalar(sa.select(accounts.c.id).where(accounts.c.name == account))
    cash = connection.scalar(sa.select(accounts.c.id).where(accounts.c.name == f"cash:{CURRENCY}"))
    connection.execute(
        t.postings.insert().values(
            id=keyed_posting_id(key),
            kind="payment",
            debit_account_id=cash,
            credit_account_id=credit,
            amount=amount,
            currency=CURRENCY,
            at=datetime.now(UTC),
        )
    )
    funds = t.account_funds
    connection.execute(
        funds.update().where(funds.c.account_id == credit).values(balance=funds.c.balance + amount)
    )


def _insert(connection: sa.Connection, table: sa.Table, **values: Any) -> int:
    return int(
        connection.execute(table.insert().values(**values).returning(table.c.id)).scalar_one()
    )


def _system_accounts(connection: sa.Connection) -> None:
    for name in ("cash", "revenue", "tax", "termination_cost"):
        _insert(connection, t.accounts, name=f"{name}:{CURRENCY}", kind="system", currency=CURRENCY)


def _deck(connection: sa.Connection, name: str, tiers: dict[str, str], tax_percent: Decimal) -> int:
    group = _insert(connection, t.rate_groups, name=name, currency=CURRENCY)
    connection.execute(
        t.rates.insert(),
        [
            {"rate_group_id": group, "prefix": p, "tiers": text, "tax_percent": tax_percent}
            for p, text in tiers.items()
        ],
    )
    return group


def _account(
    connection: sa.Connection, name: str, kind: str, rate_group_id: int, overdraft: Decimal
) -> int:
    return _insert(
        connection,
        t.accounts,
        name=name,
        kind=kind,
        currency=CURRENCY,
        rate_group_id=rate_group_id,
        overdraft_limit=overdraft,
    )
