"""Payments, each with its right, its scope and its key (spec §1.5 flags 7 and 8, §1.7).

The right `pay_own` is for the own account, `pay_sub` for those below; operators always may. An
operator takes money into `cash`. What an agent takes from an account below is the agent's, not
the platform's: it comes out of `agents_cash`. The platform loses nothing by it, because each call
is charged to the agent as well, at the agent's own rates and from the agent's own balance.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from controller.domain.errors import Conflict, InvalidFields, InvalidInput, NotAllowed, NotFound
from controller.domain.ledger import SystemAccount, keyed_posting_id
from controller.domain.movements import LimitMode, NotMoved
from controller.domain.rights import Right
from controller.services.actors import EVERYTHING, Actor
from controller.services.audit import AuditLog
from controller.services.billing_run.payment import Waiting, try_waiting
from controller.services.billing_run.run import BillingRun
from controller.services.movements.orders import (
    Deposit,
    LimitOrder,
    MakeZero,
    Move,
    Transfer,
    Withdrawal,
)
from controller.services.movements.replies import AccountAfter, LimitChanged, Moved
from controller.services.movements.run import Movements
from controller.services.movements.texts import parse_amount, parse_key, parse_limit, parse_memo
from controller.services.payments.ports import PayableAccount, PaymentStore
from controller.services.payments.records import (
    MAX_LINES,
    PaymentPage,
    PaymentQuery,
    Receipt,
)
from controller.services.records.work import denial

T = TypeVar("T", Moved, LimitChanged)

Values = Mapping[str, object]
"""Of a form or a request: `amount`, `memo`, and what else the payment needs."""

OWN_LIMIT = "the overdraft limit of your own account is set by who is above it"
BY_WHO_IS_ABOVE = {
    "make zero": "the balance of your own account is made zero by who is above it",
    "credit": OWN_LIMIT,
}


@dataclass(frozen=True, slots=True)
class Done:
    """`payment_id` finds its receipt. `recorded` False: it was done before, under the same key."""

    payment_id: str
    recorded: bool
    accounts: tuple[AccountAfter, ...]
    waiting: Waiting = field(default_factory=Waiting)


class Payments:
    """Everything raises StoreUnavailable, NotFound for accounts outside the scope, NotAllowed,
    InvalidFields for wrong amounts, Conflict for want of money or a key that stands for something
    else."""

    def __init__(
        self, movements: Movements, billing: BillingRun, store: PaymentStore, audit: AuditLog
    ) -> None:
        self._movements = movements
        self._billing = billing
        self._store = store
        self._audit = audit

    # -- see ------------------------------------------------------------------------------

    def page(self, actor: Actor, query: PaymentQuery) -> PaymentPage:
        """Newest first. Raises InvalidFields for a limit or an `after` that cannot be."""
        if not 1 <= query.limit <= MAX_LINES:
            raise InvalidFields({"limit": f"not 1 to {MAX_LINES}"})
        if query.account:
            self._account(actor, query.account, "read payments")
        return self._store.page(actor, query)

    def receipt(self, actor: Actor, payment_id: str) -> Receipt:
        """Raises NotFound."""
        found = self._store.receipt(actor, payment_id)
        if found is None:
            owner = None if actor.is_operator else self._store.owner(payment_id)
            if owner is not None:
                self._audit.note(denial(actor, "read", "payment", payment_id, owner))
            raise NotFound(f"there is no payment {payment_id[:64]!r}")
        return found

    # -- move -----------------------------------------------------------------------------

    def pay(self, actor: Actor, account: str, values: Values, key: str) -> Done:
        """The balance rises by `amount`."""
        to = self._payable(actor, account, "payment")
        amount, memo = _read(values)
        till = _till(actor, to)
        order = Deposit(account=to.name, amount=amount, till=till, **_signed(actor, key, memo))
        return self._move(order, gains=to.name)

    def withdraw(self, actor: Actor, account: str, values: Values, key: str) -> Done:
        """The balance falls by `amount`, which must be there."""
        of = self._payable(actor, account, "withdrawal")
        amount, memo = _read(values)
        till = _till(actor, of)
        order = Withdrawal(account=of.name, amount=amount, till=till, **_signed(actor, key, memo))
        return self._move(order)

    def transfer(self, actor: Actor, source: str, values: Values, key: str) -> Done:
        """From `source` to the account `to`, both in the scope. Right: `pay_sub`.

        Never to the agent's own account: what is below was paid into the agent's own till, and
        would become money that the platform owes.
        """
        giver = self._payable(actor, source, "transfer")
        taker = self._account(actor, _name(values), "transfer")
        with self._noted(actor, "transfer", taker):
            if taker.account_id == actor.account_id and not actor.is_operator:
                raise NotAllowed("nothing is transferred to your own account from those below it")
        amount, memo = _read(values)
        order = Transfer(
            source=giver.name, target=taker.name, amount=amount, **_signed(actor, key, memo)
        )
        return self._move(order, gains=taker.name)

    def make_zero(self, actor: Actor, account: str, values: Values, key: str) -> Done:
        """The balance becomes 0; the payment tells what was there."""
        of = self._payable(actor, account, "make zero")
        against = SystemAccount.ADJUSTMENTS
        if not actor.is_operator:
            against = SystemAccount.AGENTS_CASH
        memo = _memo(values)
        order = MakeZero(account=of.name, against=against, **_signed(actor, key, memo))
        return self._move(order, gains=of.name)

    def credit(self, actor: Actor, account: str, values: Values, key: str) -> Done:
        """The overdraft limit, by `mode`: `raise`, `lower` or `set` (default) to `amount`."""
        of = self._payable(actor, account, "credit")
        mode = _mode(values)
        try:
            amount = parse_limit(_text(values, "amount"))
        except InvalidInput as error:
            raise InvalidFields({"amount": _bare(error)}) from None
        order = LimitOrder(
            account=of.name, mode=mode, amount=amount, **_signed(actor, key, _memo(values))
        )
        changed = _accepted(self._movements.change_limit(order))
        waiting = Waiting()
        if changed.recorded and changed.after > changed.before:
            waiting = try_waiting(self._billing, of.name)
        return Done(_payment_id(order.key), changed.recorded, (changed.account,), waiting)

    def _move(self, order: Move, gains: str = "") -> Done:
        """`gains`: whose waiting package orders are tried afterwards."""
        moved = _accepted(self._movements.move(order))
        waiting = Waiting()
        if gains and moved.recorded:
            waiting = try_waiting(self._billing, gains)
        return Done(_payment_id(order.key), moved.recorded, moved.accounts, waiting)

    # -- who may --------------------------------------------------------------------------

    def require(self, actor: Actor, account: str, action: str) -> None:
        """Of a payment that is about to be ordered. Raises NotFound, NotAllowed."""
        self._payable(actor, account, action)

    def _payable(self, actor: Actor, name: str, action: str) -> PayableAccount:
        """An account for which the actor may pay."""
        account = self._account(actor, name, action)
        is_own = account.account_id == actor.account_id
        with self._noted(actor, action, account):
            right = Right.PAY_OWN if is_own and action != "transfer" else Right.PAY_SUB
            actor.require(right)
            if is_own and action in BY_WHO_IS_ABOVE and not actor.is_operator:
                raise NotAllowed(BY_WHO_IS_ABOVE[action])
        return account

    @contextmanager
    def _noted(self, actor: Actor, action: str, account: PayableAccount) -> Iterator[None]:
        """What is not allowed with an account of the scope is kept in the audit log."""
        try:
            yield
        except NotAllowed:
            self._audit.note(denial(actor, action, "account", account.name, account.account_id))
            raise

    def _account(self, actor: Actor, name: str, action: str) -> PayableAccount:
        found = self._store.account(actor.scope, name)
        if found is not None:
            return found
        hidden = self._store.account(EVERYTHING, name)
        if hidden is not None:
            self._audit.note(denial(actor, action, "account", name, hidden.account_id))
        raise NotFound(f"there is no account {name[:64]!r}")


def _till(actor: Actor, account: PayableAccount) -> SystemAccount:
    """Whose money it is: an agent's own account is paid to the platform, those below to him."""
    below = not actor.is_operator and account.account_id != actor.account_id
    return SystemAccount.AGENTS_CASH if below else SystemAccount.CASH


