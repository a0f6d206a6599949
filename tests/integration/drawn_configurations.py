"""Configurations drawn by hypothesis: every section, every field, all relations sound."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

from hypothesis import strategies as st

from controller.domain.billing_periods import Alignment, PackagePeriod
from controller.domain.calendars import WEEKDAYS, DayKind
from controller.domain.configuration import (
    AccountKind,
    CallParameters,
    PrefixMode,
    RateSelection,
)
from controller.domain.decks import DeckRow, canonical_tiers
from controller.domain.destinations import DestinationRule
from controller.domain.money import Rounding
from controller.domain.number_sections import NumberSection
from controller.domain.rates import Boundary, RateType
from controller.domain.rights import Right, in_order
from controller.domain.sections import SectionMode
from controller.domain.subscriptions import OnInsufficient
from controller.services.config_as_code.addresses import CODECS, Address
from controller.services.config_as_code.export import export
from controller.services.config_as_code.model import Opening, State
from controller.services.config_as_code.specs import (
    PLATFORM,
    AccountSpec,
    CalendarDay,
    CalendarSpec,
    FreeSecondsSpec,
    GatewayGroupSpec,
    MappingGatewaySpec,
    PackageOrderSpec,
    PackageSpec,
    PeriodRateSpec,
    PhoneSpec,
    RateGroupSpec,
    RouteSpec,
    RoutingGatewaySpec,
)
from controller.services.config_as_code.values import (
    DAY_NAMES,
    DAY_S,
    END_OF_DAY,
    Clock,
)

T = TypeVar("T")

NAMES = ("a", "A-1", "b.2", "null", "007", "true", "x_y", "1e5")
CURRENCIES = ("USD", "EUR")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A configuration in memory; the part of `ConfigurationWork` that an export reads."""

    stored: State
    rates: dict[str, list[DeckRow]]

    @contextmanager
    def begin(self) -> Iterator["Drawn"]:
        yield self

    def state(self) -> State:
        return self.stored

    def openings(self) -> list[Opening]:
        return []

    def rates_count(self, group: str) -> int:
        return len(self.rates[group])

    def deck_rows(self, group: str) -> Iterator[DeckRow]:
        return iter(self.rates[group])

    def text(self) -> str:
        return export(self, None)  # type: ignore[arg-type]  # an export asks no more


