"""Why a call costs what it costs, and what would become of one: every step, in words."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from controller.domain.admission import Admitted
from controller.domain.errors import InvalidInput
from controller.domain.pricing import Pricing
from controller.domain.reasons import SIGNALS
from controller.domain.tariff import MAX_SECONDS
from controller.services.actors import Scope
from controller.services.explain import MINUTE_S, ExplainedCall
from controller.services.explain_rate import ExplainedRate, RateQuestion
from controller.services.explain_words import month_words, party_words
from controller.services.price_words import wall_text
from controller.services.views.denials import Kind
from web.access import ADMINISTRATORS, SIGNED_IN, allow
from web.context import actor, services
from web.fields import MAX_NAME, Fields
from web.i18n import gettext as _
from web.price_chart import PriceChart, price_chart
from web.service_texts import service_text

pages = Blueprint("explain", __name__)

T = TypeVar("T")
_RATE_FIELDS = ("account", "phone", "number", "duration", "at")
_CALL_FIELDS = ("gateway", "caller", "callee", "duration", "at")


@pages.get("/explain/rate")
@allow(SIGNED_IN)
def rate() -> ResponseReturnValue:
    fields = Fields(request.args)
    scope = actor().scope
    explained = _price(fields, scope) if "number" in fields.given else None
    html = render_template(
        "explain_rate.html",
        explained=explained,
        words=party_words,
        month=_month(explained) if explained else "",
        chart=_chart(explained) if explained else None,
        local=_local(explained) if explained else "",
        accounts=services().explain.accounts(scope),
        given={name: fields.given.get(name, "") for name in _RATE_FIELDS},
        errors=fields.errors,
        operator=scope.is_everything,
    )
    return html, 400 if fields.errors else 200


@pages.get("/explain/call")
@allow(ADMINISTRATORS)
def call() -> ResponseReturnValue:
    fields = Fields(request.args)
    explained = _decision(fields) if "callee" in fields.given else None
    html = render_template(
        "explain_call.html",
        explained=explained,
        words=party_words,
        admitted=explained is not None and isinstance(explained.verdict, Admitted),
        signals=SIGNALS,
        seconds=explained.question.duration_s or MINUTE_S if explained else 0,
        answered_s=int(explained.question.when.timestamp()) if explained else 0,
        gateways=services().explain.gateways(actor().scope),
        given={name: fields.given.get(name, "") for name in _CALL_FIELDS},
        errors=fields.errors,
    )
    return html, 400 if fields.errors else 200


def _price(fields: Fields, scope: Scope) -> ExplainedRate | None:
    number, account = fields.dialed_number("number"), fields.text("account", MAX_NAME)
    phone, duration_s = fields.dialed_number("phone"), _duration(fields)
    when = _when(fields)
    _require(fields, "number")
    if not account and not phone:
        fields.errors.setdefault("account", _("An account or a phone is needed."))
    if fields.errors:
        return None
    question = RateQuestion(account, number, MINUTE_S, when, phone)
    if duration_s is not None:
        question = RateQuestion(account, number, duration_s, when, phone)
    found = _answer(fields, "account", lambda: services().explain.rate(scope, question))
    if found is None and account and services().accounts.id_of(scope, account) is None:
        services().denials.note(actor(), Kind.ACCOUNT, account)
    return found


def _decision(fields: Fields) -> ExplainedCall | None:
    caller, callee = fields.dialed_number("caller"), fields.dialed_number("callee")
    gateway, duration_s = fields.text("gateway", MAX_NAME), _duration(fields)
    when = _when(fields)
    _require(fields, "callee", "gateway")
    if fields.errors:
        return None
    return _answer(
        fields,
        "gateway",
        lambda: services().explain.call(actor().scope, caller, callee, gateway, when, duration_s),
    )


def _duration(fields: Fields) -> int | None:
    return fields.whole("duration", MAX_SECONDS)


def _when(fields: Fields) -> datetime:
    return fields.moment("at") or services().clock.now().astimezone(UTC)


def _require(fields: Fields, *names: str) -> None:
    for name in names:
        if not fields.given.get(name, "").strip():
            fields.errors.setdefault(name, _("This is needed."))


def _answer(fields: Fields, name: str, ask: Callable[[], T]) -> T | None:
    """What is wrong with the question is said at the field that it is mostly about."""
    try:
        return ask()
    except InvalidInput as error:
        text = service_text(error)
        fields.errors[name] = f"{text[:1].upper()}{text[1:]}."
        return None


def _chart(explained: ExplainedRate) -> PriceChart | None:
    """Every price of the customer, without free seconds and gift money."""
    prices: list[tuple[str, Pricing, bool]] = [
        (candidate.source, candidate.pricing, candidate.is_winner)
        for candidate in explained.customer.candidates
        if candidate.pricing is not None
    ]
    if not prices:
        return None
    return price_chart(prices, explained.question.duration_s, explained.asked.moment.second)


def _month(explained: ExplainedRate) -> str:
    if explained.month is None or explained.customer.bill is None:
        return ""
    owed = explained.customer.bill.bill
    return month_words(explained.month, owed.charge.gross, owed.pricing.terms.currency)


def _local(explained: ExplainedRate) -> str:
    zone = explained.asked.configuration.parameters.zone
    return wall_text(explained.question.when, zone)
