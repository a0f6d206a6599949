"""Rate groups, rates, what calls cost, and what is missing."""

from datetime import UTC, datetime

from controller.domain.errors import InvalidInput, NotFound
from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from controller.services.explain_rate import RateQuestion
from controller.services.views.denials import Kind
from controller.services.views.rates import (
    RateFilter,
    RateGroupDetail,
    RatePlace,
    RateRow,
)
from web.api.operations import Reply
from web.api.paging import cursor, links, place, text_place
from web.api.problems import Problem, Problems, wrong
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.resources.explained import coverage_out, decision_out, price_out
from web.api.resources.rate_models import (
    CheckBegunOut,
    CoverageOut,
    CoverageQuery,
    DecisionOut,
    DecisionQuery,
    MatchingOut,
    MatchingQuery,
    PriceOut,
    PriceQuery,
    RateGroupDetailOut,
    RateGroupOut,
    RateGroupPageOut,
    RateGroupsQuery,
    RateOut,
    RatePageOut,
    RatesQuery,
    UseOut,
)
from web.api.values import PositiveId, parts_of
from web.context import services

_READ = ApiScope.RATES_READ

resource = Resource(blueprint, "Rates", "Rate groups, rates, what a call costs and why.")


@resource.get("/rate-groups", _READ, is_paged=True)
def list_groups(actor: Actor, query: RateGroupsQuery) -> Reply[RateGroupPageOut]:
    """Rate groups that you may see."""
    page = services().rates.groups(actor.scope, query.search, text_place(query), query.limit)
    following = cursor(query, page.next_after) if page.next_after else None
    rows = [RateGroupOut.model_validate(row) for row in page.rows]
    return Reply(RateGroupPageOut(items=rows, next=following), links=links(following))


@resource.get("/rate-groups/<group_id>", _READ)
def show_group(actor: Actor, group_id: PositiveId) -> RateGroupDetailOut:
    """A rate group."""
    found = _group(actor, group_id)
    return RateGroupDetailOut(
        group=RateGroupOut.model_validate(found.row),
        users=[UseOut.model_validate(user) for user in found.users],
        agents=list(found.agents),
        periods=list(found.periods),
        calendar=found.calendar,
        used_by_periods_of=list(found.used_by_periods_of),
    )


@resource.get("/rate-groups/<group_id>/rates", _READ, is_paged=True)
def list_rates(actor: Actor, group_id: PositiveId, query: RatesQuery) -> Reply[RatePageOut]:
    """A group's rates, by prefix."""
    group = _group(actor, group_id).row
    wanted = RateFilter(query.prefix, query.area)
    page = services().rates.rates(group, wanted, _rate_place(query), query.limit)
    last = page.next_after
    following = cursor(query, last.prefix, last.rate_id) if last else None
    rows = [_rate(row) for row in page.rows]
    body = RatePageOut(items=rows, next=following, searched_to=page.searched_to)
    return Reply(body, links=links(following))


@resource.get("/rate-groups/<group_id>/matching", _READ)
def matching(actor: Actor, group_id: PositiveId, query: MatchingQuery) -> MatchingOut:
    """Rates of a group that match a number."""
    group = _group(actor, group_id).row
    found = services().rates.matching(group, query.number.removeprefix("+"))
    return MatchingOut(items=[_rate(row) for row in found])


@resource.get("/explain/price", _READ)
def explain_price(actor: Actor, query: PriceQuery) -> PriceOut:
    """What a call costs, and why.

    Of an account or a phone, for the customer and every agent above it that you may know of.
    """
    if query.account is None and query.phone is None:
        raise wrong("An account or a phone is needed.", "account")
    when = query.at or _now()
    question = RateQuestion(
        query.account or "", query.number, query.duration_s, when, query.phone or ""
    )
    try:
        return price_out(services().explain.rate(actor.scope, question))
    except InvalidInput:
        if query.account is not None:
            _note_outside(actor, query.account)
        raise


@resource.get("/explain/call", _READ)
def explain_call(actor: Actor, query: DecisionQuery) -> DecisionOut:
    """What would become of a call.

    Decided by the functions of the live call; nothing is written. For administrators, for it
    tells of vendors.
    """
    explained = services().explain.call(
        actor.scope,
        query.caller,
        query.callee,
        query.gateway,
        query.at or _now(),
        query.duration_s,
    )
    return decision_out(explained)


@resource.get("/coverage", _READ)
def coverage(actor: Actor, query: CoverageQuery) -> CoverageOut:
    """Destinations without a price, a route or a cost, and losses.

    The check takes seconds and runs beside: ask again while `is_running`. For administrators.
    """
    return coverage_out(services().coverage.state(actor.scope), query.limit)


@resource.post("/coverage-checks", ApiScope.RATES_WRITE, status=202)
def check_coverage(actor: Actor) -> CheckBegunOut:
    """Look at the coverage anew.

    The report is at `/coverage` when it is there. For administrators.
    """
    state = services().coverage.state(actor.scope, again=True)
    return CheckBegunOut(is_running=state.is_running)


def _note_outside(actor: Actor, account: str) -> None:
    """Where it was the account that was not found, and it is somebody else's."""
    if services().accounts.id_of(actor.scope, account) is None:
        services().denials.note(actor, Kind.ACCOUNT, account)


def _group(actor: Actor, group_id: int) -> RateGroupDetail:
    found = services().rates.group(actor.scope, group_id)
    if found is None:
        services().denials.note(actor, Kind.RATE_GROUP, group_id)
        raise NotFound(f"there is no rate group {group_id}")
    return found


def _rate(row: RateRow) -> RateOut:
    derived = {
        "kind": row.kind,
        "validity": row.validity(_now()),
        "minute": row.minute,
        "words": row.words,
    }
    return RateOut.model_validate({**parts_of(row), **derived})


def _rate_place(query: RatesQuery) -> RatePlace | None:
    match place(query):
        case None:
            return None
        case [str(prefix), int(rate_id)] if 0 <= rate_id < 2**63:
            return RatePlace(prefix, rate_id)
    raise Problem(Problems.CURSOR_INVALID)


def _now() -> datetime:
    return services().clock.now().astimezone(UTC)
