"""A bill taken apart: each line of the charge, free seconds, gift money. Pure.

The figures are those of `domain.billing.bill` and `Pricing.spans`, which charge live calls; here
they are only put side by side.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from controller.domain.billing import Bill, Payer, bill, charge_at
from controller.domain.holdings import Hold, Holdings
from controller.domain.money import plain
from controller.domain.pricing import ONE, PeriodPrice, Pricing, Span
from controller.domain.tariff import Line, Tariff, Tier
from controller.services.price_words import amount_text, equals_text, metered_words

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FEE = -1


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """What one tier added to a part of the call, `start_s` -1 for the connect fee.

    `amount` is exact, times the period's multiplier. `text` is the tier as the deck has it.
    """

    text: str
    start_s: int
    billed_s: int
    amount: Fraction
    words: str


@dataclass(frozen=True, slots=True)
class PricedSpan:
    """The seconds (from_s, to_s] that are paid, all at the price of one period."""

    price: PeriodPrice
    from_s: int
    to_s: int
    began: datetime
    lines: tuple[ChargeLine, ...]
    amount: Fraction


@dataclass(frozen=True, slots=True)
class FreeTaken:
    """Free seconds of a package: how many there were, and how many are taken."""

    package: str
    cycle_s: int
    left_s: int
    taken_s: int


@dataclass(frozen=True, slots=True)
class GiftTaken:
    """Gift money of a package: how much there was, and how much is taken."""

    package: str
    left: Decimal
    taken: Decimal


@dataclass(frozen=True, slots=True)
class ExplainedBill:
    """A bill with what it is made of. `spans` are of the seconds that are not free."""

    bill: Bill
    duration_s: int
    spans: tuple[PricedSpan, ...]
    free: tuple[FreeTaken, ...] = ()
    gifts: tuple[GiftTaken, ...] = ()

    @property
    def exact(self) -> Fraction:
        """The price before rounding."""
        return sum((span.amount for span in self.spans), Fraction(0))

    @property
    def lines(self) -> tuple[ChargeLine, ...]:
        return tuple(line for span in self.spans for line in span.lines)


def explain_bill(
    payer: Payer,
    duration_s: int,
    rated_s: int,
    answered_s: int,
    holdings: Holdings,
    package_names: Mapping[int, str],
) -> ExplainedBill:
    """What a payer owes for a call of `duration_s`, answered then (seconds since 1970).

    `payer` is without packages that give nothing yet; `holdings` says what its packages have.
    """
    nothing = Hold(free_s=(0,) * len(payer.free), gifts=(Decimal(0),) * len(payer.gifts))
    free_s, gifts = holdings.usable(payer, nothing)
    owed = bill(payer, rated_s, free_s, gifts, charge_at(answered_s))
    return ExplainedBill(
        owed,
        duration_s,
        priced_spans(owed.pricing, rated_s - owed.offset_s, answered_s + owed.offset_s),
        tuple(
            FreeTaken(package_names[use.package_id], use.cycle_s, left_s, taken_s)
            for use, left_s, taken_s in zip(payer.free, free_s, owed.free_s, strict=True)
        ),
        tuple(
            GiftTaken(package_names[package_id], left, taken)
            for package_id, left, taken in zip(payer.gifts, gifts, owed.gifts, strict=True)
        ),
    )


def priced_spans(pricing: Pricing, paid_s: int, answered_s: int) -> tuple[PricedSpan, ...]:
    """The price of `paid_s` seconds, cut where periods begin, each part in its lines."""
    if paid_s <= 0:
        return ()
    return tuple(_priced(span, answered_s) for span in pricing.spans(paid_s, answered_s))


def _priced(span: Span, answered_s: int) -> PricedSpan:
    lines = tuple(_lines(span))
    amount = sum((line.amount for line in lines), Fraction(0))
    began = _EPOCH + timedelta(seconds=answered_s + span.from_s)
    return PricedSpan(span.price, span.from_s, span.to_s, began, lines, amount)


def _lines(span: Span) -> Iterator[ChargeLine]:
    """What the span adds to each tier; nothing of a tier that was paid before it."""
    tariff = span.price.tariff
    before = {line.start_s: line for line in tariff.lines(span.from_s)}
    tiers = _tiers(tariff)
    for line in tariff.lines(span.to_s):
        paid = before.get(line.start_s)
        billed_s = line.billed_s - (paid.billed_s if paid else 0)
        whole = _exact(line) - (_exact(paid) if paid else 0)
        if paid and not billed_s and not whole:
            continue
        amount = whole * Fraction(span.price.multiplier)
        words = _line_words(tiers.get(line.start_s), span, billed_s, whole)
        if span.price.multiplier != ONE:
            words += f", × {plain(span.price.multiplier)} {equals_text(amount)}"
        yield ChargeLine(line.text, line.start_s, billed_s, amount, words)


def _tiers(tariff: Tariff) -> dict[int, tuple[Tier, int | None]]:
    """Each tier with its end, by its start."""
    ends = [*(tier.start_s for tier in tariff.tiers[1:]), None]
    return {tier.start_s: (tier, end) for tier, end in zip(tariff.tiers, ends, strict=True)}


def _exact(line: Line) -> Fraction:
    return Fraction(line.numerator, line.denominator)


def _line_words(
    bounded: tuple[Tier, int | None] | None, span: Span, billed_s: int, amount: Fraction
) -> str:
    if bounded is None:
        return f"connect fee, once for the call: {amount_text(amount)}"
    tier, end_s = bounded
    if tier.is_lump:
        return f"{_lump_seconds(tier, end_s)}: {amount_text(amount)} once"
    first_s = max(tier.start_s, span.from_s)
    last_s = span.to_s if end_s is None else min(span.to_s, end_s)
    seconds = f"{last_s - first_s} s"
    if first_s > span.from_s:
        seconds += f" from second {first_s + 1} on"
    return f"{seconds} at {metered_words(tier)}{_steps(tier, billed_s)} {equals_text(amount)}"


def _steps(tier: Tier, billed_s: int) -> str:
    """`: 2 steps of 0.12`; a tier that is charged by the second has no steps to count."""
    if tier.increment_s == 1:
        return ""
    count = billed_s // tier.increment_s
    each = Fraction(tier.price) * tier.increment_s / tier.unit_s
    return f": {count} {'step' if count == 1 else 'steps'} of {amount_text(each)}"


def _lump_seconds(tier: Tier, end_s: int | None) -> str:
    if end_s is None:
        return f"from second {tier.start_s + 1} on" if tier.start_s else "the whole call"
    if tier.start_s == 0:
        return f"the first {end_s} s"
    return f"seconds {tier.start_s + 1} to {end_s}"
