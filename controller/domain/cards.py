"""Phone cards: what a PIN may look like, what becomes of a card, and when it pays (spec §10). Pure.

A card is unused until it is used, voided, or past its time; then it stays what it became.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from controller.domain.configuration import AccountKind

PIN_LENGTHS = range(10, 17)
PASSWORD_LENGTHS = (0, *range(4, 9))
"""Digits; 0: the PIN is enough."""
MAX_CARDS = 10_000
"""Of one batch."""
LAST_DIGITS = 4
"""Of a PIN, which lists show."""
MIN_DRAWN = 8
"""Digits of a PIN that are drawn, at least; the others are the prefix."""
RARITY = 1_000_000
"""One of so many PINs that a batch could have is a card's, at most."""


class CardState(StrEnum):
    UNUSED = "unused"
    USED = "used"
    VOIDED = "voided"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Face:
    """What a card is worth and until when; `expires_at` None: for ever."""

    value: Decimal
    currency: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NotPaid:
    """Why a card does not recharge an account, in words for who holds it."""

    why: str


def serial_number(batch: str, number: int) -> str:
    """What is printed on a card, and what everybody may know of it."""
    return f"{batch}-{number:06d}"


def drawn_digits(pin_length: int, prefix: str) -> int:
    return pin_length - len(prefix)


def pin_fault(pin_length: int, prefix: str, count: int) -> str:
    """Why these PINs could be guessed; empty where they cannot."""
    drawn = drawn_digits(pin_length, prefix)
    if drawn < MIN_DRAWN:
        return f"at least {MIN_DRAWN} digits of a PIN are drawn: {pin_length} less the prefix"
    needed = len(str(count * RARITY - 1))
    if drawn < needed:
        return (
            f"{count} cards need {needed} digits beside the prefix, so that at most one PIN in"
            f" {RARITY} is a card's"
        )
    return ""


def not_paid(
    serial: str,
    state: CardState,
    face: Face,
    *,
    locked: bool,
    now: datetime,
) -> NotPaid | None:
    """Why a card that is there pays nothing (any more)."""
    if state is CardState.USED:
        return NotPaid(f"card {serial} was used already")
    if state is CardState.VOIDED:
        return NotPaid(f"card {serial} is void")
    if state is CardState.EXPIRED or (face.expires_at is not None and face.expires_at <= now):
        return NotPaid(f"card {serial} has expired")
    if locked:
        return NotPaid(f"card {serial} is locked: ask who sold it")
    return None


def not_for(
    serial: str, face: Face, account: str, currency: str, kind: AccountKind
) -> NotPaid | None:
    """Why an account cannot be recharged with a card of this face."""
    if kind is AccountKind.CLEARING:
        return NotPaid(f"account {account} is a vendor's: cards are for customers")
    if face.currency != currency:
        return NotPaid(
            f"card {serial} is in {face.currency}, {account} in {currency}: money is not exchanged"
        )
    return None
