"""The hierarchy of spec A4, and somebody signed in at each level of it."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from controller.persistence.schema import users
from tests.integration.account_office import Office
from tests.web.conftest import PASSWORDS
from tests.web.forms import PASSWORD
from tests.web.pages.visitors import Person, person

PEOPLE = {
    "ada": ("administrator", None),
    "wholesaler": ("agent", "bd-wholesale"),
    "retailer": ("agent", "dhaka-retail"),
    "customer": ("customer", "customer-001"),
    "stranger": ("agent", "other-agent"),
}
Enter = Callable[[str], Person]


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    made = Office(engine)
    made.hierarchy()
    ids = {row["name"]: row["id"] for row in made.rows("SELECT id, name FROM accounts")}
    hashed = PASSWORDS.hash(PASSWORD)
    with engine.begin() as connection:
        for name, (role, account) in PEOPLE.items():
            values = {"role": role, "account_id": ids[account] if account else None}
            connection.execute(users.insert().values(name=name, password_hash=hashed, **values))
    return made


@pytest.fixture
def enter(app: Flask, office: Office) -> Enter:
    """Sign somebody in, each in a browser of his own."""
    return lambda name: person(app, office, name)


@pytest.fixture
def ada(enter: Enter) -> Person:
    return enter("ada")


@pytest.fixture
def wholesaler(enter: Enter) -> Person:
    return enter("wholesaler")


@pytest.fixture
def retailer(enter: Enter) -> Person:
    return enter("retailer")


@pytest.fixture
def customer(enter: Enter) -> Person:
    return enter("customer")