names = st.sampled_from(NAMES)
texts = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=12)
memos = texts | st.just("two\nlines")
capacities = st.none() | st.integers(0, 1_000_000)
paces = st.none() | st.integers(1, 10_000)
amounts = st.decimals(0, 10**6, places=10) | st.integers(0, 10**12).map(Decimal)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
zones = st.sampled_from(["UTC", "Europe/Rome", "America/New_York"])
codecs = st.lists(st.sampled_from([*CODECS, "PCMA@20i"]), unique=True, max_size=3).map(tuple)
rewrites = st.sampled_from(["", "00:,+:", "*:88*", "123?:$$$", "0:39,00:"])
hosts = st.sampled_from(["192.0.2.1", "2001:db8::9", "sip.example.net", "a", "10.0.0.1"])
prefixes = st.sampled_from(["*", "1", "39", "0044", "393", "44"])
numbers = st.sampled_from(["390210001", "390210002", "0044", "112"])
# of every length that is drawn: what lies below another account lies in its sections too
EVERY_NUMBER = tuple(NumberSection("0" * n, "9" * n) for n in (3, 4, 5, 9, 10))
destination_rules = st.lists(
    st.builds(DestinationRule, prefixes, st.booleans()), unique_by=lambda rule: rule.prefix
).map(lambda rules: tuple(sorted(rules)))
addresses = st.builds(
    Address, st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), st.sampled_from([0, 5060])
)
clocks = st.integers(0, DAY_S - 1).map(Clock)
hours = {"start": clocks, "end": clocks | st.just(END_OF_DAY)}
patterns = st.lists(st.sampled_from(["112", "911*", "*31#", "0800*"]), unique=True).map(tuple)
parameters = st.builds(
    CallParameters,
    quantum_s=st.integers(5, 900),
    admit_partial_quantum=st.booleans(),
    max_duration_s=st.integers(1, 86_400),
    max_attempts=st.integers(1, 10),
    calls_per_second=paces,
    hold_time_threshold_ms=st.integers(0, 999),
    stop_causes=st.lists(st.sampled_from(["USER_BUSY", "X_1"]), unique=True).map(tuple),
    timezone=zones,
    rate_selection=st.sampled_from(RateSelection),
    expected_duration_s=st.integers(1, 3600),
    free_time_s=st.integers(0, 3600),
    minimum_duration_s=st.integers(0, 3600),
    record_zero_duration=st.booleans(),
    record_server_hangup=st.booleans(),
    fee_precision=st.integers(0, 10),
    fee_unit=st.decimals(0, 1, places=10),
    free_numbers=patterns,
    unrecorded_free_numbers=patterns,
    route_prefixes=st.lists(st.sampled_from(["a", "B1", "99#"]), unique=True).map(tuple),
    second_factor_roles=st.lists(st.sampled_from(["administrator", "agent"]), unique=True).map(
        tuple
    ),
)
calendars = st.builds(
    CalendarSpec,
    names,
    working_weekdays=st.sets(st.sampled_from(list(WEEKDAYS))).map(
        lambda days: tuple(sorted(days, key=DAY_NAMES.index))
    ),
    days=st.lists(
        st.builds(
            CalendarDay,
            st.dates(date(2000, 1, 1), date(2199, 12, 31)),
            st.sampled_from(DayKind),
            texts,
        ),
        unique_by=lambda day: day.day,
        max_size=3,
    ).map(lambda days: tuple(sorted(days, key=lambda day: day.day))),
    memo=memos,
)
tiers = st.builds(
    lambda price, step: canonical_tiers(f"0.1|0:=1;10:{price:f}/60/{step}"),
    st.decimals(0, 10, places=6),
    st.integers(1, 60),
)
rows = st.builds(
    DeckRow,
    prefixes,
    tiers,
    texts.map(str.strip),
    st.sampled_from(RateType),
    st.decimals(0, 100, places=4),
    st.none() | moments,
    st.none(),
    st.booleans(),
)
decks = st.lists(rows, unique_by=lambda row: row.prefix, max_size=4).map(
    lambda deck: sorted(deck, key=lambda row: row.prefix)
)


def some_of(draw: st.DrawFn, source: st.SearchStrategy[T], most: int, key: str = "name") -> list[T]:
    """Objects with different names, in the order in which they are exported."""
    drawn = draw(st.lists(source, unique_by=lambda item: getattr(item, key), max_size=most))
    return sorted(drawn, key=lambda item: str(getattr(item, key)))


def period_rates(
    of: Sequence[RateGroupSpec], calendar: str | None
) -> st.SearchStrategy[tuple[PeriodRateSpec, ...]]:
    """Times a factor, or by one of the rate groups."""
    days = [name for name in DAY_NAMES if calendar or name != DayKind.SPECIAL]
    some_days = st.sets(st.sampled_from(days), max_size=3).map(
        lambda found: tuple(sorted(found, key=DAY_NAMES.index))
    )
    factor = st.builds(
        PeriodRateSpec, days=some_days, multiplier=st.decimals(0, 1000, places=6), **hours
    )
    if not of:
        return st.lists(factor, max_size=3).map(tuple)
    own = st.sampled_from([group.name for group in of])
    by_group = st.builds(PeriodRateSpec, days=some_days, rate_group=own, **hours)
    return st.lists(factor | by_group, max_size=3).map(tuple)


@st.composite
def rate_groups_of(draw: st.DrawFn, known: Sequence[CalendarSpec]) -> list[RateGroupSpec]:
    """Owners and agents come later, when there are accounts."""
    found: list[RateGroupSpec] = []
    for name in sorted(draw(st.sets(names, max_size=3))):
        currency = draw(st.sampled_from(CURRENCIES))
        calendar = draw(st.sampled_from([None, *(c.name for c in known)]))
        found.append(
            RateGroupSpec(
                name=name,
                currency=currency,
                decimals=draw(st.integers(0, 10) | st.just(PLATFORM)),
                rounding=draw(st.sampled_from(Rounding)),
                timezone=draw(zones),
                section_mode=draw(st.sampled_from(SectionMode)),
                boundary=draw(st.sampled_from(Boundary)),
                calendar=calendar,
                period_rates=draw(
                    period_rates([g for g in found if g.currency == currency], calendar)
                ),
                memo=draw(memos),
            )
        )
    return found


