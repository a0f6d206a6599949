"""Past calls of a rate group with its prices before and after a staged deck.

Implements `services.decks.margin.TrafficStore`. Only rates of destinations that were called are
read, so that a deck of a million takes no more memory than its traffic has destinations.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import CallParameters, Configuration, index_routes
from controller.domain.decks import deck_tariff
from controller.domain.errors import InvalidTariff
from controller.domain.numbering import rated_number
from controller.domain.periods import PeriodSchedule
from controller.domain.rates import Boundary, Rate, RateGroup, RateType, index_rates
from controller.domain.sections import SectionMode
from controller.persistence import schema as t
from controller.persistence.config_objects import parameters_from
from controller.persistence.database import transaction
from controller.persistence.rate_loader import terms_of
from controller.persistence.rating_reader import read_schedules
from controller.services.decks.margin import PastCall, Traffic
from controller.services.decks.ports import StagedDeck

FETCHED_AT_ONCE = 5_000
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"

Row = sa.Row[Any]

# the group as the customer's rates, and as a vendor's
_CALLS = """
WITH sellers AS MATERIALIZED (
    SELECT id FROM accounts WHERE :group_id IN (rate_group_id, private_rate_group_id)
        AND kind <> 'clearing'
), vendors AS MATERIALIZED (
    SELECT id FROM accounts WHERE rate_group_id = :group_id AND kind = 'clearing'
)
SELECT c.started_at, c.answered_at, c.duration_s, c.account_id, c.cost_account_id,
    c.callee_rated, CASE WHEN g.bill_sent_number THEN c.callee_sent ELSE c.callee_rated END
        AS cost_number,
    c.net, c.currency, c.cost, c.cost_currency,
    c.account_id IN (SELECT id FROM sellers) AS is_sale,
    coalesce(c.cost_account_id IN (SELECT id FROM vendors), false) AS is_cost
FROM cdrs c LEFT JOIN routing_gateways g ON g.name = c.routing_gateway
WHERE c.started_at >= :since AND c.started_at < :until
    AND c.answered_at IS NOT NULL AND c.duration_s > 0
    AND (c.account_id IN (SELECT id FROM sellers)
        OR c.cost_account_id IN (SELECT id FROM vendors))
"""

_NUMBERS = f"""
SELECT DISTINCT CASE WHEN is_sale THEN callee_rated END AS sale_number,
    CASE WHEN is_cost THEN cost_number END AS cost_number
FROM ({_CALLS}) AS calls
"""  # noqa: S608 - two constants

_CALLED_TABLE = "CREATE TEMPORARY TABLE called_numbers (number text NOT NULL) ON COMMIT DROP"
_COPY_CALLED = "COPY called_numbers (number) FROM STDIN"
_PREFIXES_TABLE = """
CREATE TEMPORARY TABLE called_prefixes ON COMMIT DROP AS
SELECT DISTINCT left(number, length) AS prefix
FROM (SELECT DISTINCT number FROM called_numbers) AS n, generate_series(1, :longest) AS length
UNION SELECT '*'
"""

_LONGEST = """
SELECT greatest((SELECT max(length(prefix)) FROM rates WHERE rate_group_id = ANY(:groups)),
    (SELECT max(length(prefix)) FROM deck_changes WHERE deck_id = :deck), 1)
