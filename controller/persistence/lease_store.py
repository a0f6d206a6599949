"""The leases in PostgreSQL, on a connection of their own (docs/adr/0013)."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, LiteralString, TypeVar

import psycopg

from controller.domain.errors import StoreUnavailable
from controller.domain.lease import Lease, LeaseState, Owner
from controller.persistence import lease_sql

log = logging.getLogger(__name__)

T = TypeVar("T")
APPLICATION = "tollgate-lease"


def session_name(switch_id: str) -> str:
    """By this, sessions of a switch's controllers are found: those of its standbys, too."""
    return f"{APPLICATION} {switch_id}"[:63]  # as the server would cut it


class PostgresLeaseStore:
    """Implements `services.ownership.LeaseStore`.

    Questions are asked on one thread, one at a time. An answer that does not come within
    `attempt_s` counts as a database that is away: the connection is broken off, so that the
    thread comes back. What was asked may have been done all the same.
    """

    def __init__(self, url: str, switch_id: str, attempt_s: float) -> None:
        self._url = url
        self._switch_id = switch_id
        self._attempt_s = attempt_s
        self._connection: psycopg.Connection[Any] | None = None
        self._known = False
        self._asked: asyncio.Future[Any] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lease")

    async def look(self, switch_id: str) -> LeaseState:
        return await self._ask(lambda: self._look(switch_id))

    async def take(
        self, switch_id: str, owner: Owner, lapse_s: float, dead: str | None
    ) -> Lease | None:
        values = {
            "switch": switch_id,
            "token": owner.token,
            "host": owner.host,
            "pid": owner.pid,
            "mark": owner.mark,
            "lapse_s": lapse_s,
            "dead": dead,
        }
        row = await self._ask(lambda: self._execute(lease_sql.TAKE, values).fetchone())
        return Lease(switch_id, row[0], owner.token) if row else None

    async def renew(self, lease: Lease, lapse_s: float) -> bool:
        return await self._change(lease_sql.RENEW, lease, lapse_s=lapse_s)

    async def release(self, lease: Lease) -> None:
        await self._change(lease_sql.RELEASE, lease)

    async def retire(self, lease: Lease) -> None:
        """Give it back for good: nobody is expected to take it again."""
        await self._change(lease_sql.RETIRE, lease)

    def close(self) -> None:
        """Break off; the thread ends when what it waits for does."""
        self._break_off()
        self._thread.shutdown(wait=False)

    # -- on the loop ----------------------------------------------------------------------

    async def _change(self, statement: LiteralString, lease: Lease, **more: object) -> bool:
        values = {"switch": lease.switch_id, "epoch": lease.epoch, "token": lease.token, **more}
        return await self._ask(lambda: self._execute(statement, values).rowcount == 1)

    async def _ask(self, work: Callable[[], T]) -> T:
        if self._asked is not None and not self._asked.done():
            await self._answer_of(self._asked)  # the one before still waits
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(self._thread, _translated, work)
        self._asked = asked
        asked.add_done_callback(_ignore_result)
        await self._answer_of(asked)
        return asked.result()

    async def _answer_of(self, asked: "asyncio.Future[Any]") -> None:
        done, _ = await asyncio.wait({asked}, timeout=self._attempt_s)
        if not done:
            self._break_off()
            raise StoreUnavailable(f"no answer within {self._attempt_s:g} s")

    def _break_off(self) -> None:
        """End the connection under the thread that waits on it."""
        connection = self._connection
        if connection is None:
            return
        with suppress(OSError, psycopg.Error):
            end = socket.socket(fileno=os.dup(connection.fileno()))
            with end:
                end.shutdown(socket.SHUT_RDWR)

    # -- on the thread --------------------------------------------------------------------

    def _look(self, switch_id: str) -> LeaseState:
        if not self._known:
            self._execute(lease_sql.KNOW, {"switch": switch_id})
            self._known = True
        row = self._execute(lease_sql.LOOK, {"switch": switch_id}).fetchone()
        if row is None:
            self._known = False
            raise StoreUnavailable("the lease's row was removed")
        epoch, token, host, pid, mark, remaining_s = row
        owner = Owner(token, host, pid, mark) if token is not None else None
        return LeaseState(switch_id, epoch, owner, remaining_s)

    def _execute(self, statement: LiteralString, values: dict[str, Any]) -> psycopg.Cursor[Any]:
        try:
            return self._connect().execute(statement, values)
        except psycopg.OperationalError:
            # of no more use, unless the server only cut a statement short
            if self._connection is not None and self._connection.broken:
                self._connection.close()
                self._connection = None
            raise

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            limit_ms = int(self._attempt_s * 1000)
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=2,
                tcp_user_timeout=limit_ms,
                application_name=session_name(self._switch_id),
                options=f"-c timezone=UTC -c statement_timeout={limit_ms}",
                prepare_threshold=1,
            )
        return self._connection


def _translated(work: Callable[[], T]) -> T:
    try:
        return work()
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise StoreUnavailable(" ".join(str(error).split())) from error


def _ignore_result(asked: "asyncio.Future[Any]") -> None:
    """Nobody may have waited long enough for it."""
    if not asked.cancelled():
        asked.exception()
