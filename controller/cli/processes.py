"""Commands that start one process of a deployment, and the database's own commands."""

import asyncio
import json

import click

from controller import bootstrap
from controller.cli.output import database_errors
from controller.config import Settings, settings_markdown
from controller.persistence import database
from controller.scheduler import run_scheduler
from web import WebConfig, create_app
from web.server import serve


@click.command("controller")
@click.pass_obj
def controller_command(settings: Settings) -> None:
    """Run the controller of one switch, until it is told to stop."""
    with database_errors():  # at the start; later on, the journal waits for the database
        asyncio.run(bootstrap.run_controller(settings))


@click.command("web")
@click.pass_obj
def web_command(settings: Settings) -> None:
    """Serve the web application, until it is told to stop."""
    config = WebConfig(
        secret_key=bootstrap.web_secret(settings),
        secure_cookies=True if settings.web_secure_cookies else None,
        trusted_proxies=settings.web_trusted_proxies,
        api_without_https=settings.api_without_https,
        api_requests_per_minute=settings.api_requests_per_minute,
    )
    app = create_app(bootstrap.web_services(settings), config)
    serve(app, settings.web_host, settings.web_port)


@click.command("scheduler")
@click.pass_obj
def scheduler_command(settings: Settings) -> None:
    """Run the timed jobs, until it is told to stop."""
    run_scheduler(settings)


@click.group("db")
def database_group() -> None:
    """The database's schema."""


@database_group.command("upgrade")
@click.pass_obj
def upgrade(settings: Settings) -> None:
    """Bring the schema to this version; safe to run at any time, by many at once."""
    upgrade_database(settings)
    click.echo(f"schema {database.newest_revision()}")


@database_group.command("check")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def check(settings: Settings, as_json: bool) -> None:
    """Say whether the schema is of this version and as the code expects it."""
    engine = bootstrap.engine(settings)
    found, wanted = database.current_revision(engine), database.newest_revision()
    differences = database.schema_differences(engine) if found == wanted else []
    report = {"revision": found, "newest": wanted, "differences": differences}
    if as_json:
        click.echo(json.dumps(report))
    else:
        click.echo(f"schema {found or 'none'}, newest {wanted}")
        for difference in differences:
            click.echo(difference, err=True)
    if found != wanted or differences:
        raise click.exceptions.Exit(1)


@click.command("settings")
@click.option("--markdown", is_flag=True, help="The reference page (docs/settings.md).")
@click.pass_obj
def settings_command(settings: Settings, markdown: bool) -> None:
    """Show the settings in force."""
    if markdown:
        click.echo(settings_markdown(), nl=False)
        return
    for name, value in settings.model_dump().items():
        shown = "***" if name == "switch_password" and value else value
        click.echo(f"{name} = {shown}")


def upgrade_database(settings: Settings) -> None:
    """Schema to the newest version, and partitions for the coming months."""
    engine = bootstrap.engine(settings)
    database.upgrade(engine)
    bootstrap.make_partitions(engine)
