"""Rates looked up in the database, one number at a time, for those who ask about few numbers.

Explanations need a handful of prefixes, not a million in memory: the index on the prefix serves
each question within a millisecond, and what is found is what is stored now.
"""

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import CallParameters, Configuration
from controller.domain.deck_cells import deck_tariff
from controller.domain.errors import InvalidInput
from controller.domain.numbering import CATCH_ALL
from controller.domain.periods import PeriodSchedule
from controller.domain.rates import (
    Boundary,
    MatchedRate,
    Rate,
    RateGroup,
    RateType,
    first_usable,
)
from controller.domain.sections import SectionMode
from controller.persistence import schema as t
from controller.persistence.config_reader import load_configuration
from controller.persistence.database import transaction
from controller.persistence.rate_loader import terms_of

Row = sa.Row[Any]


class StoredRates:
    """Implements `domain.rates.RateIndex` on the table itself."""

    def __init__(self, engine: sa.Engine, group_id: int, mode: SectionMode) -> None:
        self._engine = engine
        self._group_id = group_id
        self._mode = mode

    def rate_for(self, number: str, when: datetime) -> MatchedRate | None:
        return first_usable(self.matches(number), when)

    def matches(self, number: str) -> Iterator[tuple[str, tuple[Rate, ...]]]:
        """As a controller's index has them: a rate that cannot be used is left out."""
        prefixes = [CATCH_ALL, *(number[:length] for length in range(1, len(number) + 1))]
        with transaction(self._engine) as connection:
            rows = connection.execute(_MATCHES, {"group": self._group_id, "prefixes": prefixes})
            found: dict[str, list[Rate]] = {}
            for row in rows:
                if rate := self._rate(row):
                    found.setdefault(row.prefix, []).append(rate)
        for prefix in reversed(prefixes):
            if rates := found.get(prefix):
                yield prefix, tuple(rates)

    def prefixes(self) -> Iterator[str]:
        query = sa.select(t.rates.c.prefix).where(t.rates.c.rate_group_id == self._group_id)
        with transaction(self._engine) as connection:
            for prefix in connection.execution_options(yield_per=10_000).scalars(query.distinct()):
                yield "" if prefix == CATCH_ALL else prefix

    def __len__(self) -> int:
        query = sa.select(sa.func.count(sa.distinct(t.rates.c.prefix))).where(
            t.rates.c.rate_group_id == self._group_id
        )
        with transaction(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def _rate(self, row: Row) -> Rate | None:
        try:
            return Rate(
                deck_tariff(row.tiers, row.sections, self._mode),
                row.tax_percent,
                row.area,
                RateType(row.rate_type),
                row.locked,
                row.effective_from,
                row.effective_to,
            )
        except (InvalidInput, ValueError):
            return None


class LookupGroups:
    """Loads rate groups without their rates."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def load(
        self,
        connection: sa.Connection,
        schedules: Mapping[int, PeriodSchedule],
        parameters: CallParameters,
    ) -> dict[int, RateGroup]:
        """Every rate group; `schedules` are the periods of those that have some."""
        return {
            row.id: RateGroup(
                row.id,
                row.name,
                terms_of(row, parameters),
                StoredRates(self._engine, row.id, SectionMode(row.section_mode)),
                schedules.get(row.id),
                Boundary(row.boundary),
            )
            for row in connection.execute(sa.select(t.rate_groups))
        }


class LookupConfigurations:
    """Implements `services.ports.ConfigurationSource` for pages: loaded anew when somebody asks
    and the version has changed, without a thread of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._loading = threading.Lock()
        self._current: Configuration | None = None

    @property
    def current(self) -> Configuration:
        """Raises StoreUnavailable."""
        with self._loading:
            version = self.version()
            if self._current is None or self._current.version != version:
                self._current = lookup_configuration(self._engine)
            return self._current

    def version(self) -> int:
        """The newest there is. Raises StoreUnavailable."""
        with transaction(self._engine) as connection:
            query = sa.select(t.configuration_state.c.version)
            return int(connection.execute(query).scalar_one())


def lookup_configuration(engine: sa.Engine) -> Configuration:
    """The whole configuration, but for the rates: those are looked up when asked for."""
    return load_configuration(engine, LookupGroups(engine))


_MATCHES = (
    sa.select(t.rates)
    .where(
        t.rates.c.rate_group_id == sa.bindparam("group"),
        t.rates.c.prefix == sa.any_(sa.bindparam("prefixes", type_=sa.ARRAY(sa.Text))),
    )
    .order_by(t.rates.c.effective_from)
)
