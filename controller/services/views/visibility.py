"""What of a call its agents and its account may see: one table, field by field (docs/roles.md).

Views apply it where records are read, so that pages, exports and the API get what is left and
nothing else. An operator sees everything. Everybody else sees a call of its scope without what
belongs to the platform: vendors, what they cost, addresses, the switch, how it was decided. Of the
money of a call everybody sees two lines: the own one, and the one of the account directly below.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from controller.domain.cdr import VENDOR
from controller.domain.reasons import Reason, reason_from_id
from controller.services.actors import Scope
from controller.services.views.cdr_lines import NO_PARTS, Line, Part, Parts
from controller.services.views.cdrs import CdrRow
from controller.services.views.live_calls import LiveCall


class Sight(StrEnum):
    """Who sees a field."""

    EVERYBODY = "everybody"
    OPERATOR = "operator"
    OWN_LINE = "own line"
    """Of the customer's line: everybody but the operator sees the figures of lines instead."""


_ALL, _OPERATOR, _LINE = Sight.EVERYBODY, Sight.OPERATOR, Sight.OWN_LINE

RECORD: Mapping[str, Sight] = MappingProxyType(
    {
        "call_id": _ALL,
        "switch_id": _OPERATOR,
        "sip_call_id": _OPERATOR,
        "started_at": _ALL,
        "ringing_at": _ALL,
        "answered_at": _ALL,
        "ended_at": _ALL,
        "pdd_ms": _ALL,
        "talk_ms": _ALL,
        "duration_s": _ALL,
        "billed_s": _LINE,
        "source_ip": _OPERATOR,
        "source_port": _OPERATOR,
        "caller_received": _ALL,
        "callee_received": _ALL,
        "caller_rated": _ALL,
        "callee_rated": _ALL,
        # as the vendor wants them, its technical prefix included
        "caller_sent": _OPERATOR,
        "callee_sent": _OPERATOR,
        # empty where the account has left the scope since
        "account_id": _ALL,
        "account": _ALL,
        "mapping_gateway": _ALL,
        "phone": _ALL,
        "routing_gateway": _OPERATOR,
        "attempts": _OPERATOR,
        "rate_prefix": _LINE,
        "net": _LINE,
        "tax": _LINE,
        "currency": _LINE,
        "cost_account_id": _OPERATOR,
        "cost_account": _OPERATOR,
        "cost_prefix": _OPERATOR,
        "cost": _OPERATOR,
        "cost_currency": _OPERATOR,
        # what tells of the platform's own business is put another way (`SHOWN_REASONS`)
        "reason": _ALL,
        # the switch's word; what was sent to the caller are the next two
        "cause": _OPERATOR,
        "q850": _ALL,
        "sip_status": _ALL,
        "ended_by": _ALL,
        "review": _OPERATOR,
    }
)
"""Fields of a call record. Its attempts and its trace are the operator's."""

LIVE: Mapping[str, Sight] = MappingProxyType(
    {
        "call_id": _ALL,
        "switch_id": _OPERATOR,
        "caller": _ALL,
        "callee": _ALL,
        "account_id": _ALL,
        "account": _ALL,
        # of what is reserved: the own account's
        "currency": _ALL,
        "mapping_gateway": _ALL,
        "routing_gateways": _OPERATOR,
        "offered_at": _ALL,
        "answered_at": _ALL,
        "reserved": _ALL,
        "granted_s": _ALL,
        "hang_up": _ALL,
    }
)
"""Fields of a call in progress; `reserved` is what is held of the one who looks."""

SHOWN_REASONS: Mapping[Reason, Reason] = MappingProxyType(
    {
        Reason.VENDOR_BALANCE_EXHAUSTED: Reason.NOT_RENEWED,
        Reason.NO_ROUTE_CAPACITY: Reason.NO_ROUTE,
        Reason.GROUP_CAPACITY: Reason.GATEWAY_CAPACITY,
    }
)
"""What people who are no operators are told instead."""

L = TypeVar("L", bound=Line)


def seen_fields(scope: Scope) -> tuple[str, ...]:
    """The fields of a record that the scope's people see, in order."""
    return tuple(
        field.name
        for field in fields(CdrRow)
        if scope.is_everything or RECORD[field.name] is Sight.EVERYBODY
    )


def shown_record(scope: Scope, record: CdrRow) -> CdrRow:
    """The record without what the scope's people may not see."""
    if scope.is_everything:
        return record
    return replace(record, reason=shown_reason(scope, record.reason), **_NO_RECORD)


def shown_live(scope: Scope, call: LiveCall) -> LiveCall:
    return call if scope.is_everything else replace(call, **_NO_LIVE)


def shown_reason(scope: Scope, reason: str) -> str:
    known = reason_from_id(reason)
    if scope.is_everything or known is None:
        return reason
    return SHOWN_REASONS.get(known, known)


def reasons_behind(scope: Scope, reason: str) -> tuple[str, ...]:
    """The stored reasons that are shown as this one: a search finds what it is told."""
    if scope.is_everything:
        return (reason,)
    hidden = tuple(stored for stored, shown in SHOWN_REASONS.items() if shown == reason)
    return hidden if reason in SHOWN_REASONS else (reason, *hidden)


def reasons_to_choose(scope: Scope) -> tuple[Reason, ...]:
    return tuple(r for r in Reason if scope.is_everything or r not in SHOWN_REASONS)


def shown_lines(scope: Scope, lines: Iterable[L]) -> tuple[L, ...]:
    """The own line and the one of the account directly below, every revision of each."""
    lines = tuple(lines)
    if scope.is_everything:
        return lines
    own = _own_party(scope, lines)
    if own is None:
        return ()
    return tuple(line for line in lines if line.party in (own, own - 1) and line.party != VENDOR)


def parts_of(scope: Scope, lines: Iterable[L]) -> Parts:
    """What the call brought to the one who looks, and what it cost."""
    last: dict[int, L] = {}
    for line in sorted(lines, key=lambda line: line.revision):
        last[line.party] = line
    if scope.is_everything:
        top = max((party for party in last if party != VENDOR), default=VENDOR - 1)
        return Parts(_part(last.get(top)), _vendor_part(last.get(VENDOR)))
    own = _own_party(scope, last.values())
    if own is None:
        return NO_PARTS
    below = _part(last.get(own - 1)) if own > 0 and scope.subtree else None
    return Parts(below, _part(last[own]))


def _own_party(scope: Scope, lines: Iterable[Line]) -> int | None:
    """The number of the own line; a customer's people see it where it is the account's own call."""
    mine = (
        line.party for line in lines if line.party != VENDOR and line.account_id == scope.account_id
    )
    own = next(mine, None)
    return own if own == 0 or scope.subtree else None


def _part(line: Line | None) -> Part | None:
    if line is None:
        return None
    return Part(line.net, line.tax, line.currency, line.billed_s, line.prefix)


def _vendor_part(line: Line | None) -> Part | None:
    """What a vendor gets is paid whole, its tax too."""
    if line is None:
        return None
    return Part(line.net + line.tax, Decimal(0), line.currency, line.billed_s, line.prefix)


def _blanks(of: type[Any], table: Mapping[str, Sight]) -> dict[str, Any]:
    """The hidden fields, each with nothing in it."""
    return {
        field.name: _nothing(field.type) for field in fields(of) if table[field.name] is not _ALL
    }


def _nothing(kind: Any) -> Any:
    return None if type(None) in get_args(kind) else kind()


_NO_RECORD = _blanks(CdrRow, RECORD)
_NO_LIVE = _blanks(LiveCall, LIVE)
