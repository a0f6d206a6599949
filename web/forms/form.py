"""What was typed in a form, what is wrong with it, and what somebody else changed meanwhile.

A form carries the revision it was made from and the texts it showed. Only what differs from those
texts is handed on; where the stored object moved on, what the person did not touch follows it, and
what both changed is shown with both values (spec §9.6: no change is lost silently).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import orjson
from werkzeug.datastructures import MultiDict

from controller.domain.money import plain
from web import i18n
from web.fields import Fields, plain_amount
from web.formatting import moment_input
from web.forms.fields import FormField, Group, Kind
from web.i18n import gettext as _

Texts = dict[str, str]
WAS = "was"
REVISION = "revision"
_TICKED = "true"
MAX_WAS = 256 * 1024


@dataclass(slots=True)
class Form:
    """`given` is what stands in the fields, `was` what stood there first. `theirs` is what is
    stored by now of fields that both changed."""

    groups: tuple[Group, ...]
    given: Texts = field(default_factory=dict)
    was: Texts = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    theirs: Texts = field(default_factory=dict)
    revision: int | None = None
    stale: str = ""

    # -- made -----------------------------------------------------------------------------

    @classmethod
    def of(
        cls,
        groups: Iterable[Group],
        values: Mapping[str, object] | None = None,
        revision: int | None = None,
    ) -> "Form":
        """As it is shown first."""
        made = cls(tuple(groups), revision=revision)
        given = values or {}
        made.given = {f.name: shown(f, given.get(f.name)) for f in made.fields}
        made.was = dict(made.given)
        return made

    @classmethod
    def sent(cls, groups: Iterable[Group], form: MultiDict[str, str]) -> "Form":
        """As it came back."""
        made = cls(tuple(groups))
        made.given = {f.name: _typed(f, form) for f in made.fields}
        made.was = _was(form.get(WAS, ""), made.fields)
        number = form.get(REVISION, "")
        made.revision = int(number) if number.isascii() and number.isdigit() else None
        return made

    @property
    def fields(self) -> tuple[FormField, ...]:
        return tuple(f for group in self.groups for f in group.fields)

    def is_folded(self, group: Group) -> bool:
        """Nothing is in it that somebody should see."""
        touched = (
            {n for n, given in self.given.items() if given}
            | self.errors.keys()
            | self.theirs.keys()
        )
        return group.folded and not any(f.name in touched for f in group.fields)

    @property
    def was_text(self) -> str:
        return orjson.dumps(self.was).decode()

    # -- read -----------------------------------------------------------------------------

    def values(
        self, *, changed_only: bool = False, needed_is_checked: bool = False
    ) -> dict[str, object]:
        """Values as the services take them; `errors` has what could not be read.

        `needed_is_checked`: the service says itself what is missing, together with all else.
        """
        found: dict[str, object] = {}
        for each in self.fields:
            given = self.given[each.name]
            if changed_only and given == self.was.get(each.name, ""):
                continue
            if each.needed and not given.strip() and not needed_is_checked:
                self.errors[each.name] = _("This is needed.")
            elif len(given) > each.most:
                self.errors[each.name] = _("At most %(longest)s characters.", longest=each.most)
            else:
                found[each.name] = self._read(each, given)
        return found

    def _read(self, each: FormField, given: str) -> object:
        if each.kind is Kind.FLAG:
            return given == _TICKED
        if each.kind in (Kind.LINES, Kind.SEVERAL):
            return [line for text in given.splitlines() if (line := text.strip())]
        if each.kind is Kind.AMOUNT:
            return self._amount(each, given.strip())
        if each.kind is Kind.MOMENT:
            return self._moment(each, given)
        return given.strip()

    def _amount(self, each: FormField, given: str) -> object:
        text = plain_amount(given)
        if text is None:
            self.errors[each.name] = _(
                "Write the amount without signs between thousands, like 1234.56."
            )
        return text

    def _moment(self, each: FormField, given: str) -> object:
        fields = Fields({each.name: given}, self.errors)
        when = fields.moment(each.name)
        return when.isoformat() if when else ""

    # -- answered -------------------------------------------------------------------------

    def add_errors(self, errors: Mapping[str, str], names: Mapping[str, str] | None = None) -> None:
        """What a service says; of fields that this form has not, at its head."""
        known = {f.name for f in self.fields}
        for name, why in errors.items():
            place = (names or {}).get(name, name)
            if place in known:
                self.errors.setdefault(place, why)
            else:
                said = f"{place}: {why}" if place else why
                self.errors[""] = f"{self.errors['']} {said}" if "" in self.errors else said

    def meet(self, values: Mapping[str, object], revision: int, why: str) -> None:
        """The object as it is stored by now: what was not touched follows it."""
        for each in self.fields:
            now = shown(each, values.get(each.name))
            mine, was = self.given[each.name], self.was.get(each.name, "")
            if mine == was:
                self.given[each.name] = now
            if now not in (was, self.given[each.name]) or (mine == was and now != was):
                self.theirs[each.name] = now or _("(empty)")
            self.was[each.name] = now
        self.revision, self.stale = revision, why


def shown(each: FormField, value: object) -> str:
    """A stored value as it stands in a field."""
    if value is None or value == "":
        return ""
    if each.kind is Kind.FLAG:
        return _TICKED if value is True else ""
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    if isinstance(value, Decimal):
        return plain(value).replace(".", i18n.number_signs().decimal)
    if each.kind is Kind.MOMENT:
        when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return moment_input(when if when.tzinfo else when.replace(tzinfo=UTC))
    return str(value)


def _typed(each: FormField, form: MultiDict[str, str]) -> str:
    """Line ends as they are stored: browsers send CR and LF."""
    if each.kind is Kind.SEVERAL:
        return "\n".join(form.getlist(each.name))
    if each.kind is Kind.FLAG:
        return _TICKED if form.get(each.name) else ""
    return form.get(each.name, "").replace("\r\n", "\n").replace("\x00", "")


def _was(text: str, fields: Iterable[FormField]) -> Texts:
    """What the form showed, as the browser gives it back: only what a field could have shown."""
    try:
        found = orjson.loads(text) if 0 < len(text) <= MAX_WAS else {}
    except orjson.JSONDecodeError:
        found = {}
    if not isinstance(found, dict):
        return {}
    known = {f.name for f in fields}
    return {n: v for n, v in found.items() if n in known and isinstance(v, str)}