"""

_LIVE = """
SELECT prefix, area, rate_type, tiers, sections, tax_percent, effective_from, effective_to, locked
FROM rates WHERE rate_group_id = :group_id AND prefix IN (SELECT prefix FROM called_prefixes)
ORDER BY effective_from NULLS FIRST
"""

# what the deck leaves, makes, changes, and keeps until the switch
_STAGED = """
SELECT * FROM (
    SELECT prefix, area, rate_type, tiers, sections, tax_percent, effective_from, effective_to,
        locked
    FROM rates r WHERE rate_group_id = :group_id
        AND prefix IN (SELECT prefix FROM called_prefixes)
        AND NOT EXISTS (SELECT FROM deck_changes c WHERE c.deck_id = :deck AND c.rate_id = r.id)
    UNION ALL
    SELECT prefix, after_area, after_rate_type, after_tiers, after_sections, after_tax_percent,
        after_effective_from, after_effective_to, after_locked
    FROM deck_changes WHERE deck_id = :deck AND kind <> 'gone'
        AND prefix IN (SELECT prefix FROM called_prefixes)
    UNION ALL
    SELECT prefix, before_area, before_rate_type, before_tiers, before_sections,
        before_tax_percent, before_effective_from, closes_at, before_locked
    FROM deck_changes WHERE deck_id = :deck AND closes_at IS NOT NULL
        AND prefix IN (SELECT prefix FROM called_prefixes)
) AS rates ORDER BY effective_from NULLS FIRST
"""


class PostgresDeckTraffic:
    """Implements `TrafficStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def traffic(self, deck: StagedDeck, since: datetime, until: datetime) -> Iterator[Traffic]:
        """Raises StoreUnavailable where the database is away."""
        with transaction(self._engine) as connection:
            connection.exec_driver_sql(SNAPSHOT)
            yield _Reading(connection, deck, since, until).traffic()
            connection.rollback()


class _Reading:
    def __init__(
        self, connection: sa.Connection, deck: StagedDeck, since: datetime, until: datetime
    ) -> None:
        self._connection = connection
        self._deck_id = deck.deck_id
        groups = connection.execute(sa.select(t.rate_groups)).all()
        self._group_id = next(row.id for row in groups if row.name == deck.group)
        state = connection.execute(sa.select(t.configuration_state)).one()
        self._parameters = parameters_from(state.parameters)
        schedules = read_schedules(connection, self._parameters.zone).of_groups
        # hours may have prices of their own, in other groups
        schedule = schedules.get(self._group_id)
        others = {r.rate_group_id for r in schedule.rules} if schedule else set()
        self._groups = {row.id: row for row in groups if row.id in {self._group_id, *others}}
        self._schedules: Mapping[int, PeriodSchedule] = schedules
        self._given = {"group_id": self._group_id, "since": since, "until": until}

    def traffic(self) -> Traffic:
        self._note_prefixes()
        live = {group_id: self._rate_group(group_id, _LIVE) for group_id in self._groups}
        staged = {**live, self._group_id: self._rate_group(self._group_id, _STAGED)}
        return Traffic(
            self._group_id,
            self._groups[self._group_id].currency,
            _configuration(live, self._parameters),
            _configuration(staged, self._parameters),
            self._calls(),
        )

    def _note_prefixes(self) -> None:
        """Every prefix of every called number, as far as rates have prefixes of that length."""
        connection, route_prefixes = self._connection, self._parameters.route_prefixes
        connection.execute(sa.text(_CALLED_TABLE))
        for rows in connection.execute(_streamed(_NUMBERS), self._given).partitions():
            called = [number for row in rows for number in row if number]
            numbers = [(rated_number(number, route_prefixes),) for number in called]
            _copy(connection, _COPY_CALLED, numbers)
        wanted = {"groups": list(self._groups), "deck": self._deck_id}
        longest = connection.execute(sa.text(_LONGEST), wanted).scalar_one()
        connection.execute(sa.text(_PREFIXES_TABLE), {"longest": longest})
        connection.execute(sa.text("ANALYZE called_prefixes"))

    def _rate_group(self, group_id: int, statement: str) -> RateGroup:
        row = self._groups[group_id]
        given = {"group_id": group_id, "deck": self._deck_id}
        rates = self._connection.execute(sa.text(statement), given)
        return RateGroup(
            group_id,
            row.name,
            terms_of(row, self._parameters),
            index_rates(_rates(rates, SectionMode(row.section_mode))),
            self._schedules.get(group_id),
            Boundary(row.boundary),
        )

    def _calls(self) -> Iterator[PastCall]:
        for row in self._connection.execute(_streamed(_CALLS), self._given):
            times = (row.started_at, row.answered_at, row.duration_s)
            if row.is_sale:
                other, currency = (row.cost, row.cost_currency) if row.cost else (row.cost, "")
                yield PastCall(True, row.account_id, *times, row.callee_rated, other, currency)
            if row.is_cost:
                other, currency = (row.net, row.currency) if row.net else (row.net, "")
                yield PastCall(False, row.cost_account_id, *times, row.cost_number, other, currency)


def _streamed(statement: str) -> sa.TextClause:
    return sa.text(statement).execution_options(yield_per=FETCHED_AT_ONCE)


def _copy(connection: sa.Connection, statement: str, rows: Iterable[tuple[str, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _rates(rows: sa.CursorResult[Any], mode: SectionMode) -> Iterator[tuple[str, Rate]]:
    """Rates by prefix; equal ones are one object, and one that cannot be used is left out."""

    @lru_cache(maxsize=65_536)
    def rate(*columns: Any) -> Rate | None:
        area, rate_type, tiers, sections, tax_percent, start, end, locked = columns
        try:
            tariff = deck_tariff(tiers, sections, mode)
        except InvalidTariff:
            return None
        return Rate(tariff, tax_percent, area, RateType(rate_type), locked, start, end)

    for row in rows:
        if (found := rate(*row[1:])) is not None:
            yield row.prefix, found


def _configuration(groups: Mapping[int, RateGroup], parameters: CallParameters) -> Configuration:
    """Nothing but rate groups: all that a price needs."""
    return Configuration(
        version=0,
        accounts={},
        rate_groups=groups,
        mapping_gateways={},
        routing_gateways={},
        routes=index_routes([]),
        sources={},
        parameters=parameters,
    )
