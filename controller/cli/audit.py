"""`tollgate audit`: who changed what, from what to what."""

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.arguments import moment
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.persistence.audit_store import PostgresAudit
from controller.services.actors import EVERYTHING
from controller.services.audit import AuditQuery


@click.command("audit")
@click.option("--actor", default="", help="Only what this user did.")
@click.option("--kind", default="", help="Only of these: account, phone, user, …")
@click.option("--name", default="", help="Only of the object with this name.")
@click.option("--action", default="", help="Only create, change, delete, payment, …")
@click.option("--denied", "denied_only", is_flag=True, help="Only what was refused.")
@click.option("--from", "since", metavar="TIME", help="From this time on (ISO 8601).")
@click.option("--to", "until", metavar="TIME", help="Before this time.")
@records.LIMIT
@click.option("--before", type=int, help="Go on where the last list ended.")
@records.JSON
@click.pass_obj
def audit_command(
    settings: Settings,
    /,
    since: str | None,
    until: str | None,
    as_json: bool,
    **asked: object,
) -> None:
    """Show the audit log, newest first."""
    query = AuditQuery(
        since=moment(since, "--from"),
        until=moment(until, "--to"),
        **asked,  # type: ignore[arg-type]  # click's options
    )
    with database_errors():
        page = PostgresAudit(bootstrap.engine(settings)).page(EVERYTHING, query)
    if as_json:
        show_json({"lines": page.rows, "next_before": page.next_before})
        return
    show_table(
        ("at", "who", "from", "did", "what", "changes"),
        [
            (
                f"{row.at:%Y-%m-%d %H:%M:%S}",
                row.actor,
                " ".join(filter(None, (row.source, row.address))),
                row.action if row.outcome == "done" else f"{row.action} (denied)",
                f"{row.kind} {row.name}",
                "; ".join(f"{n}: {a or '-'} → {b or '-'}" for n, (a, b) in row.changes.items()),
            )
            for row in page.rows
        ],
    )
    if page.next_before is not None:
        click.echo(f"more: --before {page.next_before}", err=True)
