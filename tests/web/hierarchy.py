"""Two trees of agents with calls, refused and live ones too, and people who look at them.

bd (agent) ── dhaka (agent) ── shop, kiosk      atlas (agent) ── cairo      solo
          └── chatgaon

`shop` calls: it pays 1.00 for an answered call, dhaka 0.80, bd 0.60, the vendor gets 0.40 and 0.04
of tax. Rights are empty unless a test gives some.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import (
    account_funds,
    accounts,
    call_attempts,
    calls,
    card_batches,
    cards,
    cdr_charges,
    cdrs,
    mapping_gateways,
    movement_accounts,
    movements,
    phones,
    postings,
    rate_groups,
    routing_gateways,
    users,
)
from controller.services.actors import EVERYTHING, Scope
from controller.services.cards import CardSeal

PARENTS: Mapping[str, str | None] = {
    "bd": None,
    "dhaka": "bd",
    "shop": "dhaka",
    "kiosk": "dhaka",
    "chatgaon": "bd",
    "atlas": None,
    "cairo": "atlas",
    "solo": None,
}
CALLERS = ("shop", "kiosk", "chatgaon", "cairo", "solo", "dhaka", "bd")
"""Accounts with a trunk and calls of their own."""

CHARGES = (Decimal("1.00"), Decimal("0.80"), Decimal("0.60"))
"""Net of a call by level: the caller's account, the agent above it, the next one."""

COST, COST_TAX = Decimal("0.40"), Decimal("0.04")
SECRETS = ("kestrel-out", "kestrel-carrier", "198.18.7.", "sip-id-", "88999", "switch-hidden")
"""Texts that stand only in what is the operator's; no page of anybody else may have them."""


@dataclass(slots=True)
class World:
    """Ids by name. `answered`, `refused` and `live` are ids of calls by account."""

    engine: sa.Engine
    ids: dict[str, int] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)
    payments: dict[str, str] = field(default_factory=dict)
    cards: dict[str, int] = field(default_factory=dict)

    def agent(self, account: str) -> Scope:
        return Scope(self.ids[account], subtree=True)

    def customer(self, account: str) -> Scope:
        return Scope(self.ids[account], subtree=False)

    def scopes(self) -> dict[str, Scope]:
        agents = {f"agent of {name}": self.agent(name) for name in PARENTS}
        return {"everybody": EVERYTHING, **agents, "people of shop": self.customer("shop")}

    def chain(self, account: str) -> list[str]:
        """The account and who is above it, from below."""
        found, above = [account], PARENTS[account]
        while above is not None:
            found.append(above)
            above = PARENTS[above]
        return found

    def below(self, account: str) -> set[str]:
        return {name for name in PARENTS if account in self.chain(name)}

    def run(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)


def plant(engine: sa.Engine, now: datetime) -> World:
    world = World(engine)
    with engine.begin() as connection:
        _plant_accounts(connection, world, now)
        for number, name in enumerate(CALLERS):
            at = now - timedelta(minutes=10 + number)
            world.answered[name] = add_call(connection, world, name, at)
            world.refused[name] = add_call(
                connection, world, name, at - timedelta(seconds=30), answered=False
            )
            world.live[name] = _add_live(connection, world, name, now - timedelta(seconds=20))
        stranger = record(str(uuid.uuid4()), now - timedelta(minutes=5), reason="unknown_source")
        connection.execute(cdrs.insert().values(**stranger))
    return world


def add_call(
    connection: sa.Connection, world: World, account: str, at: datetime, *, answered: bool = True
) -> str:
    """A record with each party's line; a refused one has none."""
    call_id = str(uuid.uuid4())
    values = record(call_id, at, account_id=world.ids[account], mapping_gateway=f"{account}-in")
    if answered:
        values |= {
            "answered_at": at + timedelta(seconds=8),
            "talk_ms": 60_000,
            "duration_s": 60,
            "billed_s": 60,
            "net": CHARGES[0],
            "currency": "USD",
            "cost": COST + COST_TAX,
            "cost_currency": "USD",
            "cost_account_id": world.ids["kestrel-carrier"],
            "routing_gateway": "kestrel-out",
            "reason": "answered",
            "attempts": 1,
            "caller_sent": "88999111",
            "callee_sent": "88999222",
        }
        # in one statement, as the call path does
        lines = _lines(world, call_id, at, account)
        connection.execute(cdr_charges.insert().values(lines))
        connection.execute(call_attempts.insert().values(**_attempt(call_id, at)))
    connection.execute(cdrs.insert().values(**values))
    return call_id


def record(call_id: str, at: datetime, **values: Any) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "started_at": at,
        "switch_id": "switch-hidden",
        "sip_call_id": f"sip-id-{call_id}",
        "ended_at": at + timedelta(seconds=70),
        "talk_ms": 0,
        "duration_s": 0,
        "billed_s": 0,
        "source_ip": "198.18.7.9",
        "source_port": 5062,
        "caller_received": "0088017",
        "callee_received": "00390212345678",
        "caller_rated": "88017",
        "callee_rated": "390212345678",
        "attempts": 0,
        "net": 0,
        "tax": 0,
        "cost": 0,
        "reason": "insufficient_balance",
        "cause": "CALL_REJECTED",
        "q850": 21,
        "sip_status": 402,
        "ended_by": "server",
        "trace": [["route", "kept", "kestrel-out: cost 0|0:0.4/60/60"]],
        "review": "",
        **values,
    }


