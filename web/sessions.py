"""The two cookies: the session's token, and Flask's signed cookie for forms.

The session itself is in the database (`services.sign_in`); the browser holds a random token. The
form cookie carries the CSRF secret and messages, bound to the session for which it was made, so
one that somebody planted is worth nothing. Under HTTPS the names begin with `__Host-`, which
binds them to this host.
"""

from flask import Flask, Response, request, session
from flask.sessions import SecureCookieSessionInterface

from controller.services.sign_in import HALF_S, Visitor, session_key
from web.context import config, services

_BOUND_TO = "of"
MAX_TOKEN = 128


class FormCookie(SecureCookieSessionInterface):
    """Flask's session, under our name and with the flags that fit the request."""

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        return _name("tollgate-form")

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return _secure()


def find_visitor(*, active: bool) -> Visitor | None:
    token = current_token()
    return services().sign_in.visitor(token, active=active) if token else None


def browser() -> str:
    """What the browser says of itself, for the list of sessions."""
    return request.user_agent.string


def current_token() -> str:
    token = request.cookies.get(_name("tollgate"), "")
    return token if len(token) <= MAX_TOKEN else ""


def bind_forms(visitor: Visitor | None) -> None:
    """Drop the form cookie's content if it was made for another session."""
    _bind(visitor.session_key if visitor else "")


def start(response: Response, token: str, *, half: bool = False) -> None:
    """Hand the browser a fresh session; what the forms knew before is dropped.

    Half a session is nobody's yet, so forms are bound to none.
    """
    _bind("" if half else session_key(token))
    response.set_cookie(
        _name("tollgate"),
        token,
        max_age=HALF_S if half else services().sign_in.session_length_s,
        secure=_secure(),
        httponly=True,
        samesite="Lax",
    )


def end(response: Response) -> None:
    session.clear()
    response.delete_cookie(_name("tollgate"), secure=_secure(), httponly=True, samesite="Lax")


def _bind(key: str) -> None:
    short = key[:16]
    if session.get(_BOUND_TO, "") != short:
        session.clear()
        if short:
            session[_BOUND_TO] = short


def _name(plain: str) -> str:
    return f"__Host-{plain}" if _secure() else plain


def _secure() -> bool:
    always = config().secure_cookies
    return request.is_secure if always is None else always
