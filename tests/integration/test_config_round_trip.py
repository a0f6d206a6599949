"""export ∘ apply is the identity, from whatever state the database was in before."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.domain.configuration import AccountKind, CallParameters, PrefixMode, RateType
from controller.domain.decks import DeckRow, canonical_tiers
from controller.domain.money import Rounding
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.services.config_as_code import service
from controller.services.config_as_code.export import export
from controller.services.config_as_code.model import (
    AccountSpec,
    MappingGatewaySpec,
    Opening,
    RateGroupSpec,
    RouteSpec,
    RoutingGatewaySpec,
    State,
)
from controller.services.config_as_code.sections import read_configuration
from controller.services.config_as_code.values import CODECS, Address
from tests.unit.services.config_texts import MemoryDecks

pytestmark = pytest.mark.postgres

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
amounts = st.decimals(0, 10**6, places=10) | st.integers(0, 10**12).map(Decimal)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
codecs = st.lists(st.sampled_from([*CODECS, "PCMA@20i"]), unique=True, max_size=3).map(tuple)
rewrites = st.sampled_from(["", "00:,+:", "*:88*", "123?:$$$", "0:39,00:"])
hosts = st.sampled_from(["192.0.2.1", "2001:db8::9", "sip.example.net", "a", "10.0.0.1"])
prefixes = st.sampled_from(["*", "1", "39", "0044", "393", "44"])
addresses = st.builds(
    Address, st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), st.sampled_from([0, 5060])
)
parameters = st.builds(
    CallParameters,
    st.integers(5, 900),
    st.booleans(),
    st.integers(1, 86_400),
    st.integers(1, 10),
    st.integers(0, 999),
    st.lists(st.sampled_from(["USER_BUSY", "NO_ANSWER", "X_1"]), unique=True).map(tuple),
)
groups = st.builds(
    RateGroupSpec,
    names,
    st.sampled_from(CURRENCIES),
    st.integers(0, 10),
    st.sampled_from(Rounding),
    st.sampled_from(["UTC", "Europe/Rome", "America/New_York"]),
    memos,
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


@st.composite
def accounts_of(draw: st.DrawFn, known: Sequence[RateGroupSpec]) -> list[AccountSpec]:
    """Accounts whose groups and parents are in their own currency."""
    found: list[AccountSpec] = []
    for name in sorted(draw(st.sets(names, max_size=5))):
        currency = draw(st.sampled_from(CURRENCIES))
        kind = draw(st.sampled_from([k for k in AccountKind if k is not AccountKind.SYSTEM]))
        fitting = [None, *(g.name for g in known if g.currency == currency)]
        above = [a.name for a in found if a.currency == currency and a.kind is not kind.CLEARING]
        parents = [None] if kind is AccountKind.CLEARING else [None, *above]
        found.append(
            AccountSpec(
                name,
                currency,
                kind,
                draw(texts),
                draw(st.sampled_from(parents)),
                draw(st.sampled_from(fitting)),
                draw(amounts),
                draw(capacities),
                draw(st.booleans()),
                draw(st.none() | moments),
                draw(memos),
            )
        )
    return found


@st.composite
def mapping_gateways_of(
    draw: st.DrawFn, accounts: Sequence[AccountSpec]
) -> list[MappingGatewaySpec]:
    payers = [a.name for a in accounts if a.kind is not AccountKind.CLEARING]
    free = draw(st.lists(addresses, unique=True, max_size=6)) if payers else []
    found = []
    for name in sorted(draw(st.sets(names, max_size=3))) if payers else ():
        own = [free.pop() for _ in range(min(len(free), draw(st.integers(0, 2))))]
        found.append(
            MappingGatewaySpec(
                name,
                draw(st.sampled_from(payers)),
                tuple(sorted(own)),
                draw(capacities),
                draw(st.sampled_from(RateType)),
                draw(codecs),
                draw(st.booleans()),
                draw(rewrites),
                draw(rewrites),
                draw(st.none() | st.integers(1, 86_400)),
                draw(st.booleans()),
                draw(memos),
            )
        )
    return found


@st.composite
def routing_gateways_of(
    draw: st.DrawFn, accounts: Sequence[AccountSpec]
) -> list[RoutingGatewaySpec]:
    vendors = [a.name for a in accounts if a.kind is AccountKind.CLEARING]
    return [
        RoutingGatewaySpec(
            name,
            draw(st.sampled_from(vendors)),
            draw(hosts),
            draw(st.integers(1, 65_535)),
            draw(st.sampled_from(["udp", "tcp", "tls"])),
            draw(capacities),
            draw(st.sampled_from(PrefixMode)),
            draw(codecs),
            draw(st.booleans()),
            draw(rewrites),
            draw(rewrites),
            draw(st.integers(1, 600)),
            draw(st.integers(1, 600)),
            draw(st.booleans()),
            draw(st.booleans()),
            draw(memos),
        )
        for name in (sorted(draw(st.sets(names, max_size=3))) if vendors else ())
    ]


@st.composite
def configurations(draw: st.DrawFn) -> Drawn:
    known = draw(st.lists(groups, unique_by=lambda g: g.name, max_size=3))
    known.sort(key=lambda group: group.name)
    accounts = draw(accounts_of(known))
    outgoing = draw(routing_gateways_of(accounts))
    routes = [
        RouteSpec(prefix, gateway.name, draw(st.integers(0, 3)))
        for gateway in outgoing
        for prefix in sorted(draw(st.sets(prefixes)))
    ]
    return Drawn(
        State(
            {group.name: group for group in known},
            {account.name: account for account in accounts},
            {gateway.name: gateway for gateway in draw(mapping_gateways_of(accounts))},
            {gateway.name: gateway for gateway in outgoing},
            {route.name: route for route in routes},
            draw(parameters),
        ),
        {group.name: draw(decks) for group in known},
    )


@settings(
    max_examples=60,
    deadline=None,
    # one database for all examples on purpose: each starts from what the last one left
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=configurations())
def test_what_is_applied_is_what_is_exported(engine: sa.Engine, drawn: Drawn) -> None:
    text = drawn.text()
    store = PostgresConfigurationStore(engine)
    reading = read_configuration(text, MemoryDecks())
    applied = service.apply(store, reading, prune=True, approve=lambda _: True)
    assert applied.review.problems == ()
    assert export(store, None) == text
    again = service.apply(store, reading, prune=True, approve=lambda _: True)
    assert (again.version, again.review.difference.kept) == (None, ())
