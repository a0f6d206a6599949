"""What people ask of a switch's calls, for the controller that owns the switch (docs/adr/0023).

A thread of its own, with a connection of its own: the calls' own way knows nothing of it. It waits
for a notification; every transaction begins with the fence, so that one who has lost the switch
takes nothing and says nothing of it.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from controller.domain.lease import Lease
from controller.persistence import lease_sql
from controller.persistence.call_commands import CHANNEL

log = logging.getLogger(__name__)

POLL_S = 5.0
"""Between looks without a notification: one may be lost with its connection."""

AGAIN_S = 0.5
"""While something waits that could not be done: the switch's link is away, for example."""

STANDSTILL_S = 2
"""As in the call store: a transaction of a process that stands still must not hold the lease."""

APPLICATION = "tollgate-commands"

# one statement, one snapshot: what is over is not handed out
_WAITING = """
WITH open AS (
    SELECT c.id, c.call_id, c.expires_at > statement_timestamp() AS in_time,
        EXISTS (SELECT FROM calls k WHERE k.call_id = c.call_id) AS there
    FROM call_commands c WHERE c.switch_id = %(switch)s AND c.state = 'asked'
), over AS (
    UPDATE call_commands c SET ended_at = statement_timestamp(), epoch = %(epoch)s,
        state = CASE WHEN o.there THEN 'expired' ELSE 'not_there' END
    FROM open o WHERE c.id = o.id AND c.state = 'asked' AND NOT (o.there AND o.in_time)
)
SELECT id, call_id::text FROM open WHERE there AND in_time ORDER BY id
"""
_DONE = """
UPDATE call_commands SET state = 'done', ended_at = statement_timestamp(), epoch = %(epoch)s
WHERE id = ANY(%(ids)s) AND state = 'asked'
"""


@dataclass(frozen=True, slots=True)
class AskedHangUp:
    command_id: int
    call_id: str


class CommandWatcher:
    """For one switch and one epoch, from `start` to `stop`."""

    def __init__(
        self,
        url: str,
        lease: Lease,
        carry_out: Callable[[Sequence[AskedHangUp]], Collection[int]],
        fenced: Callable[[], None],
    ) -> None:
        """`carry_out` returns the ids of what was done; it and `fenced` are called on this thread.

        What `carry_out` has done may come to it again: when the answer cannot be written.
        """
        self._url = url
        self._lease = lease
        self._carry_out = carry_out
        self._fenced = fenced
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="call commands", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing more is carried out. The thread itself may still wait for the database."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connected() as connection:
                    self._follow(connection)
            except psycopg.Error as error:
                if error.sqlstate == lease_sql.FENCED:
                    log.warning("commands left to the next owner", extra={"why": _line(error)})
                    self._fenced()
                    return
                log.error("commands not looked for", extra={"why": _line(error)})
            except Exception:
                # whatever one command stumbles over, the next ones must be looked for
                log.exception("commands not carried out")
            self._stop.wait(POLL_S)

    def _follow(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        while not self._stop.is_set():
            wait_s = AGAIN_S if self._look(connection) else POLL_S
            for _ in connection.notifies(timeout=wait_s, stop_after=1):
                pass

    def _look(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether something still waits."""
        asked = [AskedHangUp(*row) for row in self._fenced_rows(connection, _WAITING)]
        if not asked or self._stop.is_set():
            return False
        done = list(self._carry_out(asked))
        if done:
            self._fenced_rows(connection, _DONE, ids=done)
        for command in asked:
            if command.command_id in done:
                log.info("hung up on request", extra={"call_id": command.call_id})
        return len(done) < len(asked)

    def _fenced_rows(
        self, connection: psycopg.Connection[Any], statement: Any, **values: object
    ) -> list[tuple[Any, ...]]:
        lease = self._lease
        with connection.transaction():
            connection.execute(lease_sql.FENCE, (lease.switch_id, lease.epoch, lease.token))
            more = {"switch": lease.switch_id, "epoch": lease.epoch, **values}
            cursor = connection.execute(statement, more)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=5,
            tcp_user_timeout=10_000,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            row_factory=tuple_row,
            application_name=APPLICATION,
            options=(
                "-c timezone=UTC -c statement_timeout=5000 -c lock_timeout=2500 "
                f"-c idle_in_transaction_session_timeout={STANDSTILL_S * 1000}"
            ),
        ) as connection:
            yield connection


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
