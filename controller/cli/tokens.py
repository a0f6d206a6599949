"""`tollgate token`: tokens of the API, from the machine itself."""

import click

from controller import bootstrap
from controller.bootstrap.foundations import SystemClock
from controller.cli import records
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.persistence.token_store import PostgresTokens
from controller.persistence.user_store import PostgresUserDirectory
from controller.services.api_scopes import ApiScope
from controller.services.api_tokens import ApiToken, ApiTokens
from controller.services.passwords import Argon2Passwords
from controller.services.users import Users


@click.group("token")
def token_group() -> None:
    """Tokens with which programs call the API for a user (docs/api.md)."""


@token_group.command("list")
@click.argument("user")
@records.JSON
@click.pass_obj
def list_command(settings: Settings, user: str, as_json: bool) -> None:
    """List the tokens of USER, the revoked ones too."""
    with database_errors():
        found = _tokens(settings).page(records.acting(), user)
    if as_json:
        show_json({"tokens": [_data(token) for token in found]})
        return
    show_table(
        ("id", "name", "scopes", "from", "until", "last used"),
        [
            (
                token.token_id,
                token.name,
                " ".join(sorted(token.scopes)),
                ", ".join(token.networks) or "anywhere",
                _until(token),
                f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never",
            )
            for token in found
        ],
    )


@token_group.command("create")
@click.argument("user")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in ApiScope]),
    help="What it may be used for; may come several times.",
)
@click.option("--days", type=int, default=90, show_default=True, help="How long it works.")
@click.option("--forever", is_flag=True, help="Until it is revoked, in place of --days.")
@click.option("--from", "networks", multiple=True, metavar="NETWORK", help="Only from here.")
@click.option("--requests-per-minute", type=int, help="Its own allowance.")
@click.pass_obj
def create_command(
    settings: Settings,
    /,
    user: str,
    name: str,
    scopes: tuple[str, ...],
    days: int,
    forever: bool,
    networks: tuple[str, ...],
    requests_per_minute: int | None,
) -> None:
    """Make a token called NAME that acts for USER; it is printed once."""
    with database_errors():
        made = _tokens(settings).create(
            records.acting(),
            name,
            scopes,
            days=None if forever else days,
            networks=networks,
            requests_per_minute=requests_per_minute,
            user=user,
        )
    click.echo(made.secret)


@token_group.command("revoke")
@click.argument("user")
@click.argument("token_id", type=click.IntRange(1, 2**62))
@click.pass_obj
def revoke_command(settings: Settings, user: str, token_id: int) -> None:
    """Refuse USER's token with this id from now on."""
    with database_errors():
        _tokens(settings).revoke(records.acting(), token_id, user)


def _tokens(settings: Settings) -> ApiTokens:
    engine = bootstrap.engine(settings)
    users = Users(PostgresUserDirectory(engine), Argon2Passwords())
    return ApiTokens(PostgresTokens(engine), users, SystemClock())


def _until(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    return f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "no end"


def _data(token: ApiToken) -> dict[str, object]:
    return {
        "id": token.token_id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "networks": list(token.networks),
        "requests_per_minute": token.requests_per_minute,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    }