def _accepted(outcome: T | NotMoved) -> T:
    if isinstance(outcome, NotMoved):
        raise Conflict(outcome.why)
    return outcome


def _signed(actor: Actor, key: str, memo: str) -> Any:
    """What every order has. Keys of different accounts never meet: one could be told of another's
    payment by a guess."""
    try:
        parsed = parse_key(key)
    except InvalidInput as error:
        raise InvalidFields({"key": _bare(error)}) from None
    if not actor.is_operator:
        parsed = f"{actor.account_id}:{parsed}"
    return {"key": parsed, "memo": memo, "who": actor.name, "actor": actor}


def _payment_id(key: str) -> str:
    return keyed_posting_id(key)


def _read(values: Values) -> tuple[Decimal, str]:
    """Raises InvalidFields."""
    errors: dict[str, str] = {}
    amount, memo = Decimal(0), ""
    try:
        amount = parse_amount(_text(values, "amount"))
    except InvalidInput as error:
        errors["amount"] = _bare(error)
    try:
        memo = parse_memo(_text(values, "memo"))
    except InvalidInput as error:
        errors["memo"] = _bare(error)
    if errors:
        raise InvalidFields(errors)
    return amount, memo


def _memo(values: Values) -> str:
    try:
        return parse_memo(_text(values, "memo"))
    except InvalidInput as error:
        raise InvalidFields({"memo": _bare(error)}) from None


def _mode(values: Values) -> LimitMode:
    text = _text(values, "mode") or LimitMode.SET.value
    try:
        return LimitMode(text)
    except ValueError:
        raise InvalidFields({"mode": f"one of {', '.join(LimitMode)}"}) from None


def _name(values: Values) -> str:
    name = _text(values, "to")
    if not name:
        raise InvalidFields({"to": "is missing"})
    return name


def _text(values: Values, name: str) -> str:
    """A float is no amount: it is not exact."""
    value = values.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return str(value)
    raise InvalidFields({name: "write it as text"})


def _bare(error: InvalidInput) -> str:
    """Without the field's name, which the message has at its beginning."""
    return re.sub(r"^[a-z_]+: ", "", str(error))
