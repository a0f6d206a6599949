"""`tollgate user` and `tollgate token`: people and their tokens, from the machine itself."""

import json

import pytest
import sqlalchemy as sa
from click import Group
from click.testing import CliRunner, Result

from controller.cli.tokens import token_group
from controller.cli.users import user_group
from controller.config import load_settings
from controller.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound
from controller.persistence import schema as t
from controller.persistence.users import PostgresUsers
from controller.services.passwords import Argon2Passwords
from controller.services.sign_in import create_first_administrator
from tests.integration.account_office import Office


class Shell:
    """Runs commands on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.office = Office(engine)
        url = engine.url.render_as_string(hide_password=False)
        self._settings = load_settings(database_url=url.replace("+psycopg", ""))

    def user(self, *arguments: str) -> str:
        return self._said(self._run(user_group, arguments))

    def token(self, *arguments: str) -> str:
        return self._said(self._run(token_group, arguments))

    def failure(self, group: Group, *arguments: str) -> BaseException:
        result = self._run(group, arguments)
        assert result.exit_code != 0, result.output
        assert result.exception is not None
        return result.exception

    def opens(self, name: str, password: str) -> bool:
        user = PostgresUsers(self.engine).by_name(name)
        return user is not None and Argon2Passwords().verify(user.password_hash, password)

    def actions(self, kind: str) -> list[tuple[str, str]]:
        """The newest first; all by the operating system's user."""
        lines = self.office.log(kind=kind)
        assert {line.source for line in lines} == {"command line"}
        return [(line.action, line.name) for line in lines]

    def _run(self, group: Group, arguments: tuple[str, ...]) -> Result:
        return CliRunner().invoke(group, list(arguments), obj=self._settings)

    def _said(self, result: Result) -> str:
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output.strip()


@pytest.fixture
def shell(engine: sa.Engine) -> Shell:
    return Shell(engine)


def test_a_lost_password_is_replaced_and_sessions_end(shell: Shell) -> None:
    old = create_first_administrator(PostgresUsers(shell.engine), Argon2Passwords())
    assert old is not None
    with shell.engine.begin() as connection:
        user_id = connection.scalar(sa.select(t.users.c.id))
        connection.execute(
            t.web_sessions.insert().values(
                token_hash=b"x", user_id=user_id, expires_at=sa.func.now()
            )
        )
        for subject in ("name:admin", "code:admin"):
            connection.execute(t.login_failures.insert().values(subject=subject, failures=9))
    new = shell.user("password", "admin")
    assert shell.opens("admin", new)
    assert not shell.opens("admin", old)
    assert shell.office.rows("SELECT * FROM web_sessions") == []
    assert shell.office.rows("SELECT * FROM login_failures") == []
    (row,) = shell.office.rows("SELECT must_change_password FROM users")
    assert row == {"must_change_password": True}
    assert shell.actions("user") == [("reset", "admin")]


def test_an_administrator_is_added_once(shell: Shell) -> None:
    assert shell.opens("ada", shell.user("password", "ada", "--create"))
    again = shell.failure(user_group, "password", "ada", "--create")
    assert isinstance(again, InvalidInput)
    assert "ada is taken" in str(again)


def test_an_unknown_name_is_bad_input(shell: Shell) -> None:
    failed = shell.failure(user_group, "password", "nobody")
    assert isinstance(failed, InvalidInput)
    assert "no user 'nobody'" in str(failed)


def test_the_life_of_a_user(shell: Shell) -> None:
    shell.office.hierarchy()
    assert shell.opens("rahim", shell.user("create", "rahim", "agent", "--account", "dhaka-retail"))
    shell.user("change", "rahim", "--set", "email=r@example.com")
    shell.user("disable", "rahim")
    assert "disabled" in shell.user("list", "--account", "dhaka-retail")
    shell.user("enable", "rahim")
    shown = json.loads(shell.user("show", "rahim", "--json"))
    assert {name: shown[name] for name in ("role", "account", "email", "disabled")} == {
        "role": "agent",
        "account": "dhaka-retail",
        "email": "r@example.com",
        "disabled": False,
    }
    assert "password_hash" not in shown
    shell.user("delete", "rahim", "--yes")
    assert isinstance(shell.failure(user_group, "show", "rahim"), NotFound)
    assert [action for action, _name in shell.actions("user")] == [
        "delete",
        "change",
        "change",
        "change",
        "create",
    ]


