"""The OpenAPI 3.1 document, made of the declared operations; nothing in it is written by hand.

Pydantic makes the schemas: JSON Schema 2020-12, which is what OpenAPI 3.1 speaks.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from web.api.operations import PREFIX, Operation
from web.api.problems import MEDIA_TYPE, ProblemBody, Problems
from web.api.reading import MAX_KEY
from web.api.words import INTRODUCTION

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]

BEARER = "bearer"
_PLACEHOLDER = re.compile(r"<(?:[^<:>]+:)?([^<>]+)>")
_ALWAYS = (
    Problems.MALFORMED_REQUEST,
    Problems.TOKEN_MISSING,
    Problems.TOKEN_INVALID,
    Problems.HTTPS_REQUIRED,
    Problems.ADDRESS_NOT_ALLOWED,
    Problems.NOT_ALLOWED,
    Problems.RATE_LIMITED,
    Problems.FAULT,
    Problems.STORE_UNAVAILABLE,
    Problems.INVALID_FIELDS,
    Problems.BODY_TOO_LARGE,
)
_OPEN = (Problems.HTTPS_REQUIRED, Problems.INVALID_FIELDS, Problems.BODY_TOO_LARGE, Problems.FAULT)


def build(tags: Iterable[tuple[str, str]], operations: Sequence[Operation]) -> Json:
    """The document as JSON values."""
    schemas = _Schemas(operations)
    paths: dict[str, Json] = defaultdict(dict)
    for operation in operations:
        item = paths[PREFIX + address(operation.rule)]
        item[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate",
            "version": version("tollgate"),
            "summary": "Everything that the pages do, for programs.",
            "description": INTRODUCTION,
        },
        "tags": [{"name": name, "description": words} for name, words in tags],
        "paths": dict(paths),
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token with the scope needed.",
                }
            },
        },
    }


class _Schemas:
    """The schemas of all models, under their names; two that share a name get longer ones."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        models: dict[tuple[type[BaseModel], Mode], None] = {(ProblemBody, "serialization"): None}
        for operation in operations:
            if operation.body is not None:
                models[operation.body, "validation"] = None
            if operation.answer is not None:
                models[operation.answer, "serialization"] = None
        self._references, found = models_json_schema(
            list(models), ref_template="#/components/schemas/{model}"
        )
        self.definitions: Json = found["$defs"]

    def reference(self, model: type[BaseModel], mode: Mode = "serialization") -> Json:
        return dict(self._references[model, mode])


def address(rule: str) -> str:
    """A rule of Flask as a path of OpenAPI."""
    return _PLACEHOLDER.sub(r"{\1}", rule)


def problems_of(operation: Operation) -> tuple[Problems, ...]:
    """Every kind of problem that an operation may answer with."""
    kinds = set(_OPEN if operation.is_open else _ALWAYS)
    if operation.scope is not None:
        kinds |= {Problems.SCOPE_MISSING, Problems.RIGHT_MISSING}
    if operation.path:
        kinds.add(Problems.NOT_FOUND)
    if operation.body is not None:
        kinds |= {Problems.MALFORMED_JSON, Problems.MEDIA_TYPE_NOT_SUPPORTED}
    if operation.is_paged:
        kinds.add(Problems.CURSOR_INVALID)
    if operation.takes_revision:
        kinds |= {Problems.STALE, Problems.PRECONDITION_REQUIRED}
    if operation.is_keyed:
        kinds |= {
            Problems.IDEMPOTENCY_KEY_MISSING,
            Problems.IDEMPOTENCY_KEY_REUSED,
            Problems.IDEMPOTENCY_IN_PROGRESS,
        }
    kinds |= set(operation.problems)
    return tuple(kind for kind in Problems if kind in kinds)


