"""What every process needs: the clock, identifiers, the database."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import sqlalchemy as sa

from controller.config import Settings
from controller.persistence.database import make_engine, start_embedded


class SystemClock:
    """Implements `services.ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class SwitchClock(SystemClock):
    """The present by a switch's clock, with whose stamps it is compared.

    `ahead_s` is the switch's time less this machine's, as it was measured last.
    """

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s)


class RandomIds:
    """Implements `services.ports.Ids`."""

    def leg_id(self) -> str:
        return str(uuid.uuid4())


@lru_cache(maxsize=4)
def database_url(settings: Settings) -> str:
    """The operator's database, or the embedded one, started if it isn't running."""
    if settings.database_url:
        return settings.database_url
    return start_embedded((settings.data_dir / "postgres").resolve())


def engine(settings: Settings) -> sa.Engine:
    return make_engine(database_url(settings))
