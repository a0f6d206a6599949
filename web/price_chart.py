"""The price of a call over its length, as steps: plain SVG paths, no script."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from controller.domain.pricing import Pricing

WIDTH, HEIGHT = 720, 240
SAMPLES = 360
LEAST_S, MOST_S = 180, 7_200
TICKS = 4


@dataclass(frozen=True, slots=True)
class Curve:
    """One price. `steps` is an SVG path."""

    label: str
    is_chosen: bool
    steps: str


@dataclass(frozen=True, slots=True)
class PriceChart:
    """`asked_x` is where the call that was asked about ends, `asked_y` what it costs."""

    curves: tuple[Curve, ...]
    top: Decimal
    seconds: int
    asked_x: float
    asked_y: float
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def ticks(self) -> tuple[int, ...]:
        return tuple(self.seconds * tick // TICKS for tick in range(TICKS + 1))


def price_chart(
    prices: Sequence[tuple[str, Pricing, bool]], asked_s: int, answered_s: int
) -> PriceChart:
    """With tax, of calls answered then, up to twice as long as the one that was asked about."""
    seconds = min(MOST_S, max(LEAST_S, 2 * asked_s))
    stride = -(-seconds // SAMPLES)
    seconds = -(-seconds // stride) * stride
    at = range(0, seconds + 1, stride)
    amounts = [[pricing.charge(s, answered_s).gross for s in at] for _, pricing, _ in prices]
    top = _round_up(max((line[-1] for line in amounts), default=Decimal(0)))

    def y(amount: Decimal) -> float:
        return HEIGHT - float(HEIGHT * amount / top)

    curves = (
        Curve(label, is_chosen, _steps(line, y))
        for (label, _, is_chosen), line in zip(prices, amounts, strict=True)
    )
    asked = next((p.charge(asked_s, answered_s).gross for _, p, chosen in prices if chosen), top)
    return PriceChart(
        tuple(curves), top, seconds, WIDTH * min(asked_s, seconds) / seconds, y(min(asked, top))
    )


def _steps(amounts: Sequence[Decimal], y: Callable[[Decimal], float]) -> str:
    """A call of t seconds, of those that were looked at, costs what stands left of t."""
    path = [f"M0 {y(amounts[0]):.1f}"]
    last = len(amounts) - 1
    for place, (before, amount) in enumerate(pairwise(amounts)):
        if amount != before:
            path.append(f"H{WIDTH * place / last:.1f}V{y(amount):.1f}")
    path.append(f"H{WIDTH}")
    return "".join(path)


def _round_up(amount: Decimal) -> Decimal:
    """The next of 1, 2, 5 times a power of ten that is not below; 1 where nothing is charged."""
    if amount <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(amount.adjusted())
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= amount)
