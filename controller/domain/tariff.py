"""Tariffs: a connect fee and tiers, their text form, and the exact price of a duration.

Design §6 is the source. Quote, authorization, live call, settlement and explain all price
through `Tariff.exact` and `price`, so they cannot drift apart.

    fee|start:price/unit/increment;start:=lump        for example 0|0:=0.21;180:0.15/60/60

A tier is entered when the duration passes its start. A lump is charged whole when entered; a
metered tier charges every started increment, counted from the tier's own start. A duration of
0 s costs nothing, the connect fee included.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from math import lcm

from controller.domain.errors import InvalidTariff
from controller.domain.money import MAX_DECIMALS, Rounding, plain, round_ratio

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


@dataclass(frozen=True, slots=True)
class Step:
    """A tier compiled to integers: `amount` over the tariff's denominator."""

    start_s: int
    end_s: int | None
    increment_s: int
    amount: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """A priced destination. Immutable; compiled once when parsed."""

    fee: Decimal
    tiers: tuple[Tier, ...]
    denominator: int
    fee_amount: int
    steps: tuple[Step, ...]

    def exact(self, duration_s: int) -> int:
        """Exact price of `duration_s` whole seconds, as a numerator over `denominator`."""
        if duration_s <= 0:
            return 0
        total = self.fee_amount
        for step in self.steps:
            if duration_s <= step.start_s:
                break
            total += step.amount * _increments(step, duration_s)
        return total

    def billed_s(self, duration_s: int) -> int:
        """Seconds paid for: started increments count whole, a bounded lump its whole span."""
        if duration_s <= 0:
            return 0
        return sum(_billed(step, duration_s) for step in self.steps if duration_s > step.start_s)

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
    """How a rate group turns exact prices into money: currency, digits, rounding."""

    currency: str
    decimals: int = 6
    rounding: Rounding = Rounding.HALF_UP


@dataclass(frozen=True, slots=True)
class Charge:
    """A priced duration. `gross` is what is debited; a CDR shows `net` (spec §2.2)."""

    net: Decimal
    tax: Decimal
    billed_s: int

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


ZERO_CHARGE = Charge(Decimal(0), Decimal(0), 0)


def price(tariff: Tariff, terms: Terms, tax_percent: Decimal, duration_s: int) -> Charge:
    """Exact first, rounded once at the group's scale; then tax, rounded once (design §6)."""
    if duration_s <= 0:
        return ZERO_CHARGE
    numerator, denominator = tariff.exact(duration_s), tariff.denominator
    net = round_ratio(numerator, denominator, terms.decimals, terms.rounding)
    return Charge(net, tax_on(net, terms, tax_percent), tariff.billed_s(duration_s))


def tax_on(net: Decimal, terms: Terms, tax_percent: Decimal) -> Decimal:
    """Tax on a rounded net amount, itself rounded once at the same scale and mode."""
    if not tax_percent:
        return Decimal(0)
    net_over, net_under = net.as_integer_ratio()
    tax_over, tax_under = tax_percent.as_integer_ratio()
    over, under = net_over * tax_over, net_under * tax_under * 100
    return round_ratio(over, under, terms.decimals, terms.rounding)


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


@dataclass(frozen=True, slots=True)
class Pricing:
    """A matched rate and whom it charges: a customer's sale or a vendor's cost."""

    account_id: int
    prefix: str
    tariff: Tariff
    terms: Terms
    tax_percent: Decimal = Decimal(0)

    def charge(self, duration_s: int) -> Charge:
        return price(self.tariff, self.terms, self.tax_percent, duration_s)

    def affordable_s(self, available: Decimal, limit_s: int) -> int:
        return affordable_s(self.tariff, self.terms, self.tax_percent, available, limit_s)


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
