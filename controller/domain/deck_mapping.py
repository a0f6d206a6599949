"""Somebody else's table as canonical deck columns: names, constants, units, spellings. Pure.

A `DeckMapping` says what is meant, `bind` finds its columns in a header, and the result turns the
cells of a row into cells by canonical column, which `decks.read_row` then reads and checks.
Besides the canonical columns a mapping knows `price_per_minute` with `increment` (`60/1`: the
first minute whole, then each second), which become `tiers`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from controller.domain.deck_cells import PLAIN
from controller.domain.deck_prefixes import expand_prefixes
from controller.domain.decks import COLUMNS, Complain, check_columns
from controller.domain.errors import InvalidInput
from controller.domain.money import Rounding, plain, round_ratio

PER_MINUTE, INCREMENT = "price_per_minute", "increment"
TARGETS = (*COLUMNS, PER_MINUTE, INCREMENT)
PRICES = ("connect_fee", "first_charge", "rate", PER_MINUTE)
NUMBERS = frozenset((*PRICES, "tax_percent"))
TIMES = frozenset(("effective_from", "effective_to"))

MAX_SHOWN = 20
_NUMBER = re.compile(r"(?=.*[0-9])[0-9]{0,12}(\.[0-9]{0,20})?", re.ASCII)
_INCREMENT = re.compile(r"([0-9]{1,6}) ?s?(?: ?[/+:-] ?([0-9]{1,6}) ?s?)?", re.ASCII)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*", re.ASCII)
_REMEMBERED = 65_536

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class DeckMapping:
    """What a table's columns mean. A column that is not named keeps its own, canonical name.

    `columns`: for a canonical name those of the table, joined (prefixes without, texts with a
    space); `constants`: where the column is missing or its cell empty; `values`: for a canonical
    name, words of the table and what they stand for; `ignore`: columns that are not read though
    their names are canonical.
    """

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    header_row: int = 1
    decimal_comma: bool = False
    date_format: str = ""
    price_decimals: int | None = None
    tax_as_fraction: bool = False
    drop_from_prefix: tuple[str, ...] = ()
    drop_from_prices: tuple[str, ...] = ()


def bind(mapping: DeckMapping, header: Sequence[str], complain: Complain) -> "BoundMapping | None":
    """The mapping on the columns of a header; None after a complaint."""
    found = _find_columns(mapping, header, complain)
    if found is None:
        return None
    faults: list[str] = []
    constants = mapping.constants
    _check_targets([*found, *(c for c in constants if c not in found)], constants, faults.append)
    for fault in faults:
        complain(fault)
    return None if faults else BoundMapping(mapping, found)


class BoundMapping:
    """Cells of the table in, rows of canonical cells out."""

    def __init__(self, mapping: DeckMapping, at: Mapping[str, tuple[int, ...]]) -> None:
        self._mapping = mapping
        self._prefix_at = at.get("prefix", ())
        self._at = {column: places for column, places in at.items() if column != "prefix"}
        self._constants = {c: v for c, v in mapping.constants.items() if c not in at}
        self._convert = lru_cache(maxsize=_REMEMBERED)(self._converted)
        self._values = {
            column: {_known_as(word): meaning for word, meaning in words.items()}
            for column, words in mapping.values.items()
        }

    def rows(self, cells: Sequence[str]) -> Iterator[Row]:
        """One row for each prefix; none where every cell that is read is empty.

        Raises InvalidInput with what is wrong first.
        """
        texts = {column: _joined(cells, places) for column, places in self._at.items()}
        prefix_cells = [cells[at] if at < len(cells) else "" for at in self._prefix_at]
        if not any(texts.values()) and not any(cell.strip() for cell in prefix_cells):
            return
        row = {column: self._convert(column, text) for column, text in texts.items()}
        row |= {column: self._convert(column, "") for column in self._constants}
        if PER_MINUTE in row:
            row["tiers"] = _tiers(
                row.pop("connect_fee", ""), row.pop(PER_MINUTE), row.pop(INCREMENT)
            )
        for prefix in self._prefixes(prefix_cells):
            yield {**row, "prefix": prefix}

    def _prefixes(self, cells: list[str]) -> tuple[str, ...]:
        return expand_prefixes(cells, self._mapping.drop_from_prefix)

    def _converted(self, column: str, text: str) -> str:
        text = text or self._mapping.constants.get(column, "")
        text = self._values.get(column, {}).get(_known_as(text), text)
        if not text:
            return ""
        try:
            if column in NUMBERS:
                return plain(self._number(column, text))
            if column in TIMES:
                return _time(text, self._mapping.date_format)
        except InvalidInput as error:
            raise InvalidInput(f"{column}: {error}") from None
        return text

    def _number(self, column: str, text: str) -> Decimal:
        written = "".join(text.split())
        for sign in self._mapping.drop_from_prices:
            written = written.removeprefix(sign).removesuffix(sign)
        if self._mapping.decimal_comma:
            # a point would be a thousand's, or the file's decimals are points after all
            written = written.replace(".", "?").replace(",", ".")
        if not _NUMBER.fullmatch(written):
            raise InvalidInput(f"{text[:32]!r} is not a number of at least 0")
        number = Decimal(written)
        if column == "tax_percent":
            return number * 100 if self._mapping.tax_as_fraction else number
        decimals = self._mapping.price_decimals
        if decimals is None:
            return number
        return round_ratio(*number.as_integer_ratio(), decimals, Rounding.HALF_UP)


def _find_columns(
    mapping: DeckMapping, header: Sequence[str], complain: Complain
) -> dict[str, tuple[int, ...]] | None:
    """Where the columns are: those that the mapping names, then those of canonical names."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(header):
        places.setdefault(_known_as(name), []).append(at)
    found: dict[str, tuple[int, ...]] = {}
    sound = True
    for target, names in mapping.columns.items():
        sources = [_place(places, name, target, header, complain) for name in names]
        sound = sound and None not in sources
        found[target] = tuple(place for place in sources if place is not None)
    taken = {_known_as(name) for names in mapping.columns.values() for name in names}
    taken |= {_known_as(name) for name in mapping.ignore}
    for name in TARGETS:
        if name in places and name not in taken and name not in found:
            place = _place(places, name, name, header, complain)
            sound = sound and place is not None
            found[name] = (place or 0,)
    return found if sound else None


