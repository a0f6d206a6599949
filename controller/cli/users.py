"""`tollgate user`: people who sign in, from the machine itself; for a lost password, too."""

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.domain.errors import InvalidInput, NotFound
from controller.persistence.user_store import PostgresUserDirectory
from controller.services.passwords import Argon2Passwords
from controller.services.records.values import values_of
from controller.services.sign_in import Role
from controller.services.users import UserQuery, UserRecord, Users

_ROLE = click.Choice([role.value for role in Role])


@click.group("user")
def user_group() -> None:
    """People who sign in to the web application (docs/security.md)."""


@user_group.command("list")
@records.SEARCH
@records.ACCOUNT
@click.option("--role", type=_ROLE, help="Only of this role.")
@records.LIMIT
@records.AFTER
@records.JSON
@click.pass_obj
def list_command(settings: Settings, /, role: str | None, as_json: bool, **asked: object) -> None:
    """List users. --search: any part of the name."""
    query = UserQuery(
        role=Role(role) if role else None,
        **asked,  # type: ignore[arg-type]  # click's options
    )
    with database_errors():
        page = _users(settings).page(records.acting(), query)
    if as_json:
        show_json({"users": [_data(user) for user in page.rows], "next_after": page.next_after})
        return
    show_table(
        ("name", "role", "account", "second factor", "last sign-in", "state"),
        [
            (
                user.spec.name,
                user.spec.role,
                user.spec.account,
                "on" if user.has_second_factor else "",
                f"{user.last_login_at:%Y-%m-%d %H:%M}" if user.last_login_at else "never",
                "disabled" if user.spec.disabled else "",
            )
            for user in page.rows
        ],
    )
    records.more(page.next_after)


@user_group.command("show")
@click.argument("name")
@records.JSON
@click.pass_obj
def show_command(settings: Settings, name: str, as_json: bool) -> None:
    """Show the user NAME."""
    with database_errors():
        found = _users(settings).get(records.acting(), name)
    records.show_record(_data(found), as_json=as_json)


@user_group.command("create")
@click.argument("name")
@click.argument("role", type=_ROLE)
@click.option("--account", default="", help="Whose user it is; none for administrators.")
@click.option("--email", default="")
@click.pass_obj
def create_command(settings: Settings, name: str, role: str, account: str, email: str) -> None:
    """Make the user NAME; prints a password, to be changed at the first sign-in."""
    values = {"name": name, "role": role, "account": account, "email": email}
    with database_errors():
        made = _users(settings).create(records.acting(), values)
    click.echo(made.password)


@user_group.command("change")
@click.argument("name")
@records.SET
@records.JSON
@click.pass_obj
def change_command(settings: Settings, name: str, fields: tuple[str, ...], as_json: bool) -> None:
    """Change role, account or email of the user NAME."""
    with database_errors():
        found = _users(settings).change(records.acting(), name, records.values_from(fields))
    records.show_record(_data(found), as_json=as_json)


@user_group.command("disable")
@click.argument("name")
@click.pass_obj
def disable_command(settings: Settings, name: str) -> None:
    """Keep NAME out: sessions end, tokens are refused."""
    with database_errors():
        _users(settings).change(records.acting(), name, {"disabled": "true"})


@user_group.command("enable")
@click.argument("name")
@click.pass_obj
def enable_command(settings: Settings, name: str) -> None:
    """Let NAME in again."""
    with database_errors():
        _users(settings).change(records.acting(), name, {"disabled": ""})


@user_group.command("reset")
@click.argument("name")
@click.option("--second-factor", is_flag=True, help="Take the second factor away too.")
@click.pass_obj
def reset_command(settings: Settings, name: str, second_factor: bool) -> None:
    """Give NAME another password, printed once; it ends NAME's sessions and lockout."""
    with database_errors():
        made = _users(settings).reset_password(
            records.acting(), name, second_factor_too=second_factor
        )
    click.echo(made.password)


@user_group.command("password")
@click.argument("name")
@click.option("--create", is_flag=True, help="Make an administrator of this name.")
@click.pass_obj
def password_command(settings: Settings, name: str, create: bool) -> None:
    """As `reset`, or with --create as `create NAME administrator`."""
    users, who = _users(settings), records.acting()
    with database_errors():
        try:
            if create:
                made = users.create(who, {"name": name, "role": str(Role.ADMINISTRATOR)})
            else:
                made = users.reset_password(who, name)
        except NotFound:
            raise InvalidInput(f"no user {name!r}; --create?") from None
    click.echo(made.password)


@user_group.command("delete")
@click.argument("name")
@records.YES
@click.pass_obj
def delete_command(settings: Settings, name: str, yes: bool) -> None:
    """Remove NAME, who never signed in. Whoever did is disabled instead."""
    users = _users(settings)
    with database_errors():
        found = users.get(records.acting(), name)
        records.confirm(f"Remove user {name}?", yes=yes)
        users.delete(records.acting(), name, found.revision)


@user_group.command("require-totp")
@click.argument("roles", type=_ROLE, nargs=-1)
@click.option("--nobody", is_flag=True, help="Leave it to everybody's choice.")
@click.pass_obj
def require_command(settings: Settings, roles: tuple[str, ...], nobody: bool) -> None:
    """Say whose users must have a second factor: those of ROLES and no others."""
    if bool(roles) == nobody:
        raise InvalidInput("name roles, or --nobody")
    with database_errors():
        _users(settings).require_second_factor(records.acting(), [Role(role) for role in roles])


@user_group.command("sessions")
@click.argument("name")
@click.option("--end", default="", metavar="KEY", help="End this one.")
@click.option("--end-all", is_flag=True, help="End all of them.")
@records.JSON
@click.pass_obj
def sessions_command(settings: Settings, name: str, end: str, end_all: bool, as_json: bool) -> None:
    """Show where NAME is signed in."""
    users, who = _users(settings), records.acting()
    with database_errors():
        if end or end_all:
            ended = users.end_sessions(who, name, "" if end_all else end)
            click.echo(f"{ended} ended")
            return
        found = users.sessions(who, name)
    if as_json:
        show_json({"sessions": found})
        return
    show_table(
        ("since", "until", "address", "browser", "key"),
        [
            (
                f"{session.created_at:%Y-%m-%d %H:%M}",
                f"{session.expires_at:%Y-%m-%d %H:%M}",
                session.address,
                session.browser,
                session.key,
            )
            for session in found
        ],
    )


def _users(settings: Settings) -> Users:
    return Users(PostgresUserDirectory(bootstrap.engine(settings)), Argon2Passwords())


def _data(user: UserRecord) -> dict[str, object]:
    return {
        **values_of(user.spec),
        "second_factor": user.has_second_factor,
        "must_change_password": user.must_change_password,
        "created_at": user.created_at,
        "last_login_at": user.last_login_at,
        "revision": user.revision,
    }
