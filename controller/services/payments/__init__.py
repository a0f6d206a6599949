"""Payments that people make for accounts, within their rights (spec §1.7)."""

from controller.services.payments.records import (
    PaymentKind,
    PaymentPage,
    PaymentQuery,
    PaymentRow,
    Receipt,
)
from controller.services.payments.service import Done, Payments

__all__ = [
    "Done",
    "PaymentKind",
    "PaymentPage",
    "PaymentQuery",
    "PaymentRow",
    "Payments",
    "Receipt",
]
