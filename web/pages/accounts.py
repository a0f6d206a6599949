"""Accounts, their money, and the postings from which it follows."""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from controller.domain.configuration import AccountKind
from controller.services.views.accounts import AccountFilter
from web.access import ADMINISTRATORS, allow
from web.charts import share
from web.context import config, services
from web.fields import MAX_NAME, Fields, page_request
from web.wording import call_words, posting_words, recurring_words

pages = Blueprint("accounts", __name__)

BIGGEST_ID = 2**63 - 1


@pages.get("/accounts")
@allow(ADMINISTRATORS)
def index() -> ResponseReturnValue:
    fields = Fields(request.args)
    wanted = AccountFilter(fields.text("q"), fields.choice("kind", set(AccountKind)))
    page = services().accounts.page(wanted, fields.text("after", MAX_NAME), config().page_size)
    html = render_template(
        "accounts.html",
        page=page,
        wanted=wanted,
        kinds=list(AccountKind),
        errors=fields.errors,
        now=services().clock.now(),
        first=not fields.given.get("after"),
    )
    return html, 400 if fields.errors else 200


@pages.get(f"/accounts/<int(max={BIGGEST_ID}):account_id>")
@allow(ADMINISTRATORS)
def detail(account_id: int) -> ResponseReturnValue:
    account = services().accounts.detail(account_id)
    if account is None:
        abort(404)
    request_ = page_request(request.args, config().page_size)
    now = services().clock.now()
    return render_template(
        "account.html",
        account=account,
        postings=services().accounts.postings(account_id, request_),
        held=services().accounts.subscriptions(account_id, now),
        share=share,
        posting_words=posting_words,
        recurring_words=recurring_words,
        call_words=call_words,
        now=now,
    )
