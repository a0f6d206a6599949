"""Packages and their orders, as administrators keep them: seen, placed, ended.

The use cases of `orders`, with the errors that pages and the API know.
"""

from collections.abc import Sequence

from controller.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from controller.services.actors import Actor
from controller.services.billing_run.order_text import OrderTexts
from controller.services.billing_run.orders import Placed, Refused, Subscriptions
from controller.services.billing_run.records import ActiveLine, OrderLine, PackageLine, Records
from controller.services.ports import Clock


class PackageDesk:
    """Everything raises StoreUnavailable, and NotAllowed for all but administrators."""

    def __init__(self, records: Records, subscriptions: Subscriptions, clock: Clock) -> None:
        self._records = records
        self._subscriptions = subscriptions
        self._clock = clock

    def packages(self, actor: Actor) -> Sequence[PackageLine]:
        """Those that can be ordered."""
        _require(actor)
        return self._records.packages()

    def orders(
        self, actor: Actor, account: str | None, most: int, *, with_over: bool
    ) -> Sequence[OrderLine]:
        """Raises NotFound for an unknown account."""
        self._known(actor, account)
        return self._records.orders(account, most, with_over=with_over)

    def active(
        self, actor: Actor, account: str | None, most: int, *, with_over: bool
    ) -> Sequence[ActiveLine]:
        """Raises NotFound for an unknown account."""
        self._known(actor, account)
        now = self._clock.now()
        return self._records.active(account, now, most, with_over=with_over)

    def order(self, actor: Actor, texts: OrderTexts) -> Placed:
        """Raises InvalidInput for what is no order, Conflict for one that is refused."""
        _require(actor)
        return _accepted(self._subscriptions.order(actor, texts))

    def cancel(self, actor: Actor, key: str) -> Placed:
        """No further period. Raises NotFound, Conflict where it is over already."""
        _require(actor)
        try:
            return _accepted(self._subscriptions.cancel(actor, key))
        except InvalidInput as error:
            raise NotFound(str(error)) from None

    def remove(self, actor: Actor, number: int) -> None:
        """End a running period now, without a refund. Raises NotFound, Conflict."""
        _require(actor)
        try:
            refused = self._subscriptions.remove(actor, number)
        except InvalidInput as error:
            raise NotFound(str(error)) from None
        if refused is not None:
            raise Conflict(refused.why)

    def _known(self, actor: Actor, account: str | None) -> None:
        _require(actor)
        if account is not None and not self._records.has_account(account):
            raise NotFound(f"there is no account {account[:64]!r}")


def _require(actor: Actor) -> None:
    if not actor.is_operator:
        raise NotAllowed("packages are the administrators'")


def _accepted(outcome: Placed | Refused) -> Placed:
    if isinstance(outcome, Refused):
        raise Conflict(outcome.why)
    return outcome
