"""Rate groups written straight into the tables, and loaded as the controller does."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import CallParameters
from controller.domain.rates import RateGroup
from controller.persistence import schema as t
from controller.persistence.rate_loader import RateGroups

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DEFAULTS = CallParameters()
BY_MINUTE = "0|0:0.06/60/60"

Row = dict[str, Any]


def add_group(engine: sa.Engine, name: str, rows: list[Row], **columns: Any) -> int:
    """A rate group of these rates; a rate needs no more than its prefix."""
    with engine.begin() as connection:
        group_id = connection.execute(
            sa.insert(t.rate_groups)
            .values(name=name, currency="EUR", **columns)
            .returning(t.rate_groups.c.id)
        ).scalar_one()
        for row in rows:
            values = {"rate_group_id": group_id, "tiers": BY_MINUTE} | row
            connection.execute(sa.insert(t.rates).values(**values))
        return int(group_id)


def load(
    engine: sa.Engine, groups: RateGroups, parameters: CallParameters = DEFAULTS
) -> dict[int, RateGroup]:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return groups.load(connection, {}, parameters)


def set_tiers(engine: sa.Engine, group_id: int, prefix: str, tiers: str) -> None:
    at = (t.rates.c.rate_group_id == group_id, t.rates.c.prefix == prefix)
    with engine.begin() as connection:
        connection.execute(sa.update(t.rates).where(*at).values(tiers=tiers))


def tiers_of(group: RateGroup, number: str) -> str | None:
    matched = group.rate_for(number, NOW)
    return None if matched is None else str(matched.rate.tariff)


def index_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == ".v1")


EVERY_KIND: list[Row] = [
    {"prefix": "*", "tiers": "0|0:1/60/60", "area": "anywhere"},
    {"prefix": "39", "area": "Italia"},
    {"prefix": "393", "area": "Italia – cellulari", "tax_percent": Decimal("22.5")},
    {"prefix": "3933", "locked": True},
    {"prefix": "33", "effective_to": NOW},
    {"prefix": "33", "effective_from": NOW, "tiers": "0|0:0.07/60/60", "area": "dès maintenant"},
    {"prefix": "49", "effective_from": datetime(2030, 1, 1, tzinfo=UTC)},
    {"prefix": "81", "area": '東京 "\\t" \\ \\\\ \t \n end', "rate_type": 2},
    {"prefix": "7", "tiers": BY_MINUTE, "sections": "60:0.10;120:0.18;180:0.25"},
    {"prefix": "12345678901234567890", "tiers": "0.5|0:=1"},
]
NUMBERS = [
    *("39", "39061", "3931", "39333", "33", "3311", "49123", "8155", "79", "1", "", "12345"),
    *("123456789012345678901", "a39", "3*9", "39a"),
]
