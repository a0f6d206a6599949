"""Routes and rates of all decks in one order, for the check of coverage.

Implements `services.coverage.CoverageStore`. The database merges and sorts, and one COPY brings
everything; a deck has few distinct prices for many prefixes, so each is worked out once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from psycopg import sql

from controller.domain.configuration import RateSelection
from controller.domain.coverage_walk import ROUTES, Row
from controller.domain.deck_cells import minute_price
from controller.domain.errors import InvalidInput
from controller.domain.money import MAX_DECIMALS
from controller.domain.numbering import CATCH_ALL, Rewrite
from controller.domain.sections import SectionMode
from controller.persistence import schema as t
from controller.persistence.config_objects import parameters_from
from controller.persistence.database import transaction
from controller.services.coverage_ports import CarryingVendor, CoverageReading, SellingAccount

SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
TIMEOUT_S = 60
_PERCENT_SCALE = 1_000_000

Driver = psycopg.Connection[Any]


class PostgresCoverage:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def look(self, when: datetime) -> Iterator[CoverageReading]:
        with transaction(self._engine) as connection:
            connection.execute(SNAPSHOT)
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'"))
            yield _Reading(connection, when)


class _Reading:
    def __init__(self, connection: sa.Connection, when: datetime) -> None:
        self._connection = connection
        self._when = when

    def cheapest_price(self) -> bool:
        state = self._connection.execute(sa.select(t.configuration_state.c.parameters))
        selection = parameters_from(state.scalar_one()).rate_selection
        return selection is RateSelection.CHEAPEST

    def group_names(self) -> dict[int, str]:
        return {row.id: row.name for row in self._rows("SELECT id, name FROM rate_groups")}

    def selling_accounts(self) -> list[SellingAccount]:
        return [
            SellingAccount(
                row.id,
                row.name,
                row.parent_id,
                row.currency,
                tuple(g for g in (row.private_rate_group_id, row.rate_group_id) if g is not None),
                tuple(row.phone_groups),
                row.has_trunk or row.has_plain_phone,
                row.alive,
            )
            for row in self._rows(_SELLING, when=self._when)
        ]

    def vendors(self) -> list[CarryingVendor]:
        return [
            CarryingVendor(
                row.id,
                row.name,
                row.rate_group_id,
                row.currency,
                row.terminates,
                row.dead,
                Rewrite(row.rewrite_callee) if row.bill_sent_number else None,
            )
            for row in self._rows(_VENDORS, when=self._when)
        ]

    def rows(self, streams: Mapping[int, int], vendors: Mapping[int, int]) -> Iterator[Row]:
        groups = self._rows("SELECT id, section_mode FROM rate_groups")
        prices = _Prices(streams, {row.id: SectionMode(row.section_mode) for row in groups})
        query = sql.SQL(_ALL).format(groups=list(streams), when=self._when)
        # COPY escapes a backslash by another; there are no control characters in what it brings
        for line in self._copy(query):
            prefix, _, rest = line.partition("\t")
            body, _, area = rest.rpartition("\t")
            priced = prices.of(body)
            if priced is None:
                continue
            stream, net, gross = priced
            if stream == ROUTES:
                yield Row(prefix, ROUTES, vendor=vendors[net])
            else:
                yield Row(prefix, stream, net, gross, area.replace("\\\\", "\\"))

    def routed_prefixes(self, gateway_id: int) -> list[str]:
        query = "SELECT prefix FROM routes WHERE gateway_id = :gateway"
        return [row.prefix for row in self._rows(query, gateway=gateway_id)]

    def rated_prefixes(self, group_id: int) -> Iterator[str]:
        # a cursor, not a COPY: whoever asks may stop before the end
        streaming = self._connection.execution_options(yield_per=10_000)
        values = {"group": group_id, "when": self._when}
        yield from streaming.scalars(sa.text(_RATED), values)

    def _copy(self, query: sql.Composed) -> Iterator[str]:
        driver = cast(Driver, self._connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(query) as copy:
            for line in copy:
                yield str(line, "utf-8").rstrip("\n")

    def _rows(self, query: str, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(query), values)


class _Prices:
    """What a row of the COPY means, remembered by its text.

    `group, tiers, sections, tax` of a rate gives its stream and two amounts; of a route, whose
    group is 0, the stream of the routes and the gateway.
    """

    def __init__(self, streams: Mapping[int, int], modes: Mapping[int, SectionMode]) -> None:
        self._streams = streams
        self._modes = modes
        self._known: dict[str, tuple[int, int, int] | None] = {}

    def of(self, body: str) -> tuple[int, int, int] | None:
        """None for a rate that cannot be used: the controller leaves it out too."""
        try:
            return self._known[body]
        except KeyError:
            found = self._known[body] = self._work_out(body)
            return found

    def _work_out(self, body: str) -> tuple[int, int, int] | None:
        group, tiers, sections, tax = body.split("\t")
        if group == "0":
            return ROUTES, int(tiers), 0
        try:
            net = _smallest(minute_price(tiers, sections, self._modes[int(group)]))
        except InvalidInput:
            return None
        percent = _smallest(Decimal(tax)) // 10 ** (MAX_DECIMALS - 4)
        gross = net * (_PERCENT_SCALE + percent) // _PERCENT_SCALE
        return self._streams[int(group)], net, gross


def _smallest(amount: Decimal) -> int:
    return int(amount.scaleb(MAX_DECIMALS))


_USABLE = """
NOT r.locked AND (r.effective_from IS NULL OR r.effective_from <= {0})
    AND (r.effective_to IS NULL OR {0} < r.effective_to)
