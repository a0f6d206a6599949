"""A request's parts as typed values: path, query, body, headers. What is wrong is said by field."""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import request
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from web.api import strict_json
from web.api.problems import FieldError, Problem, Problems

Model = TypeVar("Model", bound=BaseModel)

MAX_ERRORS = 50
MAX_KEY = 128
_ETAGS = re.compile(r'(?:(?:W/)?"[\x21\x23-\x7e]{0,80}"[ ,]{0,3}){1,5}', re.ASCII)
_ETAG = re.compile(r'"([0-9]{1,18})"', re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


def path_value(name: str, adapter: TypeAdapter[Any], text: str) -> Any:
    """What cannot be an object's name names no object."""
    if not strict_json.storable(text):
        raise Problem(Problems.NOT_FOUND)
    try:
        return adapter.validate_json(json.dumps(text))
    except ValidationError:
        raise Problem(Problems.NOT_FOUND, f"{name} names no object.") from None


def query(model: type[Model]) -> Model:
    """The query string. A parameter that is there twice is refused, and so is an unknown one."""
    try:
        unquote_to_bytes(request.query_string).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(Problems.MALFORMED_REQUEST, "The query is not UTF-8.") from None
    given: dict[str, str] = {}
    errors = []
    for name, values in request.args.lists():
        if len(values) > 1:
            errors.append(FieldError(field=name[:80], message="This is given more than once."))
        elif not strict_json.storable(name + values[0]):
            errors.append(FieldError(field="", message="There is a NUL in it."))
        else:
            given[name] = values[0]
    if errors:
        raise Problem(Problems.INVALID_FIELDS, errors=errors[:MAX_ERRORS])
    return _validated(model, json.dumps(given).encode(), in_body=False)


def no_query() -> None:
    """For operations that know no parameters: a misspelled one is no surprise later."""
    if request.args:
        name = next(iter(request.args))
        error = FieldError(field=name[:80], message="There is no such parameter.")
        raise Problem(Problems.INVALID_FIELDS, errors=[error])


def raw_body(limit: int) -> bytes:
    """At most `limit` bytes; what says it is longer is not read."""
    request.max_content_length = limit
    try:
        return request.get_data(cache=True)
    except RequestEntityTooLarge:
        raise Problem(
            Problems.BODY_TOO_LARGE, f"At most {limit} bytes are accepted here."
        ) from None


def body(model: type[Model], limit: int) -> Model:
    if request.mimetype != "application/json":
        raise Problem(
            Problems.MEDIA_TYPE_NOT_SUPPORTED,
            "Send JSON, with the header Content-Type: application/json.",
        )
    raw = raw_body(limit)
    try:
        strict_json.read(raw)
    except strict_json.NotJson as error:
        raise Problem(Problems.MALFORMED_JSON, str(error)) from None
    return _validated(model, raw, in_body=True)


def revision() -> int | None:
    """What the caller saw, by If-Match; None for `*`, which is whatever there is."""
    text = request.headers.get("If-Match", "").strip()
    if not text:
        raise Problem(
            Problems.PRECONDITION_REQUIRED,
            "Send the ETag that you read in the header If-Match, so that nobody's change is lost.",
        )
    if text == "*":
        return None
    if not _ETAGS.fullmatch(text):
        raise Problem(Problems.MALFORMED_REQUEST, "If-Match is an ETag in double quotes, or *.")
    found = _ETAG.fullmatch(text)
    if found is None:
        raise Problem(Problems.STALE, "This is no ETag of the object.")
    return int(found[1])


def idempotency_key() -> str:
    text = request.headers.get("Idempotency-Key", "").strip()
    if not text:
        raise Problem(
            Problems.IDEMPOTENCY_KEY_MISSING,
            "Make a fresh one (a UUID) for each thing to be done, and send it again on retries.",
        )
    if not _KEY.fullmatch(text):
        raise Problem(
            Problems.MALFORMED_REQUEST,
            f"Idempotency-Key: 1 to {MAX_KEY} visible ASCII characters are expected.",
        )
    return text


def _validated(model: type[Model], raw: bytes, *, in_body: bool) -> Model:
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        found = [
            _field_error(each, in_body)
            for each in error.errors(include_url=False, include_input=False)
        ]
        raise Problem(Problems.INVALID_FIELDS, errors=found[:MAX_ERRORS]) from None


def _field_error(error: Mapping[str, Any], in_body: bool) -> FieldError:
    place = [str(part)[:80] for part in error["loc"]]
    pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in place)
    return FieldError(
        field=".".join(place),
        message=_message(error),
        pointer=pointer if in_body and place else None,
    )


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "There is no such field."
    if error["type"] == "missing":
        return "This is needed."
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message}."