@st.composite
def accounts_of(draw: st.DrawFn, known: Sequence[RateGroupSpec]) -> list[AccountSpec]:
    """Accounts whose groups and parents are in their own currency."""
    found: list[AccountSpec] = []
    for name in sorted(draw(st.sets(names, max_size=5))):
        currency = draw(st.sampled_from(CURRENCIES))
        kind = draw(st.sampled_from([k for k in AccountKind if k is not AccountKind.SYSTEM]))
        fitting = st.sampled_from([None, *(g.name for g in known if g.currency == currency)])
        above = [a.name for a in found if a.currency == currency and a.kind is not kind.CLEARING]
        parents = [None] if kind is AccountKind.CLEARING else [None, *above]
        found.append(
            AccountSpec(
                name=name,
                currency=currency,
                kind=kind,
                title=draw(texts),
                parent=draw(st.sampled_from(parents)),
                rate_group=draw(fitting),
                private_rate_group=draw(fitting),
                overdraft_limit=draw(amounts),
                monthly_minimum=draw(amounts),
                capacity=draw(capacities),
                subtree_capacity=draw(capacities),
                offline_calls=(offline := draw(st.none() | st.integers(1, 10_000))),
                offline_minutes=None if offline is None else draw(st.integers(1, 60)),
                offline_money=None if offline is None else draw(st.decimals(1, 10**6, places=10)),
                locked=draw(st.booleans()),
                expires_at=draw(st.none() | moments),
                number_sections=draw(st.sampled_from([(), EVERY_NUMBER])),
                destination_rules=draw(destination_rules),
                rights=in_order(draw(st.sets(st.sampled_from(Right)))),
                low_balance=(low := draw(st.none() | amounts)),
                low_balance_locks=low is not None and draw(st.booleans()),
                email=draw(st.sampled_from(["", "billing@example.com", "ünï@exämple.org"])),
                card_type=draw(st.sampled_from(["", "passport"])),
                address=draw(texts),
                memo=draw(memos),
            )
        )
    return found


@st.composite
def phones_of(
    draw: st.DrawFn, payers: Sequence[AccountSpec], known: Sequence[RateGroupSpec]
) -> list[PhoneSpec]:
    found = []
    for number in sorted(draw(st.sets(numbers, max_size=3))) if payers else ():
        account = draw(st.sampled_from(payers))
        fitting = [None, *(g.name for g in known if g.currency == account.currency)]
        minimum = draw(amounts)
        found.append(
            PhoneSpec(
                number=number,
                account=account.name,
                rate_group=draw(st.sampled_from(fitting)),
                authorization=draw(st.sampled_from(RateType)),
                dids=draw(st.sampled_from([(), (f"9{number}",)])),
                locked=draw(st.booleans()),
                locked_in=draw(st.booleans()),
                monthly_minimum=minimum,
                monthly_maximum=draw(st.none() | st.just(minimum)),
                monthly_rent=draw(amounts),
                lines_in=draw(capacities),
                lines_out=draw(capacities),
                lines_total=draw(capacities),
                memo=draw(memos),
            )
        )
    return found


free_seconds = st.builds(
    FreeSecondsSpec,
    prefixes=st.lists(prefixes, unique=True, min_size=1, max_size=4).map(tuple),
    seconds=st.integers(86_400, 10**8),
    cycle_s=st.integers(1, 86_400),
    memo=texts,
    **hours,
)


