"""`tollgate doctor`: what is wrong with this deployment, and what to do about it."""

import asyncio
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import click
import sqlalchemy as sa

from controller import bootstrap
from controller.cli.output import database_errors, printable, show_json
from controller.config import Settings
from controller.domain.errors import StoreUnavailable, SwitchError
from controller.drivers.freeswitch.inspection import calls_gone, inspect_spool, inspect_switch
from controller.drivers.freeswitch.launch import STATE_FILE
from controller.drivers.freeswitch.variables import TRUNK_PROFILE
from controller.persistence import database
from controller.persistence.config_reader import load_configuration
from controller.persistence.coverage_store import PostgresCoverage
from controller.persistence.database_facts import DatabaseInspector
from controller.persistence.offline_log import FOLDER, inspect_offline
from controller.persistence.rate_loader import RateGroups
from controller.persistence.verification_store import PostgresVerifications
from controller.services.coverage import check_coverage
from controller.services.diagnosis.clock_and_disk import judge_disk
from controller.services.diagnosis.configuration import judge_configuration, judge_coverage
from controller.services.diagnosis.database import judge_database, judge_partitions, judge_schema
from controller.services.diagnosis.ledger import OLD_S, judge_verification
from controller.services.diagnosis.offline import judge_offline
from controller.services.diagnosis.ownership import judge_ownership
from controller.services.diagnosis.switch import (
    OpenCallFacts,
    SwitchFacts,
    judge_open_calls,
    judge_spool,
    judge_switch,
)
from controller.services.doctor import Check, Finding, Status, examine

SETTLED_CALLS_S = 30.0
"""Calls younger than this may be on their way into or out of the switch."""

_STARTED = {"freeswitch": "spool/json_cdr", "simulator": "spool"}
"""Folders in which `tollgate run` notes down its switch, and where their CDR files are."""

_COLORS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def doctor_command(settings: Settings, as_json: bool) -> None:
    """Check database, configuration, switch, CDR spool and disks. Exit status 1: one fails."""
    found: list[Finding] = []
    for finding in examine(checks(settings)):
        found.append(finding)
        if not as_json:
            _show(finding)
    failed = any(finding.status is Status.FAIL for finding in found)
    if as_json:
        show_json({"ok": not failed, "checks": [asdict(finding) for finding in found]})
    if failed:
        raise click.exceptions.Exit(1)


def checks(settings: Settings) -> list[Check]:
    """All checks of this deployment, the ones that others need first."""
    deployment = Deployment(settings)
    return [
        Check("database", deployment.database, limit_s=30),
        Check("database version", deployment.server, needs=("database",)),
        Check("schema", deployment.schema, needs=("database",)),
        Check("partitions", deployment.partitions, needs=("schema",)),
        Check("ledger", deployment.ledger, needs=("schema",)),
        Check("configuration", deployment.compiled, limit_s=60, needs=("schema",)),
        Check("rate groups", deployment.configuration, limit_s=60, needs=("schema",)),
        Check("coverage", deployment.coverage, limit_s=60, needs=("schema",)),
        Check("switch owner", deployment.ownership, needs=("schema",)),
        Check("switch link", deployment.switch_link, limit_s=15),
        Check("switch version", deployment.switch, needs=("switch link",)),
        Check("open calls", deployment.open_calls, needs=("schema", "switch link")),
        Check("CDR spool", deployment.spool),
        Check("offline journal", deployment.offline),
        Check("data disk", deployment.disk),
    ]


@dataclass(frozen=True, slots=True)
class SwitchAddress:
    """Where the switch answers, and where it leaves its CDR files."""

    host: str
    port: int
    password: str
    spool: Path


