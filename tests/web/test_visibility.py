"""What of a call who may see: field by field, on records that have something in every field."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.reasons import Reason
from controller.services.actors import EVERYTHING, Scope
from controller.services.views.cdr_lines import Part, PartyLine
from controller.services.views.cdrs import CdrRow
from controller.services.views.live_calls import LiveCall
from controller.services.views.visibility import (
    LIVE,
    RECORD,
    SHOWN_REASONS,
    Sight,
    parts_of,
    reasons_behind,
    reasons_to_choose,
    seen_fields,
    shown_lines,
    shown_live,
    shown_reason,
    shown_record,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP, DHAKA, BD, ATLAS = 1, 2, 3, 4
VENDOR = 9
NOTHING = (None, "", 0, Decimal(0), ())

HIDDEN = {
    "switch_id",
    "sip_call_id",
    "billed_s",
    "source_ip",
    "source_port",
    "caller_sent",
    "callee_sent",
    "routing_gateway",
    "attempts",
    "rate_prefix",
    "net",
    "tax",
    "currency",
    "cost_account_id",
    "cost_account",
    "cost_prefix",
    "cost",
    "cost_currency",
    "cause",
    "review",
}
"""Written out again: the table in the product is what is under test."""


def filled(of: type[Any], **given: object) -> Any:
    """Something in every field, by its type."""
    values: dict[str, object] = {}
    for field in fields(of):
        text = str(field.type)
        if "datetime" in text:
            values[field.name] = AT
        elif "Decimal" in text:
            values[field.name] = Decimal("1.5")
        elif "int" in text:
            values[field.name] = 7
        elif "tuple" in text:
            values[field.name] = ("vendor-out",)
        else:
            values[field.name] = f"some {field.name}"
    return of(**values | given)


def line(party: int, account_id: int, net: str, revision: int = 0) -> PartyLine:
    return PartyLine(
        party, revision, account_id, f"account {account_id}", "group", "39", 60, 60, 0, "1/2",
        Decimal(net), Decimal("0.01"), "USD", Decimal(0), (),
    )  # fmt: skip


LINES = (
    line(0, SHOP, "1.00"),
    line(0, SHOP, "1.10", revision=1),
    line(1, DHAKA, "0.80"),
    line(2, BD, "0.60"),
    line(-1, VENDOR, "0.40"),
)


def nets(lines: Iterable[PartyLine]) -> list[tuple[int, str]]:
    return [(found.party, str(found.net)) for found in lines]


def test_every_field_of_a_record_has_its_row_in_the_table() -> None:
    assert set(RECORD) == {field.name for field in fields(CdrRow)}
    assert set(LIVE) == {field.name for field in fields(LiveCall)}


@pytest.mark.parametrize("name", [field.name for field in fields(CdrRow)])
@pytest.mark.parametrize("scope", [Scope(DHAKA), Scope(SHOP, subtree=False)], ids=["agent", "own"])
def test_a_field_of_a_record(scope: Scope, name: str) -> None:
    record = filled(CdrRow, reason=Reason.BUSY)
    shown = getattr(shown_record(scope, record), name)
    if name in HIDDEN:
        assert shown in NOTHING
        assert RECORD[name] is not Sight.EVERYBODY
    else:
        assert shown == getattr(record, name)
        assert RECORD[name] is Sight.EVERYBODY
    assert (name in seen_fields(scope)) == (name not in HIDDEN)


def test_an_operator_sees_all_of_it() -> None:
    record, call = filled(CdrRow), filled(LiveCall)
    assert shown_record(EVERYTHING, record) is record
    assert shown_live(EVERYTHING, call) is call
    assert shown_lines(EVERYTHING, LINES) == LINES
    assert set(seen_fields(EVERYTHING)) == {field.name for field in fields(CdrRow)}


@pytest.mark.parametrize("name", [field.name for field in fields(LiveCall)])
def test_a_field_of_a_call_in_progress(name: str) -> None:
    call = filled(LiveCall)
    shown = getattr(shown_live(Scope(DHAKA), call), name)
    if name in ("switch_id", "routing_gateways"):
        assert shown in NOTHING
    else:
        assert shown == getattr(call, name)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope(SHOP), [(0, "1.00"), (0, "1.10")]),
        (Scope(SHOP, subtree=False), [(0, "1.00"), (0, "1.10")]),
        (Scope(DHAKA), [(0, "1.00"), (0, "1.10"), (1, "0.80")]),
        (Scope(BD), [(1, "0.80"), (2, "0.60")]),
        # people of a customer see the account's own calls, not those of accounts below it
        (Scope(DHAKA, subtree=False), []),
        (Scope(ATLAS), []),
        # a vendor's account has people, too
        (Scope(VENDOR), []),
    ],
)
def test_the_own_line_and_the_one_directly_below(
    scope: Scope, expected: list[tuple[int, str]]
) -> None:
    assert nets(shown_lines(scope, LINES)) == expected


@pytest.mark.parametrize(
    ("scope", "earned", "paid"),
    [
        (EVERYTHING, "0.60", "0.41"),
        (Scope(BD), "0.80", "0.60"),
        (Scope(DHAKA), "1.10", "0.80"),
        (Scope(SHOP), None, "1.10"),
        (Scope(SHOP, subtree=False), None, "1.10"),
        (Scope(ATLAS), None, None),
        (Scope(DHAKA, subtree=False), None, None),
    ],
)
def test_what_a_call_brings_and_costs(scope: Scope, earned: str | None, paid: str | None) -> None:
    """As it stands after corrections; a vendor is paid with its tax."""
    parts = parts_of(scope, LINES)
    assert [_net(parts.earned), _net(parts.paid)] == [earned, paid]
    margin = Decimal(earned) - Decimal(paid) if earned and paid else None
    assert parts.margin == margin


def test_a_refused_call_has_no_parts() -> None:
    assert parts_of(EVERYTHING, ()) == parts_of(Scope(SHOP), ()) == parts_of(Scope(SHOP), LINES[4:])


def test_reasons_that_tell_of_the_platforms_business_are_put_another_way() -> None:
    agent = Scope(DHAKA)
    for stored, told in SHOWN_REASONS.items():
        assert shown_reason(EVERYTHING, stored) == stored
        assert shown_reason(agent, stored) == told
        assert set(reasons_behind(agent, told)) >= {told, stored}
        assert reasons_behind(agent, stored) == (), "what is not told cannot be looked for"
        assert stored not in reasons_to_choose(agent)
    assert reasons_behind(EVERYTHING, Reason.NO_ROUTE) == (Reason.NO_ROUTE,)
    assert set(reasons_to_choose(EVERYTHING)) == set(Reason)
    assert shown_reason(agent, "a reason of tomorrow") == "a reason of tomorrow"


def _net(part: Part | None) -> str | None:
    return None if part is None else str(part.net)