@st.composite
def packages_of(
    draw: st.DrawFn,
    known: Sequence[RateGroupSpec],
    dated: Sequence[CalendarSpec],
    payers: Sequence[AccountSpec],
) -> list[PackageSpec]:
    found = []
    for name in sorted(draw(st.sets(names, max_size=3))):
        currency = draw(st.sampled_from([a.currency for a in payers] or CURRENCIES))
        period = draw(st.sampled_from(PackagePeriod))
        calendar = draw(st.sampled_from([None, *(c.name for c in dated)]))
        fitting = [group for group in known if group.currency == currency]
        found.append(
            PackageSpec(
                name=name,
                currency=currency,
                period=period,
                period_s=draw(st.integers(60, 10**8)) if period is PackagePeriod.ONCE else None,
                rent=draw(amounts),
                alignment=draw(st.sampled_from(Alignment)),
                allow_partial_first=draw(st.booleans()),
                gift_money=draw(amounts),
                minimum_consumption=draw(amounts),
                effective_consumption=draw(amounts),
                calendar=calendar,
                free_seconds=draw(st.lists(free_seconds, max_size=2).map(tuple)),
                period_rates=draw(period_rates(fitting, calendar)),
                memo=draw(memos),
            )
        )
    return found


@st.composite
def orders_of(
    draw: st.DrawFn,
    packages: Sequence[PackageSpec],
    payers: Sequence[AccountSpec],
    phones: Sequence[PhoneSpec],
) -> list[PackageOrderSpec]:
    """Each by an account, or by a phone of one, in the package's currency."""
    accounts = {account.name: account for account in payers}
    owners: list[tuple[AccountSpec, str | None]] = [(a, None) for a in payers]
    owners += [(accounts[phone.account], phone.number) for phone in phones]
    pairs = [(k.name, a.name, n) for k in packages for a, n in owners if a.currency == k.currency]
    found = []
    for name in sorted(draw(st.sets(names, min_size=1, max_size=4))) if pairs else ():
        package, account, phone = draw(st.sampled_from(pairs))
        found.append(
            PackageOrderSpec(
                # once placed, an order stays what it was; its phone stays with the account
                key=f"{name}-{package}-{account}-{phone or ''}",
                package=package,
                account=None if phone else account,
                phone=phone,
                available_from=datetime(2026, 1, 1, tzinfo=UTC),
                expires_at=draw(st.none() | st.just(datetime(2026, 7, 1, 12, 30, 5, tzinfo=UTC))),
                priority=draw(st.none() | st.integers(0, 1_000_000)),
                on_insufficient=draw(st.sampled_from(OnInsufficient)),
                rent_percent=draw(st.decimals(0, 100, places=4)),
                memo=draw(memos),
            )
        )
    return found


groups_of_gateways = st.builds(GatewayGroupSpec, names, capacities, memos)


def some_groups(groups: Sequence[GatewayGroupSpec]) -> st.SearchStrategy[tuple[str, ...]]:
    if not groups:
        return st.just(())
    return st.sets(st.sampled_from([g.name for g in groups])).map(lambda s: tuple(sorted(s)))


@st.composite
def mapping_gateways_of(
    draw: st.DrawFn, payers: Sequence[AccountSpec], groups: Sequence[GatewayGroupSpec]
) -> list[MappingGatewaySpec]:
    free = draw(st.lists(addresses, unique=True, max_size=6)) if payers else []
    found = []
    for name in sorted(draw(st.sets(names, max_size=3))) if payers else ():
        own = [free.pop() for _ in range(min(len(free), draw(st.integers(0, 2))))]
        found.append(
            MappingGatewaySpec(
                name=name,
                account=draw(st.sampled_from(payers)).name,
                addresses=tuple(sorted(own)),
                capacity=draw(capacities),
                calls_per_second=draw(paces),
                groups=draw(some_groups(groups)),
                authorization=draw(st.sampled_from(RateType)),
                allow_phone_billing=draw(st.booleans()),
                codecs=draw(codecs),
                t38=draw(st.booleans()),
                rewrite_callee=draw(rewrites),
                rewrite_caller=draw(rewrites),
                max_duration_s=draw(st.none() | st.integers(1, 86_400)),
                locked=draw(st.booleans()),
                memo=draw(memos),
            )
        )
    return found


