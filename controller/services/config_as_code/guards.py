"""What may not be done to things in use: checks against calls in progress and the ledger.

Nothing that a call in progress stands on is removed, and what a ledger was kept in never
changes: lock a gateway or an account first, and remove it when its calls have ended.
"""

from collections.abc import Iterator

from controller.domain.ledger import PostingKind
from controller.domain.money import plain
from controller.services.config_as_code.differences import Action, Difference, ObjectChange
from controller.services.config_as_code.model import (
    AccountSpec,
    Opening,
    Section,
    StoredPosting,
    Wanted,
)
from controller.services.config_as_code.openings import OPENING
from controller.services.config_as_code.ports import ConfigurationWork
from controller.services.config_as_code.problems import Problem

_WITH_CALLS = (Section.ACCOUNTS, Section.MAPPING_GATEWAYS, Section.ROUTING_GATEWAYS)


def check_use(work: ConfigurationWork, wanted: Wanted, difference: Difference) -> list[Problem]:
    """Refusals, each for a reason that may have passed later."""
    return [*_removals(work, wanted, difference), *_ledger_changes(work, wanted, difference)]


def new_openings(
    stored: dict[str, StoredPosting], wanted: Wanted
) -> tuple[tuple[Opening, ...], list[Problem]]:
    """Postings that are not in the ledger yet, and those that say otherwise than it does."""
    new, problems = [], []
    for opening in wanted.openings:
        known = stored.get(opening.posting_id)
        if known is None:
            new.append(opening)
        elif fault := _contradiction(known, opening):
            place = (OPENING, opening.posting_id)
            line = wanted.lines.find((*place, "amount"), place)
            problems.append(Problem(line, f"opening posting of {opening.account}: {fault}"))
    return tuple(new), problems


def _removals(work: ConfigurationWork, wanted: Wanted, change: Difference) -> Iterator[Problem]:
    for section in _WITH_CALLS:
        removed = change.removed(section)
        busy = work.in_use(section) if removed else frozenset()
        for name in removed:
            if name in busy:
                line = wanted.lines.find((section,))
                what = f"{section.replace('_', ' ').removesuffix('s')} {name}"
                yield Problem(line, f"{what} has calls in progress and cannot be removed", True)


def _ledger_changes(
    work: ConfigurationWork, wanted: Wanted, change: Difference
) -> Iterator[Problem]:
    changed = {c.name: c for c in change.objects if _changes_ledger(c)}
    if not changed:
        return
    fixed = work.with_postings(sorted(changed)) | work.in_use(Section.ACCOUNTS)
    for name in sorted(changed.keys() & fixed):
        for field in changed[name].fields:
            if field.field in ("currency", "kind"):
                line = wanted.lines.find(
                    (Section.ACCOUNTS, name, field.field), (Section.ACCOUNTS, name)
                )
                message = f"account {name} has postings or calls: its {field.field} is fixed"
                yield Problem(line, message, True)


def _changes_ledger(change: ObjectChange) -> bool:
    return (
        change.action is Action.CHANGE
        and isinstance(change.before, AccountSpec)
        and any(field.field in ("currency", "kind") for field in change.fields)
    )


def _contradiction(known: StoredPosting, wanted: Opening) -> str:
    posted = known.opening
    if known.kind != PostingKind.OPENING:
        return f"its id is that of a posting of kind {known.kind}"
    if posted.account != wanted.account:
        return f"was posted to account {posted.account}"
    if posted.amount != wanted.amount:
        return (
            f"was posted with {plain(posted.amount)}, the file says {plain(wanted.amount)};"
            " postings never change: add a correcting one under a new key"
        )
    if posted.memo != wanted.memo:
        return f"was posted with the memo {posted.memo[:64]!r}; postings never change"
    return ""
