"""What administrators keep beside the accounts: pending movements, packages, rate decks."""

from controller.domain.money import plain
from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from controller.services.billing_run.order_text import OrderTexts
from controller.services.decks.ports import (
    ChangeQuery,
    DeckOrigin,
    NewDeck,
    ReviewLimits,
    StagedDeck,
)
from controller.services.payments.pending import HoldOrder
from web.api.operations import PREFIX, Reply
from web.api.paging import cursor, links, number_place
from web.api.problems import Problems, wrong
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.resources.desk_models import (
    ActivateDeck,
    ActiveEnded,
    ActiveLineOut,
    ActiveLinesOut,
    ActiveNumber,
    CancelOrder,
    DeckChangeOut,
    DeckId,
    DeckNew,
    DeckOut,
    DeckPageOut,
    DeckProblemOut,
    DeckQuery,
    DecksOut,
    DecksQuery,
    DeckWarningOut,
    HoldNew,
    OrderLineOut,
    OrderLinesOut,
    OrderMade,
    OrderNew,
    OrdersQuery,
    PackageLineOut,
    PackageLinesOut,
    PendingOut,
    PendingQuery,
    PendingsOut,
    PostOrder,
    RollBack,
    VoidOrder,
)
from web.api.values import parts_of
from web.context import services

DECK_BODY = 5 * 1024 * 1024
_REFUSED = (Problems.CONFLICT, Problems.NOT_FOUND)

pending = Resource(
    blueprint, "Pending movements", "Money that is held first, then moved or given back."
)
packages = Resource(blueprint, "Packages", "Packages, orders, and periods that run.")
decks = Resource(blueprint, "Rate decks", "Decks that are staged beside the live rates.")


@pending.get("/pending-movements", ApiScope.MONEY_READ)
def list_pending(actor: Actor, query: PendingQuery) -> PendingsOut:
    """Pending movements.

    The newest first. For administrators.
    """
    found = services().pending_payments.page(
        actor, query.account or "", query.limit, everything=query.everything
    )
    return PendingsOut(items=[PendingOut.model_validate(each) for each in found])


@pending.post("/pending-movements", ApiScope.MONEY_WRITE, status=201, problems=_REFUSED)
def hold(actor: Actor, body: HoldNew, key: str) -> PendingOut:
    """Hold money.

    It is reserved at once. The answer's `key` names the movement from now on.
    """
    order = HoldOrder(body.account, body.amount, body.to or "", body.expires_at, body.memo)
    return PendingOut.model_validate(services().pending_payments.hold(actor, order, key))


@pending.post("/pending-movements/post", ApiScope.MONEY_WRITE, problems=_REFUSED)
def post(actor: Actor, body: PostOrder) -> PendingOut:
    """Move what is held.

    All of it or a part; the rest is free again.
    """
    done = services().pending_payments.post(actor, body.movement, body.amount, body.memo)
    return PendingOut.model_validate(done)


@pending.post("/pending-movements/void", ApiScope.MONEY_WRITE, problems=_REFUSED)
def void(actor: Actor, body: VoidOrder) -> PendingOut:
    """Give back what is held."""
    done = services().pending_payments.void(actor, body.movement, body.memo)
    return PendingOut.model_validate(done)


@packages.get("/packages", ApiScope.PACKAGES_READ)
def list_packages(actor: Actor) -> PackageLinesOut:
    """Packages that can be ordered.

    For administrators; what an account has is at `/accounts/{account}/subscriptions`.
    """
    found = services().packages.packages(actor)
    return PackageLinesOut(items=[PackageLineOut.model_validate(line) for line in found])


@packages.get("/package-orders", ApiScope.PACKAGES_READ, problems=_REFUSED[1:])
def list_orders(actor: Actor, query: OrdersQuery) -> OrderLinesOut:
    """Orders of packages."""
    found = services().packages.orders(
        actor, query.account, query.limit, with_over=query.everything
    )
    return OrderLinesOut(items=[OrderLineOut.model_validate(line) for line in found])


@packages.post("/package-orders", ApiScope.PACKAGES_WRITE, status=201, problems=_REFUSED[:1])
def order(actor: Actor, body: OrderNew, key: str) -> OrderMade:
    """Order a package.

    For an account or for a phone. Its first period is opened by the next billing run.
    """
    if (body.account is None) == (body.phone is None):
        raise wrong("Name an account or a phone, not both.", "account")
    texts = OrderTexts(
        package=body.package,
        key=key,
        account=body.account,
        phone=body.phone,
        available_from=body.available_from.isoformat() if body.available_from else "",
        expires=body.expires.isoformat() if body.expires else None,
        priority=None if body.priority is None else str(body.priority),
        on_insufficient=body.on_insufficient.value,
        rent_percent="100" if body.rent_percent is None else plain(body.rent_percent),
        memo=body.memo,
    )
    return OrderMade(key=services().packages.order(actor, texts).key)


