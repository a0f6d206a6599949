"""What the commands of movements have in common: who orders, asking first, refusals, figures."""

import getpass
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypedDict, TypeVar

import click
import sqlalchemy as sa

from controller import bootstrap
from controller.cli.bill import report_data, show_report
from controller.cli.output import printable
from controller.domain.money import plain
from controller.domain.movements import Cover, NotMoved
from controller.persistence.billing_store import PostgresBilling
from controller.services.actors import Actor, operator
from controller.services.billing_run.payment import Waiting, try_waiting
from controller.services.billing_run.run import BillingRun
from controller.services.movements.replies import AccountAfter
from controller.services.movements.texts import parse_who

REFUSED = 1
Command = TypeVar("Command", bound=Callable[..., Any])
Done = TypeVar("Done")

KEY = click.option("--key", required=True, help="Makes it happen once, however often sent.")
MEMO = click.option("--memo", default="", help="What the history says, on one line.")
WHO = click.option("--who", default="", help="Who orders it. Default: the user of this machine.")
FORCE = click.option("--force", is_flag=True, help="Although the account has not enough.")
YES = click.option("--yes", is_flag=True, help="Do it without asking.")
JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")


def signed(command: Command) -> Command:
    """The options of every order."""
    for option in (JSON, WHO, MEMO, KEY):
        command = option(command)
    return command


def who_orders(who: str) -> str:
    """As told, or the user who runs the command."""
    if who:
        return parse_who(who)
    try:
        return parse_who(getpass.getuser())
    except (OSError, KeyError):
        return f"user {os.getuid()}"


class Signature(TypedDict):
    """What an order says beside what it is for."""

    key: str
    memo: str
    who: str
    actor: Actor


def signature(key: str, memo: str, who: str) -> Signature:
    """`who` is as told, for the history; the audit log has who ran the command."""
    return Signature(key=key, memo=memo, who=who_orders(who), actor=operator(who_orders("")))


def ask_first(question: str, yes: bool) -> None:
    """For what cannot be undone: a person agrees, or --yes did. In a pipe nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        refuse("confirm with --yes")
    click.confirm(question, abort=True, err=True)


def cover_for(force: bool, yes: bool) -> Cover:
    """Whether the money must be there; doing without it is asked about."""
    if not force:
        return Cover.REQUIRED
    ask_first("The account may go below its limit, and then has no new calls. Go on?", yes)
    return Cover.WAIVED


def accepted(done: Done | NotMoved) -> Done:
    """What was done; a refusal ends the command."""
    if isinstance(done, NotMoved):
        refuse(done.why + (" (--force does it all the same)" if done.may_be_forced else ""))
    return done


def refuse(why: str) -> NoReturn:
    click.echo(f"tollgate: not done: {printable(why)}", err=True)
    raise click.exceptions.Exit(REFUSED)


def waiting_of(engine: sa.Engine, account: str) -> Waiting:
    """Try the orders of packages that wait for money of an account that has more now."""
    return try_waiting(BillingRun(PostgresBilling(engine), bootstrap.SystemClock()), account)


def show_waiting(waiting: Waiting | None) -> None:
    """What the money set going. Errors undo nothing: they are told, and tried again."""
    if waiting is None:
        return
    if waiting.orders is not None:
        show_report(waiting.orders)
    if waiting.not_tried:
        why = printable(waiting.not_tried)
        click.echo(f"tollgate: waiting orders were not tried, the next run does: {why}", err=True)


def waiting_data(waiting: Waiting | None) -> object:
    return report_data(waiting.orders) if waiting and waiting.orders else None


def accounts_data(accounts: Iterable[AccountAfter]) -> list[dict[str, object]]:
    return [
        {
            "account": after.account,
            "currency": after.currency,
            "balance": after.balance,
            "overdraft_limit": after.overdraft_limit,
            "reserved": after.reserved,
            "available": after.available,
        }
        for after in accounts
    ]


def show_accounts(accounts: Iterable[AccountAfter]) -> None:
    for after in accounts:
        click.echo(
            f"{after.account}: balance {plain(after.balance)} {after.currency},"
            f" available {plain(after.available)}"
        )
        if after.available < 0:
            click.echo(
                f"{after.account} has no new calls until there is money; calls in progress end"
                " when what they have reserved is used up"
            )
