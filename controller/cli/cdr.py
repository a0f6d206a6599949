"""`tollgate cdr`: settle what the switch left on disk, export, show and review call records."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import click

from controller import bootstrap
from controller.cli import arguments
from controller.cli.cdr_rerate import rerate_command
from controller.cli.cdr_view import (
    EXPORTED,
    LINE_COLUMNS,
    Cells,
    exported,
    json_lines,
    line_cells,
    record_as_json,
    show_record,
)
from controller.cli.output import (
    database_errors,
    output_file,
    printable,
    progress,
    show_json,
    show_table,
)
from controller.config import Settings
from controller.domain.errors import InvalidInput, ProtocolError
from controller.domain.events import CallEnded
from controller.drivers.freeswitch.spool import SUFFIX, CdrSpool, read_cdr_file
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.cdr_store import PostgresRecords
from controller.persistence.database import driver_url
from controller.persistence.views.cdrs import PostgresCdrs
from controller.services.actors import EVERYTHING
from controller.services.books import Ingested, ingest
from controller.services.recovery import SPOOL_AGE_S
from controller.services.views.cdrs import CdrRow


@click.group("cdr")
def cdr_group() -> None:
    """Call detail records."""


cdr_group.add_command(rerate_command)


@cdr_group.command("ingest")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--keep", is_flag=True, help="Leave the files of settled calls where they are.")
@click.option(
    "--without-admission",
    is_flag=True,
    help="Also calls of a controller that is gone for good: recorded for review, not charged.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def ingest_command(
    settings: Settings, folder: Path | None, keep: bool, without_admission: bool, as_json: bool
) -> None:
    """Settle calls from the switch's CDR files, now; FOLDER, or the spool of the settings.

    Safe at any time and any number of times: a call is settled once. A settled call's file is
    removed, a file that is no record is set aside as .bad. Exit status 1: there was such a file,
    or a record could not be written. A call that was admitted without the database fails until
    the controller that did so has told of it.
    """
    folder = folder or settings.spool_dir
    if not folder.is_dir():
        raise InvalidInput(f"{folder}: no such folder")
    with ExitStack() as open_things:
        open_things.enter_context(database_errors())
        store = PostgresCallStore(driver_url(bootstrap.database_url(settings)))
        open_things.callback(store.close)
        tell = open_things.enter_context(progress("settling"))
        rules = PostgresRecords(bootstrap.engine(settings)).record_rules()
        spool = _Folder(folder, settings.switch_id, keep)
        total = Ingested()
        ended = spool.ended_calls()
        if without_admission:
            ended = (replace(call, offline=False) for call in ended)
        for total in ingest(ended, store, rules, spool.discard):
            tell(f"{total.read} of {spool.files} files, {total.settled} calls settled")
    _report(total, spool, as_json)
    if total.failed or spool.unreadable:
        raise click.exceptions.Exit(1)


@cdr_group.command("export")
@click.option("--from", "since", metavar="ISO8601", required=True, help="Calls from this time on.")
@click.option("--to", "until", metavar="ISO8601", required=True, help="… and before this one.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv")
@click.option("--lines", is_flag=True, help="One row for each party of each call.")
@click.option("--out", type=click.Path(path_type=Path), help="A file; else standard output.")
@click.pass_obj
def export_command(
    settings: Settings, since: str, until: str, form: str, lines: bool, out: Path | None
) -> None:
    """Write the records of a period, the oldest first. Amounts are exact text, times UTC.

    With --lines, what each party of the calls pays or gets, as it stands after re-rating.
    """
    # here, not above: it brings Flask along, for which no other command should wait
    from web.csv_text import csv_pieces

    start, end = _period(since, until)
    if start is None or end is None:
        raise InvalidInput("--from and --to are needed")
    showing = progress("exporting", printing=out is None)
    with database_errors(), showing as tell, output_file(out) as stream:
        records = PostgresRecords(bootstrap.engine(settings))
        columns, rows = EXPORTED, map(exported, records.between(start, end))
        if lines:
            columns, rows = LINE_COLUMNS, map(line_cells, records.lines_between(start, end))
        counted = _counted(rows, tell)
        pieces = csv_pieces(columns, counted) if form == "csv" else json_lines(columns, counted)
        for piece in pieces:
            stream.write(piece)


@cdr_group.command("show")
@click.argument("call_id")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def show_command(settings: Settings, call_id: str, as_json: bool) -> None:
    """Show one record with its attempts, its trace and its postings. Exit status 1: no record."""
    wanted = arguments.call_id(call_id)
    engine = bootstrap.engine(settings)
    records = PostgresRecords(engine)
    with database_errors():
        detail = PostgresCdrs(engine).detail(EVERYTHING, wanted)
        posted = records.postings_of(detail) if detail else []
        open_call = records.open_call(wanted) if detail is None else None
    if detail is None:
        why = f"in progress on {open_call.switch_id}" if open_call else "unknown"
        click.echo(f"tollgate: call {wanted} has no record: {why}", err=True)
        raise click.exceptions.Exit(1)
    if as_json:
        show_json(record_as_json(detail, posted))
    else:
        show_record(detail, posted)


@cdr_group.command("review")
@click.option("--from", "since", metavar="ISO8601", help="Calls from this time on.")
@click.option("--to", "until", metavar="ISO8601", help="… and before this one.")
@click.option("--limit", metavar="N", type=click.IntRange(1, 100_000), default=200)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def review_command(
    settings: Settings, since: str | None, until: str | None, limit: int, as_json: bool
) -> None:
    """List the records that a person should look at, the newest first, and why."""
    period = _period(since, until)
    with database_errors():
        records = PostgresRecords(bootstrap.engine(settings))
        rows = list(records.to_review(*period, limit))
    if as_json:
        show_json([asdict(row) for row in rows])
        return
    show_table(
        ("started", "call", "account", "callee", ">talk s", ">net", "", "reason", "review"),
        [_review_row(row) for row in rows],
    )
    if not rows:
        click.echo("nothing to review")


@dataclass(slots=True)
class _Folder:
    """CDR files of one switch, however many; and what became of those that are no records."""

    path: Path
    switch_id: str
    keep: bool
    files: int = 0
    young: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)

    def ended_calls(self) -> Iterator[CallEnded]:
        """The oldest first. A file that the switch may still be writing is left for later."""
        for path in self._waiting():
            try:
                yield read_cdr_file(path, self.switch_id)
            except FileNotFoundError:
                continue  # the controller was quicker
            except (ProtocolError, OSError) as error:
                self.unreadable[path.name] = printable(error)
                if isinstance(error, ProtocolError) and not self.keep:
                    path.rename(path.with_suffix(".bad"))

    def discard(self, call_id: str) -> None:
        if not self.keep:
            CdrSpool(self.path, self.switch_id).discard(call_id)

    def _waiting(self) -> list[Path]:
        before = time.time() - SPOOL_AGE_S
        found: list[tuple[float, Path]] = []
        for path in self.path.glob(f"*{SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                found.append((path.stat().st_mtime, path))
        old = sorted(item for item in found if item[0] <= before)
        self.files, self.young = len(old), len(found) - len(old)
        return [path for _, path in old]


def _report(total: Ingested, folder: _Folder, as_json: bool) -> None:
    reply = {
        "read": total.read,
        "settled": total.settled,
        "known": total.known,
        "failed": dict(total.failed),
        "unreadable": folder.unreadable,
        "too_young": folder.young,
    }
    if as_json:
        show_json(reply)
        return
    click.echo(
        f"{total.read} records: {total.settled} settled, {total.known} settled before, "
        f"{len(total.failed)} failed; {len(folder.unreadable)} unreadable files, "
        f"{folder.young} too young to read"
    )
    for what, why in (*total.failed, *folder.unreadable.items()):
        click.echo(f"tollgate: {printable(what)}: {printable(why)}", err=True)


def _period(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    start, end = arguments.moment(since, "--from"), arguments.moment(until, "--to")
    if start and end and start >= end:
        raise InvalidInput("--to is not after --from")
    return start, end


def _counted(rows: Iterable[Cells], tell: Callable[[str], None]) -> Iterator[Cells]:
    for number, row in enumerate(rows, start=1):
        if number % 1_000 == 0:
            tell(f"{number} rows")
        yield row


def _review_row(row: CdrRow) -> tuple[object, ...]:
    return (
        row.started_at,
        row.call_id,
        row.account or "-",
        row.callee_rated or row.callee_received,
        row.duration_s,
        row.net,
        row.currency,
        row.reason,
        row.review,
    )
