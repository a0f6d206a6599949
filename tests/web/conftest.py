"""The application on a fresh database, with a clock that the test owns and cheap hashes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from controller.persistence.schema import users
from controller.services.passwords import Argon2Passwords
from tests.web import sample
from tests.web.forms import PASSWORD, sign_in
from tests.web.wiring import web_services
from web import WebConfig, create_app

PASSWORDS = Argon2Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@dataclass(slots=True)
class OwnedClock:
    """Begins at the present moment, then goes on only when told."""

    at: datetime
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class AddUser(Protocol):
    def __call__(
        self, name: str, role: str = "administrator", *, disabled: bool = False
    ) -> None: ...


MakeApp = Callable[..., Flask]


@pytest.fixture
def clock() -> OwnedClock:
    return OwnedClock(datetime.now(UTC))


@pytest.fixture
def make_app(engine: sa.Engine, clock: OwnedClock) -> MakeApp:
    def make(**settings: object) -> Flask:
        config = WebConfig(**settings)  # type: ignore[arg-type]
        app = create_app(web_services(engine, clock, PASSWORDS), config)
        app.testing = True
        return app

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def add_user(engine: sa.Engine) -> AddUser:
    def add(name: str, role: str = "administrator", *, disabled: bool = False) -> None:
        with engine.begin() as connection:
            connection.execute(
                users.insert().values(
                    name=name, role=role, disabled=disabled, password_hash=PASSWORDS.hash(PASSWORD)
                )
            )

    return add


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def admin(client: FlaskClient, add_user: AddUser) -> FlaskClient:
    """A client that an administrator has signed in."""
    add_user("ada")
    assert sign_in(client, "ada").status_code == 302
    return client


@pytest.fixture
def operator(engine: sa.Engine, clock: OwnedClock) -> None:
    """Accounts, 400 records of the last two hours, postings and 40 live calls."""
    sample.plant_accounts(engine)
    sample.plant_cdrs(engine, 400, clock.now(), "2 hours")
    sample.plant_attempts(engine)
    sample.plant_lines(engine)
    sample.plant_postings(engine)
    sample.plant_live_calls(engine, 40, clock.now())
