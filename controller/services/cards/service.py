"""Stock of cards: made, listed, locked and voided by batches, each with its right (spec §1.5, §10).

Everything needs the right `phone_cards`. The platform makes cards out of nothing: they are paid
for when they are used. An agent pays for its cards when they are made, and has the money back for
those that nobody uses: what it has sold is backed by money, whatever becomes of the agent.
"""

from dataclasses import replace
from itertools import islice

from controller.domain.cards import LAST_DIGITS, CardState, serial_number
from controller.domain.configuration import AccountKind
from controller.domain.errors import (
    Conflict,
    InvalidFields,
    InvalidInput,
    NotFound,
    TollgateError,
)
from controller.domain.ledger import SystemAccount
from controller.domain.rights import Right
from controller.services.actors import EVERYTHING, Actor
from controller.services.audit import AuditLine, AuditLog, changed
from controller.services.billing_run.run import BillingRun
from controller.services.cards.access import CardAccess
from controller.services.cards.ending import check_revision, take_back, try_orders, unused
from controller.services.cards.paying import check_cover, pay_for
from controller.services.cards.pins import CardSeal, Secrets, drawn
from controller.services.cards.ports import (
    BatchOrder,
    CardAccount,
    CardStore,
    CardWork,
    DrawnCard,
)
from controller.services.cards.reading import Values, read_batch
from controller.services.cards.records import (
    CARD,
    KIND,
    MAX_LINES,
    BatchPage,
    BatchQuery,
    BatchRow,
    BatchSpec,
    CardPage,
    CardQuery,
    NewBatch,
    NewCard,
    Voided,
)
from controller.services.movements.texts import parse_key
from controller.services.records.queries import check_query
from controller.services.records.values import texts_of
from controller.services.records.work import not_found

DRAWN_AGAIN = 20
"""Times that PINs which are some card's already are drawn anew."""


