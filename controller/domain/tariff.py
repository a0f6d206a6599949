"""Tariffs: a connect fee and tiers, their text form, and the exact price of a duration.

Design §6 is the source. Quote, authorization, live call, settlement and explain all price
through `Tariff.exact` and `price`, so they cannot drift apart.

    fee|start:price/unit/increment;start:=lump        for example 0|0:=0.21;180:0.15/60/60

A tier is entered when the duration passes its start. A lump is charged whole when entered; a
metered tier charges every started increment, counted from the tier's own start. A duration of
0 s costs nothing, the connect fee included.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import gcd, lcm
from typing import NamedTuple

from controller.domain.errors import InvalidInput, InvalidTariff
from controller.domain.money import MAX_DECIMALS, Rounding, plain, rounded_quotient, rounding_bias

MAX_PRICE = Decimal(1_000_000)
MAX_SECONDS = 10_000_000
MAX_TIERS = 32

_PRICE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,10})?", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,8}", re.ASCII)
_SCALE: int = 10**MAX_DECIMALS


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier. `increment_s` 0 means a lump of `price`; else `price` per `unit_s` seconds."""

    start_s: int
    price: Decimal
    unit_s: int = 0
    increment_s: int = 0

    @property
    def is_lump(self) -> bool:
        return self.increment_s == 0

    def __str__(self) -> str:
        if self.is_lump:
            return f"{self.start_s}:={plain(self.price)}"
        return f"{self.start_s}:{plain(self.price)}/{self.unit_s}/{self.increment_s}"


@dataclass(frozen=True, slots=True)
class Line:
    """What one tier (or the connect fee, `start_s` -1) added: exact amount as a ratio."""

    start_s: int
    billed_s: int
    numerator: int
    denominator: int
    text: str


class Step(NamedTuple):
    """A tier compiled to integers: `amount` over the tariff's denominator."""

    start_s: int
    end_s: int | None
    increment_s: int
    amount: int