@packages.post("/package-orders/cancel", ApiScope.PACKAGES_WRITE, problems=_REFUSED)
def cancel(actor: Actor, body: CancelOrder) -> OrderMade:
    """Cancel an order.

    No further period; the one that runs goes on to its end.
    """
    return OrderMade(key=services().packages.cancel(actor, body.key).key)


@packages.get("/active-packages", ApiScope.PACKAGES_READ, problems=_REFUSED[1:])
def list_active(actor: Actor, query: OrdersQuery) -> ActiveLinesOut:
    """Periods of packages that run."""
    found = services().packages.active(
        actor, query.account, query.limit, with_over=query.everything
    )
    return ActiveLinesOut(items=[ActiveLineOut.model_validate(line) for line in found])


@packages.post(
    "/active-packages/<number>/end", ApiScope.PACKAGES_WRITE, problems=(Problems.CONFLICT,)
)
def end_active(actor: Actor, number: ActiveNumber) -> ActiveEnded:
    """End a running period.

    Now, without a refund and without its minimum.
    """
    services().packages.remove(actor, number)
    return ActiveEnded(number=number, ended=True)


@decks.get("/decks", ApiScope.RATES_READ, problems=_REFUSED[1:])
def list_decks(actor: Actor, query: DecksQuery) -> DecksOut:
    """Rate decks.

    The newest first. For administrators.
    """
    return DecksOut(items=[_deck(deck) for deck in services().decks.decks(actor, query.group)])


@decks.post(
    "/decks",
    ApiScope.RATES_WRITE,
    status=201,
    problems=_REFUSED,
    max_body=DECK_BODY,
)
def stage(actor: Actor, body: DeckNew) -> Reply[DeckOut]:
    """Stage a deck.

    Nothing of it counts before it is activated. Rows that are wrong are counted in `wrong` and
    told at `/decks/{deck_id}`; such a deck is corrected and staged again. More than 5 MiB go by
    the command line.
    """
    terms = NewDeck(
        body.group,
        DeckOrigin.STAGED,
        body.file,
        body.replace,
        body.effective_at,
        ReviewLimits(body.max_price_per_minute, body.max_change_percent),
    )
    deck = services().decks.stage(actor, terms, body.table, body.layout)
    return Reply(_deck(deck), 201, location=f"{PREFIX}/decks/{deck.deck_id}")


@decks.get("/decks/<deck_id>", ApiScope.RATES_READ, is_paged=True)
def show_deck(actor: Actor, deck_id: DeckId, query: DeckQuery) -> Reply[DeckPageOut]:
    """A deck and what it changes."""
    wanted = ChangeQuery(query.kind, number_place(query) or 0, query.limit)
    report = services().decks.show(actor, deck_id, wanted)
    last = report.changes[-1].position if len(report.changes) == query.limit else None
    following = None if last is None else cursor(query, last)
    body = DeckPageOut(
        deck=_deck(report.deck),
        problems=[DeckProblemOut(row=row, message=why) for row, why in report.problems],
        warnings=[DeckWarningOut(kind=each.kind, count=each.count) for each in report.warnings],
        changes=[DeckChangeOut.model_validate(change) for change in report.changes],
        next=following,
    )
    return Reply(body, links=links(following))


@decks.post("/decks/<deck_id>/activate", ApiScope.RATES_WRITE, problems=(Problems.CONFLICT,))
def activate(actor: Actor, deck_id: DeckId, body: ActivateDeck) -> DeckOut:
    """Make a deck's rates the live ones.

    From the date that it was staged with, or at once. A deck with absurd prices only where
    somebody accepts them.
    """
    done = services().decks.activate(actor, deck_id, accept_warnings=body.accept_warnings)
    return _deck(done)


@decks.post("/decks/<deck_id>/discard", ApiScope.RATES_WRITE, problems=(Problems.CONFLICT,))
def discard(actor: Actor, deck_id: DeckId) -> DeckOut:
    """Throw a staged deck away."""
    return _deck(services().decks.discard(actor, deck_id))


@decks.post("/deck-rollbacks", ApiScope.RATES_WRITE, problems=_REFUSED)
def roll_back(actor: Actor, body: RollBack) -> DeckOut:
    """Bring back the rates before a group's last activation.

    Exactly, if nothing else has changed them since.
    """
    return _deck(services().decks.roll_back(actor, body.group))


def _deck(deck: StagedDeck) -> DeckOut:
    counted = {
        "added": deck.difference.added,
        "changed": deck.difference.changed,
        "removed": deck.difference.removed,
    }
    return DeckOut.model_validate({**parts_of(deck), **counted})
