"""`tollgate user`: people who sign in, from the machine itself; for a lost password, too."""

import click

from controller import bootstrap
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.persistence.users import PostgresUsers
from controller.services.passwords import Argon2Passwords
from controller.services.sign_in import give_password

_CREATE = click.option("--create", is_flag=True, help="Make an administrator of this name.")


@click.group("user")
def user_group() -> None:
    """People who sign in to the web application."""


@user_group.command("password")
@click.argument("name")
@_CREATE
@click.pass_obj
def password_command(settings: Settings, name: str, create: bool) -> None:
    """Give NAME a generated password, shown once; it ends NAME's sessions and lockout."""
    users = PostgresUsers(bootstrap.engine(settings))
    password = give_password(users, Argon2Passwords(), name, create=create)
    if password is None:
        raise InvalidInput(
            f"there is a user {name!r} already" if create else f"no user {name!r}; --create?"
        )
    click.echo(password)
