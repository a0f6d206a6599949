"""Pages for what went wrong. None of them needs the database; none shows a traceback."""

import logging
import secrets

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from controller.domain.errors import (
    Conflict,
    InvalidFields,
    NotAllowed,
    NotFound,
    StoreUnavailable,
    TollgateError,
    TooManyTries,
)
from web.api import failures
from web.i18n import LazyText, lazy_gettext
from web.service_texts import service_text

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5

TEXTS = {
    400: (
        lazy_gettext("That request makes no sense"),
        lazy_gettext("Something in the address or the form is malformed."),
    ),
    401: (lazy_gettext("Please sign in"), lazy_gettext("Your session is over.")),
    403: (lazy_gettext("Not for you"), lazy_gettext("Your account may not open this page.")),
    404: (
        lazy_gettext("Not found"),
        lazy_gettext("There is nothing at this address, or it is gone."),
    ),
    405: (
        lazy_gettext("Not that way"),
        lazy_gettext("This address takes another kind of request."),
    ),
    413: (lazy_gettext("Too much"), lazy_gettext("The form or file is larger than is accepted.")),
    429: (lazy_gettext("Too many at once"), lazy_gettext("Please wait a moment and try again.")),
    500: (
        lazy_gettext("A fault of ours"),
        lazy_gettext("It has been logged. Trying again may help; nothing was half-saved."),
    ),
    503: (
        lazy_gettext("The database is away"),
        lazy_gettext(
            "It cannot be reached or takes too long to answer. Calls in progress go on; "
            "this page tries again by itself."
        ),
    ),
}
_EXPIRED_FORM = (
    lazy_gettext("This form is too old"),
    lazy_gettext("Go back, reload the page and send it again."),
)


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(StoreUnavailable, _store_unavailable)
    for kind in (NotFound, NotAllowed, InvalidFields, Conflict, TooManyTries):
        app.register_error_handler(kind, _refused)
    app.register_error_handler(500, _fault)


def page(
    status: int, title: str | LazyText, text: str | LazyText, reference: str = ""
) -> tuple[str, int]:
    html = render_template("error.html", status=status, title=title, text=text, reference=reference)
    return html, status


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if failures.concerns_api():
        return failures.http_response(error)
    status = error.code or 500
    title, text = TEXTS.get(status, (error.name, ""))
    html, status = page(status, title, text)
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return html, status, headers


def _csrf_error(error: CSRFError) -> ResponseReturnValue:
    log.warning("form refused", extra={"path": request.path, "why": error.description})
    return page(400, *_EXPIRED_FORM)


def _refused(error: TollgateError) -> ResponseReturnValue:
    """What a service refuses and no form was there to say it in. What is not found is told in the
    same words whether it does not exist or is somebody else's."""
    if failures.concerns_api():
        return failures.problem_of(error).response()
    if isinstance(error, NotFound):
        return page(404, *TEXTS[404])
    if isinstance(error, NotAllowed):
        return page(403, TEXTS[403][0], service_text(error))
    if isinstance(error, TooManyTries):
        return page(429, TEXTS[429][0], service_text(error))
    status = 409 if isinstance(error, Conflict) else 400
    return page(status, lazy_gettext("That cannot be done"), service_text(error))


def _store_unavailable(error: StoreUnavailable) -> ResponseReturnValue:
    if failures.concerns_api():
        return failures.problem_of(error).response()
    log.error("page without database", extra={"path": request.path, "why": str(error)})
    html, status = page(503, *TEXTS[503])
    return html, status, {"Retry-After": str(RETRY_AFTER_S), "Refresh": str(2 * RETRY_AFTER_S)}


def _fault(_error: HTTPException) -> ResponseReturnValue:
    """Flask has logged the traceback; the reference ties it to what the person saw."""
    if failures.concerns_api():
        return failures.fault_response()
    reference = secrets.token_hex(4)
    log.error("page failed", extra={"path": request.path, "reference": reference})
    return page(500, *TEXTS[500], reference=reference)
