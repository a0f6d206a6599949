"""Batches of cards and cards as people see them: never with a PIN or a password."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from controller.domain.cards import CardState, Face, serial_number
from controller.domain.movements import MAX_AMOUNT

KIND = "card batch"
CARD = "card"
"""In the audit log and in messages."""
MAX_LINES = 500
"""Of one page."""
USUAL_PIN_LENGTH = 12
MAX_TOTAL = MAX_AMOUNT
"""What all cards of a batch may be worth: one movement of money."""


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """What a batch is ordered as. `issuer` empty: the platform."""

    name: str
    currency: str
    face_value: Decimal
    count: int
    issuer: str = ""
    pin_length: int = USUAL_PIN_LENGTH
    prefix: str = ""
    password_length: int = 0
    expires_at: datetime | None = None
    memo: str = ""

    @property
    def total(self) -> Decimal:
        return self.face_value * self.count


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch, with how many of its cards are what by now; `locked` ones are unused too.

    `created_by` is empty where that is not the asking one's business.
    """

    batch_id: int
    name: str
    issuer: str
    issuer_id: int | None
    currency: str
    face_value: Decimal
    count: int
    pin_length: int
    prefix: str
    password_length: int
    expires_at: datetime | None
    memo: str
    created_at: datetime
    created_by: str
    revision: int
    unused: int
    used: int
    voided: int
    expired: int

    @property
    def face(self) -> Face:
        return Face(self.face_value, self.currency, self.expires_at)

    @property
    def spec(self) -> BatchSpec:
        return BatchSpec(
            name=self.name,
            currency=self.currency,
            face_value=self.face_value,
            count=self.count,
            issuer=self.issuer,
            pin_length=self.pin_length,
            prefix=self.prefix,
            password_length=self.password_length,
            expires_at=self.expires_at,
            memo=self.memo,
        )

    def serial(self, number: int) -> str:
        return serial_number(self.name, number)


@dataclass(frozen=True, slots=True)
class CardRow:
    """`account` is the one that was recharged, `payment_id` its receipt, where the asking one may
    know of them; `ended_by` likewise. `last_digits` are those of the PIN."""

    number: int
    serial: str
    last_digits: str
    state: CardState
    locked: bool
    ended_at: datetime | None
    ended_by: str
    account: str
    account_id: int | None
    payment_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class NewCard:
    """Told this once; nobody can ask for it again."""

    serial: str
    pin: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewBatch:
    """`recorded` False: it was made before under the same key, and there are no `cards` to show."""

    row: BatchRow
    recorded: bool
    cards: tuple[NewCard, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """`search` is the beginning of a name, `issuer` one account's name. `before`: older ones than
    the batch of this id; newest first."""

    search: str = ""
    issuer: str = ""
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class BatchPage:
    rows: tuple[BatchRow, ...]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class CardQuery:
    """By number, from `after` on."""

    state: CardState | None = None
    after: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class CardPage:
    rows: tuple[CardRow, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Voided:
    """`returned` went back to the issuer; 0 where that is the platform."""

    batch: BatchRow
    count: int
    returned: Decimal
