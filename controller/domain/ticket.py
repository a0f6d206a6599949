"""The ticket of an admitted call: all that settlement needs, stored with the reservation.

Whoever finds the call's end later (another process after a crash, the CDR spool) settles from
the stored ticket and gets the same figures as the process that admitted it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from controller.domain.billing import EVERY_SECOND, FreeUse, Payer, RatedTime
from controller.domain.holdings import Month
from controller.domain.money import Rounding
from controller.domain.pricing import PeriodPrice, Pricing
from controller.domain.tariff import Terms, parse_tariff


@dataclass(frozen=True, slots=True)
class TicketAttempt:
    """A vendor in the plan: the leg's id (chosen by us), numbers as sent, and the cost.

    `prepaid`: the cost is reserved at the vendor's clearing account. `group_ids` are the groups of
    gateways that it belongs to.
    """

    leg_id: str
    gateway_id: int
    gateway: str
    caller: str
    callee: str
    cost: Pricing
    prepaid: bool = False
    group_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """Frozen at admission. `caller` and `callee` are the rated ones, after the ingress rewrite.

    `payers` are the customer and every agent above it. The call is answered within `setup_s` of
    its offer. `month` is the phone's month in which it counts. `group_ids` are the groups of the
    mapping gateway. What a call belongs to now it belongs to until its end.
    """

    call_id: str
    switch_id: str
    offered_us: int
    account_id: int
    account: str
    mapping_gateway_id: int
    mapping_gateway: str
    caller: str
    callee: str
    payers: tuple[Payer, ...]
    attempts: tuple[TicketAttempt, ...]
    max_duration_s: int
    trace: tuple[tuple[str, str, str], ...] = ()
    setup_s: int = 0
    rated_time: RatedTime = EVERY_SECOND
    recorded: bool = True
    phone: str = ""
    month: Month | None = None
    monthly_maximum: Decimal | None = None
    group_ids: tuple[int, ...] = ()

    @property
    def phone_id(self) -> int | None:
        """The phone that calls, where there is one."""
        return self.month[0] if self.month is not None else None

    def attempt(self, leg_id: str) -> TicketAttempt | None:
        return next((a for a in self.attempts if a.leg_id == leg_id), None)


def ticket_to_json(ticket: Ticket) -> dict[str, Any]:
    """A JSON-ready form; exact amounts are text."""
    data = {name: getattr(ticket, name) for name in _PLAIN_FIELDS}
    data["payers"] = [_payer_to_json(payer) for payer in ticket.payers]
    data["attempts"] = [_attempt_to_json(attempt) for attempt in ticket.attempts]
    data["trace"] = ticket.trace
    data["rated_time"] = [ticket.rated_time.free_time_s, ticket.rated_time.minimum_s]
    if ticket.month is not None:
        data["month"] = ticket.month
    if ticket.monthly_maximum is not None:
        data["monthly_maximum"] = str(ticket.monthly_maximum)
    if ticket.group_ids:
        data["group_ids"] = ticket.group_ids
    return data


def ticket_from_json(data: dict[str, Any]) -> Ticket:
    """The inverse of `ticket_to_json`; also of tickets of version 0.1, which had one payer."""
    if "sale" in data:
        sale = _pricing_from_json(data["sale"])
        payers: tuple[Payer, ...] = (Payer(sale.account_id, data["account"], (sale,)),)
    else:
        payers = tuple(_payer_from_json(fields) for fields in data["payers"])
    month, maximum = data.get("month"), data.get("monthly_maximum")
    return Ticket(
        **{name: data[name] for name in _PLAIN_FIELDS if name in data},
        payers=payers,
        attempts=tuple(_attempt_from_json(fields) for fields in data["attempts"]),
        trace=tuple((step, verdict, detail) for step, verdict, detail in data["trace"]),
        rated_time=RatedTime(*data.get("rated_time", ())),
        month=(month[0], month[1]) if month else None,
        monthly_maximum=Decimal(maximum) if maximum is not None else None,
        group_ids=tuple(data.get("group_ids", ())),
    )


_PLAIN_FIELDS = (
    "call_id",
    "switch_id",
    "offered_us",
    "account_id",
    "account",
    "mapping_gateway_id",
    "mapping_gateway",
    "caller",
    "callee",
    "max_duration_s",
    "setup_s",
    "recorded",
    "phone",
)


def _attempt_to_json(attempt: TicketAttempt) -> list[Any]:
    """The last two fields are there where they say something."""
    fields = [
        attempt.leg_id,
        attempt.gateway_id,
        attempt.gateway,
        attempt.caller,
        attempt.callee,
        _pricing_to_json(attempt.cost),
    ]
    if attempt.prepaid or attempt.group_ids:
        fields += [attempt.prepaid, attempt.group_ids]
    return fields


def _attempt_from_json(fields: list[Any]) -> TicketAttempt:
    leg_id, gateway_id, gateway, caller, callee, cost, *limits = fields
    prepaid, group_ids = limits or (False, ())
    return TicketAttempt(
        leg_id,
        gateway_id,
        gateway,
        caller,
        callee,
        _pricing_from_json(cost),
        prepaid,
        tuple(group_ids),
    )


def _payer_to_json(payer: Payer) -> list[Any]:
    return [
        payer.account_id,
        payer.name,
        [_pricing_to_json(pricing) for pricing in payer.pricings],
        [list(use) for use in payer.free],
        payer.gifts,
        payer.packages,
    ]


def _payer_from_json(fields: list[Any]) -> Payer:
    account_id, name, pricings, free, gifts, packages = fields
    return Payer(
        account_id,
        name,
        tuple(_pricing_from_json(pricing) for pricing in pricings),
        tuple(FreeUse(*use) for use in free),
        tuple(gifts),
        tuple(packages),
    )


def _pricing_to_json(pricing: Pricing) -> list[Any]:
    """The first nine fields are every price's; the rest is there where it says something."""
    terms = pricing.terms
    fields = [
        pricing.account_id,
        pricing.prefix,
        str(pricing.tariff),
        terms.currency,
        terms.decimals,
        terms.rounding.value,
        str(pricing.tax_percent),
        pricing.group,
        pricing.source,
    ]
    if pricing.is_plain and pricing.package_id is None and not terms.fee_unit:
        return fields
    later = [
        [p.from_s, p.prefix, str(p.tariff), str(p.tax_percent), str(p.multiplier)]
        for p in pricing.later
    ]
    return [
        *fields,
        str(terms.fee_unit),
        str(pricing.multiplier),
        pricing.package_id,
        later,
        pricing.split,
    ]


def _pricing_from_json(fields: list[Any]) -> Pricing:
    account_id, prefix, tariff, currency, decimals, rounding, tax, *rest = fields
    group, source, *special = rest or ["", ""]
    pricing = Pricing(
        account_id,
        prefix,
        parse_tariff(tariff),
        Terms(currency, decimals, Rounding(rounding)),
        Decimal(tax),
        group=group,
        source=source,
    )
    return _special(pricing, special) if special else pricing


def _special(pricing: Pricing, fields: list[Any]) -> Pricing:
    fee_unit, multiplier, package_id, later, split = fields
    return Pricing(
        pricing.account_id,
        pricing.prefix,
        pricing.tariff,
        Terms(
            pricing.terms.currency,
            pricing.terms.decimals,
            pricing.terms.rounding,
            Decimal(fee_unit),
        ),
        pricing.tax_percent,
        Decimal(multiplier),
        pricing.group,
        pricing.source,
        package_id,
        tuple(
            PeriodPrice(from_s, prefix, parse_tariff(tariff), Decimal(tax), Decimal(factor))
            for from_s, prefix, tariff, tax, factor in later
        ),
        split,
    )
