"""Recharging an account with a phone card (spec §1.7, §10).

The card is the money: whoever knows its PIN may recharge any account that he may know of, with no
right of payment. One and the same transaction takes the card and moves its value, under a lock of
the card. Whatever does not fit is "no such card", in the same words; ten of these within an hour,
by one person or for one account, and no card is looked at until the hour is over.
"""

import math
from dataclasses import dataclass, field
from datetime import timedelta

from controller.domain.cards import CardState, not_for, not_paid
from controller.domain.errors import Conflict, InvalidFields, TooManyTries
from controller.domain.ledger import SystemAccount
from controller.domain.movements import NotMoved
from controller.services.actors import Actor
from controller.services.audit import AuditLine, AuditLog, Outcome
from controller.services.billing_run.payment import Waiting, try_waiting
from controller.services.billing_run.run import BillingRun
from controller.services.cards.access import CardAccess
from controller.services.cards.pins import CardSeal
from controller.services.cards.ports import CardAccount, CardStore, CardWork, Ended, StoredCard
from controller.services.cards.reading import Values, read_password, read_pin
from controller.services.cards.records import CARD
from controller.services.movements.orders import CardRecharge
from controller.services.movements.replies import AccountAfter
from controller.services.movements.run import move_within

MAX_TRIES = 10
WINDOW = timedelta(hours=1)
NO_SUCH_CARD = "there is no such card"
UNKNOWN = "(unknown)"
"""Stands in the log for a card that is none: what was typed may be all but right."""


@dataclass(frozen=True, slots=True)
class Recharged:
    """`payment_id` finds the receipt; `account` is the money that is there now."""

    payment_id: str
    serial: str
    account: AccountAfter
    waiting: Waiting = field(default_factory=Waiting)


class CardPayments:
    def __init__(
        self, store: CardStore, seal: CardSeal, billing: BillingRun, audit: AuditLog
    ) -> None:
        self._store = store
        self._seal = seal
        self._billing = billing
        self._access = CardAccess(store, audit)

    def recharge(self, actor: Actor, account: str, values: Values) -> Recharged:
        """`values`: `pin`, and `password` where the card has one. The card is used then.

        Raises NotFound for accounts out of scope, InvalidFields for a wrong PIN or password,
        Conflict for a card that pays nothing (any more), TooManyTries, StoreUnavailable.
        """
        to = self._access.account(actor, account, "recharge by card")
        pin, password = read_pin(values), read_password(values)
        with self._store.work() as work:
            subjects = _subjects(actor, to)
            _check_tries(work, subjects)
            card = work.lock_by_pin(self._seal.pin(pin), to.account_id)
            if card is not None and self._fits(card, pin, password):
                done = _use(work, actor, to, card)
            else:
                done = None
                now = work.now()
                work.add_try(subjects, now, now - WINDOW)
                work.audit(_wrong(actor, to, "wrong card"))
        if done is None:
            raise InvalidFields({"pin": NO_SUCH_CARD})
        return _with(done, try_waiting(self._billing, to.name))

    def _fits(self, card: StoredCard, pin: str, password: str) -> bool:
        if not card.covers:
            return False
        kept = card.password_digest
        return kept is None or self._seal.fits(kept, pin, password)


def _subjects(actor: Actor, account: CardAccount) -> tuple[str, ...]:
    """Who tries, and for whom: accounts are made more easily than people, and the other way."""
    who = f"user:{actor.user_id}" if actor.user_id is not None else f"name:{actor.name}"
    return who, f"account:{account.account_id}"


def _check_tries(work: CardWork, subjects: tuple[str, ...]) -> None:
    """Others wait here, so that tries in parallel are counted one by one. Raises TooManyTries."""
    now = work.now()
    tries, first_at = work.tries(subjects, now - WINDOW)
    if tries < MAX_TRIES or first_at is None:
        return
    wait_s = max(1, math.ceil((first_at + WINDOW - now).total_seconds()))
    raise TooManyTries(
        f"too many wrong cards: wait {math.ceil(wait_s / 60)} minutes, or ask who sold it", wait_s
    )


def _wrong(actor: Actor, account: CardAccount, why: str) -> AuditLine:
    what = {"account": ("", account.name)}
    return AuditLine(actor, why, CARD, UNKNOWN, account.account_id, what, Outcome.DENIED)


def _use(work: CardWork, actor: Actor, account: CardAccount, card: StoredCard) -> Recharged:
    """The card is locked: who comes second finds it used."""
    refused = not_paid(
        card.serial, card.state, card.face, locked=card.locked, now=work.now()
    ) or not_for(card.serial, card.face, account.name, account.currency, account.kind)
    if refused is not None:
        raise Conflict(refused.why)
    order = CardRecharge(
        key=f"phone-card:{card.card_id}",
        account=account.name,
        amount=card.face.value,
        card=card.serial,
        till=SystemAccount.CASH if card.issuer_id is None else SystemAccount.CARDS,
        memo=card.serial,
        who=actor.name,
        actor=actor,
    )
    moved = move_within(work.movements, order)
    if isinstance(moved, NotMoved):
        raise Conflict(moved.why)
    ended = Ended(CardState.USED, actor.name, moved.posting_id, account.account_id)
    work.end([card.card_id], ended)
    what = {"account": ("", account.name), "state": ("unused", "used")}
    work.audit(AuditLine(actor, "use", CARD, card.serial, card.issuer_id, what))
    return Recharged(moved.posting_id or "", card.serial, moved.accounts[0])


def _with(done: Recharged, waiting: Waiting) -> Recharged:
    return Recharged(done.payment_id, done.serial, done.account, waiting)
