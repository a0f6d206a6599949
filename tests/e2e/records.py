"""Call records as the database has them, and what a test says of one: the whole record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.persistence import schema as t
from tests.e2e.controller_process import wait_until

CALLER = "442071234567"
CALLED = "390212345678"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call came to end, as its record tells it."""

    reason: str
    ended_by: str
    cause: str
    q850: int
    sip_status: int


CALLER_HUNG_UP = Ending("answered", "caller", "NORMAL_CLEARING", 16, 200)
CALLEE_HUNG_UP = Ending("answered", "callee", "NORMAL_CLEARING", 16, 200)
CANCELED = Ending("canceled", "caller", "ORIGINATOR_CANCEL", 16, 487)
BUSY = Ending("busy", "callee", "USER_BUSY", 17, 486)
NO_ANSWER = Ending("no_answer", "callee", "ALLOTTED_TIMEOUT", 16, 480)
UNALLOCATED = Ending("unallocated", "callee", "UNALLOCATED_NUMBER", 1, 404)
VENDOR_FAILURE = Ending("vendor_failure", "callee", "NORMAL_TEMPORARY_FAILURE", 41, 503)
FAIL_SAFE = Ending("controller_unavailable", "server", "NORMAL_TEMPORARY_FAILURE", 41, 503)


def by_timer(reason: str) -> Ending:
    return Ending(reason, "server", "ALLOTTED_TIMEOUT", 16, 200)


def refused(reason: str, status: int) -> Ending:
    """The switch derives its cause from the status with which it was told to refuse."""
    cause, q850 = _CAUSE_OF_REFUSAL[status]
    return Ending(reason, "server", cause, q850, status)


_CAUSE_OF_REFUSAL = {
    402: ("CALL_REJECTED", 21),
    403: ("CALL_REJECTED", 21),
    484: ("INVALID_NUMBER_FORMAT", 28),
    503: ("NORMAL_TEMPORARY_FAILURE", 41),
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """The caller's or the called number: as received, as rated, as sent to the vendor."""

    received: str
    rated: str
    sent: str

    @classmethod
    def unchanged(cls, number: str) -> Numbers:
        return cls(number, number, number)

    @classmethod
    def only_received(cls, number: str) -> Numbers:
        return cls(number, "", "")


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices for one second, as the test's decks have them, and the tax on the sale."""

    sale: Decimal = Decimal("0.01")
    cost: Decimal = Decimal("0.005")
    tax: Decimal = Decimal(0)


STANDARD = Tariff()


def cdrs(engine: sa.Engine) -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(t.cdrs).order_by(t.cdrs.c.started_at)))


def wait_for_cdrs(engine: sa.Engine, count: int, timeout_s: float = 15.0) -> list[sa.Row[Any]]:
    wait_until(lambda: len(cdrs(engine)) >= count, f"{count} CDRs", timeout_s)
    return cdrs(engine)


def wait_for_record(engine: sa.Engine, sip_call_id: str, timeout_s: float = 15.0) -> sa.Row[Any]:
    """The record of the call with this SIP Call-ID; there must be one and no other."""
    query = sa.select(t.cdrs).where(t.cdrs.c.sip_call_id == sip_call_id)

    def found() -> list[sa.Row[Any]]:
        with engine.connect() as connection:
            return list(connection.execute(query))

    wait_until(lambda: bool(found()), f"a record of {sip_call_id}", timeout_s)
    (record,) = found()
    return record


def open_calls(engine: sa.Engine) -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(t.calls).order_by(t.calls.c.offered_at)))


def attempts(engine: sa.Engine, call_id: str) -> list[sa.Row[Any]]:
    table = t.call_attempts
    query = sa.select(table).where(table.c.call_id == call_id).order_by(table.c.number)
    with engine.connect() as connection:
        return list(connection.execute(query))


def assert_attempts(engine: sa.Engine, cdr: sa.Row[Any], *expected: tuple[str, int]) -> None:
    """Gateway and SIP status of every attempt, in order. Their records may follow the call's."""
    wait_until(lambda: len(attempts(engine, cdr.call_id)) >= len(expected), "the attempts", 3)
    tried = attempts(engine, cdr.call_id)
    found = [(attempt.number, attempt.gateway, attempt.sip_status) for attempt in tried]
    wanted = [(number, *attempt) for number, attempt in enumerate(expected, start=1)]
    assert found == wanted, (found, "not", wanted)
    assert cdr.attempts == len(expected), cdr.attempts


def ending_of(cdr: sa.Row[Any]) -> Ending:
    return Ending(cdr.reason, cdr.ended_by, cdr.cause, cdr.q850, cdr.sip_status)


