"""Section rates: a table of prices by the length of the call, read in one of three ways.

Spec §2.5 lists the readings; the rate group says which one holds. Whichever it is, the table
becomes the tiers of an ordinary tariff when the group is loaded, and nothing else knows of it.
A first-time lump comes first, then the sections, counted from its end, then the regular rate.

    seconds:fee;seconds:fee        for example 60:0.10;120:0.18;180:0.25
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from controller.domain.errors import InvalidTariff
from controller.domain.money import MAX_DECIMALS, plain
from controller.domain.tariff import (
    MAX_PRICE,
    MAX_SECONDS,
    MAX_TIERS,
    Tariff,
    Tier,
    build_tariff,
)

_ROW = re.compile(r"([0-9]{1,8}):([0-9]{1,7}(?:\.[0-9]{1,10})?)", re.ASCII)


class SectionMode(StrEnum):
    """How the rows of a table are read. For 150 s of the example above, at 0.05 a minute: …"""

    INCREMENT = "increment"
    """Each row lasts `seconds` and costs `fee` once entered: 0.10 + 0.18 = 0.28."""
    CUMULATIVE_STEP = "cumulative_step"
    """The whole price is that of the first row which is long enough: 0.25."""
    CUMULATIVE_REGULAR = "cumulative_regular"
    """The last row fully reached, and the regular rate for what is over: 0.18 + 0.05 = 0.23."""


@dataclass(frozen=True, slots=True)
class Section:
    """One row: a length in seconds (its own, or since the first row) and a price."""

    seconds: int
    fee: Decimal

    def __str__(self) -> str:
        return f"{self.seconds}:{plain(self.fee)}"


_NOTHING = Section(0, Decimal(0))


def parse_sections(text: str) -> tuple[Section, ...]:
    """The rows of a table; none for an empty text. InvalidTariff names the row that is wrong."""
    if not text.strip():
        return ()
    return tuple(_row(number, row) for number, row in enumerate(text.split(";"), start=1))


def sections_text(sections: tuple[Section, ...]) -> str:
    """The canonical text of a table; `parse_sections` gives the same rows back."""
    return ";".join(map(str, sections))


def with_sections(regular: Tariff, sections: tuple[Section, ...], mode: SectionMode) -> Tariff:
    """The tariff of a table of sections and its regular rate.

    InvalidTariff where the regular rate is more than a first-time lump and one metered tier, where
    the price would fall as the call gets longer, or where the tiers would become too many.
    """
    if not sections:
        return regular
    first_time, metered = _shape(regular)
    if mode is SectionMode.INCREMENT:
        tiers = _increments(sections, metered.start_s)
    else:
        _check_order(sections)
        rows = _steps if mode is SectionMode.CUMULATIVE_STEP else _reached_rows
        tiers = rows(sections, metered)
    end_s = metered.start_s + _length_s(sections, mode)
    tiers = [*first_time, *tiers, _metered_from(metered, end_s)]
    if len(tiers) > MAX_TIERS:
        raise InvalidTariff(f"{len(sections)} sections need more than {MAX_TIERS} tiers")
    return build_tariff(regular.fee, tiers)


def _row(number: int, text: str) -> Section:
    parts = _ROW.fullmatch(text.strip())
    if parts is None:
        raise InvalidTariff(f"section {number} {text!r}: expected 'seconds:fee'")
    section = Section(int(parts[1]), Decimal(parts[2]))
    if not 1 <= section.seconds <= MAX_SECONDS:
        raise InvalidTariff(f"section {number} ({section}): lasts {section.seconds} s")
    if section.fee > MAX_PRICE:
        raise InvalidTariff(f"section {number} ({section}): the fee is above {MAX_PRICE}")
    return section


def _shape(regular: Tariff) -> tuple[list[Tier], Tier]:
    *first_time, metered = regular.tiers
    if metered.is_lump or len(first_time) > 1 or not all(tier.is_lump for tier in first_time):
        raise InvalidTariff(
            f"sections need a regular rate of one metered tier, with at most a first-time lump "
            f"before it, not {str(regular)!r}"
        )
    return first_time, metered


def _check_order(sections: tuple[Section, ...]) -> None:
    """Cumulative rows get longer, and none is cheaper than the one before."""
    for number, (before, row) in enumerate(pairwise((_NOTHING, *sections)), start=1):
        if row.seconds <= before.seconds:
            raise InvalidTariff(
                f"section {number} ({row}): is not longer than {before.seconds} s before it"
            )
        if row.fee < before.fee:
            raise InvalidTariff(
                f"section {number} ({row}): the price would fall from {plain(before.fee)}"
            )


def _length_s(sections: tuple[Section, ...], mode: SectionMode) -> int:
    if mode is SectionMode.INCREMENT:
        return sum(section.seconds for section in sections)
    return sections[-1].seconds


def _increments(sections: tuple[Section, ...], start_s: int) -> list[Tier]:
    tiers = []
    for section in sections:
        tiers.append(Tier(start_s, section.fee))
        start_s += section.seconds
    return tiers


def _steps(sections: tuple[Section, ...], metered: Tier) -> list[Tier]:
    return [
        Tier(metered.start_s + before.seconds, row.fee - before.fee)
        for before, row in pairwise((_NOTHING, *sections))
    ]


def _reached_rows(sections: tuple[Section, ...], metered: Tier) -> list[Tier]:
    tiers: list[Tier] = []
    for number, (before, row) in enumerate(pairwise((_NOTHING, *sections)), start=1):
        tiers += _until_reached(number, before, row, metered)
    return tiers


def _until_reached(number: int, before: Section, row: Section, metered: Tier) -> list[Tier]:
    """The regular rate until the row's last second, and there what is missing to the row's fee.

    A row counts once the call is as long as it: its last second brings the price to its fee. The
    increment that this second would cut is charged as one price over the seconds that it has, so
    that the billed seconds of a reached row are its seconds.
    """
    start_s, last_s = metered.start_s + before.seconds, metered.start_s + row.seconds - 1
    per_increment = Fraction(metered.price) * metered.increment_s / metered.unit_s
    whole, rest_s = divmod(last_s - start_s, metered.increment_s)
    started = whole + bool(rest_s)
    missing = Fraction(row.fee - before.fee) - started * per_increment
    if missing < 0:
        raise InvalidTariff(
            f"section {number} ({row}): the price would fall to {plain(row.fee)}, the regular "
            f"rate alone is dearer one second before"
        )
    tiers = [_metered_from(metered, start_s)] if whole else []
    if rest_s:
        tiers.append(_once(last_s - rest_s, rest_s, per_increment))
    return [*tiers, _once(last_s, 1, missing)]


def _metered_from(metered: Tier, start_s: int) -> Tier:
    return Tier(start_s, metered.price, metered.unit_s, metered.increment_s)


def _once(start_s: int, span_s: int, amount: Fraction) -> Tier:
    """A tier of `span_s` that charges exactly `amount` when entered.

    A lump if decimals can say it; a third of a cent is metered, as one increment of the span.
    """
    scaled = amount * 10**MAX_DECIMALS
    if scaled.denominator == 1:
        return Tier(start_s, _unscaled(scaled.numerator))
    per_second = scaled / span_s
    return Tier(start_s, _unscaled(per_second.numerator), per_second.denominator, span_s)


def _unscaled(amount: int) -> Decimal:
    return Decimal(amount).scaleb(-MAX_DECIMALS)