class Cards:
    """Everything raises StoreUnavailable, NotAllowed, NotFound for what is out of scope."""

    def __init__(
        self, store: CardStore, seal: CardSeal, billing: BillingRun, audit: AuditLog
    ) -> None:
        self._store = store
        self._seal = seal
        self._billing = billing
        self._access = CardAccess(store, audit)

    # -- see ------------------------------------------------------------------------------

    def page(self, actor: Actor, query: BatchQuery) -> BatchPage:
        """Newest first. Raises InvalidFields for a limit that cannot be."""
        actor.require(Right.PHONE_CARDS)
        check_query(query.limit, search=query.search, issuer=query.issuer)
        if query.issuer:
            self._access.account(actor, query.issuer, "read cards")
        return self._store.page(actor, query)

    def get(self, actor: Actor, batch_id: int) -> BatchRow:
        return self._access.batch(actor, batch_id, "read")

    def named(self, actor: Actor, name: str, issuer: str = "") -> BatchRow:
        """For people, who know names. `issuer` where several have a batch of this name; else
        raises Conflict."""
        actor.require(Right.PHONE_CARDS)
        found = [
            batch
            for batch in self._store.batches_named(actor, name)
            if not issuer or batch.issuer == issuer
        ]
        if not found:
            raise not_found(KIND, name)
        if len(found) > 1:
            whose = ", ".join(batch.issuer or "the platform" for batch in found)
            raise Conflict(f"several have a batch {name!r}: {whose}")
        return found[0]

    def cards(self, actor: Actor, batch_id: int, query: CardQuery) -> CardPage:
        """By number. Raises InvalidFields for a limit that cannot be."""
        batch = self.get(actor, batch_id)
        if not 1 <= query.limit <= MAX_LINES:
            raise InvalidFields({"limit": f"not 1 to {MAX_LINES}"})
        return self._store.cards(actor, batch, query)

    # -- make -----------------------------------------------------------------------------

    def create(self, actor: Actor, values: Values, key: str) -> NewBatch:
        """A batch with its PINs, which are told this once; made once for its key.

        `values`: `name`, `face_value`, `count`; `issuer` (an operator's choice; an agent's is its
        own account), `currency` (the platform's cards), `pin_length`, `prefix`,
        `password_length`, `expires_at`, `memo`. Raises InvalidFields, Conflict for a name or a
        key that is taken and where the agent cannot pay.
        """
        actor.require(Right.PHONE_CARDS)
        spec, key = read_batch(values), _own_key(actor, key)
        issuer = self._issuer(actor, spec)
        spec = _of_issuer(spec, issuer)
        with self._store.work(f"cards:{key}") as work:
            if made := work.made_under(key):
                _same(made, spec)
                return NewBatch(made, recorded=False)
            return self._make(work, actor, spec, issuer, key)

    def _issuer(self, actor: Actor, spec: BatchSpec) -> CardAccount | None:
        """None: the platform."""
        if actor.is_operator:
            if not spec.issuer:
                return None
            return self._fit(self._access.account(actor, spec.issuer, "create cards"))
        own = self._own(actor)
        if spec.issuer not in ("", own.name):
            self._access.account(actor, spec.issuer, "create cards")
            raise InvalidFields({"issuer": "your cards are issued by your own account"})
        return self._fit(own)

    def _own(self, actor: Actor) -> CardAccount:
        with self._store.work() as work:
            name = work.name_of(actor.scope.account_id or 0)
            found = work.account(EVERYTHING, name)
        if found is None:
            raise NotFound("your account is gone")
        return found

    def _fit(self, issuer: CardAccount) -> CardAccount:
        if issuer.kind is AccountKind.CLEARING:
            raise InvalidFields({"issuer": f"{issuer.name} is a vendor's account"})
        if issuer.closed:
            raise Conflict(f"account {issuer.name} is closed")
        return issuer

    def _make(
        self,
        work: CardWork,
        actor: Actor,
        spec: BatchSpec,
        issuer: CardAccount | None,
        key: str,
    ) -> NewBatch:
        issuer_id = issuer.account_id if issuer else None
        if spec.expires_at is not None and spec.expires_at <= work.now():
            raise InvalidFields({"expires_at": "is over already"})
        _check_currency(work, spec.currency)
        if work.has_name(issuer_id, spec.name):
            raise InvalidFields({"name": f"there is a batch {spec.name!r} already"})
        self._check_seal(work, actor)
        if issuer is not None:
            check_cover(work, spec)
        order = BatchOrder(spec, issuer_id, key, actor.name, self._seal.seal_id)
        batch_id = work.add_batch(order)
        cards = self._draw(work, batch_id, spec)
        what = changed({}, texts_of(spec))
        work.audit(AuditLine(actor, "create", KIND, spec.name, issuer_id, what))
        made = NewBatch(work.batch(batch_id), recorded=True, cards=cards)
        if issuer is not None:
            # last, for calls below the agent wait while its money is locked
            pay_for(work, actor, spec, batch_id)
        return made

    def _check_seal(self, work: CardWork, actor: Actor) -> None:
        """Cards of two secrets are known to two sets of machines. Raises Conflict."""
        if batch := work.sealed_otherwise(self._seal.seal_id):
            if not actor.is_operator:
                # the batch may be somebody else's
                raise Conflict("no cards can be made here now: ask the administrator")
            raise Conflict(
                f"the cards of {batch} were made with another web_secret: give this machine that"
                " file, or void them"
            )

    def _draw(self, work: CardWork, batch_id: int, spec: BatchSpec) -> tuple[NewCard, ...]:
        source = drawn(spec.pin_length, spec.prefix, spec.password_length)
        made: dict[int, Secrets] = {}
        for _ in range(DRAWN_AGAIN):
            missing = [n for n in range(1, spec.count + 1) if n not in made]
            if not missing:
                return tuple(
                    NewCard(serial_number(spec.name, n), made[n].pin, made[n].password)
                    for n in range(1, spec.count + 1)
                )
            fresh = dict(zip(missing, islice(source, len(missing)), strict=True))
            added = work.add_cards(batch_id, [self._sealed(n, card) for n, card in fresh.items()])
            made.update((n, fresh[n]) for n in added)
        raise TollgateError("no PINs are left of this length and prefix")

    def _sealed(self, number: int, card: Secrets) -> DrawnCard:
        password = self._seal.password(card.pin, card.password) if card.password else None
        return DrawnCard(number, card.pin[-LAST_DIGITS:], self._seal.pin(card.pin), password)

    # -- end ------------------------------------------------------------------------------

    def void(self, actor: Actor, batch_id: int, revision: int | None = None) -> Voided:
        """All cards of a batch that nobody has used. What they are worth goes back to the agent.

        Raises Stale where the batch is not as it was shown; Conflict where the account is closed.
        """
        before = self._access.batch(actor, batch_id, "void")
        with self._store.work() as work:
            batch = self._locked(work, actor, before)
            check_revision(work, actor, KIND, batch.name, batch.revision, revision)
            voided = take_back(work, actor, batch, CardState.VOIDED)
        try_orders(self._billing, voided)
        return voided

    def void_card(
        self, actor: Actor, batch_id: int, number: int, revision: int | None = None
    ) -> Voided:
        """One card. Raises as `void`, and Conflict where it is not unused any more."""
        before = self._access.batch(actor, batch_id, "void")
        with self._store.work() as work:
            batch = self._locked(work, actor, before)
            card = unused(work, actor, batch, number, revision)
            voided = take_back(work, actor, batch, CardState.VOIDED, card)
        try_orders(self._billing, voided)
        return voided

    def set_locked(
        self,
        actor: Actor,
        batch_id: int,
        number: int,
        *,
        locked: bool,
        revision: int | None = None,
    ) -> None:
        """A locked card recharges nothing until it is unlocked. Raises as `void_card`."""
        before = self._access.batch(actor, batch_id, "lock")
        with self._store.work() as work:
            batch = self._locked(work, actor, before)
            card = unused(work, actor, batch, number, revision)
            if card.locked != locked:
                work.set_locked(card.card_id, locked=locked)
                what = {"locked": (str(card.locked).lower(), str(locked).lower())}
                action = "lock" if locked else "unlock"
                work.audit(AuditLine(actor, action, CARD, card.serial, batch.issuer_id, what))

    def _locked(self, work: CardWork, actor: Actor, batch: BatchRow) -> BatchRow:
        found = work.lock_batch(actor.scope, batch.batch_id)
        if found is None:
            raise not_found(KIND, str(batch.batch_id))
        return found


