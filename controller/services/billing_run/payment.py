"""Money arrives: take the payment, then try the orders that waited for it."""

from dataclasses import dataclass

from controller.domain.errors import TollgateError
from controller.services.billing_run.report import Report
from controller.services.billing_run.run import BillingRun
from controller.services.books import Books, NotPaid, Paid, Payment


@dataclass(frozen=True, slots=True)
class Waiting:
    """What money at hand set going: `orders` is None where none waited.

    `not_tried`: why waiting orders were not looked at.
    """

    orders: Report | None = None
    not_tried: str = ""


@dataclass(frozen=True, slots=True)
class Recharge:
    """A payment, and what it set going."""

    outcome: Paid | NotPaid
    waiting: Waiting = Waiting()

    @property
    def orders(self) -> Report | None:
        return self.waiting.orders

    @property
    def not_tried(self) -> str:
        return self.waiting.not_tried


def recharge(books: Books, billing: BillingRun, payment: Payment) -> Recharge:
    """The payment stands whatever becomes of the orders: the timed run tries them again."""
    outcome = books.pay(payment)
    if isinstance(outcome, NotPaid):
        return Recharge(outcome)
    return Recharge(outcome, try_waiting(billing, payment.account))


def try_waiting(billing: BillingRun, account: str) -> Waiting:
    """Try the orders that wait for money of an account that has more of it now."""
    try:
        report = billing.recharged(account)
    except TollgateError as error:
        return Waiting(not_tried=str(error))
    return Waiting(report if report.anything or report.refused else None)
