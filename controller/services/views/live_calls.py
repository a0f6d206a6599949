"""Calls in progress, as pages show them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from controller.services.actors import Scope


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call in progress. `routing_gateways` are the vendors that hold a line for it.

    `reserved` is what is held of the customer's money, or of the account's that looks, in
    `currency`. `hang_up` is what became of the last one that was asked for
    (`services.views.hang_ups.CommandState`), empty where none was.
    """

    call_id: str
    switch_id: str
    caller: str
    callee: str
    account_id: int
    account: str
    currency: str
    mapping_gateway: str
    routing_gateways: tuple[str, ...]
    offered_at: datetime
    answered_at: datetime | None
    reserved: Decimal
    granted_s: int
    hang_up: str


@dataclass(frozen=True, slots=True)
class LiveCalls:
    """The newest calls that match, and how many there are of all calls and of talking ones."""

    total: int
    talking: int
    matching: int
    rows: tuple[LiveCall, ...]


class LiveCallView(Protocol):
    def live(self, scope: Scope, search: str, limit: int) -> LiveCalls:
        """Calls whose number or account begins with `search`; newest first. All figures are those
        of the scope."""

    def one(self, scope: Scope, call_id: str) -> LiveCall | None:
        """By the call's id, a UUID; None out of scope too, and when it has ended."""
