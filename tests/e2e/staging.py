"""A stage for whole calls: an operator in a database, its controller, SIPp around the switch."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from controller.persistence import database
from tests.e2e.controller_process import RunningController, SwitchAddress, wait_until
from tests.e2e.records import open_calls, wait_for_record
from tests.e2e.sipp import Sipp, SippProcess, find_sipp
from tests.e2e.switch import Switch, free_port
from tests.seed import Seed, plant


@dataclass(slots=True)
class Stage:
    """Everything a test of a whole call needs."""

    controller: RunningController
    engine: sa.Engine
    sipp: Sipp
    switch: Switch
    seed: Seed

    @property
    def vendor_ports(self) -> tuple[int, ...]:
        return self.seed.vendor_ports

    def record(self, caller: SippProcess, timeout_s: float = 15.0) -> sa.Row[Any]:
        """The one record of the one call of this SIPp."""
        return wait_for_record(self.engine, sip_call_id(caller), timeout_s)

    def wait_until_talking(self, count: int, timeout_s: float = 10.0) -> None:
        """Return when the database knows so many calls as answered."""
        wait_until(
            lambda: sum(1 for call in open_calls(self.engine) if call.answered_at) >= count,
            f"{count} answered calls",
            timeout_s,
        )

    def wait_until_open(self, count: int, timeout_s: float = 10.0) -> None:
        """Return when so many calls hold a reservation."""
        wait_until(lambda: len(open_calls(self.engine)) == count, f"{count} open calls", timeout_s)


def sip_call_id(caller: SippProcess) -> str:
    """SIPp's Call-IDs are made of its call number, its pid and its address."""
    return f"1-{caller.child.pid}@127.0.0.1"


@contextmanager
def staged(
    switch: Switch,
    database_url: str,
    directory: Path,
    seed: Seed,
    address: SwitchAddress | None = None,
) -> Iterator[Stage]:
    """A planted database, a running controller, a SIPp; all ended and idle when it is left."""
    binary = find_sipp()
    assert binary is not None, "tests that use SIPp carry the marker 'sipp'"
    directory.mkdir(parents=True, exist_ok=True)
    switch.remove_cdr_files()
    engine = database.make_engine(database_url)
    plant(engine, seed)
    controller = RunningController(address or switch, database_url, directory)
    sipp = Sipp(binary, directory / "sipp", switch.ports.trunks)
    try:
        controller.start()
        yield Stage(controller, engine, sipp, switch, seed)
    finally:
        sipp.close()
        if switch.process.alive():
            switch.wait_until_idle(30.0)
        controller.stop()
        switch.remove_cdr_files()
        engine.dispose()


@contextmanager
def fresh_database(server_url: str, template_url: str) -> Iterator[str]:
    """For fixtures that live longer than one test, which the fixture `database_url` does not."""
    template = template_url.partition("?")[0].rpartition("/")[2]
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield server_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def free_ports(count: int) -> tuple[int, ...]:
    """Different ports that are free now."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return tuple(found)
