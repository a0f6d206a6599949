"""Phone cards: stock in batches, and accounts recharged with them (spec §10, docs/cards.md)."""

from controller.services.cards.ending import expire_due
from controller.services.cards.payments import CardPayments, Recharged
from controller.services.cards.pins import CardSeal
from controller.services.cards.records import (
    BatchPage,
    BatchQuery,
    BatchRow,
    CardPage,
    CardQuery,
    CardRow,
    NewBatch,
    NewCard,
    Voided,
)
from controller.services.cards.service import Cards
from controller.services.cards.sheet import sheet

__all__ = [
    "BatchPage",
    "BatchQuery",
    "BatchRow",
    "CardPage",
    "CardPayments",
    "CardQuery",
    "CardRow",
    "CardSeal",
    "Cards",
    "NewBatch",
    "NewCard",
    "Recharged",
    "Voided",
    "expire_due",
    "sheet",
]