def _own_key(actor: Actor, key: str) -> str:
    """Keys of different accounts never meet: one could be told of another's batch by a guess."""
    try:
        parsed = parse_key(key)
    except InvalidInput as error:
        raise InvalidFields({"key": str(error).removeprefix("key: ")}) from None
    return parsed if actor.is_operator else f"{actor.account_id}:{parsed}"


def _of_issuer(spec: BatchSpec, issuer: CardAccount | None) -> BatchSpec:
    """With issuer and currency as they are kept. Raises InvalidFields."""
    if issuer is None:
        if not spec.currency:
            raise InvalidFields({"currency": "is missing"})
        return spec
    if spec.currency not in ("", issuer.currency):
        raise InvalidFields({"currency": f"{issuer.name} is in {issuer.currency}"})
    return replace(spec, issuer=issuer.name, currency=issuer.currency)


def _same(made: BatchRow, wanted: BatchSpec) -> None:
    """Raises Conflict where the key stands for another batch."""
    before, now = texts_of(made.spec), texts_of(wanted)
    differing = [name for name in now if before[name] != now[name]]
    if differing:
        said = ", ".join(f"{n} {before[n] or 'none'}, not {now[n] or 'none'}" for n in differing)
        raise Conflict(f"the key was used for another batch of cards: {said}")


def _check_currency(work: CardWork, currency: str) -> None:
    try:
        work.movements.system(SystemAccount.CASH, currency)
    except InvalidInput:
        raise InvalidFields({"currency": f"no account is in {currency}"}) from None
