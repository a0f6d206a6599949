"""The application with tokens that the test hands out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from controller.domain.rights import Right
from controller.services.sign_in import Role
from tests.integration.tenants import Tenants
from tests.web.api.callers import ApiClient, TestTokens
from tests.web.conftest import PASSWORDS, OwnedClock
from tests.web.wiring import web_services
from web import WebConfig, create_app

As = Callable[..., ApiClient]


@pytest.fixture
def tokens() -> TestTokens:
    return TestTokens()


@pytest.fixture
def make_api(engine: sa.Engine, clock: OwnedClock, tokens: TestTokens) -> Callable[..., Flask]:
    def make(**settings: Any) -> Flask:
        services = replace(web_services(engine, clock, PASSWORDS), api_callers=tokens)
        app = create_app(services, WebConfig(**settings))
        app.testing = True
        return app

    return make


@pytest.fixture
def api_app(make_api: Callable[..., Flask]) -> Flask:
    return make_api()


@pytest.fixture
def anybody(api_app: Flask) -> FlaskClient:
    return api_app.test_client()


@pytest.fixture
def as_user(api_app: Flask, tokens: TestTokens) -> As:
    """A client of somebody, with a token made for the purpose."""

    def client(name: str = "ada", **more: Any) -> ApiClient:
        return ApiClient(api_app.test_client(), tokens.issue(name, **more))

    return client


@pytest.fixture
def api(as_user: As) -> ApiClient:
    """An administrator's."""
    return as_user()


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    """bd ─ dhaka ─ shop      atlas ─ cairo      solo"""
    return Tenants(database_url, engine, tmp_path)


AsAgent = Callable[..., ApiClient]


@pytest.fixture
def as_agent(as_user: As, tenants: Tenants) -> AsAgent:
    """A client of the user of an agent's account, without some of the rights."""

    def client(account: str, *without: Right, **more: Any) -> ApiClient:
        actor = tenants.agent_without(account, *without)
        return as_user(
            actor.name,
            role=Role.AGENT,
            account_id=actor.account_id,
            rights=actor.rights,
            **more,
        )

    return client
