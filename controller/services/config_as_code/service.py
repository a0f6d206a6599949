"""Use cases: compare a file with the database, and apply it in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from controller.domain.errors import NotAllowed
from controller.services.actors import Actor
from controller.services.config_as_code.audit import audit_lines
from controller.services.config_as_code.checks import check_relations
from controller.services.config_as_code.differences import Difference, compare, result
from controller.services.config_as_code.guards import check_use, new_openings
from controller.services.config_as_code.model import Wanted
from controller.services.config_as_code.orders import resolve_orders
from controller.services.config_as_code.ports import (
    ConfigurationStore,
    ConfigurationWork,
)
from controller.services.config_as_code.problems import Problem, Problems
from controller.services.config_as_code.section_modes import check_section_modes
from controller.services.config_as_code.sections import Reading
from controller.services.decks import DeckDifference

Approve = Callable[[Difference], bool]


@dataclass(frozen=True, slots=True)
class Review:
    """A file against the database: with problems, nothing of it may be applied."""

    difference: Difference
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """`version` is the new configuration version; None where nothing was written."""

    review: Review
    version: int | None = None


def review(store: ConfigurationStore, reading: Reading, *, prune: bool) -> Review:
    """Every problem of a file, and what applying it would change. Writes nothing."""
    with store.begin() as work:
        return _review(work, reading, prune)


def apply(
    actor: Actor, store: ConfigurationStore, reading: Reading, *, prune: bool, approve: Approve
) -> Applied:
    """Review, then write everything in the same transaction if `approve` agrees.

    Nothing is written where there is a problem, no difference, or no approval. The audit log has a
    line for each object. Raises NotAllowed for all but operators.
    """
    if not actor.is_operator:
        raise NotAllowed("the configuration is the administrators'")
    with store.begin() as work:
        reviewed = _review(work, reading, prune)
        if reviewed.problems or not reviewed.difference or not approve(reviewed.difference):
            return Applied(reviewed)
        version = work.write(reviewed.difference)
        work.audit(audit_lines(actor, reviewed.difference, work))
        work.commit()
        return Applied(reviewed, version)


def _review(work: ConfigurationWork, reading: Reading, prune: bool) -> Review:
    problems = Problems(list(reading.problems))
    stored = work.state()
    wanted = resolve_orders(reading.wanted, stored, problems)
    difference = compare(stored, wanted, prune=prune)
    problems.extend(check_relations(result(stored, wanted, prune=prune), wanted.lines))
    problems.extend(check_use(work, wanted, difference))
    problems.extend(check_section_modes(work, wanted, difference))
    postings = work.postings([opening.posting_id for opening in wanted.openings])
    openings, contradictions = new_openings(postings, wanted)
    problems.extend(contradictions)
    if problems:
        return Review(difference, problems.sorted())
    return Review(replace(difference, decks=_compare_decks(work, wanted), openings=openings))


def _compare_decks(work: ConfigurationWork, wanted: Wanted) -> dict[str, DeckDifference]:
    decks = {}
    for group, rows in wanted.decks.items():
        work.stage_deck(group, enumerate(rows, start=2))
        if change := work.deck_difference(group, replace=True):
            decks[group] = change
    return decks
