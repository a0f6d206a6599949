"""What separates a wanted configuration from the stored one. Pure.

Rule of removal: an object that is stored but missing from a listed section is kept, and shown,
unless the operator asked to prune. A deck or a list of addresses is one value of its object and
is replaced whole. What is over (closed accounts and their phones, ended orders) is history: it
stays, and a file need not name it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from controller.domain.configuration import CallParameters
from controller.services.config_as_code.model import Opening, Section, State, Wanted
from controller.services.config_as_code.specs import (
    AccountSpec,
    PackageOrderSpec,
    PhoneSpec,
    Spec,
)
from controller.services.decks import DeckDifference


class Action(StrEnum):
    ADD = "added"
    CHANGE = "changed"
    REMOVE = "removed"
    KEEP = "kept"


@dataclass(frozen=True, slots=True)
class FieldChange:
    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object. `after` None: removed, or kept without being in the file."""

    action: Action
    section: Section
    before: Spec | None
    after: Spec | None

    @property
    def name(self) -> str:
        spec = self.after or self.before
        return spec.name if spec else ""

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        return changed_fields(self.before, self.after) if self.before and self.after else ()


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that applying would do, and what it would leave (`kept`)."""

    objects: tuple[ObjectChange, ...] = ()
    kept: tuple[ObjectChange, ...] = ()
    parameters: tuple[FieldChange, ...] = ()
    new_parameters: CallParameters | None = None
    decks: Mapping[str, DeckDifference] = field(default_factory=dict)
    openings: tuple[Opening, ...] = ()

    def __bool__(self) -> bool:
        """True where applying would change something."""
        return bool(self.objects or self.parameters or self.decks or self.openings)

    def written(self, section: Section) -> list[Spec]:
        """New and changed objects of a section."""
        return [c.after for c in self.objects if c.section is section and c.after is not None]

    def removed(self, section: Section) -> list[str]:
        return [c.name for c in self.objects if c.section is section and c.action is Action.REMOVE]

    def changed(self, section: Section, field: str) -> list[str]:
        """Stored objects of a section that another value of a field is wanted for."""
        return [
            c.name
            for c in self.objects
            if c.section is section and any(f.field == field for f in c.fields)
        ]


def compare(stored: State, wanted: Wanted, *, prune: bool) -> Difference:
    """The difference of objects and parameters; decks and postings need the store."""
    changes = [c for section in Section for c in _section(stored, wanted, section, prune)]
    new = wanted.parameters
    return Difference(
        objects=tuple(c for c in changes if c.action is not Action.KEEP),
        kept=tuple(c for c in changes if c.action is Action.KEEP),
        parameters=changed_fields(stored.parameters, new) if new else (),
        new_parameters=new if new != stored.parameters else None,
    )


def result(stored: State, wanted: Wanted, *, prune: bool) -> State:
    """The state after applying: what relations between objects are checked on."""
    return State(
        **{  # type: ignore[arg-type]  # each section holds its own kind of object
            section: _after(stored, wanted, section, prune) for section in map(str, Section)
        },
        parameters=wanted.parameters or stored.parameters,
    )


def changed_fields(before: object, after: object) -> tuple[FieldChange, ...]:
    """Fields of two objects of one dataclass that differ."""
    return tuple(
        FieldChange(f.name, old, new)
        for f in fields(before)  # type: ignore[arg-type]  # both are dataclass instances
        if (old := getattr(before, f.name)) != (new := getattr(after, f.name))
    )


def _after(stored: State, wanted: Wanted, name: str, prune: bool) -> Mapping[str, Spec]:
    section = Section(name)
    before, after = stored.section(section), wanted.state.section(section)
    if section not in wanted.listed:
        return before
    if not prune:
        return {**before, **after}
    history = {
        name: replace(spec, closed=True) if isinstance(spec, AccountSpec) else spec
        for name, spec in before.items()
        if isinstance(spec, AccountSpec) or is_over(stored, spec)
    }
    return {**history, **after}


def _section(
    stored: State, wanted: Wanted, section: Section, prune: bool
) -> Iterator[ObjectChange]:
    if section not in wanted.listed:
        return
    before, after = stored.section(section), wanted.state.section(section)
    for name, spec in after.items():
        if name not in before:
            yield ObjectChange(Action.ADD, section, None, spec)
        elif before[name] != spec:
            yield ObjectChange(Action.CHANGE, section, before[name], spec)
    action = Action.REMOVE if prune else Action.KEEP
    for name in sorted(before.keys() - after.keys()):
        if not is_over(stored, before[name]):
            yield ObjectChange(action, section, before[name], None)


def is_over(state: State, spec: Spec) -> bool:
    """True for what is kept as history only, and is no part of an export."""
    if isinstance(spec, AccountSpec):
        return spec.closed
    if isinstance(spec, PackageOrderSpec):
        return spec.ended
    if isinstance(spec, PhoneSpec):
        account = state.accounts.get(spec.account)
        return account is not None and account.closed
    return False