class Deployment:
    """What is to be checked: gathers facts and has them judged."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def database(self) -> Iterable[Finding]:
        if not self._settings.database_url and not self._embedded.is_dir():
            why = f"none in {self._embedded}, and no TOLLGATE_DATABASE_URL"
            yield Finding("database", Status.FAIL, why, "'tollgate run' makes one")
            return
        try:
            answer_ms = self._inspector.answer_ms()
        except StoreUnavailable as error:
            why = " ".join(str(error).split())
            remedy = "start the server; see TOLLGATE_DATABASE_URL"
            yield Finding("database", Status.FAIL, why[:300], remedy)
            return
        yield Finding("database", Status.OK, f"answers in {answer_ms} ms")

    def server(self) -> Iterable[Finding]:
        return judge_database(self._inspector.server())

    def schema(self) -> Iterable[Finding]:
        found, newest = database.current_revision(self._engine), database.newest_revision()
        yield judge_schema(found, newest)

    def partitions(self) -> Iterable[Finding]:
        return judge_partitions(self._inspector.partitions(datetime.now(UTC).date()))

    def ledger(self) -> Iterable[Finding]:
        kept = PostgresVerifications(self._engine)
        last = kept.latest()
        overdue = last is None and kept.has_postings_older_than(OLD_S)
        yield judge_verification(last, overdue=overdue)

    def compiled(self) -> Iterable[Finding]:
        """The way that the controller reads it; a rate that cannot be used refuses its calls."""
        groups = RateGroups(None)
        with database_errors():
            c = load_configuration(self._engine, groups)
        for name, left_out in groups.left_out.items():
            prefix, why = left_out.examples[0]
            yield Finding(
                "rates",
                Status.FAIL,
                f"{name}: {left_out.rows} rates cannot be used, the first is {prefix}: {why}",
                "import them again: 'tollgate rates import'",
            )
        rates = sum(len(group.rates) for group in c.rate_groups.values())
        detail = f"version {c.version}: {len(c.accounts)} accounts, {rates} rated destinations"
        yield Finding("configuration", Status.OK, detail)

    def configuration(self) -> Iterable[Finding]:
        return judge_configuration(self._inspector.configuration())

    def coverage(self) -> Iterable[Finding]:
        with database_errors():
            report = check_coverage(PostgresCoverage(self._engine), datetime.now(UTC))
        return judge_coverage(report)

    def ownership(self) -> Iterable[Finding]:
        switches = bootstrap.switch_view(self._settings).switches()
        return judge_ownership(self._settings.switch_id, switches)

    def switch_link(self) -> Iterable[Finding]:
        at = self._switch
        where = f"{at.host}:{at.port}"
        try:
            answered_in_ms = self._switch_facts.answered_in_ms
        except SwitchError as error:
            remedy = (
                "is the switch running, with its Event Socket there? TOLLGATE_SWITCH_HOST, _PORT"
            )
            if "password" in str(error):
                remedy = "set TOLLGATE_SWITCH_PASSWORD to that of event_socket.conf.xml"
            detail = str(error) if where in str(error) else f"{where}: {error}"
            yield Finding("switch link", Status.FAIL, detail, remedy)
            return
        yield Finding("switch link", Status.OK, f"{where} answers in {answered_in_ms} ms")

    def switch(self) -> Iterable[Finding]:
        return judge_switch(self._switch_facts, TRUNK_PROFILE)

    def open_calls(self) -> Iterable[Finding]:
        held = self._inspector.open_calls(self._settings.switch_id, SETTLED_CALLS_S)
        at = self._switch
        timeout_s = self._settings.switch_timeout_s
        gone = asyncio.run(calls_gone(at.host, at.port, at.password, timeout_s, held))
        # what ended while we asked is no news
        still = set(self._inspector.open_calls(self._settings.switch_id, SETTLED_CALLS_S))
        yield judge_open_calls(OpenCallFacts(len(held), tuple(c for c in gone if c in still)))

    def spool(self) -> Iterable[Finding]:
        return judge_spool(inspect_spool(self._switch.spool))

    def offline(self) -> Iterable[Finding]:
        return judge_offline(inspect_offline(self._settings.data_dir / FOLDER))

    def disk(self) -> Iterator[Finding]:
        folder = self._settings.data_dir.resolve()
        while not folder.is_dir():
            folder = folder.parent
        yield judge_disk("data disk", shutil.disk_usage(folder).free)

    @property
    def _embedded(self) -> Path:
        return self._settings.data_dir / "postgres"

    @cached_property
    def _engine(self) -> sa.Engine:
        return bootstrap.engine(self._settings)

    @cached_property
    def _inspector(self) -> DatabaseInspector:
        return DatabaseInspector(self._engine)

    @cached_property
    def _switch(self) -> SwitchAddress:
        return switch_address(self._settings)

    @cached_property
    def _switch_facts(self) -> SwitchFacts:
        at = self._switch
        return asyncio.run(
            inspect_switch(at.host, at.port, at.password, self._settings.switch_timeout_s)
        )


def switch_address(settings: Settings) -> SwitchAddress:
    """As set; else of the switch that `tollgate run` started and noted down."""
    if not settings.switch_password:
        for name, spool in _STARTED.items():
            folder = settings.data_dir / name
            try:
                noted = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
                port, password = int(noted["ports"]["event_socket"]), str(noted["password"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            return SwitchAddress("127.0.0.1", port, password, settings.cdr_spool or folder / spool)
    return SwitchAddress(
        settings.switch_host, settings.switch_port, settings.switch_password, settings.spool_dir
    )


def _show(finding: Finding) -> None:
    click.secho(f"{finding.status.value:<4}", fg=_COLORS[finding.status], nl=False)
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    click.echo(f"  {finding.check:<20} {printable(finding.detail)}{printable(remedy)}")
