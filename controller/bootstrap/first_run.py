"""What a first run makes: the administrator, the demonstration operator, the simulator's world."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from controller.bootstrap.foundations import engine
from controller.config import Settings
from controller.domain.configuration import Configuration
from controller.domain.errors import InvalidConfiguration
from controller.persistence import schema as t
from controller.persistence.config_reader import load_configuration
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.persistence.deck_files import DeckDirectory
from controller.persistence.users import PostgresUsers
from controller.services.actors import operator
from controller.services.config_as_code import service
from controller.services.config_as_code.document import decode
from controller.services.config_as_code.sections import read_configuration
from controller.services.passwords import Argon2Passwords
from controller.services.sign_in import create_first_administrator

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "demo" / "demo.yaml"
SIMULATED_PREFIXES = 40


def first_administrator(settings: Settings) -> str | None:
    """The generated password of the first administrator; None if there is one already."""
    return create_first_administrator(PostgresUsers(engine(settings)), Argon2Passwords())


def load_demo(settings: Settings) -> bool:
    """Apply the demonstration operator to an empty database; False where there are accounts."""
    database = engine(settings)
    with database.connect() as connection:
        if connection.scalar(sa.select(sa.func.count()).select_from(t.accounts)):
            return False
    reading = read_configuration(decode(DEMO.read_bytes()), DeckDirectory(DEMO.parent))
    applied = service.apply(
        operator("first run"),
        PostgresConfigurationStore(database),
        reading,
        prune=False,
        approve=lambda _: True,
    )
    if applied.review.problems:
        raise InvalidConfiguration(f"{DEMO}: {applied.review.problems[0]}")
    return True


def simulated_world(settings: Settings) -> dict[str, Any]:
    """A world for the simulator: the operator's own customers calling its own vendors."""
    return world_of(load_configuration(engine(settings)))


def world_of(configuration: Configuration) -> dict[str, Any]:
    """Every address of every mapping gateway as a trunk; vendors that differ a little."""
    trunks = [
        {
            "name": gateway.name,
            "source_ip": ip,
            "source_port": port or 5060,
            "callees": _numbers(configuration, gateway.account_id),
            # a small customer calls less often than a large one
            "weight": configuration.accounts[gateway.account_id].capacity or 100,
        }
        for gateway in configuration.mapping_gateways.values()
        for ip, port in gateway.addresses
    ]
    vendors = {
        f"{gateway.host}:{gateway.port}": {"answer_ratio": max(0.3, 0.7 - 0.1 * number)}
        for number, gateway in enumerate(configuration.routing_gateways.values())
    }
    return {"trunks": trunks, "vendors": vendors} if trunks else {"vendors": vendors}


def _numbers(configuration: Configuration, account_id: int) -> list[dict[str, Any]]:
    """Destinations that the account can be charged for, spread over its deck."""
    group_id = configuration.accounts[account_id].rate_group_id
    if group_id is None:
        return [{"prefix": "1202555", "digits": 11}]
    prefixes = sorted(
        prefix for prefix in configuration.rate_groups[group_id].rates.prefixes() if prefix
    )
    step = max(1, len(prefixes) // SIMULATED_PREFIXES)
    return [{"prefix": p, "digits": max(11, len(p) + 4)} for p in prefixes[::step]] or [
        {"prefix": "1202555", "digits": 11}
    ]
