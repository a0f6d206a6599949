"""How an operation of the API is declared: one typed function, from which all else follows.

    @accounts.get("/accounts/<account>", ApiScope.ACCOUNTS_READ)
    def show(actor: Actor, account: Name) -> Reply[AccountOut]: ...

The signature says what a request has: `actor` is who asks, `query` and `body` are models,
`revision` is what If-Match says, `key` the Idempotency-Key, everything else is of the path. The
return type says what an answer has. The OpenAPI document is made of the same facts.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flask import Response
from pydantic import BaseModel, TypeAdapter

from controller.services.api_scopes import ApiScope
from web.api.problems import Problems

Body = TypeVar("Body", bound=BaseModel)

PREFIX = "/api/v1"
MAX_BODY = 64 * 1024
_RESERVED = frozenset({"actor", "query", "body", "revision", "key"})


@dataclass(frozen=True, slots=True)
class Reply(Generic[Body]):
    """An answer: `revision` becomes the ETag, `links` the Link header."""

    body: Body | None
    status: int = 200
    revision: int | None = None
    location: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """All that is known of one operation. `scope` None: whoever has a token; `is_open`: anybody.

    `secret` names fields of the answer that are shown once and kept nowhere.
    """

    id: str
    tag: str
    method: str
    rule: str
    view: Callable[..., Any]
    scope: ApiScope | None
    summary: str
    description: str
    status: int
    path: Mapping[str, TypeAdapter[Any]]
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answer: type[BaseModel] | None
    media_types: tuple[str, ...]
    takes_actor: bool
    takes_revision: bool
    is_keyed: bool
    takes_key: bool
    problems: tuple[Problems, ...]
    secret: tuple[str, ...] = ()
    max_body: int = MAX_BODY
    has_etag: bool = False
    is_paged: bool = False
    is_open: bool = False


def make_operation(
    tag: str,
    method: str,
    rule: str,
    scope: ApiScope | None,
    view: Callable[..., Any],
    more: dict[str, Any],
) -> Operation:
    hints = typing.get_type_hints(view, include_extras=True)
    names = list(inspect.signature(view).parameters)
    answer, media_types = _answer(hints["return"])
    summary, description = _words(view)
    return Operation(
        id=f"{tag.replace(' ', '_')}_{view.__name__}",
        tag=tag,
        method=method,
        rule=rule,
        view=view,
        scope=scope,
        summary=summary,
        description=description,
        status=more.pop("status", 200),
        path={name: TypeAdapter(hints[name]) for name in names if name not in _RESERVED},
        query=hints.get("query"),
        body=hints.get("body"),
        answer=answer,
        media_types=more.pop("media_types", media_types),
        takes_actor="actor" in names,
        takes_revision="revision" in names,
        takes_key="key" in names,
        is_keyed=more.pop("is_keyed", False),
        problems=tuple(more.pop("problems", ())),
        **more,
    )


def _answer(hint: Any) -> tuple[type[BaseModel] | None, tuple[str, ...]]:
    if hint is None or hint is type(None) or hint is Response:
        return None, ()
    if typing.get_origin(hint) is Reply:
        (hint,) = typing.get_args(hint)
    return hint, ("application/json",)


def _words(view: Callable[..., Any]) -> tuple[str, str]:
    """The docstring's first line, and the rest as paragraphs."""
    first, _, rest = (inspect.getdoc(view) or "").partition("\n")
    if not first:
        raise RuntimeError(f"{view.__qualname__} has no docstring to show to callers")
    paragraphs = rest.strip().split("\n\n")
    return first.rstrip("."), "\n\n".join(" ".join(part.split()) for part in paragraphs).strip()