def test_what_cannot_be(shell: Shell) -> None:
    shell.user("create", "ada", "administrator")
    for arguments, kind in (
        (("create", "x", "agent"), InvalidFields),
        (("create", "x", "agent", "--account", "nobody"), InvalidFields),
        (("create", "a b", "administrator"), InvalidFields),
        (("disable", "ada"), Conflict),
        (("disable", "nobody"), NotFound),
        (("require-totp",), InvalidInput),
        (("require-totp", "agent", "--nobody"), InvalidInput),
    ):
        assert isinstance(shell.failure(user_group, *arguments), kind), arguments


def test_who_must_have_a_second_factor(shell: Shell) -> None:
    shell.user("create", "ada", "administrator")
    stored = PostgresUsers(shell.engine).by_name("ada")
    assert stored is not None
    assert not stored.owes_second_factor
    (before,) = shell.office.rows("SELECT version FROM configuration_state")
    shell.user("require-totp", "agent", "administrator")
    stored = PostgresUsers(shell.engine).by_name("ada")
    assert stored is not None
    assert stored.owes_second_factor
    (after,) = shell.office.rows("SELECT version, parameters FROM configuration_state")
    assert after["parameters"] == {"second_factor_roles": ["administrator", "agent"]}
    assert after["version"] > before["version"]
    shell.user("require-totp", "--nobody")
    (row,) = shell.office.rows("SELECT parameters FROM configuration_state")
    assert row["parameters"] == {}
    assert len(shell.actions("parameters")) == 2


def test_sessions_are_shown_and_ended(shell: Shell) -> None:
    shell.user("create", "ada", "administrator")
    for number in (b"1", b"2", b"3"):
        shell.office.execute(
            "INSERT INTO web_sessions (token_hash, user_id, expires_at, address, browser) "
            "SELECT :hash, id, now() + interval '1 hour', '192.0.2.7', 'Firefox' FROM users",
            hash=number,
        )
    found = json.loads(shell.user("sessions", "ada", "--json"))["sessions"]
    assert [session["address"] for session in found] == ["192.0.2.7"] * 3
    assert shell.user("sessions", "ada", "--end", b"2".hex()) == "1 ended"
    assert shell.user("sessions", "ada", "--end-all") == "2 ended"
    assert shell.user("sessions", "ada", "--end-all") == "0 ended"


def test_the_life_of_a_token(shell: Shell) -> None:
    shell.user("create", "ada", "administrator")
    secret = shell.token(
        "create", "ada", "portal", "--scope", "cdrs:read", "--days", "7", "--from", "192.0.2.0/24"
    )
    assert secret.startswith("tg_")
    (token,) = json.loads(shell.token("list", "ada", "--json"))["tokens"]
    assert (token["name"], token["scopes"], token["networks"]) == (
        "portal",
        ["cdrs:read"],
        ["192.0.2.0/24"],
    )
    assert secret not in shell.token("list", "ada")
    shell.token("revoke", "ada", str(token["id"]))
    assert "revoked" in shell.token("list", "ada")
    assert shell.actions("api token") == [("revoke", str(token["id"])), ("create", "portal")]
    for arguments, kind in (
        (("create", "nobody", "x", "--scope", "cdrs:read"), NotFound),
        (("create", "ada", "x", "--scope", "cdrs:read", "--days", "0"), InvalidFields),
        (("create", "ada", "x", "--scope", "cdrs:read", "--from", "here"), InvalidFields),
        (("revoke", "ada", "999"), NotFound),
    ):
        assert isinstance(shell.failure(token_group, *arguments), kind), arguments
