"""What payments need of a store."""

from dataclasses import dataclass
from typing import Protocol

from controller.services.actors import Actor, Scope
from controller.services.payments.records import PaymentPage, PaymentQuery, Receipt


@dataclass(frozen=True, slots=True)
class PayableAccount:
    account_id: int
    name: str
    currency: str
    closed: bool


class PaymentStore(Protocol):
    """All methods raise StoreUnavailable."""

    def account(self, scope: Scope, name: str) -> PayableAccount | None: ...

    def page(self, actor: Actor, query: PaymentQuery) -> PaymentPage:
        """Raises InvalidFields for an `after` that no page ended with."""

    def receipt(self, actor: Actor, payment_id: str) -> Receipt | None: ...

    def owner(self, payment_id: str) -> int | None:
        """An account of a payment, whoever asks; None where there is no such payment."""
