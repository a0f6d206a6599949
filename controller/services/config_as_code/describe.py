"""A difference in words for a terminal, and as plain data for a program."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

from controller.domain.decks import moment_text
from controller.domain.money import plain
from controller.services.config_as_code.differences import Action, Difference, ObjectChange
from controller.services.config_as_code.model import Section
from controller.services.decks import DeckDifference

_SIGNS = {Action.ADD: "+", Action.CHANGE: "~", Action.REMOVE: "-", Action.KEEP: " "}
_FATES = {(Action.REMOVE, section): " removed" for section in Section} | {
    (Action.REMOVE, Section.ACCOUNTS): " closed"
}
MAX_ROUTES = 5
"""Routes that are named for each action; the rest is counted."""


def in_words(difference: Difference) -> Iterator[str]:
    """One line for each change; `+` added, `~` changed, `-` removed."""
    for field in difference.parameters:
        yield f"~ parameter {field.field}: {value_text(field.before)} → {value_text(field.after)}"
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


def _section(changes: tuple[ObjectChange, ...], section: Section) -> Iterator[str]:
    named: dict[Action, int] = {}
    for change in (c for c in changes if c.section is section):
        named[change.action] = named.get(change.action, 0) + 1
        if section is not Section.ROUTES or named[change.action] <= MAX_ROUTES:
            yield from _object(change)
    if section is Section.ROUTES:
        for action, count in named.items():
            if count > MAX_ROUTES:
                yield f"{_SIGNS[action]} … and {count - MAX_ROUTES} routes more {action}"


def _object(change: ObjectChange) -> Iterator[str]:
    what = f"{change.section.replace('_', ' ').removesuffix('s')} {change.name}"
    if change.action is Action.KEEP:
        yield f"  {what} is not in the file and is kept (--prune removes it)"
        return
    yield f"{_SIGNS[change.action]} {what}{_FATES.get((change.action, change.section), '')}"
    for field in change.fields:
        yield f"    {field.field}: {value_text(field.before)} → {value_text(field.after)}"


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
