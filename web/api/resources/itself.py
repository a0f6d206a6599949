"""The API itself: is it there, who am I, what can it do."""

from functools import lru_cache

import orjson
from flask import Response
from pydantic import Field

from controller.domain.rights import Right
from controller.services.api_scopes import ApiScope
from controller.services.sign_in import Role
from web.api.document import build
from web.api.handling import current_caller
from web.api.problems import Problems
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.values import MomentOut, Outgoing
from web.context import config, services

resource = Resource(blueprint, "API", "The API itself.")


class Health(Outgoing):
    """That the application answers, and its database too."""

    status: str
    time: MomentOut


class Me(Outgoing):
    """Whose token this is, and what it may be used for."""

    user: str
    role: Role
    account_id: int | None = Field(description="Null for an administrator.")
    rights: list[Right] = Field(description="Those that count: every agent above has them too.")
    token: str = Field(description="The token's name.")
    scopes: list[ApiScope]
    expires_at: MomentOut | None
    requests_per_minute: int


@resource.get("/health", None, is_open=True, problems=(Problems.STORE_UNAVAILABLE,))
def health() -> Health:
    """Is it there?

    Answers when the database answers. Needs no token.
    """
    services().database.check()
    return Health(status="ok", time=services().clock.now())


@resource.get("/me", None)
def me() -> Me:
    """Who am I?

    The token's user, rights and scopes.
    """
    caller = current_caller()
    return Me(
        user=caller.actor.name,
        role=caller.actor.role,
        account_id=caller.actor.account_id,
        rights=sorted(caller.actor.rights),
        token=caller.token_name,
        scopes=sorted(caller.scopes),
        expires_at=caller.expires_at,
        requests_per_minute=caller.requests_per_minute or config().api_requests_per_minute,
    )


@resource.get("/openapi.json", None, is_open=True, media_types=("application/json",))
def openapi() -> Response:
    """This description.

    OpenAPI 3.1, made of the code. Needs no token.
    """
    return Response(_document(), content_type="application/json")


@lru_cache(maxsize=1)
def _document() -> bytes:
    from web.api.resources import RESOURCES  # all of them, this one included

    tags = [(each.tag, each.description) for each in RESOURCES]
    operations = [operation for each in RESOURCES for operation in each.operations]
    return orjson.dumps(build(tags, operations))