def assert_admitted_record(
    engine: sa.Engine,
    cdr: sa.Row[Any],
    ending: Ending,
    *,
    talked_s: tuple[int, ...] = (0,),
    caller: Numbers | None = None,
    called: Numbers | None = None,
    tariff: Tariff = STANDARD,
    granted_s: int = 10_000,
    review: str = "",
    gateway: str = "vendor-1-trunk",
    customer: str = "customer",
    rang: bool = True,
) -> None:
    """Everything that the record of an admitted call says, and its postings."""
    assert cdr.duration_s in talked_s, f"{cdr.duration_s} s, {cdr.talk_ms} ms, {ending_of(cdr)}"
    assert abs(cdr.talk_ms - cdr.duration_s * 1000) < 1000, cdr.talk_ms
    billed_s = min(cdr.duration_s, granted_s)
    _same(
        cdr,
        {
            **asdict(ending),
            **_as_columns("caller", caller or Numbers.unchanged(CALLER)),
            **_as_columns("callee", called or Numbers.unchanged(CALLED)),
            "mapping_gateway": f"{customer}-trunk",
            "routing_gateway": gateway,
            "rate_prefix": "39",
            "cost_prefix": "39",
            "currency": "USD",
            "cost_currency": "USD",
            "billed_s": billed_s,
            "net": tariff.sale * billed_s,
            "tax": tariff.tax * billed_s,
            "cost": tariff.cost * cdr.duration_s,
            "review": review,
        },
    )
    assert (cdr.pdd_ms is not None) == rang, cdr.pdd_ms
    assert cdr.pdd_ms is None or 0 <= cdr.pdd_ms < 5000, cdr.pdd_ms
    assert (cdr.answered_at is not None) == bool(cdr.talk_ms), cdr.answered_at
    assert_postings(engine, cdr, customer, gateway.removesuffix("-trunk"))


def assert_refused_record(
    engine: sa.Engine,
    cdr: sa.Row[Any],
    ending: Ending,
    *,
    called: str = CALLED,
    caller: str = CALLER,
    customer: str | None = "customer",
) -> None:
    """Everything that the record of a call says that was never admitted: nothing was charged."""
    _same(
        cdr,
        {
            **asdict(ending),
            **_as_columns("caller", Numbers.only_received(caller)),
            **_as_columns("callee", Numbers.only_received(called)),
            "mapping_gateway": f"{customer}-trunk" if customer else "",
            "routing_gateway": "",
            **dict.fromkeys(("attempts", "talk_ms", "duration_s", "billed_s"), 0),
            **dict.fromkeys(("net", "tax", "cost"), Decimal(0)),
            **dict.fromkeys(("pdd_ms", "ringing_at", "answered_at")),
            "source_ip": "127.0.0.1",
            "review": "",
        },
    )
    assert (cdr.account_id is None) == (customer is None), cdr.account_id
    assert not attempts(engine, cdr.call_id), "an attempt of a refused call"
    assert not postings(engine, cdr.call_id), "a posting of a refused call"


def assert_postings(engine: sa.Engine, cdr: sa.Row[Any], customer: str, vendor: str) -> None:
    """Exactly what follows from the record's amounts, between the right accounts."""
    moves = [
        ("call_charge", customer, "revenue:USD", cdr.net),
        ("call_cost", vendor, "termination_cost:USD", cdr.cost),
        ("call_tax", customer, "tax:USD", cdr.tax),
    ]
    posted = postings(engine, cdr.call_id)
    assert posted == [move for move in moves if move[3]], posted


def postings(engine: sa.Engine, call_id: str) -> list[tuple[str, str, str, Decimal]]:
    """Kind, debited and credited account, amount."""
    debit, credit = t.accounts.alias("debit"), t.accounts.alias("credit")
    query = (
        sa.select(t.postings.c.kind, debit.c.name, credit.c.name, t.postings.c.amount)
        .join(debit, debit.c.id == t.postings.c.debit_account_id)
        .join(credit, credit.c.id == t.postings.c.credit_account_id)
        .where(t.postings.c.call_id == call_id)
        .order_by(t.postings.c.kind)
    )
    with engine.connect() as connection:
        return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


def balance(engine: sa.Engine, account: str) -> Decimal:
    return _funds(engine, account).balance  # type: ignore[no-any-return]


def reserved(engine: sa.Engine, account: str) -> Decimal:
    return _funds(engine, account).reserved  # type: ignore[no-any-return]


def _funds(engine: sa.Engine, account: str) -> sa.Row[Any]:
    funds = t.account_funds
    query = sa.select(funds).join(t.accounts).where(t.accounts.c.name == account)
    with engine.connect() as connection:
        return connection.execute(query).one()


def _as_columns(party: str, numbers: Numbers) -> dict[str, object]:
    return {f"{party}_{view}": number for view, number in asdict(numbers).items()}


def _same(cdr: sa.Row[Any], expected: dict[str, object]) -> None:
    """Every difference at once. (pytest explains only assertions in test modules.)"""
    found = {name: getattr(cdr, name) for name in expected}
    wrong = {
        name: (found[name], "not", expected[name])
        for name in expected
        if found[name] != expected[name]
    }
    assert not wrong, wrong
