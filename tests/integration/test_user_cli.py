"""`tollgate user password`: a lost password is replaced, an administrator is added."""

import sqlalchemy as sa
from click.testing import CliRunner, Result

from controller.cli.users import user_group
from controller.config import load_settings
from controller.domain.errors import InvalidInput
from controller.persistence import schema as t
from controller.persistence.users import PostgresUsers
from controller.services.passwords import Argon2Passwords
from controller.services.sign_in import create_first_administrator


def _run(engine: sa.Engine, *arguments: str) -> Result:
    url = engine.url.render_as_string(hide_password=False)
    settings = load_settings(database_url=url.replace("+psycopg", ""))
    return CliRunner().invoke(user_group, list(arguments), obj=settings)


def _opens(engine: sa.Engine, name: str, password: str) -> bool:
    user = PostgresUsers(engine).by_name(name)
    return user is not None and Argon2Passwords().verify(user.password_hash, password)


def test_a_lost_password_is_replaced_and_sessions_end(engine: sa.Engine) -> None:
    old = create_first_administrator(PostgresUsers(engine), Argon2Passwords())
    assert old is not None
    with engine.begin() as connection:
        user_id = connection.scalar(sa.select(t.users.c.id))
        connection.execute(
            t.web_sessions.insert().values(
                token_hash=b"x", user_id=user_id, expires_at=sa.func.now()
            )
        )
        connection.execute(t.login_failures.insert().values(subject="name:admin", failures=9))
    done = _run(engine, "password", "admin")
    assert done.exit_code == 0
    new = done.output.strip()
    assert _opens(engine, "admin", new)
    assert not _opens(engine, "admin", old)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(t.web_sessions)) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(t.login_failures)) == 0


def test_an_administrator_is_added_once(engine: sa.Engine) -> None:
    done = _run(engine, "password", "ada", "--create")
    assert _opens(engine, "ada", done.output.strip())
    again = _run(engine, "password", "ada", "--create")
    assert isinstance(again.exception, InvalidInput)


def test_an_unknown_name_is_bad_input(engine: sa.Engine) -> None:
    failed = _run(engine, "password", "nobody")
    assert isinstance(failed.exception, InvalidInput)
    assert "no user 'nobody'" in str(failed.exception)
