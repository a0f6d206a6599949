"""Phone cards: batches, cards without their PINs, and recharging with one."""

from pydantic import BaseModel

from controller.domain.money import plain
from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from controller.services.cards import BatchQuery, BatchRow, CardQuery, Voided
from web.api.operations import PREFIX, Reply
from web.api.paging import cursor, links, number_place
from web.api.problems import Problems
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.resources.card_models import (
    BatchesQuery,
    BatchId,
    BatchMade,
    BatchNew,
    BatchOut,
    BatchPageOut,
    CardNumber,
    CardOut,
    CardPageOut,
    CardPaid,
    CardPayment,
    CardsQuery,
    NewCardOut,
    VoidedOut,
)
from web.api.resources.money_models import AccountAfterOut
from web.api.values import Name
from web.context import services

_READ = ApiScope.MONEY_READ
_WRITE = ApiScope.MONEY_WRITE
_REFUSED = (Problems.CONFLICT,)

resource = Resource(blueprint, "Cards", "Phone cards: stock in batches, recharging. No PINs.")


@resource.get("/card-batches", _READ, is_paged=True, problems=(Problems.NOT_FOUND,))
def list_batches(actor: Actor, query: BatchesQuery) -> Reply[BatchPageOut]:
    """Batches of cards.

    The newest first. Right: `phone_cards`.
    """
    wanted = BatchQuery(query.search, query.issuer or "", number_place(query), query.limit)
    page = services().cards.page(actor, wanted)
    following = cursor(query, page.next_before) if page.next_before is not None else None
    rows = [_out(row) for row in page.rows]
    return Reply(BatchPageOut(items=rows, next=following), links=links(following))


@resource.post(
    "/card-batches", _WRITE, status=201, has_etag=True, secret=("cards",), problems=_REFUSED
)
def create(actor: Actor, body: BatchNew, key: str) -> Reply[BatchMade]:
    """Make a batch of cards.

    The PINs are in this answer and nowhere else: print them, or lose them. The whole face value
    of an agent's batch leaves the agent's balance, or nothing is made. Right: `phone_cards`.
    """
    made = services().cards.create(actor, _values(body), key)
    cards = [NewCardOut.model_validate(card) for card in made.cards] if made.recorded else None
    answer = BatchMade(batch=_out(made.row), cards=cards)
    location = f"{PREFIX}/card-batches/{made.row.batch_id}"
    return Reply(answer, 201, made.row.revision, location)


@resource.get("/card-batches/<batch>", _READ, has_etag=True)
def show(actor: Actor, batch: BatchId) -> Reply[BatchOut]:
    """A batch of cards."""
    found = services().cards.get(actor, batch)
    return Reply(_out(found), revision=found.revision)


@resource.get("/card-batches/<batch>/cards", _READ, is_paged=True)
def list_cards(actor: Actor, batch: BatchId, query: CardsQuery) -> Reply[CardPageOut]:
    """The cards of a batch.

    By number, each with the last digits of its PIN.
    """
    wanted = CardQuery(query.state, number_place(query) or 0, query.limit)
    page = services().cards.cards(actor, batch, wanted)
    following = cursor(query, page.next_after) if page.next_after is not None else None
    rows = [CardOut.model_validate(row) for row in page.rows]
    return Reply(CardPageOut(items=rows, next=following), links=links(following))


@resource.post("/card-batches/<batch>/void", _WRITE, problems=_REFUSED)
def void(actor: Actor, batch: BatchId, revision: int | None) -> Reply[VoidedOut]:
    """Void what is unused of a batch.

    Nobody can use these cards any more; an agent has back what they are worth.
    """
    return _voided(services().cards.void(actor, batch, revision))


@resource.post("/card-batches/<batch>/cards/<number>/void", _WRITE, problems=_REFUSED)
def void_card(
    actor: Actor, batch: BatchId, number: CardNumber, revision: int | None
) -> Reply[VoidedOut]:
    """Void a card.

    Only one that is unused; `If-Match` is the card's revision.
    """
    return _voided(services().cards.void_card(actor, batch, number, revision))


@resource.post("/card-batches/<batch>/cards/<number>/lock", _WRITE, status=204, problems=_REFUSED)
def lock(actor: Actor, batch: BatchId, number: CardNumber, revision: int | None) -> None:
    """Lock a card.

    It recharges nothing until it is unlocked; `If-Match` is the card's revision.
    """
    services().cards.set_locked(actor, batch, number, locked=True, revision=revision)


@resource.post("/card-batches/<batch>/cards/<number>/unlock", _WRITE, status=204, problems=_REFUSED)
def unlock(actor: Actor, batch: BatchId, number: CardNumber, revision: int | None) -> None:
    """Unlock a card.

    `If-Match` is the card's revision.
    """
    services().cards.set_locked(actor, batch, number, locked=False, revision=revision)


@resource.post("/accounts/<account>/card-payment", _WRITE, status=201, problems=_REFUSED)
def pay_by_card(actor: Actor, account: Name, body: CardPayment) -> Reply[CardPaid]:
    """Recharge an account with a card.

    The card is the money: no right of payment is needed. It is used once. Whatever does not fit is
    "no such card" (422); after ten of these within an hour, by one user or for one account, 429.
    """
    done = services().card_payments.recharge(actor, account, body.model_dump())
    answer = CardPaid(
        payment_id=done.payment_id,
        serial=done.serial,
        account=AccountAfterOut.model_validate(done.account),
    )
    return Reply(answer, 201, location=f"{PREFIX}/payments/{done.payment_id}")


def _voided(voided: Voided) -> Reply[VoidedOut]:
    answer = VoidedOut(batch=_out(voided.batch), count=voided.count, returned=voided.returned)
    return Reply(answer, revision=voided.batch.revision)


def _out(batch: BatchRow) -> BatchOut:
    return BatchOut.model_validate(batch)


def _values(body: BaseModel) -> dict[str, object]:
    """Amounts as text: that of a very small Decimal would have an exponent."""
    values = body.model_dump()
    return {**values, "face_value": plain(values["face_value"])}
