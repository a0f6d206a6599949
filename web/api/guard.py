"""Before every operation: HTTPS, the token, how many requests, the scope. In this order."""

import ipaddress
import re
from typing import cast

from flask import Response, current_app, g, request

from controller.services.api_callers import ApiCaller, Refusal
from controller.services.sign_in import address_subject
from web.api.operations import Operation
from web.api.problems import Problem, Problems
from web.api.rate_limits import Allowance, RateLimits
from web.context import config, services

LIMITS = "tollgate_api_limits"
FAILURES_PER_MINUTE = 60
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,200}", re.ASCII)
_REALM = 'Bearer realm="tollgate"'


def admit(operation: Operation) -> ApiCaller | None:
    """Who calls; None for an operation that is open to anybody. Raises Problem."""
    _require_https()
    if operation.is_open:
        return None
    token = _token()
    address = request.remote_addr or ""
    failures = f"failed {address_subject(address)}"
    _require(_limits().look(failures, FAILURES_PER_MINUTE), "Too many wrong tokens were sent.")
    found = services().api_callers.caller(token, address)
    if isinstance(found, Refusal):
        _limits().take(failures, FAILURES_PER_MINUTE)
        raise _refused(found)
    limit = found.requests_per_minute or config().api_requests_per_minute
    allowance = _limits().take(f"token {found.token_id}", limit)
    g.api_allowance = allowance
    _require(allowance, f"This token may send {limit} requests a minute.")
    if operation.scope is not None and operation.scope not in found.scopes:
        raise Problem(
            Problems.SCOPE_MISSING,
            f"This token lacks the scope {operation.scope}.",
            headers={
                "WWW-Authenticate": f'{_REALM}, error="insufficient_scope", '
                f'scope="{operation.scope}"'
            },
            scope=operation.scope.value,
        )
    return found


def add_headers(response: Response) -> Response:
    """What is left of the minute, on every answer to a token."""
    allowance = cast("Allowance | None", g.get("api_allowance"))
    if allowance is not None:
        response.headers.update(allowance.headers())
    return response


def _require_https() -> None:
    if request.is_secure or config().api_without_https or _is_loopback(request.remote_addr):
        return
    raise Problem(
        Problems.HTTPS_REQUIRED,
        "A token that is sent without encryption is everybody's. Revoke it if you sent one.",
    )


def _is_loopback(address: str | None) -> bool:
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_loopback


def _token() -> str:
    text = request.headers.get("Authorization", "")
    kind, _, token = text.partition(" ")
    token = token.strip()
    if not text:
        raise Problem(
            Problems.TOKEN_MISSING,
            "Send the header Authorization: Bearer TOKEN.",
            headers={"WWW-Authenticate": _REALM},
        )
    if kind.lower() != "bearer" or not _TOKEN.fullmatch(token):
        raise _refused(Refusal.INVALID)
    return token


def _refused(refusal: Refusal) -> Problem:
    if refusal is Refusal.ADDRESS:
        return Problem(
            Problems.ADDRESS_NOT_ALLOWED,
            f"This token may not be used from {request.remote_addr}.",
        )
    return Problem(
        Problems.TOKEN_INVALID, headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}
    )


def _require(allowance: Allowance, detail: str) -> None:
    if allowance.is_used_up:
        raise Problem(
            Problems.RATE_LIMITED, detail, headers={"Retry-After": str(allowance.reset_s)}
        )


def _limits() -> RateLimits:
    return cast(RateLimits, current_app.extensions[LIMITS])
