"""`tollgate run`: database, switch, controller, web application and scheduler on one machine."""

import json
import secrets
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from controller import bootstrap
from controller.cli.processes import upgrade_database
from controller.cli.supervisor import Supervisor
from controller.config import Settings, SwitchKind
from controller.domain.errors import InvalidInput
from controller.drivers.freeswitch.launch import SwitchProcess
from controller.drivers.freeswitch.run_directory import (
    FreeSwitchPaths,
    SwitchConfig,
    SwitchPorts,
    find_binary,
)

CLI = "controller.cli"
SIMULATOR = "controller.drivers.simulator"


@click.command("run")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of this machine's data.")
@click.option("--web", "web_address", metavar="HOST:PORT", help="Where the pages are served.")
@click.option(
    "--switch",
    "switch_kind",
    type=click.Choice([kind.value for kind in SwitchKind]),
    help="FreeSWITCH where it is found, else the simulator, unless this says otherwise.",
)
@click.option("--no-demo", is_flag=True, help="Start with an empty operator.")
@click.pass_obj
def run_command(
    settings: Settings,
    data: Path | None,
    web_address: str | None,
    switch_kind: str | None,
    no_demo: bool,
) -> None:
    """Run everything on this machine; the first time, with a demonstration operator."""
    settings = _with_options(settings, data, web_address, switch_kind)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _require_free(settings.web_host, settings.web_port)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as cleanup:
        settings = settings.model_copy(update={"database_url": bootstrap.database_url(settings)})
        upgrade_database(settings)
        if not no_demo and bootstrap.load_demo(settings):
            # its package opens at once, not with the next timed run
            bootstrap.charge_what_is_due(bootstrap.engine(settings))
        supervisor = Supervisor(stop.is_set)
        cleanup.callback(supervisor.stop)
        settings, switch_text = _start_switch(settings, supervisor, cleanup)
        environment = _environment(settings)
        for name in ("controller", "web", "scheduler"):
            supervisor.add(name, CLI, name, **environment)
        _wait_for_web(settings, stop)
        # made last: a start that fails before would have made a password that nobody saw
        _announce(settings, bootstrap.first_administrator(settings), switch_text)
        supervisor.watch()
        click.echo("stopping …", err=True)


def _with_options(
    settings: Settings, data: Path | None, web_address: str | None, switch_kind: str | None
) -> Settings:
    changes: dict[str, object] = {}
    if data is not None:
        changes["data_dir"] = data
    if switch_kind is not None:
        changes["switch"] = SwitchKind(switch_kind)
    if web_address is not None:
        host, _, port = web_address.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise InvalidInput(f"--web {web_address!r}: expected HOST:PORT")
        changes |= {"web_host": host.strip("[]"), "web_port": int(port)}
    return settings.model_copy(update=changes)


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidInput(f"{host}:{port}: {error.strerror}; --web names another") from None


def _start_switch(
    settings: Settings, supervisor: Supervisor, cleanup: ExitStack
) -> tuple[Settings, str]:
    """The settings with which the switch is reached, and what to tell the operator."""
    binary = find_binary() if settings.switch in (SwitchKind.AUTO, SwitchKind.FREESWITCH) else None
    if settings.switch is SwitchKind.EXTERNAL:
        return settings, f"external, {settings.switch_host}:{settings.switch_port}"
    if binary is not None:
        return _start_freeswitch(settings, binary, supervisor, cleanup)
    if settings.switch is SwitchKind.FREESWITCH:
        raise InvalidInput("no freeswitch binary: set FREESWITCH_BIN or put it on PATH")
    return _start_simulator(settings, supervisor)


@dataclass(slots=True)
class _FreeSwitch:
    """Our own FreeSWITCH, started again when it falls."""

    paths: FreeSwitchPaths
    config: SwitchConfig
    process: SwitchProcess

    def reached(self) -> dict[str, object]:
        """The settings with which it is reached; a new start makes a new password."""
        return {
            "switch_port": self.process.ports.event_socket,
            "switch_password": self.process.password,
            "cdr_spool": self.paths.cdr_spool,
        }

    def tend(self, supervisor: Supervisor) -> None:
        if self.process.alive():
            return
        click.echo("FreeSWITCH ended; starting it again", err=True)
        self.process = SwitchProcess.start(self.paths, self.config)
        changed = {f"TOLLGATE_{name.upper()}": str(v) for name, v in self.reached().items()}
        supervisor.restart("controller", **changed)

    def stop(self) -> None:
        self.process.stop()


def _start_freeswitch(
    settings: Settings, binary: Path, supervisor: Supervisor, cleanup: ExitStack
) -> tuple[Settings, str]:
    paths = FreeSwitchPaths(binary, settings.data_dir / "freeswitch")
    ports = SwitchPorts(_free_port(), settings.sip_port, settings.phones_sip_port)
    config = SwitchConfig(ports, settings.sip_ip)
    process = SwitchProcess.adopt(paths) or SwitchProcess.start(paths, config)
    switch = _FreeSwitch(paths, config, process)
    cleanup.callback(switch.stop)
    supervisor.chores.append(lambda: switch.tend(supervisor))
    where = f"FreeSWITCH, SIP trunks at {settings.sip_ip}:{process.ports.trunks}"
    return settings.model_copy(update=switch.reached()), where


def _start_simulator(settings: Settings, supervisor: Supervisor) -> tuple[Settings, str]:
    port, password = _free_port(), secrets.token_urlsafe(24)
    folder = (settings.data_dir / "simulator").resolve()
    spool = folder / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    world = folder / "world.json"
    world.write_text(json.dumps(bootstrap.simulated_world(settings)), encoding="utf-8")
    note = folder / "switch.json"  # where `tollgate doctor` finds it
    note.touch(mode=0o600)
    note.write_text(json.dumps({"ports": {"event_socket": port}, "password": password}))
    supervisor.add(
        "simulator",
        SIMULATOR,
        *("--port", str(port), "--world", str(world), "--cps", f"{settings.simulator_cps:g}"),
        *("--spool", str(spool)),
        TOLLGATE_SIMULATOR_PASSWORD=password,
    )
    reached = {"switch_port": port, "switch_password": password, "cdr_spool": spool}
    why = "no FreeSWITCH was found" if settings.switch is SwitchKind.AUTO else "as asked"
    text = f"simulator, {settings.simulator_cps:g} calls a second ({why})"
    return settings.model_copy(update=reached), text


def _environment(settings: Settings) -> dict[str, str]:
    """The settings for child processes. Secrets travel here, not on a command line."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {f"TOLLGATE_{name.upper()}": str(value) for name, value in values.items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_web(settings: Settings, stop: threading.Event, patience_s: float = 30.0) -> None:
    deadline = time.monotonic() + patience_s
    while not stop.is_set() and time.monotonic() < deadline:
        try:
            with socket.create_connection((settings.web_host, settings.web_port), 1):
                return
        except OSError:
            stop.wait(0.1)


def _announce(settings: Settings, password: str | None, switch_text: str) -> None:
    host = f"[{settings.web_host}]" if ":" in settings.web_host else settings.web_host
    lines = ["", f"  Tollgate   http://{host}:{settings.web_port}/", f"  switch     {switch_text}"]
    lines.append(f"  data       {settings.data_dir.resolve()}")
    if password is not None:
        lines.append(f"  sign in    admin / {password}   (shown once; change it after signing in)")
    lines += ["", "  Ctrl-C stops everything."]
    click.echo("\n".join(lines))
    sys.stdout.flush()
