"""Whatever goes wrong below /api becomes a problem: errors of services, of HTTP, and faults."""

import logging
import secrets

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from controller.domain.errors import (
    Conflict,
    InvalidFields,
    InvalidInput,
    NotAllowed,
    NotFound,
    Overloaded,
    Stale,
    StoreUnavailable,
    TollgateError,
    TooManyTries,
)
from web.api.problems import FieldError, Problem, Problems, wrong

log = logging.getLogger(__name__)

ROOT = "/api/v"
RETRY_AFTER_S = 5
_BY_STATUS = {kind.value.status: kind for kind in reversed(Problems)}
_BY_STATUS[400] = Problems.MALFORMED_REQUEST
_BY_STATUS[404] = Problems.NOT_FOUND
_KINDS: tuple[tuple[type[TollgateError], Problems], ...] = (
    (NotFound, Problems.NOT_FOUND),
    (Stale, Problems.STALE),
    (Conflict, Problems.CONFLICT),
)


def register(app: Flask) -> None:
    app.register_error_handler(Problem, Problem.response)


def concerns_api() -> bool:
    """Whether the answer goes to a program rather than to a person."""
    return request.path.startswith(ROOT)


def http_response(error: HTTPException) -> Response:
    """Of what the framework refuses: no such address, another method, too much …"""
    if error.code is not None and error.code < 400:
        return Response(error.get_response().get_data(), error.code, error.get_headers())
    kind = _BY_STATUS.get(error.code or 500, Problems.MALFORMED_REQUEST)
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return Problem(kind, headers=headers).response()


def fault_response() -> Response:
    reference = secrets.token_hex(4)
    log.error("request failed", extra={"path": request.path, "reference": reference})
    return Problem(
        Problems.FAULT, "It has been logged; nothing was half-saved.", reference=reference
    ).response()


def problem_of(error: TollgateError) -> Problem:
    """What a service refused, in the words of the API."""
    for kind, problem in _KINDS:
        if isinstance(error, kind):
            return Problem(problem, str(error))
    if isinstance(error, NotAllowed):
        if error.right:
            return Problem(Problems.RIGHT_MISSING, str(error), right=error.right)
        return Problem(Problems.NOT_ALLOWED, str(error))
    if isinstance(error, InvalidFields):
        return Problem(Problems.INVALID_FIELDS, errors=_field_errors(error))
    if isinstance(error, InvalidInput):
        return wrong(str(error))
    if isinstance(error, TooManyTries):
        headers = {"Retry-After": str(error.wait_s)}
        return Problem(Problems.RATE_LIMITED, str(error), headers=headers)
    return _ours(error)


def _ours(error: TollgateError) -> Problem:
    if isinstance(error, StoreUnavailable | Overloaded):
        log.error("request without database", extra={"path": request.path, "why": str(error)})
        return Problem(Problems.STORE_UNAVAILABLE, headers={"Retry-After": str(RETRY_AFTER_S)})
    raise error


def _field_errors(error: InvalidFields) -> list[FieldError]:
    return [
        FieldError(field=name, message=why, pointer=f"/{name}" if name else None)
        for name, why in error.errors.items()
    ]
