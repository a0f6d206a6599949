"""Server time and weight of each page, for an operator, agents and a customer, on much data.

The time is the server's own for a whole page: session, queries, template. The weight is what goes
over the wire, as it is and as a proxy would compress it.
"""

import gzip
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from controller.persistence import database
from controller.persistence.schema import users
from controller.services.passwords import Argon2Passwords
from tests.bench import page_data
from tests.bench.postgres import BenchDatabase
from tests.web.forms import PASSWORD, sign_in
from tests.web.wiring import web_services
from web import create_app

ROUNDS = 15
AIM_MS = 50.0
VISITORS = (
    ("operator", "administrator", None),
    ("agent, 50,000 accounts below", "agent", 1001),
    ("agent, 1,000 accounts below", "agent", 1101),
    ("customer, most calls", "customer", 10001),
)
PAGES = (
    "/",
    "/calls",
    "/cdrs",
    "/cdrs?callee=4930",
    "/cdrs?reason=busy&answered=",
    "FAR /cdrs",
    "CALL",
    "/accounts",
    "/accounts?q=customer-98",
    "/accounts/{account}",
    "/phones",
    "/gateways/mapping",
    "/payments",
    "/rates",
)
_CALL = re.compile(r'href="(/cdrs/[0-9a-f-]{36})"')
_NEXT = re.compile(r'rel="next" href="([^"]+)"')


class Now:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class PageFigure:
    """`best_ms` and the median `ms` of all rounds but the first; on a busy machine only the best
    says something about the page. `cpu_ms`: of this process, without the database's."""

    visitor: str
    page: str
    status: int
    best_ms: float
    ms: float
    cpu_ms: float
    bytes: int
    compressed: int


def measure(calls: int = page_data.CALLS) -> list[PageFigure]:
    """Makes the platform in a temporary folder, which takes some minutes and gigabytes."""
    with (
        tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder,
        BenchDatabase(Path(folder) / "data") as server,
    ):
        engine = database.make_engine(server.fresh())
        page_data.plant(engine, calls)
        figures = measure_on(engine)
        engine.dispose()
    return figures


def measure_on(engine: sa.Engine) -> list[PageFigure]:
    passwords = Argon2Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    app = create_app(web_services(engine, Now(), passwords))
    app.testing = True
    figures = []
    for number, (visitor, role, account_id) in enumerate(VISITORS):
        name = f"bench-{number}"
        with engine.begin() as connection:
            connection.execute(users.delete().where(users.c.name == name))
            connection.execute(
                users.insert().values(
                    name=name,
                    role=role,
                    account_id=account_id,
                    password_hash=passwords.hash(PASSWORD),
                )
            )
        client = app.test_client()
        if sign_in(client, name).status_code != 302:
            raise RuntimeError(f"{visitor} could not sign in")
        for page in PAGES:
            address = _address(client, page, account_id or 10001)
            figures.append(_figure(client, visitor, page, address))
    return figures


def rows(figures: Sequence[PageFigure]) -> Iterator[tuple[str, ...]]:
    for figure in figures:
        yield (
            figure.visitor,
            figure.page,
            f"{figure.best_ms:.1f}",
            f"{figure.ms:.1f}",
            f"{figure.cpu_ms:.1f}",
            f"{figure.bytes / 1024:.0f}",
            f"{figure.compressed / 1024:.1f}",
        )


def _figure(client: FlaskClient, visitor: str, page: str, address: str) -> PageFigure:
    taken, used = [], []
    client.get(address)  # plans and pages of the database
    for _ in range(ROUNDS):
        began, cpu = time.perf_counter(), time.process_time()
        response = client.get(address)
        taken.append((time.perf_counter() - began) * 1000)
        used.append((time.process_time() - cpu) * 1000)
    if response.status_code != 200:
        raise RuntimeError(f"{address} for {visitor}: {response.status_code}")
    body = response.data
    return PageFigure(
        visitor,
        page,
        response.status_code,
        min(taken),
        statistics.median(taken),
        min(used),
        len(body),
        len(gzip.compress(body, 6)),
    )


def _address(client: FlaskClient, page: str, account_id: int) -> str:
    if page == "CALL":
        found = _CALL.search(client.get("/cdrs").text)
        return found[1] if found else "/cdrs"
    if page.startswith("FAR "):
        address = page.removeprefix("FAR ")
        for _ in range(30):
            further = _NEXT.search(client.get(address).text)
            if further is None:
                break
            address = further[1].replace("&amp;", "&")
        return address
    return page.format(account=account_id)
