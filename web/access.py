"""Who may open which page. Every view says so with `allow`, or the application does not start.

The check runs before every request and before CSRF protection; nothing is open by omission.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from controller.services.sign_in import Role, Visitor
from web import sessions

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


@dataclass(frozen=True, slots=True)
class Access:
    """`roles` empty: nobody needs to be signed in. `polls`: the page asks by itself, so it does
    not keep a session alive. `by_token`: the API, which asks for a token and for no cookie.
    `most_bytes`: what a form may bring, where it is more than forms usually do."""

    roles: frozenset[Role] = frozenset()
    reads_session: bool = True
    polls: bool = False
    by_token: bool = False
    most_bytes: int | None = None


OPEN = Access(reads_session=False)
BY_TOKEN = Access(reads_session=False, by_token=True)
ANYONE = Access()
SIGNED_IN = Access(frozenset(Role))
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
    return not access.roles or (visitor is not None and visitor.role in access.roles)


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
    return None


def _to_sign_in(access: Access) -> ResponseReturnValue:
    if access.polls:
        abort(401)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.form", next=None if wanted == "/" else wanted))