def _described(operation: Operation, schemas: _Schemas) -> Json:
    security: list[dict[str, list[str]]] = []
    if not operation.is_open:
        security = [{BEARER: [operation.scope.value] if operation.scope else []}]
    described = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _description(operation),
        "parameters": _parameters(operation),
        "responses": {**_success(operation, schemas), **_failures(operation, schemas)},
        "security": security,
    }
    if operation.body is not None:
        reference = schemas.reference(operation.body, "validation")
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": reference}},
        }
    return described


def _description(operation: Operation) -> str:
    parts = [operation.description]
    if operation.scope is not None:
        parts.append(f"Scope: `{operation.scope}`.")
    return "\n\n".join(part for part in parts if part)


def _parameters(operation: Operation) -> list[Json]:
    found = [
        _parameter("path", name, adapter.json_schema(), required=True)
        for name, adapter in operation.path.items()
    ]
    if operation.query is not None:
        found += _query_parameters(operation.query)
    if operation.is_keyed:
        found.append(
            _parameter(
                "header",
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": r"^[!-~]+$"},
                required=True,
                words="A fresh one for each thing to be done; the same again on a retry.",
            )
        )
    if operation.takes_revision:
        found.append(
            _parameter(
                "header",
                "If-Match",
                {"type": "string", "pattern": r'^("[0-9]{1,18}"|\*)$'},
                required=True,
                words="The ETag that was read; `*` for whatever there is.",
            )
        )
    return found


def _query_parameters(model: type[BaseModel]) -> list[Json]:
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    needed = schema.get("required", [])
    return [
        _parameter("query", name, _inlined(part, definitions), required=name in needed)
        for name, part in schema.get("properties", {}).items()
    ]


def _parameter(where: str, name: str, schema: Json, *, required: bool, words: str = "") -> Json:
    schema = {key: value for key, value in schema.items() if key != "title"}
    words = schema.pop("description", words)
    found: Json = {"name": name, "in": where, "required": required, "schema": schema}
    if words:
        found["description"] = words
    return found


def _inlined(schema: Any, definitions: Json) -> Any:
    """A parameter's schema without references to its model's definitions."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found = definitions[schema["$ref"].rpartition("/")[2]]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _inlined({**found, **rest}, definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items() if key != "title"}


def _success(operation: Operation, schemas: _Schemas) -> Json:
    headers = {}
    if operation.has_etag or operation.takes_revision:
        headers["ETag"] = _header("The revision, for If-Match.")
    if operation.is_paged:
        headers["Link"] = _header("The next page (RFC 8288), where there is one.")
    if operation.is_keyed:
        headers["Idempotency-Replayed"] = _header("`true` where it was done before.")
    if not operation.is_open:
        headers["RateLimit"] = _header("What is left of this minute's requests.")
        headers["RateLimit-Policy"] = _header("How many requests a minute has.")
    response: Json = {"description": operation.summary, "headers": headers}
    if content := _content(operation, schemas):
        response["content"] = content
    return {str(operation.status): response}


def _content(operation: Operation, schemas: _Schemas) -> Json:
    if operation.answer is not None:
        return {"application/json": {"schema": schemas.reference(operation.answer)}}
    schema = {} if operation.media_types == ("application/json",) else {"type": "string"}
    return {media_type: {"schema": schema} for media_type in operation.media_types}


def _failures(operation: Operation, schemas: _Schemas) -> Json:
    by_status: dict[int, list[Problems]] = defaultdict(list)
    for kind in problems_of(operation):
        by_status[kind.value.status].append(kind)
    return {str(status): _failure(kinds, schemas) for status, kinds in sorted(by_status.items())}


def _failure(kinds: list[Problems], schemas: _Schemas) -> Json:
    status = kinds[0].value.status
    ids = [kind.value.id for kind in kinds]
    narrowed = {"properties": {"id": {"enum": ids}, "status": {"const": status}}}
    response: Json = {
        "description": "; ".join(f"`{kind.value.id}`: {kind.value.title}" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"allOf": [schemas.reference(ProblemBody), narrowed]}}},
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": _header("Seconds.")}
    return response


def _header(words: str) -> Json:
    return {"description": words, "schema": {"type": "string"}}
