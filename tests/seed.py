"""A small operator for tests: one customer, two vendors, decks, routes, money."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.ledger import SystemAccount, keyed_posting_id
from controller.domain.rates import RateType
from controller.persistence import schema as t

CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer beside the first one, known by the port from which it calls.

    The account has its `name`, the mapping gateway is called `NAME-trunk`.
    """

    name: str
    port: int
    balance: Decimal = Decimal(100)
    overdraft: Decimal = Decimal(0)
    more_ports: tuple[int, ...] = ()
    account: dict[str, Any] = field(default_factory=dict)
    gateway: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent above the first customer, with a deck of its own."""

    name: str
    sell: dict[str, str]
    balance: Decimal = Decimal(100)
    overdraft: Decimal = Decimal(0)
    tax_percent: Decimal = Decimal(0)


@dataclass(slots=True)
class Seed:
    """What the test's operator has. Names are ids; ports are those of SIPp or the simulator.

    `mapping` and `routing` are further columns of the first customer's gateway and of every
    vendor's; `rate_types` are those of sell prefixes. A sell prefix without a cost has no route.
    """

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
    mapping: dict[str, Any] = field(default_factory=dict)
    routing: dict[str, Any] = field(default_factory=dict)
    rate_types: dict[str, int] = field(default_factory=dict)
    more_customers: tuple[Customer, ...] = ()
    # above the first customer, the nearest first
    agents: tuple[Agent, ...] = ()
    # free seconds and gift money of a package that the first customer has
    free_s: int = 0
    gift: Decimal = Decimal(0)


def plant(engine: sa.Engine, seed: Seed) -> None:
    """Write the seed into an empty database, through the same tables as everybody."""
    with engine.begin() as connection:
        _system_accounts(connection)
        sell = _deck(connection, "sell", seed.sell, seed.tax_percent, seed.rate_types)
        cost = _deck(connection, "cost", seed.cost, Decimal(0))
        ip, port = seed.source
        media = {"capacity": seed.capacity, "t38": seed.t38, **seed.mapping}
        parent = _agents(connection, seed.agents)
        first = Customer(
            "customer",
            port,
            seed.balance,
            seed.overdraft,
            gateway=media,
            account={"parent_id": parent},
        )
        for customer in (first, *seed.more_customers):
            _customer(connection, customer, sell, ip)
        if seed.free_s or seed.gift:
            give_package(connection, "customer", seed.free_s, seed.gift)
        for number, vendor_port in enumerate(seed.vendor_ports, start=1):
            vendor = _account(connection, f"vendor-{number}", "clearing", rate_group_id=cost)
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
                **seed.routing,
            )
            for prefix in seed.cost:
                connection.execute(
                    t.routes.insert().values(
                        prefix=prefix, gateway_id=routing, priority=number * 10
                    )
                )
        connection.execute(
            t.configuration_state.update().values(version=1, parameters=seed.parameters)
        )


def _agents(connection: sa.Connection, agents: tuple[Agent, ...]) -> int | None:
    """The chain from the top down; the id of the nearest agent."""
    parent = None
    for agent in reversed(agents):
        deck = _deck(connection, f"{agent.name}-deck", agent.sell, agent.tax_percent)
        parent = _account(
            connection,
            agent.name,
            "ordinary",
            rate_group_id=deck,
            parent_id=parent,
            overdraft_limit=agent.overdraft,
        )
        if agent.balance:
            pay(connection, agent.name, agent.balance, f"opening:{agent.name}")
    return parent


def give_package(
    connection: sa.Connection, account: str, free_s: int, gift: Decimal, cycle_s: int = 1
) -> int:
    """An active package of this year with free seconds to everywhere; its id."""
    owner = connection.scalar(sa.select(t.accounts.c.id).where(t.accounts.c.name == account))
    package = _insert(
        connection, t.packages, name=f"{account}-package", currency=CURRENCY, period="year"
    )
    start = datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC)
    end = datetime(start.year + 1, 1, 1, tzinfo=UTC)
    order = _insert(
        connection,
        t.package_orders,
        key=f"{account}-order",
        package_id=package,
        account_id=owner,
        available_from=start,
        next_period_start=end,
    )
    active = _insert(
        connection,
        t.active_packages,
        order_id=order,
        package_id=package,
        account_id=owner,
        period_start=start,
        period_end=end,
        gift_left=gift,
    )
    if free_s:
        _insert(
            connection,
            t.active_free_seconds,
            active_package_id=active,
            position=1,
            prefixes=["*"],
            start_s=0,
            end_s=86400,
            cycle_s=cycle_s,
            left_s=free_s,
        )
    return active


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
    for name in SystemAccount:
        _insert(connection, t.accounts, name=f"{name}:{CURRENCY}", kind="system", currency=CURRENCY)


def _deck(
    connection: sa.Connection,
    name: str,
    tiers: dict[str, str],
    tax_percent: Decimal,
    rate_types: dict[str, int] | None = None,
) -> int:
    group = _insert(connection, t.rate_groups, name=name, currency=CURRENCY)
    rows = [
        {
            "rate_group_id": group,
            "prefix": prefix,
            "tiers": text,
            "tax_percent": tax_percent,
            "rate_type": (rate_types or {}).get(prefix, RateType.INTERNATIONAL),
        }
        for prefix, text in tiers.items()
    ]
    connection.execute(t.rates.insert(), rows)
    return group


def _customer(connection: sa.Connection, customer: Customer, deck: int, ip: str) -> None:
    terms = {
        "rate_group_id": deck,
        "overdraft_limit": customer.overdraft,
        **customer.account,
    }
    account = _account(connection, customer.name, "ordinary", **terms)
    gateway = _insert(
        connection,
        t.mapping_gateways,
        name=f"{customer.name}-trunk",
        account_id=account,
        **customer.gateway,
    )
    ports = (customer.port, *customer.more_ports)
    addresses = [{"gateway_id": gateway, "ip": ip, "port": port} for port in ports]
    connection.execute(t.mapping_gateway_addresses.insert(), addresses)
    if customer.balance:
        # the first customer's payment has had this key for long
        key = "opening" if customer.name == "customer" else f"opening {customer.name}"
        pay(connection, customer.name, customer.balance, key)


def _account(connection: sa.Connection, name: str, kind: str, **terms: Any) -> int:
    return _insert(connection, t.accounts, name=name, kind=kind, currency=CURRENCY, **terms)
