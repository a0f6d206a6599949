"""The root command: settings once, errors in one line."""

import sys
from pathlib import Path

import click

from controller.cli.accounts import accounts_group
from controller.cli.audit import audit_command
from controller.cli.bill import bill_group
from controller.cli.calls import calls_group
from controller.cli.cards import cards_group
from controller.cli.cdr import cdr_group
from controller.cli.config import config_group
from controller.cli.coverage import coverage_command
from controller.cli.doctor import doctor_command
from controller.cli.explain import explain_group
from controller.cli.gateways import gateways_group
from controller.cli.ledger import ledger_group
from controller.cli.numbers import numbers_group
from controller.cli.packages import packages_group
from controller.cli.phones import phones_group
from controller.cli.processes import (
    controller_command,
    database_group,
    scheduler_command,
    settings_command,
    web_command,
)
from controller.cli.rates import rates_group
from controller.cli.run import run_command
from controller.cli.switch import switch_group
from controller.cli.tokens import token_group
from controller.cli.users import user_group
from controller.config import load_settings
from controller.domain.errors import InvalidInput, TollgateError
from controller.telemetry import configure_logging


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of this machine's data (default: var)."
)
@click.version_option(package_name="tollgate")
@click.pass_context
def cli(context: click.Context, data: Path | None) -> None:
    """Tollgate: the control plane beside FreeSWITCH."""
    context.obj = load_settings(**({"data_dir": data} if data else {}))
    configure_logging(context.obj.log_level)


def main() -> None:
    """Entry point. Bad input exits 2, a refusal or a fault 1, each with one line on stderr."""
    try:
        sys.exit(cli(standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        sys.exit(1)
    except click.ClickException as error:
        click.echo(f"tollgate: {error.format_message()}", err=True)
        sys.exit(2)
    except InvalidInput as error:
        click.echo(f"tollgate: {error}", err=True)
        sys.exit(2)
    except TollgateError as error:
        click.echo(f"tollgate: {error.error_id}: {error}", err=True)
        sys.exit(1)


for command in (
    run_command,
    controller_command,
    web_command,
    scheduler_command,
    database_group,
    config_group,
    rates_group,
    explain_group,
    coverage_command,
    ledger_group,
    bill_group,
    packages_group,
    accounts_group,
    audit_command,
    cards_group,
    phones_group,
    gateways_group,
    numbers_group,
    calls_group,
    cdr_group,
    switch_group,
    doctor_command,
    user_group,
    token_group,
    settings_command,
):
    cli.add_command(command)
