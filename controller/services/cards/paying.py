"""An agent pays for a whole batch of cards out of its balance, or there is no batch."""

from controller.domain.errors import Conflict
from controller.domain.ledger import SystemAccount
from controller.domain.money import plain
from controller.domain.movements import Cover, NotMoved, move
from controller.services.actors import Actor
from controller.services.cards.ports import CardWork
from controller.services.cards.records import BatchSpec
from controller.services.movements.orders import CardStock
from controller.services.movements.run import customer, move_within


def check_cover(work: CardWork, spec: BatchSpec) -> None:
    """A look without a lock, before thousands of cards are drawn in vain. Raises Conflict."""
    store = work.movements
    issuer, outstanding = (
        customer(store, spec.issuer),
        store.system(SystemAccount.CARDS, spec.currency),
    )
    debit, credit = store.read(issuer, outstanding)
    _accepted(spec, move(debit, credit, spec.total, Cover.REQUIRED))


def pay_for(work: CardWork, actor: Actor, spec: BatchSpec, batch_id: int) -> None:
    """The whole batch out of the issuer's balance, or none of it."""
    order = CardStock(
        key=f"phone-cards:{batch_id}",
        account=spec.issuer,
        amount=spec.total,
        batch=spec.name,
        memo=f"{spec.name}: {spec.count} x {plain(spec.face_value)}",
        who=actor.name,
        actor=actor,
    )
    _accepted(spec, move_within(work.movements, order))


def _accepted(spec: BatchSpec, outcome: object) -> None:
    if isinstance(outcome, NotMoved):
        raise Conflict(f"{spec.count} cards cannot be paid for: {outcome.why}")