@st.composite
def routing_gateways_of(
    draw: st.DrawFn, vendors: Sequence[AccountSpec], groups: Sequence[GatewayGroupSpec]
) -> list[RoutingGatewaySpec]:
    return [
        RoutingGatewaySpec(
            name=name,
            clearing_account=draw(st.sampled_from(vendors)).name,
            host=draw(hosts),
            port=draw(st.integers(1, 65_535)),
            transport=draw(st.sampled_from(["udp", "tcp", "tls"])),
            capacity=draw(capacities),
            calls_per_second=draw(paces),
            groups=draw(some_groups(groups)),
            prefix_mode=draw(st.sampled_from(PrefixMode)),
            codecs=draw(codecs),
            t38=draw(st.booleans()),
            rewrite_callee=draw(rewrites),
            rewrite_caller=draw(rewrites),
            ring_timeout_s=draw(st.integers(1, 600)),
            progress_timeout_s=draw(st.integers(1, 600)),
            prepaid=draw(st.booleans()),
            bill_sent_number=draw(st.booleans()),
            locked=draw(st.booleans()),
            memo=draw(memos),
        )
        for name in (sorted(draw(st.sets(names, max_size=3))) if vendors else ())
    ]


@st.composite
def configurations(draw: st.DrawFn) -> Drawn:
    dated = some_of(draw, calendars, 2)
    groups = draw(rate_groups_of(dated))
    accounts = draw(accounts_of(groups))
    payers = [a for a in accounts if a.kind is not AccountKind.CLEARING]
    vendors = [a for a in accounts if a.kind is AccountKind.CLEARING]
    phones = draw(phones_of(payers, groups))
    packages = draw(packages_of(groups, dated, payers))
    in_use = _groups_in_use(groups, accounts, phones, packages)
    gateway_groups = some_of(draw, groups_of_gateways, 3)
    outgoing = draw(routing_gateways_of(vendors, gateway_groups))
    routes = [
        RouteSpec(prefix, gateway.name, draw(st.integers(0, 3)))
        for gateway in outgoing
        for prefix in sorted(draw(st.sets(prefixes)))
    ]
    return Drawn(
        State(
            calendars=_by_name(dated),
            rate_groups=_by_name([_with_agents(draw, group, payers, in_use) for group in groups]),
            accounts=_by_name(accounts),
            phones=_by_name(phones),
            packages=_by_name(packages),
            package_orders=_by_name(
                sorted(draw(orders_of(packages, payers, phones)), key=lambda order: order.key)
            ),
            gateway_groups=_by_name(gateway_groups),
            mapping_gateways=_by_name(draw(mapping_gateways_of(payers, gateway_groups))),
            routing_gateways=_by_name(outgoing),
            routes=_by_name(routes),
            parameters=draw(parameters),
        ),
        {group.name: draw(decks) for group in groups},
    )


def _with_agents(
    draw: st.DrawFn, group: RateGroupSpec, payers: Sequence[AccountSpec], in_use: set[str | None]
) -> RateGroupSpec:
    """Agents see it, if there are accounts; what nobody uses may be an agent's own."""
    agents = draw(st.sets(st.sampled_from([a.name for a in payers]), max_size=2)) if payers else ()
    owners = [a.name for a in payers if a.currency == group.currency and group.name not in in_use]
    owner = draw(st.sampled_from([None, *owners]))
    return replace(group, owner=owner, agents=tuple(sorted(agents)))


def _groups_in_use(
    groups: Sequence[RateGroupSpec],
    accounts: Sequence[AccountSpec],
    phones: Sequence[PhoneSpec],
    packages: Sequence[PackageSpec],
) -> set[str | None]:
    lists = [group.period_rates for group in groups] + [p.period_rates for p in packages]
    return (
        {rate.rate_group for rates in lists for rate in rates}
        | {a.rate_group for a in accounts}
        | {a.private_rate_group for a in accounts}
        | {phone.rate_group for phone in phones}
    )


def _by_name(specs: Sequence[T]) -> dict[str, T]:
    return {spec.name: spec for spec in specs}  # type: ignore[attr-defined]  # every spec has one
