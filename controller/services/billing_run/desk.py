"""Packages and their orders, as administrators keep them: seen, placed, ended.

The use cases of `orders`, each with who did it in the audit log.
"""

from collections.abc import Sequence

from controller.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from controller.services.actors import Actor
from controller.services.audit import AuditLine, AuditLog
from controller.services.billing_run.order_text import OrderTexts
from controller.services.billing_run.orders import Placed, Refused, Subscriptions
from controller.services.billing_run.records import ActiveLine, OrderLine, PackageLine, Records
from controller.services.ports import Clock

ORDER = "package order"


class PackageDesk:
    """Everything raises StoreUnavailable, and NotAllowed for all but administrators."""

    def __init__(
        self, records: Records, subscriptions: Subscriptions, clock: Clock, audit: AuditLog
    ) -> None:
        self._records = records
        self._subscriptions = subscriptions
        self._clock = clock
        self._audit = audit

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
        placed = _accepted(self._subscriptions.order(texts))
        if placed.recorded:
            what = {"package": ("", texts.package), "for": ("", texts.account or texts.phone or "")}
            self._audit.note(AuditLine(actor, "create", ORDER, texts.key[:200], changes=what))
        return placed

    def cancel(self, actor: Actor, key: str) -> Placed:
        """No further period. Raises NotFound, Conflict where it is over already."""
        _require(actor)
        try:
            placed = _accepted(self._subscriptions.cancel(key))
        except InvalidInput as error:
            raise NotFound(str(error)) from None
        self._audit.note(AuditLine(actor, "cancel", ORDER, key[:200]))
        return placed

    def remove(self, actor: Actor, number: int) -> None:
        """End a running period now, without a refund. Raises NotFound, Conflict."""
        _require(actor)
        try:
            refused = self._subscriptions.remove(number)
        except InvalidInput as error:
            raise NotFound(str(error)) from None
        if refused is not None:
            raise Conflict(refused.why)
        self._audit.note(AuditLine(actor, "end", "active package", str(number)))

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
