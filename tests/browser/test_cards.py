"""A browser saves the PINs of new cards, once."""

import csv
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.persistence.schema import users
from tests.browser.conftest import Enter
from tests.integration.account_office import Office
from tests.web.conftest import PASSWORDS
from tests.web.forms import PASSWORD


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    made = Office(engine)
    made.hierarchy()
    with engine.begin() as connection:
        hashed = PASSWORDS.hash(PASSWORD)
        connection.execute(
            users.insert().values(name="ada", role="administrator", password_hash=hashed)
        )
    return made


def test_the_pins_are_saved_as_a_file(enter: Enter, office: Office, tmp_path: Path) -> None:
    ada = enter("ada")
    ada.go("/cards/new")
    page = ada.page
    for field, value in {"name": "spring", "currency": "USD", "face_value": "5"}.items():
        page.fill(f"[name={field}]", value)
    page.fill("[name=count]", "120")
    with page.expect_navigation():
        page.click("button.primary[type=submit]")
    assert "120 cards were made" in ada.text
    assert ada.violations() == []
    ada.picture("cards-made")
    with page.expect_download() as started:
        page.click("a[download]")
    file = tmp_path / started.value.suggested_filename
    started.value.save_as(file)
    assert file.name == "spring.csv"
    with file.open(newline="") as lines:
        cards = list(csv.DictReader(lines))
    assert [card["serial"] for card in cards] == [f"spring-{n:06d}" for n in range(1, 121)]
    assert {len(card["pin"]) for card in cards} == {12}
    # sent once more, as a reload does
    page.reload()
    assert "PINs are shown only once" in ada.text
    assert len(office.rows("SELECT FROM cards")) == 120
