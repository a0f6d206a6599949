"""Rates as the database stores them: read in bulk, equal ones together.

A deck has few distinct rates for many prefixes. The database groups them and hands out JSON, so
that a million rows cost this process no more than some ten thousand.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import psycopg
from psycopg import sql

from controller.domain.errors import InvalidInput
from controller.domain.rates import Rate, RateType
from controller.domain.sections import SectionMode, parse_sections, with_sections
from controller.domain.tariff import Tariff, parse_tariff

Driver = psycopg.Connection[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# instants as seconds since 1970: their text would depend on the session's settings
_RATES = sql.SQL(
    """
COPY (
    SELECT json_build_array(
        json_build_array(area, rate_type, tiers, sections, tax_percent::text,
            extract(epoch FROM effective_from)::text, extract(epoch FROM effective_to)::text,
            locked),
        json_agg(prefix))
    FROM rates WHERE rate_group_id = {}
    GROUP BY area, rate_type, tiers, sections, tax_percent, effective_from, effective_to, locked
) TO STDOUT
"""
)

_CONTENT = "SELECT sum(hash_record_extended(rates, 0)) FROM rates WHERE rate_group_id = %s"

_DATABASE = """
SELECT oid, has_function_privilege('pg_control_system()', 'execute') FROM pg_database
WHERE datname = current_database()
"""
_CLUSTER = "SELECT system_identifier FROM pg_control_system()"


class StoredRate(NamedTuple):
    """A distinct rate: its columns in the order of `_RATES`, and the prefixes that have it."""

    columns: list[Any]
    prefixes: list[str]


def read_rates(connection: Driver, group_id: int) -> Iterator[StoredRate]:
    """Every rate of a group, in no order."""
    with connection.cursor() as cursor, cursor.copy(_RATES.format(group_id)) as copy:
        for line in copy:
            # JSON has no control characters: COPY escapes nothing in it but its backslashes
            yield StoredRate(*orjson.loads(bytes(line).replace(b"\\\\", b"\\")))


def content_of(connection: Driver, group_id: int) -> str:
    """A checksum of all rates of a group, worked out by the database (0.3 s for a million)."""
    row = connection.execute(_CONTENT, (group_id,)).fetchone()
    return "" if row is None or row[0] is None else str(row[0])


def database_of(connection: Driver) -> str:
    """Which database this is among those of a machine: letters and digits for a file's name.

    That files hold what the database holds does not rest on this, but on `content_of`.
    """
    oid, may_ask = connection.execute(_DATABASE).fetchall()[0]
    cluster = connection.execute(_CLUSTER).fetchall()[0][0] if may_ask else 0
    return f"{cluster:x}.{oid:x}"


def rate_of(columns: list[Any], mode: SectionMode) -> Rate:
    """The rate of these columns. Raises InvalidInput saying what makes it unusable."""
    area, rate_type, tiers, sections, tax, valid_from, valid_until, locked = columns
    try:
        return Rate(
            tariff=_tariff(tiers, sections, mode),
            tax_percent=_tax(tax),
            area=area,
            rate_type=RateType(rate_type),
            locked=locked,
            valid_from=_instant(valid_from),
            valid_until=_instant(valid_until),
        )
    except (ValueError, ArithmeticError) as error:
        raise InvalidInput(str(error) or type(error).__name__) from error


@lru_cache(maxsize=65_536)
def _tariff(tiers: str, sections: str, mode: SectionMode) -> Tariff:
    regular = parse_tariff(tiers)
    return with_sections(regular, parse_sections(sections), mode) if sections else regular


@lru_cache(maxsize=1024)
def _tax(text: str) -> Decimal:
    percent = Decimal(text)
    if not (percent.is_finite() and percent >= 0):
        raise InvalidInput(f"tax {text} %")
    return percent


def _instant(seconds: str | None) -> datetime | None:
    """Exact to the microsecond."""
    if seconds is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(Decimal(seconds) * 1_000_000))
    except (ArithmeticError, ValueError):
        raise InvalidInput(f"effective from or to: {seconds} is not a date") from None
