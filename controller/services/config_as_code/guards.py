"""What may not be done to things in use: checks against calls in progress and the ledger.

Nothing that a call in progress stands on is removed, and what a ledger was kept in never
changes: lock a gateway or an account first, and remove it when its calls have ended.
"""

import shlex
from collections.abc import Iterator

from controller.domain.ledger import PostingKind
from controller.domain.money import plain
from controller.services.config_as_code.describe import value_text
from controller.services.config_as_code.differences import Action, Difference, ObjectChange
from controller.services.config_as_code.model import (
    Opening,
    Section,
    StoredPosting,
    Wanted,
)
from controller.services.config_as_code.openings import OPENING
from controller.services.config_as_code.ports import ConfigurationWork
from controller.services.config_as_code.problems import Problem
from controller.services.config_as_code.specs import AccountSpec, PackageOrderSpec

_WITH_CALLS = (
    Section.ACCOUNTS,
    Section.GATEWAY_GROUPS,
    Section.MAPPING_GATEWAYS,
    Section.ROUTING_GATEWAYS,
)
_WITH_HISTORY = {
    Section.PACKAGES: "it can be when they have ended",
    Section.PHONES: "lock it, and set its monthly amounts to 0",
    Section.PACKAGE_ORDERS: "end it with 'tollgate packages cancel {name}'",
}
"""What is not removed when it has a history, and what to do instead."""

_FIXED_BY_ORDER = ("package", "account", "phone", "available_from")


def check_use(work: ConfigurationWork, wanted: Wanted, difference: Difference) -> list[Problem]:
    """Refusals, each for a reason that may have passed later."""
    return [
        *_removals(work, wanted, difference),
        *_histories(work, wanted, difference),
        *_ledger_changes(work, wanted, difference),
        *_order_changes(wanted, difference),
    ]


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
                message = f"{section.noun} {name} has calls in progress and cannot be removed"
                yield Problem(line, message, True)


def _histories(work: ConfigurationWork, wanted: Wanted, change: Difference) -> Iterator[Problem]:
    for section, advice in _WITH_HISTORY.items():
        removed = change.removed(section)
        known = work.histories(section, removed) if removed else {}
        for name, history in sorted(known.items()):
            said = advice.format(name=shlex.quote(name))
            message = f"{section.noun} {name} {history} and cannot be removed: {said}"
            yield Problem(wanted.lines.find((section,)), message, True)


def _order_changes(wanted: Wanted, change: Difference) -> Iterator[Problem]:
    """An order stays what was ordered, by whom and from when; one that is over stays whole."""
    for order in change.objects:
        if order.action is not Action.CHANGE or not isinstance(order.after, PackageOrderSpec):
            continue
        for field in order.fields:
            place = (Section.PACKAGE_ORDERS, order.name)
            line = wanted.lines.find((*place, field.field), place)
            if order.after.ended:
                message = f"package order {order.name} is over: place another one, with its own key"
                yield Problem(line, message, True)
                break
            if field.field in _FIXED_BY_ORDER:
                told = f"{value_text(field.before)}, the file says {value_text(field.after)}"
                message = f"package order {order.name}: its {field.field} is fixed: {told}"
                yield Problem(line, message, True)


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
