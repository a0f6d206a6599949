"""Every kind of problem that the API answers with, and what such an answer looks like (RFC 9457).

The table is the contract: an id keeps its meaning and its status for good. docs/api.md lists the
same ids, and a test compares the two.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flask import Response
from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"
PAGE = "/api/problems"


@dataclass(frozen=True, slots=True)
class Kind:
    """`title` is the same for all problems of a kind; `detail` of a problem says more."""

    id: str
    status: int
    title: str


class Problems(Enum):
    MALFORMED_JSON = Kind("malformed_json", 400, "The body is not JSON as it is accepted here")
    MALFORMED_REQUEST = Kind("malformed_request", 400, "The request cannot be read")
    CURSOR_INVALID = Kind("cursor_invalid", 400, "This cursor belongs to no such list")
    IDEMPOTENCY_KEY_MISSING = Kind("idempotency_key_missing", 400, "An Idempotency-Key is needed")
    TOKEN_MISSING = Kind("token_missing", 401, "A token is needed")
    TOKEN_INVALID = Kind("token_invalid", 401, "This token is unknown, expired or revoked")
    HTTPS_REQUIRED = Kind("https_required", 403, "The API answers by HTTPS only")
    ADDRESS_NOT_ALLOWED = Kind("address_not_allowed", 403, "Not from this address")
    SCOPE_MISSING = Kind("scope_missing", 403, "The token lacks the scope")
    RIGHT_MISSING = Kind("right_missing", 403, "The account lacks the right")
    NOT_ALLOWED = Kind("not_allowed", 403, "Not allowed")
    NOT_FOUND = Kind("not_found", 404, "There is no such object")
    METHOD_NOT_ALLOWED = Kind("method_not_allowed", 405, "Not that way")
    CONFLICT = Kind("conflict", 409, "Not as things are")
    IDEMPOTENCY_IN_PROGRESS = Kind("idempotency_in_progress", 409, "This request is being done")
    STALE = Kind("stale", 412, "The object was changed meanwhile")
    BODY_TOO_LARGE = Kind("body_too_large", 413, "The body is too large")
    MEDIA_TYPE_NOT_SUPPORTED = Kind("media_type_not_supported", 415, "Not that kind of body")
    INVALID_FIELDS = Kind("invalid_fields", 422, "Something in the request is wrong")
    IDEMPOTENCY_KEY_REUSED = Kind(
        "idempotency_key_reused", 422, "This Idempotency-Key was used for another request"
    )
    PRECONDITION_REQUIRED = Kind("precondition_required", 428, "If-Match is needed")
    RATE_LIMITED = Kind("rate_limited", 429, "Too many requests")
    FAULT = Kind("fault", 500, "A fault of ours")
    STORE_UNAVAILABLE = Kind("store_unavailable", 503, "The database is away")


class FieldError(BaseModel):
    """What is wrong with one field. `pointer` is its place in the body (RFC 6901)."""

    field: str = Field(description="Its name; empty for the request as a whole.")
    message: str
    pointer: str | None = Field(default=None, description="Its place in the body (RFC 6901).")


class ProblemBody(BaseModel):
    """What went wrong (RFC 9457). Programs look at `id`, people at `title` and `detail`."""

    type: str = Field(description="Where the kind of problem is described.")
    id: str = Field(description="The kind of problem; never changes its meaning.")
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] | None = Field(default=None, description="Field by field.")
    right: str | None = Field(default=None, description="The account's right that is missing.")
    scope: str | None = Field(default=None, description="The token's scope that is missing.")
    reference: str | None = Field(default=None, description="Ties a fault to our log.")


class Problem(Exception):
    """Leaves a view as an answer of its kind."""

    def __init__(
        self,
        kind: Problems,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        super().__init__(detail or kind.value.title)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.more = more

    @property
    def status(self) -> int:
        return self.kind.value.status

    def response(self) -> Response:
        kind = self.kind.value
        body: dict[str, Any] = {
            "type": f"{PAGE}#{kind.id}",
            "id": kind.id,
            "title": kind.title,
            "status": kind.status,
        }
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [error.model_dump(exclude_none=True) for error in self.errors]
        body.update(self.more)
        text = json.dumps(body)  # ASCII: whatever a caller sent cannot break the encoding
        return Response(text, kind.status, self.headers, content_type=MEDIA_TYPE)


def wrong(message: str, field: str = "", pointer: str | None = None) -> Problem:
    """One thing that is wrong with a request."""
    error = FieldError(field=field, message=message, pointer=pointer)
    return Problem(Problems.INVALID_FIELDS, message, errors=[error])
