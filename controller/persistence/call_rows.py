"""Rows of the call path's tables, from and to the values of the domain."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from controller.domain.admission import Admitted
from controller.domain.call_record import at_us
from controller.domain.cdr import Cdr, ChargeLine
from controller.domain.events import AttemptEnded
from controller.domain.holdings import Held, Hold, Holdings, Lines
from controller.domain.ledger import Posting, SystemAccount
from controller.domain.ticket import Ticket, ticket_to_json

SystemAccounts = Mapping[tuple[str, str], int]
"""Ids of the platform's own accounts by currency and role."""

Fields = dict[str, Any]


def call_row(ticket: Ticket, admitted: Admitted) -> Fields:
    phone_id, month = ticket.month or (None, None)
    return {
        "call_id": ticket.call_id,
        "switch_id": ticket.switch_id,
        "account_id": ticket.account_id,
        "mapping_gateway_id": ticket.mapping_gateway_id,
        "payer_ids": [payer.account_id for payer in ticket.payers],
        "phone_id": phone_id,
        "phone_month": month,
        "granted_s": admitted.granted_s,
        "offered_at": at_us(ticket.offered_us),
        "caller": ticket.caller,
        "callee": ticket.callee,
        "ticket": ticket_to_json(ticket),
        "free_ids": [use.allowance_id for payer in ticket.payers for use in payer.free],
        "gift_ids": [gift for payer in ticket.payers for gift in payer.gifts],
        **held_fields(admitted.held),
    }


def late_row(ticket: Ticket) -> Fields:
    return {
        "call_id": ticket.call_id,
        "switch_id": ticket.switch_id,
        "account_id": ticket.account_id,
        "offered_at": at_us(ticket.offered_us),
    }


def held_row(
    call_id: str, granted_s: int, held: Held, answered_at: datetime | None = None
) -> Fields:
    """A call that holds something else than before. `answered_at` None: as it is."""
    return {
        "call_id": call_id,
        "granted_s": granted_s,
        "answered_at": answered_at,
        **held_fields(held),
    }


def held_fields(held: Held) -> Fields:
    """What is held, flat: in the order of the payers, and of their allowances and gifts."""
    return {
        "payer_reserved": [str(hold.money) for hold in held.payers],
        "free_reserved": [free_s for hold in held.payers for free_s in hold.free_s],
        "gift_reserved": [str(gift) for hold in held.payers for gift in hold.gifts],
        "month_reserved": str(held.month),
        "routing_gateway_ids": held.gateway_ids,
        "group_ids": held.group_ids,
        "vendor_ids": [account_id for account_id, _ in held.vendors],
        "vendor_reserved": [str(amount) for _, amount in held.vendors],
    }


def held_from(
    ticket: Ticket,
    payer_reserved: list[Decimal],
    free_reserved: list[int],
    gift_reserved: list[Decimal],
    month_reserved: Decimal,
    gateway_ids: list[int],
    group_ids: list[int],
    vendor_ids: list[int],
    vendor_reserved: list[Decimal],
) -> Held:
    """The inverse of `held_fields`, by the payers of the stored ticket."""
    free_s, gifts = iter(free_reserved), iter(gift_reserved)
    return Held(
        tuple(
            Hold(money, tuple(next(free_s) for _ in p.free), tuple(next(gifts) for _ in p.gifts))
            for p, money in zip(ticket.payers, payer_reserved, strict=True)
        ),
        month_reserved,
        tuple(gateway_ids),
        tuple(group_ids),
        tuple(zip(vendor_ids, vendor_reserved, strict=True)),
    )


def line_from(
    used: int,
    capacity: int | None,
    per_second: int | None,
    recent: list[list[int]] | None,
    name: str | None,
) -> Lines:
    calls = tuple((at_us, count) for at_us, count in recent) if recent else ()
    return Lines(used, capacity, per_second, calls, name or "")


def posting_row(posting: Posting, system: SystemAccounts) -> Fields:
    def account(which: int | SystemAccount) -> int:
        return system[posting.currency, which] if isinstance(which, SystemAccount) else which

    return {
        "id": posting.posting_id,
        "kind": posting.kind,
        "debit": account(posting.debit),
        "credit": account(posting.credit),
        "amount": str(posting.amount),
        "currency": posting.currency,
        "at": posting.at,
        "call_id": posting.call_id,
    }


def cdr_row(cdr: Cdr) -> Fields:
    return _amounts_as_text({name: getattr(cdr, name) for name in Cdr.__slots__})


def line_row(line: ChargeLine) -> Fields:
    return _amounts_as_text({name: getattr(line, name) for name in ChargeLine.__slots__})


def attempt_row(event: AttemptEnded) -> Fields:
    return {
        "leg_id": event.leg_id,
        "started_at": at_us(event.started_us),
        "call_id": event.call_id,
        "number": event.number,
        "gateway": event.gateway,
        "caller_sent": event.caller_sent,
        "callee_sent": event.callee_sent,
        "ringing_at": at_us(event.ringing_us) if event.ringing_us else None,
        "answered_at": at_us(event.answered_us) if event.answered_us else None,
        "ended_at": at_us(event.ended_us),
        "cause": event.cause,
        "q850": event.q850,
        "sip_status": event.sip_status,
        "hangup_by_remote": event.hangup_by_remote,
    }


def holdings_rows(now: Holdings, before: Holdings) -> dict[str, list[Fields]]:
    """Rows of what a batch has changed, by the part of the statement that writes them."""
    return {
        "funds": [
            {
                "account_id": account_id,
                "balance": str(funds.balance),
                "reserved": str(funds.reserved),
                "lines": funds.lines,
                "subtree_lines": funds.subtree_lines,
            }
            for account_id, funds in now.funds.items()
            if funds != before.funds[account_id]
        ],
        "lines": [
            {"kind": kind, "id": id_, "used": lines.used, "recent": lines.recent or None}
            for (kind, id_), lines in now.lines.items()
            if _is_changed(lines, before.lines[kind, id_])
        ],
        "packages": [
            {
                "id": package_id,
                "gift_left": str(funds.gift_left),
                "gift_reserved": str(funds.gift_reserved),
                "consumption": str(funds.consumption),
            }
            for package_id, funds in now.packages.items()
            if funds != before.packages[package_id]
        ],
        "allowances": [
            {"id": allowance_id, "left_s": allowance.left_s, "reserved_s": allowance.reserved_s}
            for allowance_id, allowance in now.allowances.items()
            if allowance != before.allowances[allowance_id]
        ],
        "months": [
            {
                "phone_id": phone_id,
                "month": month,
                "consumed": str(use.consumed),
                "reserved": str(use.reserved),
            }
            for (phone_id, month), use in now.months.items()
            if use != before.months[phone_id, month]
        ],
    }


def _is_changed(lines: Lines, before: Lines) -> bool:
    """Limits are not the call path's to write."""
    return lines.used != before.used or lines.recent != before.recent


def _amounts_as_text(row: Fields) -> Fields:
    """JSON numbers are floats; amounts are not."""
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }
