"""What open calls hold, compared with what their tickets say that it must be.

Beside `verification_sql.py`, which compares sums: this prices each open call once more.
"""

import orjson
import sqlalchemy as sa

from controller.domain.billing import PriceOf, bill, charge_at, worst_charge
from controller.domain.holdings import Held
from controller.domain.limits import cost_held
from controller.domain.money import plain
from controller.domain.ticket import Ticket, ticket_from_json
from controller.persistence.call_rows import held_from
from controller.persistence.schema import calls
from controller.services.books import Difference

CHECK = "reservations"


def reservation_differences(connection: sa.Connection) -> list[Difference]:
    """What each payer of an open call has reserved, against its bill of the granted seconds.

    Until a call is extended the reservation is the dearest of what it may come to (a period may
    begin while it rings); afterwards it is its price.
    """
    found: list[Difference] = []
    rows = connection.execution_options(yield_per=1_000).execute(
        sa.select(
            calls.c.call_id,
            calls.c.granted_s,
            calls.c.answered_at,
            calls.c.ticket,
            calls.c.payer_reserved,
            calls.c.free_reserved,
            calls.c.gift_reserved,
            calls.c.month_reserved,
            calls.c.routing_gateway_ids,
            calls.c.group_ids,
            calls.c.vendor_ids,
            calls.c.vendor_reserved,
        )
    )
    for call_id, granted_s, answered_at, stored, *held_values in rows:
        ticket = ticket_from_json(orjson.loads(stored))
        held = held_from(ticket, *held_values)
        offered_s = ticket.offered_us // 1_000_000
        answered_s = int(answered_at.timestamp()) if answered_at else offered_s
        prices = (worst_charge(offered_s, offered_s + ticket.setup_s), charge_at(answered_s))
        for payer, hold in zip(ticket.payers, held.payers, strict=True):
            rated_s = ticket.rated_time.rated_s(granted_s)
            due = [bill(payer, rated_s, hold.free_s, hold.gifts, p).due for p in prices]
            if hold.money not in due:
                what = f"{payer.name}: price of {granted_s} s"
                found.append(Difference(CHECK, call_id, what, plain(hold.money), plain(due[0])))
        found += _holds_at_vendors(str(call_id), ticket, held, granted_s, prices)
    return found


def _holds_at_vendors(
    call_id: str, ticket: Ticket, held: Held, granted_s: int, prices: tuple[PriceOf, ...]
) -> list[Difference]:
    """What is held at prepaid vendors' accounts: the cost at one of each account's gateways.

    Nothing is held of vendors that cannot carry the call any more.
    """
    stored = dict(held.vendors)
    prepaid = [attempt for attempt in ticket.attempts if attempt.prepaid]
    expected = {a.cost.account_id for a in prepaid if a.gateway_id in held.gateway_ids}
    found = []
    for account_id in sorted({*stored, *expected}):
        costs = [
            cost_held(attempt, granted_s, price_of)
            for attempt in prepaid
            for price_of in prices
            if account_id in expected and attempt.cost.account_id == account_id
        ]
        amount = stored.get(account_id)
        if amount not in costs:
            what = f"held at vendor #{account_id} for {granted_s} s"
            had = "none" if amount is None else plain(amount)
            due = plain(costs[0]) if costs else "none"
            found.append(Difference(CHECK, call_id, what, had, due))
    return found
