"""What the audit log says of rate decks: which one, and how many rates it moved.

Which rates these are is kept with the deck itself.
"""

from controller.services.actors import Actor
from controller.services.audit import AuditLine
from controller.services.decks.ports import DeckDifference, StagedDeck

KIND = "rate deck"
"""The name in a line is the rate group's."""


def deck_line(actor: Actor, action: str, deck: StagedDeck) -> AuditLine:
    said = {"deck": str(deck.deck_id), "file": deck.file, **_counts(deck.difference)}
    return _line(actor, action, deck.group, said)


def rates_line(
    actor: Actor, group: str, difference: DeckDifference, file: str = "", deck_id: int | None = None
) -> AuditLine:
    """Of rates that were written in one step, without having been staged."""
    said = {"deck": "" if deck_id is None else str(deck_id), "file": file, **_counts(difference)}
    return _line(actor, "import", group, said)


def _counts(difference: DeckDifference) -> dict[str, str]:
    counts = {
        "added": difference.added,
        "changed": difference.changed,
        "removed": difference.removed,
    }
    return {what: str(count) for what, count in counts.items() if count}


def _line(actor: Actor, action: str, group: str, said: dict[str, str]) -> AuditLine:
    changes = {name: ("", value) for name, value in said.items() if value}
    return AuditLine(actor, action, KIND, group, changes=changes)