_Plan = tuple[int, int | None, int, int, int, int, int]
"""How a tariff becomes whole steps: for which terms, rounding bias, denominator; then, of a tariff
that is one metered tier with at most a lump before it, as nearly all are: the tier's start,
increment, what is charged until then, and the increment's amount. The ratio is in its lowest
terms, for small integers are fast. An increment of 0 says that the tariff is of another shape.
"""
_NO_PLAN: _Plan = (-1, 0, 1, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Tariff:
    """A priced destination. Immutable; compiled once when parsed."""

    fee: Decimal
    tiers: tuple[Tier, ...]
    denominator: int
    fee_amount: int
    steps: tuple[Step, ...]
    # of the terms for which it was priced last; replaced as a whole, so that threads may share it
    plan: _Plan = field(init=False, repr=False, compare=False, default=_NO_PLAN)

    def exact(self, duration_s: int) -> int:
        """Exact price of `duration_s` whole seconds, as a numerator over `denominator`."""
        return self.measured(duration_s)[0]

    def billed_s(self, duration_s: int) -> int:
        """Seconds paid for: started increments count whole, a bounded lump its whole span."""
        return self.measured(duration_s)[1]

    def measured(self, duration_s: int) -> tuple[int, int]:
        """Exact price, as a numerator over `denominator`, and the seconds paid for."""
        if duration_s <= 0:
            return 0, 0
        total, billed_s = self.fee_amount, 0
        for start_s, end_s, increment_s, amount in self.steps:
            if duration_s <= start_s:
                break
            reached_s = duration_s if end_s is None or duration_s < end_s else end_s
            if increment_s:
                increments = -((start_s - reached_s) // increment_s)
                total += amount * increments
                billed_s += increments * increment_s
            else:
                total += amount
                billed_s += (duration_s if end_s is None else end_s) - start_s
        return total, billed_s

    def lines(self, duration_s: int) -> tuple[Line, ...]:
        """The exact price taken apart, for explanations."""
        if duration_s <= 0:
            return ()
        entered = [
            Line(
                step.start_s,
                _billed(step, duration_s),
                step.amount * _increments(step, duration_s),
                self.denominator,
                str(tier),
            )
            for step, tier in zip(self.steps, self.tiers, strict=True)
            if duration_s > step.start_s
        ]
        if self.fee_amount:
            fee = Line(-1, 0, self.fee_amount, self.denominator, f"connect fee {plain(self.fee)}")
            entered.insert(0, fee)
        return tuple(entered)

    def __str__(self) -> str:
        return f"{plain(self.fee)}|{';'.join(map(str, self.tiers))}"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a rate group turns exact prices into money: currency, digits, rounding.

    Where `fee_unit` is not 0, amounts are rounded to multiples of it instead (spec §2.8).
    """

    currency: str
    decimals: int = 6
    rounding: Rounding = Rounding.HALF_UP
    fee_unit: Decimal = Decimal(0)
    # what every amount is a multiple of, and that as a number of the smallest amounts (10⁻¹⁰)
    step: Decimal = field(init=False, repr=False, compare=False)
    step_size: int = field(init=False, repr=False, compare=False)
    # the same for terms that round alike
    plan_key: int = field(init=False, repr=False, compare=False)
    taxes: dict[Decimal, "_TaxPlan"] = field(
        init=False, repr=False, compare=False, default_factory=dict[Decimal, "_TaxPlan"]
    )

    def __post_init__(self) -> None:
        step = self.fee_unit or Decimal(1).scaleb(-self.decimals)
        size = step.scaleb(MAX_DECIMALS)
        if size < 1 or size != int(size):
            raise InvalidInput(f"amounts cannot be multiples of {plain(step)}")
        object.__setattr__(self, "step", step)
        object.__setattr__(self, "step_size", int(size))
        object.__setattr__(self, "plan_key", int(size) * len(_MODES) + _MODES[self.rounding])

    def rounded(self, numerator: int, denominator: int) -> Decimal:
        """The exact non-negative amount numerator/denominator, rounded once."""
        under = denominator * self.step_size
        return self.step * rounded_quotient(numerator * _SCALE, under, self.rounding)


_MODES = {rounding: number for number, rounding in enumerate(Rounding)}


_TaxPlan = tuple[int, int | None, int]
"""Tax as a part of the net amount: numerator, rounding bias, denominator."""
_MAX_TAX_PLANS = 1000


class Charge(NamedTuple):
    """A priced duration. `gross` is what is debited; a CDR shows `net` (spec §2.2)."""

    net: Decimal
    tax: Decimal
    billed_s: int

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


NOTHING = Decimal(0)
ZERO_CHARGE = Charge(NOTHING, NOTHING, 0)
# as `Charge(…)`, without the call of a function that a named tuple's own constructor is
_charge = tuple.__new__


def price(tariff: Tariff, terms: Terms, tax_percent: Decimal, duration_s: int) -> Charge:
    """Exact first, rounded once at the group's scale; then tax, rounded once (design §6).

    Counted in the group's steps (of a cent, of 0.000001, of the fee unit): whole numbers until
    the end. Every call comes here several times.
    """
    if duration_s <= 0:
        return ZERO_CHARGE
    key, bias, under, start_s, increment_s, fixed, amount = tariff.plan
    if key != terms.plan_key:
        _, bias, under, start_s, increment_s, fixed, amount = _plan(tariff, terms)
    if not increment_s:
        exact, billed_s = tariff.measured(duration_s)
    elif duration_s > start_s:
        increments = -((start_s - duration_s) // increment_s)
        exact, billed_s = fixed + amount * increments, start_s + increment_s * increments
    else:
        exact, billed_s = fixed, start_s
    if bias is None:
        steps = rounded_quotient(exact, under, terms.rounding)
    else:
        steps = (exact + bias) // under
    step = terms.step
    if not tax_percent:
        return _charge(Charge, (step * steps, NOTHING, billed_s))
    try:
        over, bias, under = terms.taxes[tax_percent]
    except KeyError:
        over, bias, under = _tax_plan(terms, tax_percent)
    if bias is None:
        tax_steps = rounded_quotient(steps * over, under, terms.rounding)
    else:
        tax_steps = (steps * over + bias) // under
    return _charge(Charge, (step * steps, step * tax_steps, billed_s))


def _plan(tariff: Tariff, terms: Terms) -> _Plan:
    *before, last = tariff.steps
    under = tariff.denominator // _SCALE * terms.step_size
    start_s, increment_s, fixed, amount = 0, 0, 0, 0
    if last.increment_s and len(before) < 2 and not any(step.increment_s for step in before):
        fixed = tariff.fee_amount + sum(step.amount for step in before)
        common = gcd(fixed, last.amount, under)
        start_s, increment_s = last.start_s, last.increment_s
        fixed, amount, under = fixed // common, last.amount // common, under // common
    bias = rounding_bias(under, terms.rounding)
    plan = (terms.plan_key, bias, under, start_s, increment_s, fixed, amount)
    object.__setattr__(tariff, "plan", plan)
    return plan


def tax_on(net: Decimal, terms: Terms, tax_percent: Decimal) -> Decimal:
    """Tax on a rounded net amount, itself rounded once at the same scale and mode."""
    if not tax_percent:
        return NOTHING
    net_over, net_under = net.as_integer_ratio()
    tax_over, tax_under = tax_percent.as_integer_ratio()
    return terms.rounded(net_over * tax_over, net_under * tax_under * 100)


def _tax_plan(terms: Terms, tax_percent: Decimal) -> _TaxPlan:
    percent = Fraction(tax_percent) / 100
    over, under = percent.numerator, percent.denominator
    plan = (over, rounding_bias(under, terms.rounding), under)
    if len(terms.taxes) < _MAX_TAX_PLANS:
        terms.taxes[tax_percent] = plan
    return plan


def affordable_s(
    tariff: Tariff, terms: Terms, tax_percent: Decimal, available: Decimal, limit_s: int
) -> int:
    """The longest duration up to `limit_s` whose gross price fits in `available`."""
    low, high = 0, limit_s
    while low < high:
        middle = (low + high + 1) // 2
        if price(tariff, terms, tax_percent, middle).gross <= available:
            low = middle
        else:
            high = middle - 1
    return low


@lru_cache(maxsize=65_536)
def parse_tariff(text: str) -> Tariff:
    """A tariff from its text form. Cached: decks repeat the same few prices many times.

    Raises InvalidTariff naming the part that is wrong.
    """
    fee_text, bar, tiers_text = text.strip().partition("|")
    if not bar:
        raise InvalidTariff(f"{text!r}: expected 'fee|start:price/unit/increment;…'")
    parts = tiers_text.split(";")
    return build_tariff(_price(fee_text, "connect fee"), [_tier(part) for part in parts])


def build_tariff(fee: Decimal, tiers: list[Tier]) -> Tariff:
    """Check the order of tiers and compile them to integers over one denominator."""
    if not tiers or tiers[0].start_s != 0:
        raise InvalidTariff("the first tier must start at 0")
    for before, after in pairwise(tiers):
        if after.start_s <= before.start_s:
            raise InvalidTariff(f"tier '{after}' does not start after the one before it")
    _check_amounts(fee, tiers)
    unit = lcm(*(tier.unit_s or 1 for tier in tiers))
    ends: list[int | None] = [tier.start_s for tier in tiers[1:]]
    steps = (_compile(tier, end, unit) for tier, end in zip(tiers, [*ends, None], strict=True))
    return Tariff(fee, tuple(tiers), unit * _SCALE, _scaled(fee) * unit, tuple(steps))


def plain_tariff(
    rate: Decimal,
    cycle_s: int,
    unit_s: int,
    connect_fee: Decimal = Decimal(0),
    first_charge: Decimal = Decimal(0),
    first_duration_s: int = 0,
) -> Tariff:
    """The tiers of the plain deck columns (design §6): first-time lump, then cycles."""
    if cycle_s < 1 or unit_s < 1:
        raise InvalidTariff(f"cycle {cycle_s} s and unit {unit_s} s must be at least 1 s")
    metered = Tier(first_duration_s, rate, unit_s, cycle_s)
    if first_duration_s:
        return build_tariff(connect_fee, [Tier(0, first_charge), metered])
    if first_charge:
        raise InvalidTariff("first_charge needs first_duration_s")
    return build_tariff(connect_fee, [metered])


def _check_amounts(fee: Decimal, tiers: list[Tier]) -> None:
    """What the text form cannot say, numbers must not say either."""
    if len(tiers) > MAX_TIERS:
        raise InvalidTariff(f"more than {MAX_TIERS} tiers")
    _price(f"{fee:f}", "connect fee")
    for tier in tiers:
        _price(f"{tier.price:f}", str(tier))
        if not 0 <= tier.start_s <= MAX_SECONDS:
            raise InvalidTariff(f"tier {tier}: starts at {tier.start_s} s")
        if tier.is_lump:
            continue
        if not (1 <= tier.unit_s <= MAX_SECONDS and 1 <= tier.increment_s <= MAX_SECONDS):
            raise InvalidTariff(f"tier {tier}: unit and increment must be at least 1 s")


def _increments(step: Step, duration_s: int) -> int:
    if step.increment_s == 0:
        return 1
    reached = duration_s if step.end_s is None else min(duration_s, step.end_s)
    return -((step.start_s - reached) // step.increment_s)


def _billed(step: Step, duration_s: int) -> int:
    if step.increment_s:
        return _increments(step, duration_s) * step.increment_s
    return (duration_s if step.end_s is None else step.end_s) - step.start_s


def _compile(tier: Tier, end_s: int | None, unit: int) -> Step:
    if tier.is_lump:
        return Step(tier.start_s, end_s, 0, _scaled(tier.price) * unit)
    per_increment = _scaled(tier.price) * tier.increment_s * (unit // tier.unit_s)
    return Step(tier.start_s, end_s, tier.increment_s, per_increment)


def _scaled(amount: Decimal) -> int:
    return int(amount.scaleb(MAX_DECIMALS))


def _tier(text: str) -> Tier:
    start_text, colon, body = text.strip().partition(":")
    if not colon:
        raise InvalidTariff(
            f"tier {text!r}: expected 'start:price/unit/increment' or 'start:=lump'"
        )
    start_s = _seconds(start_text, text, minimum=0)
    if body.startswith("="):
        return Tier(start_s, _price(body[1:], text))
    fields = body.split("/")
    if len(fields) != 3:
        raise InvalidTariff(f"tier {text!r}: expected price/unit/increment")
    unit_s, increment_s = (_seconds(field, text, minimum=1) for field in fields[1:])
    return Tier(start_s, _price(fields[0], text), unit_s, increment_s)


def _price(text: str, where: str) -> Decimal:
    text = text.strip()
    if not _PRICE.fullmatch(text):
        raise InvalidTariff(f"{where}: {text!r} is not a price (digits, at most 10 decimals)")
    amount = Decimal(text)
    if amount > MAX_PRICE:
        raise InvalidTariff(f"{where}: {text} is above {MAX_PRICE}")
    return amount


def _seconds(text: str, where: str, minimum: int) -> int:
    text = text.strip()
    if not _SECONDS.fullmatch(text) or not minimum <= int(text) <= MAX_SECONDS:
        raise InvalidTariff(f"{where}: {text!r} is not a number of seconds of at least {minimum}")
    return int(text)
