"""Money: payments, withdrawals, transfers, credit, balances, receipts.

Each order is carried out once for its Idempotency-Key, by two safeguards: the answer is kept
under the key, and the ledger knows the key of each movement too.
"""

from decimal import Decimal

from pydantic import BaseModel

from controller.domain.errors import NotFound
from controller.domain.money import plain
from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from controller.services.payments import Done, PaymentQuery
from controller.services.views.paging import PageRequest
from web.api.operations import PREFIX, Reply
from web.api.paging import PageQuery, cursor, links, text_place, time_cursor, time_place
from web.api.problems import Problems
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.resources.money_models import (
    AccountAfterOut,
    AmountOrder,
    CreditOrder,
    MoneyOut,
    Moved,
    PaymentOut,
    PaymentPageOut,
    PaymentsQuery,
    ReceiptOut,
    TransferOrder,
    ZeroOrder,
)
from web.api.resources.subscription_models import PostingOut, PostingPageOut, SubscriptionsOut
from web.api.values import Name
from web.context import services

_READ = ApiScope.MONEY_READ
_WRITE = ApiScope.MONEY_WRITE
_REFUSED = (Problems.CONFLICT,)

resource = Resource(blueprint, "Money", "Balances, payments, transfers, credit, receipts.")


@resource.get("/accounts/<account>/balance", _READ)
def balance(actor: Actor, account: Name) -> MoneyOut:
    """An account's money, as it is now."""
    services().account_records.get(actor, account)
    money = services().books.money_of(account)
    if money is None:  # it went away between the two
        raise NotFound(f"there is no account {account!r}")
    return MoneyOut(
        account=money.name,
        currency=money.currency,
        balance=money.balance,
        overdraft_limit=money.overdraft_limit,
        reserved=money.reserved,
        pending=money.pending,
        available=money.available,
        lines=money.lines,
        capacity=money.capacity,
    )


@resource.get("/accounts/<account>/postings", _READ, is_paged=True)
def list_postings(actor: Actor, account: Name, query: PageQuery) -> Reply[PostingPageOut]:
    """An account's postings.

    Everything that changed its balance, calls too; the newest first.
    """
    record = services().account_records.get(actor, account)
    request = PageRequest(query.limit, time_place(query))
    page = services().accounts.postings(actor.scope, record.account_id, request)
    following = time_cursor(query, page.older)
    rows = [PostingOut.model_validate(row) for row in page.rows]
    return Reply(PostingPageOut(items=rows, next=following), links=links(following))


@resource.get("/accounts/<account>/subscriptions", ApiScope.PACKAGES_READ)
def subscriptions(actor: Actor, account: Name) -> SubscriptionsOut:
    """An account's packages, recurring money, and phones' months."""
    record = services().account_records.get(actor, account)
    now = services().clock.now()
    found = services().accounts.subscriptions(actor.scope, record.account_id, now)
    return SubscriptionsOut.model_validate(found)


@resource.post("/accounts/<account>/payments", _WRITE, status=201, problems=_REFUSED)
def pay(actor: Actor, account: Name, body: AmountOrder, key: str) -> Reply[Moved]:
    """Pay into an account.

    Right: `pay_own` for your own account, `pay_sub` for those below. Package orders that waited
    for money are tried at once.
    """
    return _done(services().payments.pay(actor, account, _values(body), key))


@resource.post("/accounts/<account>/withdrawals", _WRITE, status=201, problems=_REFUSED)
def withdraw(actor: Actor, account: Name, body: AmountOrder, key: str) -> Reply[Moved]:
    """Pay out of an account.

    Only what is available.
    """
    return _done(services().payments.withdraw(actor, account, _values(body), key))


@resource.post("/accounts/<account>/transfers", _WRITE, status=201, problems=_REFUSED)
def transfer(actor: Actor, account: Name, body: TransferOrder, key: str) -> Reply[Moved]:
    """Transfer from an account to another.

    Both of the same currency, and both yours to know of. Right: `pay_sub`.
    """
    return _done(services().payments.transfer(actor, account, _values(body), key))


@resource.post("/accounts/<account>/make-zero", _WRITE, status=201, problems=_REFUSED)
def make_zero(actor: Actor, account: Name, body: ZeroOrder, key: str) -> Reply[Moved]:
    """Make a balance zero.

    The payment tells what was there.
    """
    return _done(services().payments.make_zero(actor, account, _values(body), key))


@resource.post("/accounts/<account>/credit", _WRITE, status=201, problems=_REFUSED)
def credit(actor: Actor, account: Name, body: CreditOrder, key: str) -> Reply[Moved]:
    """Change an overdraft limit.

    The balance stays. Not of your own account: somebody above does that.
    """
    return _done(services().payments.credit(actor, account, _values(body), key))


@resource.get("/payments", _READ, is_paged=True, problems=(Problems.NOT_FOUND,))
def list_payments(actor: Actor, query: PaymentsQuery) -> Reply[PaymentPageOut]:
    """Payments.

    The newest first.
    """
    wanted = PaymentQuery(
        account=query.account or "",
        kind=query.kind,
        since=query.since,
        until=query.until,
        after=text_place(query),
        limit=query.limit,
    )
    page = services().payments.page(actor, wanted)
    following = cursor(query, page.next_after) if page.next_after else None
    rows = [PaymentOut.model_validate(row) for row in page.rows]
    return Reply(PaymentPageOut(items=rows, next=following), links=links(following))


@resource.get("/payments/<payment>", _READ)
def receipt(actor: Actor, payment: Name) -> ReceiptOut:
    """A payment's receipt."""
    found = services().payments.receipt(actor, payment)
    return ReceiptOut(
        number=found.number,
        payment=PaymentOut.model_validate(found.row),
        title=found.title,
        company=found.company,
        address=found.address,
    )


def _values(body: BaseModel) -> dict[str, object]:
    """Amounts as text: that of a very small Decimal would have an exponent."""
    return {
        name: plain(value) if isinstance(value, Decimal) else value
        for name, value in body.model_dump().items()
    }


def _done(done: Done) -> Reply[Moved]:
    """Of an order that the ledger knew already the answer says how things are by now."""
    body = Moved(
        payment_id=done.payment_id,
        accounts=[AccountAfterOut.model_validate(after) for after in done.accounts],
    )
    return Reply(body, 201, location=f"{PREFIX}/payments/{done.payment_id}")
