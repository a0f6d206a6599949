"""A deck of a million rates that looks like a deck, and numbers that people might dial.

Drawn from a fixed seed. Prefixes have 3 to 12 digits and gather in some countries; neighbors
often share area and price, as ranges of one network do.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

SEED = 3000
LENGTHS = range(3, 13)
_COUNTRIES = [str(code) for code in (1, 7, *range(20, 99), *range(210, 999, 3))]
_CHANGE = datetime(2026, 1, 1, tzinfo=UTC)
_FORMS = (
    "0|0:{}/60/1",
    "0|0:{}/60/1",
    "0|0:{}/60/60",
    "0|0:{}/60/6",
    "0.05|0:{}/60/60",
    "0|0:=0.21;180:{}/60/60",
)
_AREAS = 3000


class DeckRow(NamedTuple):
    """A rate as it is stored, in the order of `COLUMNS`."""

    prefix: str
    area: str
    tiers: str
    tax_percent: int
    effective_from: datetime | None
    effective_to: datetime | None
    locked: bool


COLUMNS = ", ".join(DeckRow._fields)


def prefixes(count: int) -> list[str]:
    """Distinct prefixes, in no order."""
    dice = random.Random(SEED)
    weights = [dice.paretovariate(0.9) for _ in _COUNTRIES]
    found: set[str] = set()
    stems = list(_COUNTRIES)
    while len(found) < count:
        popular = dice.random() < 0.3
        stem = dice.choices(_COUNTRIES, weights)[0] if popular else dice.choice(stems)
        digits = dice.choice((1, 2, 2, 3))
        prefix = stem + f"{dice.randrange(10**digits):0{digits}d}"
        if len(prefix) not in LENGTHS or prefix in found:
            continue
        whole = dice.random() < 0.15
        for new in [prefix[:-1] + digit for digit in "0123456789"] if whole else [prefix]:
            if len(found) < count and new not in found:
                found.add(new)
                stems.append(new)
    deck = sorted(found)
    dice.shuffle(deck)
    return deck


def rows(deck: list[str], count: int) -> Iterator[DeckRow]:
    """`count` rates for these prefixes: some have two, before and after a change of price."""
    changing = count - len(deck)
    for number, prefix in enumerate(deck):
        area = int(prefix[:5].ljust(5, "0")) % _AREAS
        # up to three prices for an area; how it is billed is the same in all of it
        price = (area * 7919 + len(prefix) % 3) % 5000
        tiers = _FORMS[area % len(_FORMS)].format(f"0.{price:04d}")
        common = (prefix, f"Area {area}", tiers, 19 if area % 9 < 3 else 0)
        if number < changing:
            yield DeckRow(*common, None, _CHANGE, False)
            yield DeckRow(*common, _CHANGE, None, False)
        else:
            yield DeckRow(*common, None, None, number % 500 == 0)


def numbers(deck: list[str], count: int) -> list[str]:
    """Random numbers of 10 to 14 digits, every prefix as likely as every other."""
    dice = random.Random(SEED + 1)
    chosen = []
    for prefix in dice.choices(deck, k=count):
        missing = max(0, dice.randint(10, 14) - len(prefix))
        chosen.append(prefix + "".join(dice.choices("0123456789", k=missing)))
    return chosen
