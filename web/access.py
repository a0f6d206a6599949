"""Who may open which page. Every view says so with `allow`, or the application does not start.

The check runs before every request and before CSRF protection; nothing is open by omission.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from controller.services.sign_in import Role, Visitor
from web import sessions

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


class Hurdle(StrEnum):
    """What somebody has to do before anything else; the value is the page where it is done."""

    PASSWORD = "sign_in.password"  # noqa: S105 - an endpoint
    SECOND_FACTOR = "second_factor.offer"


@dataclass(frozen=True, slots=True)
class Access:
    """`roles` empty: nobody needs to be signed in. `polls`: the page asks by itself, so it does
    not keep a session alive. `by_token`: the API, which asks for a token and for no cookie.
    `most_bytes`: what a form may bring, where it is more than forms usually do. `before`: hurdles
    that somebody who opens the page may still have to take."""

    roles: frozenset[Role] = frozenset()
    reads_session: bool = True
    polls: bool = False
    by_token: bool = False
    most_bytes: int | None = None
    before: frozenset[Hurdle] = frozenset()


OPEN = Access(reads_session=False)
BY_TOKEN = Access(reads_session=False, by_token=True)
ANYONE = Access()
SIGNED_IN = Access(frozenset(Role))
SIGNED_IN_BARELY = Access(frozenset(Role), before=frozenset(Hurdle))
SIGNED_IN_WITH_PASSWORD = Access(frozenset(Role), before=frozenset({Hurdle.SECOND_FACTOR}))
SIGNED_IN_POLLING = Access(frozenset(Role), polls=True)
AGENTS = Access(frozenset({Role.ADMINISTRATOR, Role.AGENT}))
ADMINISTRATORS = Access(frozenset({Role.ADMINISTRATOR}))

_ATTRIBUTE = "tollgate_access"
_FLASKS_OWN = {"static": OPEN}


def allow(access: Access) -> Callable[[View], View]:
    """Declare who may open a view."""

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, access)
        return view

    return declare


def up_to(access: Access, most_bytes: int) -> Access:
    """The same for forms that bring long lists or files."""
    return replace(access, most_bytes=most_bytes)


def access_of(app: Flask, endpoint: str) -> Access | None:
    declared: Any = getattr(app.view_functions.get(endpoint), _ATTRIBUTE, None)
    return declared if isinstance(declared, Access) else _FLASKS_OWN.get(endpoint)


def may_open(app: Flask, endpoint: str, visitor: Visitor | None) -> bool:
    access = access_of(app, endpoint)
    if access is None:
        return False
    if not access.roles:
        return True
    return visitor is not None and visitor.role in access.roles and not _hurdle(access, visitor)


def require_declarations(app: Flask) -> None:
    """Every view has said who may open it."""
    silent = [endpoint for endpoint in app.view_functions if access_of(app, endpoint) is None]
    if silent:
        raise RuntimeError(f"views without @allow: {', '.join(sorted(silent))}")


def guard() -> ResponseReturnValue | None:
    """Before every request: find the visitor, then let pass, send to sign-in, or refuse."""
    if request.endpoint is None:
        return None
    access = access_of(current_app, request.endpoint)
    if access is None:
        abort(403)
    if access.most_bytes is not None:
        request.max_content_length = request.max_form_memory_size = access.most_bytes
    if not access.reads_session:
        return None
    g.visitor = visitor = sessions.find_visitor(active=not access.polls)
    sessions.bind_forms(visitor)
    if not access.roles:
        return None
    if visitor is None:
        return _to_sign_in(access)
    if visitor.role not in access.roles:
        abort(403)
    if hurdle := _hurdle(access, visitor):
        return abort(401) if access.polls else redirect(url_for(hurdle))
    return None


def _hurdle(access: Access, visitor: Visitor) -> Hurdle | None:
    """The first that the visitor has to take before this page."""
    if visitor.must_change_password and Hurdle.PASSWORD not in access.before:
        return Hurdle.PASSWORD
    if visitor.owes_second_factor and Hurdle.SECOND_FACTOR not in access.before:
        return Hurdle.SECOND_FACTOR
    return None


def _to_sign_in(access: Access) -> ResponseReturnValue:
    if access.polls:
        abort(401)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.form", next=None if wanted == "/" else wanted))
