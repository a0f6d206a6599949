"""Rate groups: the list, and one group with its rates, its periods and who uses it."""

import re

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from controller.services.views.denials import Kind
from controller.services.views.rates import RateFilter, RatePage, RatePlace, RateRow
from web.access import SIGNED_IN, allow
from web.context import actor, config, services
from web.fields import MAX_NAME, Fields
from web.missing import not_found

pages = Blueprint("rates", __name__)

BIGGEST_ID = 2**63 - 1
_PLACE = re.compile(r"([0-9]{1,32}|\*)-([0-9]{1,18})", re.ASCII)


@pages.get("/rates")
@allow(SIGNED_IN)
def index() -> ResponseReturnValue:
    fields = Fields(request.args)
    search = fields.text("q", MAX_NAME)
    scope = actor().scope
    page = services().rates.groups(
        scope, search, fields.text("after", MAX_NAME), config().page_size
    )
    html = render_template(
        "rates.html",
        page=page,
        search=search,
        operator=scope.is_everything,
        errors=fields.errors,
        first=not fields.given.get("after"),
    )
    return html, 400 if fields.errors else 200


@pages.get(f"/rates/<int(max={BIGGEST_ID}):group_id>")
@allow(SIGNED_IN)
def group(group_id: int) -> ResponseReturnValue:
    scope = actor().scope
    found = services().rates.group(scope, group_id)
    if found is None:
        not_found(Kind.RATE_GROUP, group_id)
    fields = Fields(request.args)
    prefix, area = fields.rate_prefix("prefix"), fields.text("area")
    after = _place(fields.given.get("after"))
    page = RatePage((), None)
    matching: tuple[RateRow, ...] = ()
    if not fields.errors:
        wanted = RateFilter(prefix, area)
        page = services().rates.rates(found.row, wanted, after, config().page_size)
        if len(prefix) > 1 and not after and not area:
            matching = services().rates.matching(found.row, prefix)
    html = render_template(
        "rate_group.html",
        group=found,
        page=page,
        shorter=[rate for rate in matching if rate.prefix != prefix],
        given={"prefix": prefix, "area": area},
        operator=scope.is_everything,
        errors=fields.errors,
        now=services().clock.now(),
        place_text=place_text,
        first=after is None,
    )
    return html, 400 if fields.errors else 200


def place_text(place: RatePlace) -> str:
    """A place in a group's list as it stands in an address."""
    return f"{place.prefix}-{place.rate_id}"


def _place(text: str | None) -> RatePlace | None:
    if not text:
        return None
    parts = _PLACE.fullmatch(text)
    if parts is None:
        abort(400)
    return RatePlace(parts[1], int(parts[2]))