"""
_BARE = f"CASE r.prefix WHEN '{CATCH_ALL}' THEN '' ELSE r.prefix END COLLATE \"C\""
_ALL = f"""
COPY (
    SELECT {_BARE} AS prefix, r.rate_group_id, r.tiers, r.sections, r.tax_percent, r.area
    FROM rates r WHERE r.rate_group_id = ANY({{groups}}) AND {_USABLE.format("{when}")}
    UNION ALL
    SELECT {_BARE}, 0, r.gateway_id::text, '', 0, '' FROM routes r
    ORDER BY 1
) TO STDOUT
"""  # noqa: S608 - constants; values come as literals of the driver
_RATED = f"""
SELECT DISTINCT {_BARE} AS prefix FROM rates r
WHERE r.rate_group_id = :group AND {_USABLE.format(":when")} ORDER BY 1
"""  # noqa: S608 - the same
_SELLING = """
WITH RECURSIVE calling AS (
    SELECT a.id,
        EXISTS (SELECT FROM mapping_gateways m WHERE m.account_id = a.id AND NOT m.locked)
            AS has_trunk,
        EXISTS (SELECT FROM phones p WHERE p.account_id = a.id AND NOT p.locked
            AND p.rate_group_id IS NULL) AS has_plain_phone,
        ARRAY(SELECT DISTINCT p.rate_group_id FROM phones p WHERE p.account_id = a.id
            AND NOT p.locked AND p.rate_group_id IS NOT NULL ORDER BY 1) AS phone_groups
    FROM accounts a WHERE a.kind IN ('ordinary', 'phone_card')
), wanted AS (
    SELECT id FROM calling
    WHERE has_trunk OR has_plain_phone OR cardinality(phone_groups) > 0
    UNION
    SELECT a.parent_id FROM wanted w JOIN accounts a ON a.id = w.id WHERE a.parent_id IS NOT NULL
)
SELECT a.id, a.name, a.parent_id, a.currency, a.rate_group_id, a.private_rate_group_id,
    coalesce(c.has_trunk, false) AS has_trunk,
    coalesce(c.has_plain_phone, false) AS has_plain_phone,
    coalesce(c.phone_groups, '{}') AS phone_groups,
    NOT a.locked AND a.closed_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > :when) AS alive
FROM wanted JOIN accounts a USING (id) LEFT JOIN calling c USING (id)
ORDER BY a.name
"""
# `dead` as routing sees it (domain/routing.py)
_VENDORS = """
SELECT g.id, g.name, a.rate_group_id, coalesce(d.currency, a.currency) AS currency,
    g.prefix_mode = 'terminate' AS terminates, g.bill_sent_number, g.rewrite_callee,
    g.locked OR a.locked OR a.closed_at IS NOT NULL OR a.kind <> 'clearing'
        OR coalesce(a.expires_at <= :when, false) AS dead
FROM routing_gateways g JOIN accounts a ON a.id = g.clearing_account_id
LEFT JOIN rate_groups d ON d.id = a.rate_group_id
ORDER BY g.name
"""
