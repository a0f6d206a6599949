"""How pages read: read-only, in one snapshot, with a time limit; and the database's heartbeat."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from controller.domain.errors import StoreUnavailable
from controller.persistence.database import transaction

STATEMENT_TIMEOUT_S = 5


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A read-only transaction on one snapshot. Too slow, no connection free, away: all of these
    are StoreUnavailable, for a page must never hold up the calls' own work.

    Each statement is planned for its own values: a plan for anybody reads a list of an agent with
    half of the accounts three times as slowly as one for him, and those come after ten rounds.
    """
    try:
        with transaction(engine) as connection:
            connection.exec_driver_sql(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
                f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_S * 1000};"
                "SET LOCAL plan_cache_mode = force_custom_plan"
            )
            yield connection
    except sa.exc.TimeoutError as error:
        raise StoreUnavailable("every database connection is busy") from error


class PostgresProbe:
    """Implements `services.views.web.DatabaseProbe`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def check(self) -> None:
        with reading(self._engine) as connection:
            connection.execute(sa.text("SELECT version FROM configuration_state"))
