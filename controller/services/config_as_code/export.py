"""The stored configuration as a file that applies to the same state.

Small decks stand in the file, larger ones beside it. Balances are not configuration: only
opening postings are written, by their ids.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, TextIO

from controller.domain.configuration import CallParameters
from controller.domain.decks import CANONICAL, DeckRow, moment_text
from controller.domain.errors import InvalidInput
from controller.domain.money import plain
from controller.services.config_as_code import values
from controller.services.config_as_code.differences import is_over
from controller.services.config_as_code.emit import Item, Value, emit
from controller.services.config_as_code.model import Opening, Section
from controller.services.config_as_code.ports import ConfigurationStore, ConfigurationWork
from controller.services.config_as_code.specs import (
    AccountSpec,
    PackageOrderSpec,
    RateGroupSpec,
    RouteSpec,
    Row,
    Spec,
)
from controller.services.decks import write_deck

INLINE_RATES = 50
"""Rates up to which a deck stands in the file itself."""

HEADER = """\
# Exported by `tollgate config export`. It applies to the state that it was made from.
# Opening postings are named by id; a file written by hand names them by a key of its own.
"""

WriteDeck = Callable[[str, Callable[[TextIO], None]], str]
"""Writes the deck of the named group through the callback; its name for the file."""


def export(store: ConfigurationStore, write_deck_file: WriteDeck | None) -> str:
    """The file's text. Larger decks go through `write_deck_file`.

    Raises InvalidInput where there is such a deck but no way to write it, or where the database
    holds a name that no file may have.
    """
    with store.begin() as work:
        state = work.state()
        openings = _by_account(work.openings())

        def whole(spec: Spec) -> Item:
            """An object with what is compared apart: its rates, its opening postings."""
            if isinstance(spec, RateGroupSpec):
                return {**_object(spec), **_rates(work, spec.name, write_deck_file)}
            if isinstance(spec, AccountSpec):
                return {**_object(spec), **_openings(openings.get(spec.name, []))}
            return _object(spec)

        sections: dict[str, Item | list[Item]] = {"parameters": _parameters(state.parameters)}
        for section in (s for s in Section if s is not Section.ROUTES):
            specs = state.section(section).values()
            sections[section] = [whole(spec) for spec in specs if not is_over(state, spec)]
        sections[Section.ROUTES] = list(_routes(state.routes.values()))
    return HEADER + emit(sections)


def _parameters(parameters: CallParameters) -> Item:
    """All of them, but for limits that there are not."""
    return {
        f.name: _value(value)
        for f in fields(parameters)
        if (value := getattr(parameters, f.name)) is not None
    }


def _object(spec: Spec) -> dict[str, Any]:
    """Every field that isn't at its default; addresses always, for a file must name them."""
    if not isinstance(spec, PackageOrderSpec):
        values.name(spec.name)
    return _fields(spec)


def _fields(spec: Spec | Row) -> dict[str, Any]:
    return {
        f.name: _value(value)
        for f in fields(spec)
        if (value := getattr(spec, f.name)) is not None
        and (value != f.default or f.name == "addresses")
    }


def _rates(work: ConfigurationWork, group: str, write: WriteDeck | None) -> dict[str, Any]:
    count = work.rates_count(group)
    if count <= INLINE_RATES:
        return {"rates": [_rate(row) for row in work.deck_rows(group)]}
    if write is None:
        raise InvalidInput(
            f"rate group {group} has {count} rates: name a FILE, and decks are written beside it"
        )
    return {"deck": write(group, lambda target: _write(target, work, group))}


def _write(target: TextIO, work: ConfigurationWork, group: str) -> None:
    write_deck(target, work.deck_rows(group))


def _rate(row: DeckRow) -> dict[str, str]:
    return {name: cell for name, cell in zip(CANONICAL, row.cells(), strict=True) if cell}


def _openings(openings: list[Opening]) -> dict[str, Any]:
    found = [
        {"id": o.posting_id, "amount": plain(o.amount), **({"memo": o.memo} if o.memo else {})}
        for o in openings
    ]
    return {"opening_postings": found} if found else {}


def _by_account(openings: Iterable[Opening]) -> dict[str, list[Opening]]:
    found: dict[str, list[Opening]] = {}
    for opening in openings:
        found.setdefault(opening.account, []).append(opening)
    return found


def _routes(routes: Iterable[RouteSpec]) -> Iterator[Item]:
    """One entry for each gateway and priority, with all its prefixes."""
    grouped: dict[tuple[str, int], list[str]] = {}
    for route in routes:
        grouped.setdefault((route.gateway, route.priority), []).append(route.prefix)
    for (gateway, priority), prefixes in sorted(grouped.items()):
        yield {"gateway": gateway, "priority": str(priority), "prefixes": sorted(prefixes)}


def _value(value: object) -> Value | list[dict[str, Any]]:
    """A field as the file writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, tuple):
        if any(isinstance(item, Row) for item in value):
            return [_fields(item) for item in value]
        return [str(item) for item in value]
    return str(value)
