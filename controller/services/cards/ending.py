"""The end of cards that nobody will use: what they are worth goes back to who paid for them.

By hand (void), or when their time is over. A card ends once, so its money goes back once.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from controller.domain.cards import CardState, not_paid
from controller.domain.errors import Conflict, Stale
from controller.domain.ledger import keyed_posting_id
from controller.domain.money import plain
from controller.domain.movements import NotMoved
from controller.services.actors import EVERYTHING, Actor
from controller.services.audit import AuditLine
from controller.services.billing_run.payment import try_waiting
from controller.services.billing_run.run import BillingRun
from controller.services.cards.ports import CardStore, CardWork, Ended, StoredCard
from controller.services.cards.records import CARD, KIND, BatchRow, Voided
from controller.services.low_balance import SCHEDULER
from controller.services.movements.orders import CardReturn
from controller.services.movements.run import move_within
from controller.services.records.work import not_found

DUE_AT_ONCE = 1_000


def expire_due(store: CardStore, billing: BillingRun) -> Iterator[Voided | Conflict]:
    """For the scheduler: cards past their time, a batch in one transaction. A Conflict is told
    where the money cannot go back, and the cards stay as they are. Raises StoreUnavailable."""
    for batch_id in store.due(DUE_AT_ONCE):
        try:
            with store.work() as work:
                batch = work.lock_batch(EVERYTHING, batch_id)
                expired = take_back(work, SCHEDULER, batch, CardState.EXPIRED) if batch else None
        except Conflict as refused:
            yield refused
            continue
        if expired is not None and expired.count:
            try_orders(billing, expired)
            yield expired


def try_orders(billing: BillingRun, voided: Voided) -> None:
    """Package orders of the issuer that waited for money."""
    if voided.returned:
        try_waiting(billing, voided.batch.issuer)


def unused(
    work: CardWork, actor: Actor, batch: BatchRow, number: int, revision: int | None
) -> StoredCard:
    """Under lock. Raises NotFound, Stale, Conflict."""
    card = work.lock_card(batch.batch_id, number)
    if card is None:
        raise not_found(CARD, batch.serial(number))
    check_revision(work, actor, CARD, card.serial, card.revision, revision)
    # one that is past its time can still be taken back
    timeless = replace(card.face, expires_at=None)
    refused = not_paid(card.serial, card.state, timeless, locked=False, now=work.now())
    if refused is not None:
        raise Conflict(refused.why)
    return card


def check_revision(
    work: CardWork, actor: Actor, kind: str, name: str, stored: int, wanted: int | None
) -> None:
    """Raises Stale where the object is not as it was shown. None: whatever it is by now."""
    if wanted is None or wanted == stored:
        return
    last = work.last_change(kind, name, actor.scope)
    if last is None:
        raise Stale(f"{kind} {name} was changed meanwhile")
    raise Stale(f"{kind} {name} was changed by {last.who} at {last.at:%Y-%m-%d %H:%M:%S} UTC")


def take_back(
    work: CardWork,
    actor: Actor,
    batch: BatchRow,
    state: CardState,
    card: StoredCard | None = None,
) -> Voided:
    """One card, or all that are unused; what they are worth goes back to the issuer."""
    card_ids = [card.card_id] if card else list(work.lock_unused(batch.batch_id))
    if not card_ids:
        return Voided(batch, 0, Decimal(0))
    returned, key = Decimal(0), ""
    if batch.issuer_id is not None:
        returned = batch.face_value * len(card_ids)
        # a card ends once, so the first one's id is a key that nothing else can have
        key = f"phone-card:{card_ids[0]}"
    work.end(card_ids, Ended(state, actor.name, keyed_posting_id(key) if key else None))
    work.touch(batch.batch_id)
    action = "expire" if state is CardState.EXPIRED else "void"
    what = {"cards": ("", str(len(card_ids)))}
    if returned:
        what["returned"] = ("", plain(returned))
    kind, name = (CARD, card.serial) if card else (KIND, batch.name)
    work.audit(AuditLine(actor, action, kind, name, batch.issuer_id, what))
    voided = Voided(work.batch(batch.batch_id), len(card_ids), returned)
    if key:
        # last, for calls below the agent wait while its money is locked
        _give_back(work, actor, batch, key, len(card_ids))
    return voided


def _give_back(work: CardWork, actor: Actor, batch: BatchRow, key: str, count: int) -> None:
    order = CardReturn(
        key=key,
        account=batch.issuer,
        amount=batch.face_value * count,
        batch=batch.name,
        count=count,
        memo=f"{batch.name}: {count} x {plain(batch.face_value)}",
        who=actor.name,
        actor=actor,
    )
    moved = move_within(work.movements, order)
    if isinstance(moved, NotMoved):
        raise Conflict(f"what the cards are worth cannot be given back: {moved.why}")
