"""Fixtures: a real switch and SIPp. Tests that need them are skipped where they are missing;
`tests.e2e.switch.missing_parts` says so in the last lines of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from controller.domain.errors import InvalidConfiguration
from controller.drivers.freeswitch.run_directory import SwitchConfig, find_binary
from tests.e2e import fault_table
from tests.e2e.sipp import Sipp, find_sipp
from tests.e2e.switch import Switch, running_switch


class SwitchFactory(Protocol):
    def __call__(self, config: SwitchConfig | None = None) -> Switch: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    try:
        binary = find_binary()
    except InvalidConfiguration as error:
        raise pytest.UsageError(str(error)) from None
    absent = {
        "freeswitch": None if binary else "no FreeSWITCH (FREESWITCH_BIN or PATH)",
        "sipp": None if find_sipp() else "no SIPp (SIPP_BIN or PATH)",
    }
    for item in items:
        for marker, reason in absent.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of faults."""
    for line in fault_table.lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    """One switch for all tests that leave it as they found it."""
    with running_switch(tmp_path_factory.mktemp("freeswitch")) as running:
        yield running


@pytest.fixture
def start_switch(tmp_path: Path) -> Iterator[SwitchFactory]:
    """For tests that break their switch, or configure it: start_switch(config)."""
    with ExitStack() as stack:
        count = iter(range(100))

        def start(config: SwitchConfig | None = None) -> Switch:
            run_dir = tmp_path / f"freeswitch-{next(count)}"
            return stack.enter_context(running_switch(run_dir, config))

        yield start


@pytest.fixture
def sipp(switch: Switch, tmp_path: Path) -> Iterator[Sipp]:
    """SIPp, calling the session's switch; waits until its calls have ended. CDR files that no
    controller took are removed, for the next test's controller would take them for its own."""
    binary = find_sipp()
    assert binary is not None, "tests that use SIPp carry the marker 'sipp'"
    switch.remove_cdr_files()
    processes = Sipp(binary, tmp_path / "sipp", switch.ports.trunks)
    try:
        yield processes
    finally:
        processes.close()
        switch.wait_until_idle()
        switch.remove_cdr_files()
