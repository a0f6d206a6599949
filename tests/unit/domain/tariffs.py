"""Hypothesis strategies for tariffs, and a price computed the slow, obvious way."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from controller.domain.money import Rounding
from controller.domain.tariff import Tariff, Terms, parse_tariff

prices = st.decimals(0, 100, places=4) | st.decimals(0, 5, places=10)
seconds = st.integers(0, 2_000)
roundings = st.sampled_from(list(Rounding))
tax_percents = st.decimals(0, 60, places=3)
terms = st.builds(Terms, st.just("EUR"), st.integers(0, 10), roundings)


@st.composite
def tier_texts(draw: st.DrawFn, start_s: int) -> str:
    price = f"{draw(prices):f}"
    if draw(st.booleans()):
        return f"{start_s}:={price}"
    unit_s = draw(st.sampled_from([1, 6, 30, 60, 3600]) | st.integers(1, 100))
    increment_s = draw(st.sampled_from([1, 6, 30, 60]) | st.integers(1, 100))
    return f"{start_s}:{price}/{unit_s}/{increment_s}"


@st.composite
def tariff_texts(draw: st.DrawFn) -> str:
    starts = sorted({0, *draw(st.lists(st.integers(1, 600), max_size=4))})
    tiers = [draw(tier_texts(start)) for start in starts]
    return f"{draw(prices):f}|{';'.join(tiers)}"


tariffs: st.SearchStrategy[Tariff] = tariff_texts().map(parse_tariff)


def second_by_second(text: str, duration_s: int) -> Fraction:
    """The exact price, by walking through the call one second after the other."""
    if duration_s == 0:
        return Fraction(0)
    fee, _, rest = text.partition("|")
    total = Fraction(fee)
    tiers = [tier.split(":") for tier in rest.split(";")]
    starts = [int(start) for start, _ in tiers]
    for second in range(duration_s):
        current = max(i for i, start in enumerate(starts) if start <= second)
        total += _price_of_second(tiers[current][1], second - starts[current])
    return total


def _price_of_second(body: str, since_start_s: int) -> Fraction:
    if body.startswith("="):
        return Fraction(body[1:]) if since_start_s == 0 else Fraction(0)
    price, unit_s, increment_s = body.split("/")
    if since_start_s % int(increment_s):
        return Fraction(0)
    return Fraction(price) * int(increment_s) / int(unit_s)


def exact_price(tariff: Tariff, duration_s: int) -> Fraction:
    return Fraction(tariff.exact(duration_s), tariff.denominator)


def rounded(exact: Fraction, decimals: int, rounding: Rounding) -> Decimal:
    """Rounding by its definition: the two neighbors, their distances, and the rule for a tie."""
    scaled = exact * 10**decimals
    below = scaled.numerator // scaled.denominator
    rest = scaled - below
    if rest == 0 or rounding is Rounding.DOWN:
        up = False
    elif rounding is Rounding.UP:
        up = True
    elif rest == Fraction(1, 2):
        up = rounding is Rounding.HALF_UP or below % 2 == 1
    else:
        up = rest > Fraction(1, 2)
    return Decimal(below + up).scaleb(-decimals)
