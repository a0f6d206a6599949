"""A difference in words for a terminal, and as plain data for a program."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

from controller.domain.decks import moment_text
from controller.domain.money import plain
from controller.services.config_as_code.differences import (
    Action,
    Difference,
    FieldChange,
    ObjectChange,
)
from controller.services.config_as_code.model import Section
from controller.services.decks import DeckDifference

_SIGNS = {Action.ADD: "+", Action.CHANGE: "~", Action.REMOVE: "-", Action.KEEP: " "}
_FATES = {(Action.REMOVE, section): " removed" for section in Section} | {
    (Action.REMOVE, Section.ACCOUNTS): " closed"
}
MAX_NAMED = {Section.ROUTES: 5, Section.PHONES: 20}
"""Objects that are named for each action, where there may be many; the rest is counted."""

MAX_ITEMS = 8
"""Entries of a list that are shown whole; of a longer one only what changed."""


def in_words(difference: Difference) -> Iterator[str]:
    """One line for each change; `+` added, `~` changed, `-` removed."""
    for field in difference.parameters:
        yield f"~ parameter {change_text(field)}"
    for section in Section:
        yield from _section(difference.objects, section)
    for group, deck in sorted(difference.decks.items()):
        yield from deck_in_words(group, deck)
    for opening in difference.openings:
        yield f"+ opening posting of {plain(opening.amount)} to {opening.account}"
    for section in Section:
        yield from _section(difference.kept, section)


def deck_in_words(group: str, deck: DeckDifference) -> Iterator[str]:
    yield (
        f"~ rates of {group}: {deck.added} added, {deck.changed} changed, {deck.removed} removed"
    )
    for change in deck.examples:
        yield f"    {change.prefix}: {change.before or 'new'} → {change.after or 'removed'}"
    rest = deck.added + deck.changed + deck.removed - len(deck.examples)
    if rest:
        yield f"    … and {rest} more"


def as_data(difference: Difference) -> dict[str, Any]:
    """JSON-ready: the same content as `in_words`, complete but for unchanged rates."""
    return {
        "parameters": [_field_data(f.field, f.before, f.after) for f in difference.parameters],
        "objects": [_object_data(change) for change in difference.objects],
        "kept": [_object_data(change) for change in difference.kept],
        "decks": {group: deck_data(deck) for group, deck in sorted(difference.decks.items())},
        "opening_postings": [
            {"id": o.posting_id, "account": o.account, "amount": plain(o.amount)}
            for o in difference.openings
        ],
    }


def deck_data(deck: DeckDifference) -> dict[str, Any]:
    return {
        "added": deck.added,
        "changed": deck.changed,
        "removed": deck.removed,
        "examples": [
            {"prefix": c.prefix, "before": c.before, "after": c.after} for c in deck.examples
        ],
    }


def value_text(value: object) -> str:
    """A field's value as it would stand in the file."""
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def change_text(change: FieldChange) -> str:
    """A field's value before and after; of long lists, what came and what went."""
    before, after = change.before, change.after
    if isinstance(before, tuple) and isinstance(after, tuple):
        gone = tuple(item for item in before if item not in after)
        come = tuple(item for item in after if item not in before)
        if max(len(before), len(after)) > MAX_ITEMS and (gone or come):
            parts = [f"{_some(gone)} removed"] if gone else []
            parts += [f"{_some(come)} added"] if come else []
            return f"{change.field}: {'; '.join(parts)}"
    return f"{change.field}: {value_text(before)} → {value_text(after)}"


def _some(items: tuple[object, ...]) -> str:
    more = f" and {len(items) - MAX_ITEMS} more" if len(items) > MAX_ITEMS else ""
    return value_text(items[:MAX_ITEMS]) + more


def _section(changes: tuple[ObjectChange, ...], section: Section) -> Iterator[str]:
    named: dict[Action, int] = {}
    limit = MAX_NAMED.get(section)
    for change in (c for c in changes if c.section is section):
        named[change.action] = named.get(change.action, 0) + 1
        if limit is None or named[change.action] <= limit:
            yield from _object(change)
    for action, count in named.items():
        if limit is not None and count > limit:
            nouns = section.replace("_", " ")
            yield f"{_SIGNS[action]} … and {count - limit} {nouns} more {action}"


def _object(change: ObjectChange) -> Iterator[str]:
    what = f"{change.section.noun} {change.name}"
    if change.action is Action.KEEP:
        yield f"  {what} is not in the file and is kept (--prune removes it)"
        return
    yield f"{_SIGNS[change.action]} {what}{_FATES.get((change.action, change.section), '')}"
    for field in change.fields:
        yield f"    {change_text(field)}"


def _closes(change: ObjectChange) -> bool:
    return change.action is Action.REMOVE and change.section is Section.ACCOUNTS


def _object_data(change: ObjectChange) -> dict[str, Any]:
    return {
        "action": "closed" if _closes(change) else str(change.action),
        "section": str(change.section),
        "name": change.name,
        "fields": [_field_data(f.field, f.before, f.after) for f in change.fields],
    }


def _field_data(name: str, before: object, after: object) -> dict[str, Any]:
    return {"field": name, "before": _json(before), "after": _json(after)}


def _json(value: object) -> object:
    """Numbers, truths and absences as themselves; money and everything else as text."""
    if value is None or (isinstance(value, bool | int) and not isinstance(value, IntEnum)):
        return value
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return value_text(value) if value != "" else ""
