"""Rate groups: their calendars, owners and agents; and period rates, which packages have too."""

from collections.abc import Iterator

from controller.services.config_as_code.checks.references import is_gone_account, payer_fault
from controller.services.config_as_code.model import Lines, Section, State
from controller.services.config_as_code.problems import Problem, shown
from controller.services.config_as_code.specs import PackageSpec, PeriodRateSpec, RateGroupSpec

Place = tuple[str, ...]


def check_rate_groups(state: State, lines: Lines) -> Iterator[Problem]:
    for group in state.rate_groups.values():
        place = (Section.RATE_GROUPS, group.name)
        whose = f"rate group {group.name}"
        yield from check_calendar(state, lines, place, whose, group.calendar)
        yield from _accounts(state, lines, group, place, whose)
        yield from check_period_rates(state, lines, place, whose, group)


def check_calendar(
    state: State, lines: Lines, place: Place, whose: str, calendar: str | None
) -> Iterator[Problem]:
    if calendar is not None and calendar not in state.calendars:
        own = (*place, "calendar")
        message = f"{whose}: there is no calendar {shown(calendar)}"
        yield Problem(lines.find(own, (Section.CALENDARS,)), message, own not in lines.of)


def check_period_rates(
    state: State, lines: Lines, place: Place, whose: str, owner: RateGroupSpec | PackageSpec
) -> Iterator[Problem]:
    """The prices of a period: of another rate group, in the same currency, of nobody else's."""
    for position, rate in enumerate(owner.period_rates):
        if rate.rate_group is None:
            continue
        own = (*place, "period_rates", str(position))
        group = state.rate_groups.get(rate.rate_group)
        if group is None:
            message = f"{whose}: there is no rate group {shown(rate.rate_group)}"
            yield Problem(lines.find(own, (Section.RATE_GROUPS,)), message, own not in lines.of)
        elif fault := _period_fault(owner, rate, group):
            causes = ((Section.RATE_GROUPS, group.name, key) for key in ("currency", "owner"))
            yield Problem(lines.find(own, *causes), f"{whose}: {fault}")


def _period_fault(
    owner: RateGroupSpec | PackageSpec, rate: PeriodRateSpec, group: RateGroupSpec
) -> str:
    if owner is group:
        return "its own rates are no period's: name another rate group"
    if owner.currency and group.currency and owner.currency != group.currency:
        return f"is in {owner.currency}, its period's rate group {group.name} in {group.currency}"
    if group.owner is not None and group.owner != getattr(owner, "owner", None):
        return f"its period's rate group {rate.rate_group} belongs to {group.owner}"
    return ""


def _accounts(
    state: State, lines: Lines, group: RateGroupSpec, place: Place, whose: str
) -> Iterator[Problem]:
    named = [("owner", group.owner)] if group.owner else []
    for key, name in [*named, *(("agents", agent) for agent in group.agents)]:
        if fault := payer_fault(state, name) or _owner_fault(state, group, key, name):
            own = (*place, key)
            causes = ((Section.ACCOUNTS, name), (Section.ACCOUNTS,))
            refused = is_gone_account(state, name) and own not in lines.of
            yield Problem(lines.find(own, *causes), f"{whose}: {fault}", refused)


def _owner_fault(state: State, group: RateGroupSpec, key: str, name: str) -> str:
    currency = state.accounts[name].currency
    if key == "owner" and currency and group.currency and currency != group.currency:
        return f"is in {group.currency}, its owner {name} in {currency}"
    return ""
