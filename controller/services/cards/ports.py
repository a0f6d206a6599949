"""What cards need of a store."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from controller.domain.cards import CardState, Face
from controller.domain.configuration import AccountKind
from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine, LastChange
from controller.services.cards.records import (
    BatchPage,
    BatchQuery,
    BatchRow,
    BatchSpec,
    CardPage,
    CardQuery,
)
from controller.services.movements.ports import MovementWork


@dataclass(frozen=True, slots=True)
class CardAccount:
    """An account that issues cards, or is recharged with one."""

    account_id: int
    name: str
    currency: str
    kind: AccountKind
    closed: bool


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """`key` makes it once, `who` gave it, `seal_id` names the key of its digests."""

    spec: BatchSpec
    issuer_id: int | None
    key: str
    who: str
    seal_id: bytes


@dataclass(frozen=True, slots=True)
class DrawnCard:
    number: int
    last_digits: str
    pin_digest: bytes = field(repr=False)
    password_digest: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredCard:
    """`covers`: its issuer is the platform, or above the account that is to be recharged."""

    card_id: int
    batch_id: int
    number: int
    serial: str
    state: CardState
    locked: bool
    revision: int
    face: Face
    issuer_id: int | None
    password_digest: bytes | None = field(default=None, repr=False)
    covers: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of cards, by whom; `movement_id`: where their value went with a movement."""

    state: CardState
    who: str
    movement_id: str | None = None
    account_id: int | None = None


class CardWork(Protocol):
    """One transaction. Cards are locked before money is."""

    @property
    def movements(self) -> MovementWork:
        """Of the same transaction."""

    def now(self) -> datetime:
        """The database's clock, at this moment."""

    def account(self, scope: Scope, name: str) -> CardAccount | None: ...

    def name_of(self, account_id: int) -> str: ...

    # -- batches --

    def made_under(self, key: str) -> BatchRow | None: ...

    def has_name(self, issuer_id: int | None, name: str) -> bool: ...

    def sealed_otherwise(self, seal_id: bytes) -> str:
        """The name of a batch with unused cards whose digests have another key; else empty."""

    def add_batch(self, order: BatchOrder) -> int: ...

    def add_cards(self, batch_id: int, cards: Sequence[DrawnCard]) -> set[int]:
        """The numbers of those that were added; the others' PINs are some card's already."""

    def lock_batch(self, scope: Scope, batch_id: int) -> BatchRow | None: ...

    def batch(self, batch_id: int) -> BatchRow: ...

    def touch(self, batch_id: int) -> None:
        """Count a change of a batch."""

    # -- cards --

    def lock_by_pin(self, pin_digest: bytes, account_id: int) -> StoredCard | None: ...

    def lock_card(self, batch_id: int, number: int) -> StoredCard | None: ...

    def lock_unused(self, batch_id: int) -> Sequence[int]:
        """The ids of a batch's cards that nobody has used, in their order."""

    def end(self, card_ids: Sequence[int], ended: Ended) -> None: ...

    def set_locked(self, card_id: int, *, locked: bool) -> None: ...

    # -- wrong tries --

    def tries(self, subjects: Sequence[str], since: datetime) -> tuple[int, datetime | None]:
        """The most of any subject since then, and when those began. Others with one of these
        subjects wait until this transaction is over."""

    def add_try(self, subjects: Sequence[str], now: datetime, since: datetime) -> None: ...

    # -- log --

    def audit(self, line: AuditLine) -> None: ...

    def last_change(self, kind: str, name: str, scope: Scope) -> LastChange | None:
        """As far as the scope may know: people above it and beside it are not named."""


class CardStore(Protocol):
    """All methods raise StoreUnavailable."""

    def work(self, key: str = "") -> AbstractContextManager[CardWork]:
        """Committed at its end; an exception takes everything back. Who has the same key waits."""

    def page(self, actor: Actor, query: BatchQuery) -> BatchPage: ...

    def batch(self, actor: Actor, batch_id: int) -> BatchRow | None: ...

    def batches_named(self, actor: Actor, name: str) -> Sequence[BatchRow]: ...

    def owner(self, batch_id: int) -> tuple[str, int | None] | None:
        """A batch's name and issuer, whatever the scope."""

    def cards(self, actor: Actor, batch: BatchRow, query: CardQuery) -> CardPage: ...

    def account(self, scope: Scope, name: str) -> CardAccount | None: ...

    def due(self, limit: int) -> Sequence[int]:
        """Batches that are past their time and still have unused cards."""