def _lines(world: World, call_id: str, at: datetime, account: str) -> Sequence[dict[str, Any]]:
    base = {"call_id": call_id, "started_at": at, "billed_s": 60, "rated_s": 60, "currency": "USD"}
    payers = [
        {**base, "party": level, "account_id": world.ids[name], "net": CHARGES[level], "tax": 0}
        for level, name in enumerate(world.chain(account))
    ]
    vendor = world.ids["kestrel-carrier"]
    return [*payers, {**base, "party": -1, "account_id": vendor, "net": COST, "tax": COST_TAX}]


def _attempt(call_id: str, at: datetime) -> dict[str, Any]:
    return {
        "leg_id": str(uuid.uuid4()),
        "started_at": at,
        "call_id": call_id,
        "number": 1,
        "gateway": "kestrel-out",
        "ended_at": at + timedelta(seconds=70),
        "cause": "NORMAL_CLEARING",
        "q850": 16,
        "sip_status": 200,
    }


def _add_live(connection: sa.Connection, world: World, account: str, at: datetime) -> str:
    call_id = str(uuid.uuid4())
    chain = world.chain(account)
    connection.execute(
        calls.insert().values(
            call_id=call_id,
            switch_id="switch-hidden",
            account_id=world.ids[account],
            mapping_gateway_id=world.ids[f"{account}-in"],
            routing_gateway_ids=[world.ids["kestrel-out"]],
            payer_ids=[world.ids[name] for name in chain],
            payer_reserved=list(CHARGES[: len(chain)]),
            granted_s=60,
            offered_at=at,
            answered_at=at + timedelta(seconds=5),
            caller="88017",
            callee="390299999999",
            ticket=b"",
        )
    )
    return call_id


def _plant_accounts(connection: sa.Connection, world: World, now: datetime) -> None:
    def add(table: sa.Table, **values: object) -> int:
        found = connection.scalar(table.insert().values(**values).returning(table.c.id))
        assert isinstance(found, int)
        return found

    world.groups["sell"] = add(rate_groups, name="sell", currency="USD")
    world.groups["cost"] = add(rate_groups, name="cost", currency="USD")
    system = {
        role: add(accounts, name=f"{role}:USD", kind="system", currency="USD")
        for role in ("cash", "revenue", "tax", "termination_cost", "resale", "gifts", "cards")
    }
    for name, parent in PARENTS.items():
        world.ids[name] = add(
            accounts,
            name=name,
            title=f"{name} inc",
            kind="ordinary",
            currency="USD",
            parent_id=world.ids[parent] if parent else None,
            rate_group_id=world.groups["sell"],
            memo=f"noted about {name}",
        )
        world.groups[f"{name}-own"] = add(
            rate_groups, name=f"{name}-own", currency="USD", owner_account_id=world.ids[name]
        )
    world.ids["kestrel-carrier"] = add(
        accounts,
        name="kestrel-carrier",
        kind="clearing",
        currency="USD",
        rate_group_id=world.groups["cost"],
    )
    world.ids["kestrel-out"] = add(
        routing_gateways,
        name="kestrel-out",
        clearing_account_id=world.ids["kestrel-carrier"],
        host="198.18.7.80",
    )
    for name in CALLERS:
        world.ids[f"{name}-in"] = add(
            mapping_gateways, name=f"{name}-in", account_id=world.ids[name]
        )
    for number, name in enumerate(PARENTS):
        world.phones[name] = f"880100{number}"
        world.payments[name] = str(uuid.uuid4())
        connection.execute(
            users.insert().values(
                name=f"user-of-{name}",
                role="agent",
                account_id=world.ids[name],
                password_hash="",
            )
        )
        connection.execute(
            phones.insert().values(number=world.phones[name], account_id=world.ids[name])
        )
        world.cards[name] = _add_cards(connection, name, world.ids[name])
        connection.execute(
            postings.insert().values(
                id=world.payments[name],
                kind="payment",
                debit_account_id=system["cash"],
                credit_account_id=world.ids[name],
                amount=10,
                currency="USD",
                at=now,
                memo=f"paid by {name}",
            )
        )
    connection.execute(
        movements.insert(),
        [
            {
                "id": world.payments[name],
                "key": f"paid by {name}",
                "kind": "payment",
                "asked": {"account": name},
                "forced": False,
                "at": now,
            }
            for name in PARENTS
        ],
    )
    connection.execute(
        movement_accounts.insert(),
        [
            {
                "movement_id": world.payments[name],
                "account_id": world.ids[name],
                "kind": "payment",
                "at": now,
            }
            for name in PARENTS
        ],
    )
    connection.execute(
        account_funds.update()
        .where(account_funds.c.account_id.in_([world.ids[name] for name in PARENTS]))
        .values(balance=10)
    )


def _add_cards(connection: sa.Connection, issuer: str, issuer_id: int) -> int:
    """A batch of three cards, with PINs that nobody knows."""
    made = card_batches.insert().values(
        issuer_account_id=issuer_id,
        name=f"of-{issuer}",
        key=f"cards of {issuer}",
        currency="USD",
        face_value=1,
        count=3,
        pin_length=12,
        password_length=0,
        seal_id=CardSeal(b"a test's secret").seal_id,
    )
    batch_id = int(connection.execute(made.returning(card_batches.c.id)).scalar_one())
    for number in (1, 2, 3):
        card = {"number": number, "last_digits": "0000", "pin_digest": uuid.uuid4().bytes}
        connection.execute(cards.insert().values(batch_id=batch_id, **card))
    return batch_id


def add_user(
    engine: sa.Engine, name: str, role: str, account_id: int | None, password_hash: str
) -> None:
    with engine.begin() as connection:
        connection.execute(
            users.insert().values(
                name=name, role=role, account_id=account_id, password_hash=password_hash
            )
        )
