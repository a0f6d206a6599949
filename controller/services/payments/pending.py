"""Movements in two phases, for administrators: hold, then post or void (docs/adr/0014).

The ledger keeps who began and who ended each; the audit log has a line of both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from controller.domain.errors import Conflict, InvalidFields, InvalidInput, NotAllowed, NotFound
from controller.domain.money import plain
from controller.domain.movements import NotMoved
from controller.domain.pending import Pending
from controller.services.actors import Actor
from controller.services.movements.orders import Ending, Hold
from controller.services.movements.replies import PendingReply
from controller.services.movements.texts import parse_amount, parse_key, parse_memo
from controller.services.movements.two_phase import TwoPhase

MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """`to` empty: the money is to leave the platform. `expires_at` None: a day later."""

    account: str
    amount: Decimal
    to: str = ""
    expires_at: datetime | None = None
    memo: str = ""


class PendingPayments:
    """Everything raises StoreUnavailable, NotAllowed for all but administrators, InvalidFields,
    and Conflict for what the ledger refuses."""

    def __init__(self, movements: TwoPhase) -> None:
        self._movements = movements

    def page(
        self, actor: Actor, account: str, limit: int, *, everything: bool
    ) -> Sequence[Pending]:
        """Newest first; of all accounts where `account` is empty; those that are over too where
        `everything` is asked for."""
        _require(actor)
        if not 1 <= limit <= MAX_LINES:
            raise InvalidFields({"limit": f"not 1 to {MAX_LINES}"})
        return self._movements.pendings(account, limit, everything=everything)

    def hold(self, actor: Actor, order: HoldOrder, key: str) -> Pending:
        _require(actor)
        parse_amount(plain(order.amount))
        held = Hold(
            key=parse_key(key),
            account=order.account,
            amount=order.amount,
            target=order.to,
            expires_at=order.expires_at,
            memo=parse_memo(order.memo),
            who=actor.name,
            actor=actor,
        )
        return _accepted(self._movements.hold(held)).pending

    def post(self, actor: Actor, movement: str, amount: Decimal | None, memo: str) -> Pending:
        """What is held, or a part of it; the rest is free again. Raises NotFound."""
        _require(actor)
        parse_memo(memo)
        if amount is not None:
            parse_amount(plain(amount))
        ending = _ending(actor, movement, memo)
        return _ended(lambda: self._movements.post(ending, amount))

    def void(self, actor: Actor, movement: str, memo: str) -> Pending:
        """Give back what is held. Raises NotFound."""
        _require(actor)
        parse_memo(memo)
        ending = _ending(actor, movement, memo)
        return _ended(lambda: self._movements.void(ending))


def _ending(actor: Actor, movement: str, memo: str) -> Ending:
    return Ending(key=movement, memo=memo, who=actor.name, actor=actor)


def _ended(end: Callable[[], PendingReply | NotMoved]) -> Pending:
    try:
        return _accepted(end()).pending
    except InvalidInput as error:
        raise NotFound(str(error)) from None


def _require(actor: Actor) -> None:
    if not actor.is_operator:
        raise NotAllowed("pending movements are the administrators'")


def _accepted(outcome: PendingReply | NotMoved) -> PendingReply:
    if isinstance(outcome, NotMoved):
        raise Conflict(outcome.why)
    return outcome
