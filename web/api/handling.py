"""The way of a request through the API: admit, read, do (once), answer."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson
from flask import Response, g, request
from pydantic import BaseModel

from controller.domain.errors import TollgateError
from controller.services.api_callers import ApiCaller, Begun, KeptReply, OtherRequest, Running
from web.api import guard, reading
from web.api.failures import problem_of
from web.api.operations import Operation, Reply
from web.api.problems import Problem, Problems
from web.context import config, services

KEPT_HEADERS = frozenset({"Content-Type", "ETag", "Location", "Link"})
REPLAYED = "Idempotency-Replayed"
RETRY_AFTER_S = 1


def handle(operation: Operation, path: Mapping[str, str]) -> Response:
    """Raises Problem; whatever else is raised is a fault of ours."""
    caller = guard.admit(operation)
    g.api_caller = caller
    try:
        arguments = _arguments(operation, path, caller)
        if caller is None or not operation.is_keyed:
            return _answer(operation, operation.view(**arguments))
        return _once(operation, caller, arguments)
    except TollgateError as error:
        raise problem_of(error) from error


def current_caller() -> ApiCaller:
    """Whose request this is, for operations that say `actor`."""
    return cast(ApiCaller, g.api_caller)


def _arguments(
    operation: Operation, path: Mapping[str, str], caller: ApiCaller | None
) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        name: reading.path_value(name, adapter, path[name])
        for name, adapter in operation.path.items()
    }
    if operation.query is None:
        reading.no_query()
    else:
        arguments["query"] = reading.query(operation.query)
    if operation.takes_revision:
        arguments["revision"] = reading.revision()
    if operation.takes_key and caller is not None:
        arguments["key"] = f"api:{caller.owner}:{reading.idempotency_key()}"
    if operation.body is not None:
        arguments["body"] = reading.body(operation.body, operation.max_body)
    else:
        reading.raw_body(operation.max_body)
    if operation.takes_actor and caller is not None:
        arguments["actor"] = caller.actor
    return arguments


# -- once for its key ---------------------------------------------------------------------


def _once(operation: Operation, caller: ApiCaller, arguments: dict[str, Any]) -> Response:
    """The answer that this key has, or had. What failed on our side is done again."""
    key, store = reading.idempotency_key(), services().api_replies
    found = store.begin(caller.owner, key, _digest(), services().clock.now())
    if isinstance(found, KeptReply):
        return _replayed(found)
    if isinstance(found, OtherRequest):
        raise Problem(
            Problems.IDEMPOTENCY_KEY_REUSED, "Make a fresh key for each thing to be done."
        )
    if isinstance(found, Running):
        raise Problem(
            Problems.IDEMPOTENCY_IN_PROGRESS,
            "Ask again in a moment; the answer will be the same.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    return _first(operation, caller, key, found, lambda: operation.view(**arguments))


def _first(
    operation: Operation, caller: ApiCaller, key: str, begun: Begun, view: Callable[[], Any]
) -> Response:
    store, kept = services().api_replies, False
    try:
        try:
            response = _answer(operation, view())
        except TollgateError as error:
            response = problem_of(error).response()
        except Problem as problem:
            response = problem.response()
        if response.status_code < 500 and response.status_code != 429:
            store.finish(caller.owner, key, begun.run, _kept(operation, response))
            kept = True
        return response
    finally:
        if not kept:
            store.release(caller.owner, key, begun.run)


def _digest() -> bytes:
    """Of what the request asks for. With a key, for it may be a card's PIN, and PINs are short:
    from a copy of the database they could be tried one by one."""
    digest = hmac.new(_digest_key(), digestmod=hashlib.sha256)
    digest.update(f"{request.method} {request.full_path}\n".encode())
    digest.update(request.get_data(cache=True))
    return digest.digest()


def _digest_key() -> bytes:
    return hashlib.sha256(b"tollgate replies 1:" + config().secret_key).digest()


def _kept(operation: Operation, response: Response) -> KeptReply:
    body = response.get_data()
    if operation.secret and response.status_code < 400:
        body = orjson.dumps(_without(operation.secret, orjson.loads(body)))
    headers = tuple((name, value) for name, value in response.headers if name in KEPT_HEADERS)
    return KeptReply(response.status_code, headers, body)


def _without(secret: tuple[str, ...], value: Any) -> Any:
    """What is shown once is not kept: there it stands as null."""
    if isinstance(value, list):
        return [_without(secret, item) for item in value]
    if isinstance(value, dict):
        return {
            name: None if name in secret else _without(secret, item) for name, item in value.items()
        }
    return value


def _replayed(kept: KeptReply) -> Response:
    response = Response(kept.body, kept.status)
    for name, value in kept.headers:
        response.headers[name] = value
    response.headers[REPLAYED] = "true"
    return response


# -- answers ------------------------------------------------------------------------------


def _answer(operation: Operation, outcome: Any) -> Response:
    if isinstance(outcome, Response):
        return outcome
    reply = outcome if isinstance(outcome, Reply) else Reply(outcome, operation.status)
    status = operation.status if reply.status == 200 else reply.status
    if reply.body is None:
        response = Response(status=status)
        del response.headers["Content-Type"]
    else:
        response = Response(_json(reply.body), status, content_type="application/json")
    if reply.revision is not None:
        response.headers["ETag"] = f'"{reply.revision}"'
    if reply.location:
        response.headers["Location"] = reply.location
    if reply.links:
        response.headers["Link"] = ", ".join(
            f'<{address}>; rel="{relation}"' for relation, address in reply.links.items()
        )
    return response


def _json(body: BaseModel) -> str:
    return body.model_dump_json()
