"""Operations that belong together, put onto the API's blueprint as they are declared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Blueprint
from flask.typing import ResponseReturnValue

from controller.services.api_scopes import ApiScope
from web.access import BY_TOKEN, allow
from web.api.handling import handle
from web.api.operations import Operation, make_operation

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "tollgate_operation"


@dataclass(slots=True)
class Resource:
    """Operations that belong together, on the API's blueprint."""

    blueprint: Blueprint
    tag: str
    description: str
    operations: list[Operation] = field(default_factory=list)

    def get(self, rule: str, scope: ApiScope | None, **more: Any) -> Callable[[View], View]:
        return self._declare("GET", rule, scope, **more)

    def post(self, rule: str, scope: ApiScope | None, **more: Any) -> Callable[[View], View]:
        """Carried out once for its Idempotency-Key."""
        return self._declare("POST", rule, scope, **{"is_keyed": True, **more})

    def put(self, rule: str, scope: ApiScope | None, **more: Any) -> Callable[[View], View]:
        return self._declare("PUT", rule, scope, **more)

    def patch(self, rule: str, scope: ApiScope | None, **more: Any) -> Callable[[View], View]:
        return self._declare("PATCH", rule, scope, **more)

    def delete(self, rule: str, scope: ApiScope | None, **more: Any) -> Callable[[View], View]:
        return self._declare("DELETE", rule, scope, **{"status": 204, **more})

    def _declare(
        self, method: str, rule: str, scope: ApiScope | None, **more: Any
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            operation = make_operation(self.tag, method, rule, scope, view, more)
            self.operations.append(operation)
            self.blueprint.add_url_rule(
                rule,
                endpoint=operation.id,
                view_func=_handler(operation),
                methods=[method],
                provide_automatic_options=False,
            )
            return view

        return declare


def operation_of(view: object) -> Operation | None:
    """Of a view function of the application; None for a page."""
    found = getattr(view, _ATTRIBUTE, None)
    return found if isinstance(found, Operation) else None


def _handler(operation: Operation) -> Callable[..., ResponseReturnValue]:
    @allow(BY_TOKEN)
    def handler(**path: str) -> ResponseReturnValue:
        return handle(operation, path)

    handler.__name__ = operation.id
    setattr(handler, _ATTRIBUTE, operation)
    return handler
