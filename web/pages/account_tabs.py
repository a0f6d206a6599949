"""One account, part by part: money, phones, gateways, rights, numbers, contact, history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.configuration import AccountKind
from controller.domain.errors import NotFound
from controller.domain.rights import Right
from controller.services.accounts import AccountRecord
from controller.services.actors import Actor
from controller.services.audit import AuditQuery
from controller.services.gateways import GatewayPage, GatewayQuery
from controller.services.phones import PhoneQuery
from controller.services.records.values import values_of
from controller.services.views.accounts import AccountDetail
from web.access import SIGNED_IN, allow
from web.charts import share
from web.context import actor, config, services
from web.fields import page_request
from web.forms.account_fields import CONTACT, RIGHT_NAMES, RIGHT_WORDS
from web.forms.form import shown
from web.i18n import LazyText, time_zone
from web.i18n import lazy_gettext as _
from web.pages.accounts import pages
from web.wording import call_words, posting_words, recurring_words

BIGGEST_ID = 2**63 - 1
ADDRESS = f"/accounts/<int(max={BIGGEST_ID}):account_id>"
MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    label: LazyText

    @property
    def endpoint(self) -> str:
        return f"accounts.{self.name}"


TABS = (
    Tab("detail", _("Money")),
    Tab("phones", _("Phones")),
    Tab("gateways", _("Gateways")),
    Tab("rights", _("Rights")),
    Tab("numbers", _("Numbers")),
    Tab("contact", _("Contact")),
    Tab("history", _("History")),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """An account as a visitor may see it; `record` is none of the platform's own."""

    who: Actor
    detail: AccountDetail
    record: AccountRecord | None

    @property
    def is_own(self) -> bool:
        return self.who.account_id == self.detail.row.account_id

    @property
    def may_manage(self) -> bool:
        """Change it and dispose of it: what is below oneself, with the right."""
        return self.record is not None and not self.is_own and self.who.may(Right.ACCOUNTS)

    @property
    def may_pay(self) -> bool:
        right = Right.PAY_OWN if self.is_own else Right.PAY_SUB
        return self.record is not None and self.who.may(right)

    @property
    def moves(self) -> tuple[str, ...]:
        """Kinds of payment that the visitor may make for it (services/payments, services/cards)."""
        return (*self._by_right, *(("card",) if self.takes_cards else ()))

    @property
    def takes_cards(self) -> bool:
        """A card is money, whoever has it: it needs no right."""
        return self.record is not None and self.record.spec.kind is not AccountKind.CLEARING

    @property
    def _by_right(self) -> tuple[str, ...]:
        if not self.may_pay:
            return ()
        if self.who.is_operator or not self.is_own:
            return ("payment", "credit", "transfer", "withdraw", "make-zero")
        return ("payment", "withdraw", *(("transfer",) if self.who.may(Right.PAY_SUB) else ()))


def seen(account_id: int) -> Shown:
    """Raises NotFound, for an account out of the visitor's scope too."""
    who = actor()
    detail = services().accounts.detail(who.scope, account_id)
    if detail is not None and detail.row.kind == AccountKind.SYSTEM:
        return Shown(who, detail, None)
    record = services().account_records.by_id(who, account_id)
    if detail is None:
        raise NotFound("the account is gone")
    return Shown(who, detail, record)


def held(account_id: int) -> tuple[Shown, AccountRecord]:
    """An account that somebody holds; the platform's own are not found. Raises NotFound."""
    found = seen(account_id)
    if found.record is None:
        abort(404)
    return found, found.record


@pages.get(ADDRESS)
@allow(SIGNED_IN)
def detail(account_id: int) -> ResponseReturnValue:
    found = seen(account_id)
    scope, now = found.who.scope, services().clock.now()
    request_ = page_request(request.args, config().page_size)
    return _tab(
        "account_money_tab.html",
        found,
        postings=services().accounts.postings(scope, account_id, request_),
        held=services().accounts.subscriptions(scope, account_id, now),
        consumed=services().accounts.consumed(scope, account_id, _midnight(now)),
        share=share,
        posting_words=posting_words,
        recurring_words=recurring_words,
        call_words=call_words,
    )


@pages.get(f"{ADDRESS}/phones")
@allow(SIGNED_IN)
def phones(account_id: int) -> ResponseReturnValue:
    found, record = held(account_id)
    query = PhoneQuery(account=record.spec.name, limit=MAX_LISTED)
    return _tab("account_phones.html", found, page=services().phones.page(found.who, query))


@pages.get(f"{ADDRESS}/gateways")
@allow(SIGNED_IN)
def gateways(account_id: int) -> ResponseReturnValue:
    found, record = held(account_id)
    query = GatewayQuery(account=record.spec.name, limit=MAX_LISTED)
    vendors = GatewayPage((), None)
    if found.who.is_operator:
        vendors = services().routing_gateways.page(found.who, query)
    return _tab(
        "account_gateways.html",
        found,
        customers=services().mapping_gateways.page(found.who, query),
        vendors=vendors,
    )


@pages.get(f"{ADDRESS}/rights")
@allow(SIGNED_IN)
def rights(account_id: int) -> ResponseReturnValue:
    found, record = held(account_id)
    return _tab(
        "account_rights.html",
        found,
        rights=services().account_records.rights(found.who, record.spec.name),
        right_names=RIGHT_NAMES,
        right_words=RIGHT_WORDS,
    )


@pages.get(f"{ADDRESS}/numbers")
@allow(SIGNED_IN)
def numbers(account_id: int) -> ResponseReturnValue:
    found, _record = held(account_id)
    return _tab("account_numbers.html", found)


@pages.get(f"{ADDRESS}/contact")
@allow(SIGNED_IN)
def contact(account_id: int) -> ResponseReturnValue:
    found, record = held(account_id)
    values = values_of(record.spec)
    facts = [(f, shown(f, values[f.name])) for group in CONTACT for f in group.fields]
    return _tab("account_contact.html", found, facts=facts)


@pages.get(f"{ADDRESS}/history")
@allow(SIGNED_IN)
def history(account_id: int) -> ResponseReturnValue:
    """Who changed what of this account, newest first."""
    found, record = held(account_id)
    before = request.args.get("before", "")
    wanted = AuditQuery(
        kind="account",
        name=record.spec.name,
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        limit=config().page_size,
    )
    page = services().audit.page(found.who.scope, wanted)
    return _tab("account_history.html", found, page=page, first=wanted.before is None)


def _midnight(now: datetime) -> datetime:
    """Of the visitor's day."""
    local = now.astimezone(time_zone())
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _tab(template: str, found: Shown, **more: Any) -> str:
    account_id = found.detail.row.account_id
    tabs = [
        (tab.label, url_for(tab.endpoint, account_id=account_id), tab.endpoint == request.endpoint)
        for tab in TABS
    ]
    return render_template(
        template,
        seen=found,
        account=found.detail,
        row=found.detail.row,
        record=found.record,
        tabs=tabs,
        now=services().clock.now(),
        **more,
    )
