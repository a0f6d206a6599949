"""What a sent form leads to: done, or shown again with what is wrong and all that was typed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flask import render_template
from flask.typing import ResponseReturnValue

from controller.domain.errors import Conflict, InvalidFields, NotAllowed, Stale
from web.forms.form import Form
from web.forms.once import once

Values = dict[str, object]
Stored = tuple[Mapping[str, object], int]
"""An object's values and its revision, as they are by now."""


@dataclass(frozen=True, slots=True)
class About:
    """What a form's page says beside the fields. `back` is where the way out leads. `again`: from
    its confirmation one may go back to the fields."""

    title: str
    submit: str
    back: str
    lead: str = ""
    crumbs: Sequence[tuple[str, str]] = ()
    upload: bool = False
    danger: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class FormPage:
    about: About
    template: str = "form.html"
    more: Mapping[str, object] = field(default_factory=dict)

    def show(self, form: Form, status: int = 200) -> ResponseReturnValue:
        return render_template(self.template, form=form, about=self.about, **self.more), status


def create(
    page: FormPage,
    form: Form,
    do: Callable[[Values], ResponseReturnValue],
    afterwards: str = "",
    *,
    needed_is_checked: bool = False,
) -> ResponseReturnValue:
    """Carry a form out once; where it cannot be, show it again."""
    values = form.values(needed_is_checked=needed_is_checked)
    return once(lambda: _attempt(page, form, lambda: do(values)), afterwards)


def change(
    page: FormPage,
    form: Form,
    do: Callable[[Values], ResponseReturnValue],
    stored: Callable[[], Stored],
) -> ResponseReturnValue:
    """As `create`, with the fields that were touched; where somebody was quicker, with both."""
    values = form.values(changed_only=True)

    def attempt() -> ResponseReturnValue:
        try:
            return do(values)
        except Stale as error:
            form.meet(*stored(), str(error))
            return page.show(form, 409)

    return once(lambda: _attempt(page, form, attempt))


def _attempt(
    page: FormPage, form: Form, do: Callable[[], ResponseReturnValue]
) -> ResponseReturnValue:
    if form.errors:
        return page.show(form, 400)
    try:
        return do()
    except InvalidFields as error:
        form.add_errors(error.errors)
        return page.show(form, 400)
    except NotAllowed as error:
        form.add_errors({"": str(error)})
        return page.show(form, 403)
    except Conflict as error:
        form.add_errors({"": str(error)})
        return page.show(form, 409)


def confirmed(
    about: About,
    do: Callable[[], ResponseReturnValue],
    *,
    facts: Sequence[tuple[str, object]] = (),
    kept: Mapping[str, object] | None = None,
) -> ResponseReturnValue:
    """Carry out what was asked twice; what stands in its way is said on the same page."""

    def attempt() -> ResponseReturnValue:
        try:
            return do()
        except InvalidFields as error:
            why = "; ".join(error.errors.values())  # there is no field to say it at
            return confirm(about, facts=facts, kept=kept, error=why, status=409)
        except Conflict as error:
            return confirm(about, facts=facts, kept=kept, error=str(error), status=409)
        except NotAllowed as error:
            return confirm(about, facts=facts, kept=kept, error=str(error), status=403)

    return once(attempt)


def confirm(
    about: About,
    *,
    facts: Sequence[tuple[str, object]] = (),
    kept: Mapping[str, object] | None = None,
    error: str = "",
    status: int = 200,
) -> ResponseReturnValue:
    """Ask whether it is really meant."""
    html = render_template("confirm.html", about=about, facts=facts, kept=kept or {}, error=error)
    return html, status
