"""`tollgate ledger withdraw|credit|make-zero|transfer|correct|reverse`: movements in one phase."""

import click
import sqlalchemy as sa

from controller import bootstrap
from controller.cli.ledger_orders import (
    FORCE,
    JSON,
    WHO,
    YES,
    accepted,
    accounts_data,
    ask_first,
    cover_for,
    show_accounts,
    show_waiting,
    signature,
    signed,
    waiting_data,
    waiting_of,
)
from controller.cli.output import database_errors, show_json
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.domain.ledger import PostingKind, SystemAccount
from controller.domain.money import plain
from controller.domain.movements import LimitMode
from controller.persistence.movement_store import PostgresMovements
from controller.services.billing_run.payment import Waiting
from controller.services.movements.orders import (
    Correction,
    LimitOrder,
    MakeZero,
    Move,
    Reversal,
    Transfer,
    Withdrawal,
)
from controller.services.movements.replies import LimitChanged, Moved
from controller.services.movements.run import Movements
from controller.services.movements.texts import (
    parse_amount,
    parse_key,
    parse_limit,
    parse_memo,
    parse_posting_id,
    parse_required_memo,
    parse_signed,
)


@click.command("withdraw")
@click.argument("account")
@click.argument("amount")
@signed
@FORCE
@YES
@click.pass_obj
def withdraw_command(
    settings: Settings,
    /,
    account: str,
    amount: str,
    key: str,
    memo: str,
    who: str,
    force: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take AMOUNT out of ACCOUNT, to cash. Exit status 1: refused, for want of money."""
    order = Withdrawal(
        account=account,
        amount=parse_amount(amount),
        cover=cover_for(force, yes),
        **signature(parse_key(key), parse_memo(memo), who),
    )
    _carry_out(settings, order, as_json)


@click.command("transfer")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("amount")
@signed
@FORCE
@YES
@click.pass_obj
def transfer_command(
    settings: Settings,
    /,
    source: str,
    target: str,
    amount: str,
    key: str,
    memo: str,
    who: str,
    force: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Move AMOUNT from one account to another of the same currency.

    Exit status 1: refused, for want of money or because TO is closed.
    """
    order = Transfer(
        source=source,
        target=target,
        amount=parse_amount(amount),
        cover=cover_for(force, yes),
        **signature(parse_key(key), parse_memo(memo), who),
    )
    _carry_out(settings, order, as_json)


@click.command("make-zero")
@click.argument("account")
@signed
@YES
@click.pass_obj
def make_zero_command(
    settings: Settings, /, account: str, key: str, memo: str, who: str, yes: bool, as_json: bool
) -> None:
    """Make the balance of ACCOUNT zero, against the system account `adjustments`.

    Exit status 1: refused, because calls in progress or pending movements count on the balance.
    """
    order = MakeZero(account=account, **signature(parse_key(key), parse_memo(memo), who))
    ask_first(f"Make the balance of {account} zero?", yes)
    _carry_out(settings, order, as_json)


# amounts may begin with a minus
@click.command("correct", context_settings={"ignore_unknown_options": True})
@click.argument("account")
@click.argument("amount")
@signed
@click.option("--of", default="", metavar="POSTING", help="The posting that is corrected.")
@click.option(
    "--against",
    type=click.Choice([a.value for a in SystemAccount if a is not SystemAccount.CARDS]),
    default=SystemAccount.ADJUSTMENTS.value,
    show_default=True,
    help="The platform's account on the other side.",
)
@FORCE
@YES
@click.pass_obj
def correct_command(
    settings: Settings,
    /,
    account: str,
    amount: str,
    key: str,
    memo: str,
    who: str,
    of: str,
    against: str,
    force: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Add AMOUNT, of any sign, to the balance of ACCOUNT; the memo says why.

    Exit status 1: refused, for want of money.
    """
    order = Correction(
        account=account,
        amount=parse_signed(amount),
        against=SystemAccount(against),
        of=parse_posting_id(of) if of else "",
        cover=cover_for(force, yes),
        **signature(parse_key(key), parse_required_memo(memo), who),
    )
    _carry_out(settings, order, as_json)


@click.command("reverse")
@click.argument("posting")
@click.option("--key", default="", help="Default: that of the posting's one reversal.")
@click.option("--memo", default="", help="What the history says, on one line.")
@WHO
@FORCE
@YES
@JSON
@click.pass_obj
def reverse_command(
    settings: Settings,
    /,
    posting: str,
    key: str,
    memo: str,
    who: str,
    force: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Post the exact opposite of POSTING, once. Its id is in the history.

    Exit status 1: refused, for want of money, because it was reversed before, or because it is of
    a call, whose record must agree with it.
    """
    posting_id = parse_posting_id(posting)
    if not force:
        ask_first(f"Reverse the posting {posting_id}?", yes)
    order = Reversal(
        of=posting_id,
        cover=cover_for(force, yes),
        **signature(parse_key(key or f"reversal of {posting_id}"), parse_memo(memo), who),
    )
    _carry_out(settings, order, as_json)


@click.command("credit")
@click.argument("account")
@click.argument("amount")
@click.option("--lower", is_flag=True, help="Lower the limit by AMOUNT.")
@click.option("--set", "exact", is_flag=True, help="Make AMOUNT the limit.")
@signed
@FORCE
@YES
@click.pass_obj
def credit_command(
    settings: Settings,
    /,
    account: str,
    amount: str,
    lower: bool,
    exact: bool,
    key: str,
    memo: str,
    who: str,
    force: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Raise the overdraft limit of ACCOUNT by AMOUNT; the balance stays.

    Exit status 1: refused, because what is owed or reserved would be above the limit.
    """
    if lower and exact:
        raise InvalidInput("either --lower or --set")
    order = LimitOrder(
        account=account,
        mode=LimitMode.SET if exact else LimitMode.LOWER if lower else LimitMode.RAISE,
        amount=parse_limit(amount) if exact else parse_amount(amount),
        cover=cover_for(force, yes),
        **signature(parse_key(key), parse_memo(memo), who),
    )
    with database_errors():
        engine = bootstrap.engine(settings)
        done = accepted(Movements(PostgresMovements(engine)).change_limit(order))
        raised = done.recorded and done.after > done.before
        waiting = waiting_of(engine, account) if raised else None
    if as_json:
        show_json(_limit_data(done, waiting))
        return
    _show_limit(done)
    show_waiting(waiting)


def _carry_out(settings: Settings, order: Move, as_json: bool) -> None:
    with database_errors():
        engine = bootstrap.engine(settings)
        done = accepted(Movements(PostgresMovements(engine)).move(order))
        waiting = _waiting(engine, done)
    if as_json:
        show_json(_moved_data(done, waiting))
        return
    _show_moved(done)
    show_waiting(waiting)


def _waiting(engine: sa.Engine, done: Moved) -> Waiting | None:
    """Of the account that has more than before, if one has."""
    richer = [after.account for after in done.accounts if after.account == done.credit]
    return waiting_of(engine, richer[0]) if richer and done.recorded else None


def _moved_data(done: Moved, waiting: Waiting | None) -> dict[str, object]:
    return {
        "kind": done.kind,
        "posting_id": done.posting_id,
        "recorded": done.recorded,
        "at": done.at,
        "debit": done.debit,
        "credit": done.credit,
        "amount": done.amount,
        "currency": done.currency,
        "key": done.key,
        "accounts": accounts_data(done.accounts),
        "orders": waiting_data(waiting),
    }


def _show_moved(done: Moved) -> None:
    what = done.kind.replace("_", " ")
    before = "" if done.recorded else "done before, nothing done now: "
    if done.posting_id is None and done.kind == PostingKind.MAKE_ZERO:
        click.echo(f"{before}{what}: the balance of {done.debit} was zero, nothing to post")
    else:
        moved = f"{plain(done.amount)} {done.currency} from {done.debit} to {done.credit}"
        click.echo(f"{before}{what}: {moved}")
    show_accounts(done.accounts)


def _limit_data(done: LimitChanged, waiting: Waiting | None) -> dict[str, object]:
    (account,) = accounts_data([done.account])
    return {
        "kind": LimitOrder.kind,
        "recorded": done.recorded,
        "at": done.at,
        "before": done.before,
        "after": done.after,
        "key": done.key,
        **account,
        "orders": waiting_data(waiting),
    }


def _show_limit(done: LimitChanged) -> None:
    before = "" if done.recorded else "done before, nothing done now: "
    click.echo(
        f"{before}overdraft limit of {done.account.account}:"
        f" {plain(done.before)} to {plain(done.after)} {done.account.currency}"
    )
    show_accounts([done.account])
