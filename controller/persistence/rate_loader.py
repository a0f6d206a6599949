"""Rate groups from the database, each with its rates indexed for lookup.

Small decks become dictionaries here. Large ones are files that a process of its own compiles
(rate_index/), for reading a million rates in this process would hold up its calls. What did not
change since the last time is taken over.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import sqlalchemy as sa

from controller.domain.configuration import CallParameters
from controller.domain.money import Rounding
from controller.domain.periods import PeriodSchedule
from controller.domain.rates import Boundary, RateGroup, RateIndex
from controller.domain.sections import SectionMode
from controller.domain.tariff import Terms
from controller.persistence import schema as t
from controller.persistence.database import driver_url
from controller.persistence.rate_index.deck import LeftOut, dictionary, gather
from controller.persistence.rate_index.files import IndexFiles
from controller.persistence.rate_index.layout import Identity
from controller.persistence.rate_index.stored import (
    Driver,
    content_of,
    database_of,
    read_rates,
)

log = logging.getLogger(__name__)

SMALL = 20_000
"""Rates up to which a group is a dictionary: some 50 ms of work, in slices."""

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class _Loaded:
    version: int
    mode: SectionMode
    index: RateIndex
    # of its file, where it has one
    file_name: str = ""


class GroupLoader(Protocol):
    """Loads rate groups; how their rates are found is its own affair."""

    def load(
        self,
        connection: sa.Connection,
        schedules: Mapping[int, PeriodSchedule],
        parameters: CallParameters,
    ) -> dict[int, RateGroup]: ...


class RateGroups:
    """Loads the rate groups again and again, and keeps the indexes that are still right.

    For one thread at a time, in transactions that change nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        """`directory` is for index files; without, large decks are compiled in this process."""
        self._files = IndexFiles(directory)
        self._loaded: dict[int, _Loaded] = {}
        self.left_out: dict[str, LeftOut] = {}
        """By rate group, rates that could not be used when it was loaded last."""

    def load(
        self,
        connection: sa.Connection,
        schedules: Mapping[int, PeriodSchedule],
        parameters: CallParameters,
    ) -> dict[int, RateGroup]:
        """Every rate group as the transaction sees it; REPEATABLE READ makes that one state.

        `schedules` are the periods of groups that have some. Raises StoreUnavailable if a file
        cannot be built. A rate that cannot be used is logged and left out.
        """
        rows = connection.execute(sa.select(t.rate_groups)).all()
        self._loaded = {row.id: self._up_to_date(connection, row) for row in rows}
        self._sweep(connection, rows)
        return {
            row.id: RateGroup(
                row.id,
                row.name,
                terms_of(row, parameters),
                self._loaded[row.id].index,
                schedules.get(row.id),
                Boundary(row.boundary),
            )
            for row in rows
        }

    def _up_to_date(self, connection: sa.Connection, row: Row) -> _Loaded:
        loaded, mode = self._loaded.get(row.id), SectionMode(row.section_mode)
        if loaded and (loaded.version, loaded.mode) == (row.rates_version, mode):
            return loaded
        loaded, left_out = self._load(connection, row, mode)
        self.left_out.pop(row.name, None)
        if left_out.rows:
            self.left_out[row.name] = left_out
            _tell(row.name, left_out)
        return loaded

    def _load(
        self, connection: sa.Connection, row: Row, mode: SectionMode
    ) -> tuple[_Loaded, LeftOut]:
        driver = _driver(connection)
        if _is_small(connection, row.id):
            deck = gather(read_rates(driver, row.id), mode)
            return _Loaded(row.rates_version, mode, dictionary(deck)), deck.left_out
        content = content_of(driver, row.id)
        identity = Identity(database_of(driver), row.id, row.rates_version, mode, content)
        url = driver_url(connection.engine.url.render_as_string(hide_password=False))
        index = self._files.index(driver, url, identity)
        return _Loaded(row.rates_version, mode, index, identity.file_name), index.left_out

    def _sweep(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        wanted = {loaded.file_name for loaded in self._loaded.values()}
        versions = {row.id: row.rates_version for row in rows}
        self._files.sweep(database_of(_driver(connection)), versions, wanted)


def load_rate_groups(
    connection: sa.Connection,
    schedules: Mapping[int, PeriodSchedule],
    parameters: CallParameters,
) -> dict[int, RateGroup]:
    """Every rate group, once: without files, and nothing is kept."""
    return RateGroups(None).load(connection, schedules, parameters)


def terms_of(row: Row, parameters: CallParameters) -> Terms:
    decimals = parameters.fee_precision if row.decimals is None else row.decimals
    return Terms(row.currency, decimals, Rounding(row.rounding), parameters.fee_unit)


def _is_small(connection: sa.Connection, group_id: int) -> bool:
    first = sa.select(sa.literal(1)).where(t.rates.c.rate_group_id == group_id).limit(SMALL + 1)
    query = sa.select(sa.func.count()).select_from(first.subquery())
    return int(connection.execute(query).scalar_one()) <= SMALL


def _driver(connection: sa.Connection) -> Driver:
    return cast(Driver, connection.connection.driver_connection)


def _tell(group: str, left_out: LeftOut) -> None:
    for prefix, why in left_out.examples:
        log.error("rate left out", extra={"rate_group": group, "prefix": prefix, "why": why})
    if left_out.rows > len(left_out.examples):
        more = left_out.rows - len(left_out.examples)
        log.error("more rates left out", extra={"rate_group": group, "rates": more})