def _place(
    places: Mapping[str, list[int]],
    name: str,
    target: str,
    header: Sequence[str],
    complain: Complain,
) -> int | None:
    at = places.get(_known_as(name), [])
    if len(at) == 1:
        return at[0]
    if at:
        complain(f"column {name[:64]!r} for {target} comes more than once")
        return None
    known = ", ".join(repr(column[:64]) for column in header[:MAX_SHOWN] if column.strip())
    complain(f"no column {name[:64]!r} for {target}; there are {known or 'none'}")
    return None


def _check_targets(
    targets: Sequence[str], constants: Mapping[str, str], complain: Complain
) -> None:
    """What the mapping gives must be a sound header of a canonical deck."""
    columns = list(targets)
    if "prefix" in constants:
        complain("prefix: a constant cannot stand for it")
    if PER_MINUTE not in columns and INCREMENT not in columns:
        check_columns(columns, complain)
        return
    for column in (PER_MINUTE, INCREMENT):
        if column not in columns:
            complain(f"{PER_MINUTE} and {INCREMENT} go together: there is no {column}")
            return
    others = [column for column in columns if column in PLAIN and column != "connect_fee"]
    if others:
        complain(f"both {PER_MINUTE} and {', '.join(others)}: use one form")
    replaced = {PER_MINUTE, INCREMENT, *PLAIN}
    check_columns(["tiers", *(c for c in columns if c not in replaced)], complain)


def _joined(cells: Sequence[str], places: tuple[int, ...]) -> str:
    if len(places) == 1:
        (at,) = places
        return cells[at].strip() if at < len(cells) else ""
    texts = (cells[at].strip() for at in places if at < len(cells))
    return " ".join(text for text in texts if text)


@lru_cache(maxsize=_REMEMBERED)
def _tiers(connect_fee: str, per_minute: str, increment: str) -> str:
    if not per_minute:
        return ""
    steps = _INCREMENT.fullmatch(increment)
    if steps is None:
        hint = ""
        if _ISO_DATE.fullmatch(increment):
            hint = " (the spreadsheet took it for a date: format the column as text)"
        raise InvalidInput(f"{INCREMENT}: {increment[:32]!r} is not first/next seconds{hint}")
    first, following = steps[1], steps[2] or steps[1]
    tiers = f"{connect_fee or '0'}|0:{per_minute}/60/{first}"
    if int(first) == int(following):
        return tiers
    return f"{tiers};{first}:{per_minute}/60/{following}"


def _time(text: str, date_format: str) -> str:
    """ISO 8601 of a time in the mapping's format; what is ISO 8601 already stays."""
    if not date_format:
        return text
    try:
        return datetime.strptime(text, date_format).isoformat()  # noqa: DTZ007 - the group's zone
    except ValueError:
        if _ISO_DATE.fullmatch(text):
            return text
        raise InvalidInput(f"{text[:40]!r} is not of the form {date_format!r}") from None


def _known_as(name: str) -> str:
    return " ".join(name.split()).casefold()
