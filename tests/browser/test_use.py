"""Using the pages: by keyboard, with mistakes, in Spanish, without script."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser

from controller.persistence.schema import users
from tests.browser.chromium import Album
from tests.browser.conftest import Enter
from tests.browser.visits import Visit
from tests.integration.account_office import Office
from tests.web.conftest import PASSWORDS
from tests.web.forms import PASSWORD

FOCUSED = "document.activeElement"


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


@pytest.mark.usefixtures("office")
def test_the_tree_is_walked_by_keyboard(enter: Enter) -> None:
    ada = enter("ada")
    ada.go("/accounts")
    page = ada.page
    tree = page.locator("nav.tree")
    assert tree.locator("a.node", has_text="dhaka-retail").count() == 0, "fetched when opened"
    tree.locator("a.node").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{FOCUSED}.textContent").strip().startswith("bd-wholesale")
    page.keyboard.press("ArrowRight")
    tree.locator("a.node", has_text="dhaka-retail").wait_for()
    assert tree.locator("button[aria-expanded=true]").count() == 1
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{FOCUSED}.textContent").strip().startswith("dhaka-retail")
    ada.picture("tree-open")
    assert ada.violations() == []
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert tree.locator("button[aria-expanded=true]").count() == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "below dhaka-retail" in ada.text


@pytest.mark.usefixtures("office")
def test_a_mistake_is_read_first_and_leads_to_its_field(enter: Enter) -> None:
    ada = enter("ada", "dark")
    ada.go("/accounts/new")
    ada.fill(name="two words", capacity="many", company="Kept Ltd")
    ada.press("Make the account")
    page = ada.page
    assert page.evaluate(f"{FOCUSED}.getAttribute('role')") == "alert"
    assert page.input_value("#company") == "Kept Ltd"
    assert page.locator("#company").is_visible(), "a group that somebody filled in stays open"
    assert ada.violations() == []
    ada.picture("form-with-mistakes")
    page.get_by_role("alert").get_by_role("link", name="Lines", exact=True).click()
    assert page.evaluate(f"{FOCUSED}.id") == "capacity"


@pytest.mark.usefixtures("office")
def test_somebody_was_quicker(enter: Enter, office: Office) -> None:
    ada, other = enter("ada"), enter("ada", "dark", 390)
    path = f"/accounts/{_id(office, 'dhaka-retail')}/change"
    for visit in (ada, other):
        visit.go(path)
    other.fill(title="Theirs", memo="new")
    other.press("Save")
    ada.fill(title="Mine")
    ada.press("Save")
    assert "changed by ada at" in ada.text
    assert "Stored now: Theirs" in ada.text
    assert ada.page.input_value("#memo") == "new"
    assert ada.violations() == []
    ada.picture("stale-edit")
    ada.press("Save")
    assert "was changed" in ada.text


@pytest.mark.usefixtures("office")
def test_two_quick_clicks_make_one_account(enter: Enter, office: Office) -> None:
    ada = enter("ada")
    ada.go("/accounts/new")
    ada.fill(name="quick", currency="USD")
    ada.page.get_by_role("button", name="Make the account").dblclick()
    ada.page.wait_for_url(re.compile(r"/accounts/\d+$"))
    assert len(office.log(name="quick")) == 1


@pytest.mark.usefixtures("office")
def test_names_are_suggested_while_typing(enter: Enter) -> None:
    ada = enter("ada")
    ada.go("/accounts/new")
    ada.page.locator("#parent").press_sequentially("dha")
    ada.page.locator("#parent-names option").first.wait_for(state="attached")
    assert ada.page.locator("#parent-names option").first.get_attribute("value") == "dhaka-retail"


@pytest.mark.usefixtures("office")
def test_menus_open_by_keyboard_and_close_with_escape(enter: Enter, office: Office) -> None:
    ada = enter("ada")
    ada.go(f"/accounts/{_id(office, 'dhaka-retail')}")
    ada.page.locator("details.menu > summary").focus()
    ada.page.keyboard.press("Enter")
    assert ada.page.get_by_role("link", name="Lock", exact=True).is_visible()
    assert ada.violations() == []
    ada.picture("account-menu")
    ada.page.keyboard.press("Escape")
    assert not ada.page.get_by_role("link", name="Lock", exact=True).is_visible()
    assert ada.page.evaluate(f"{FOCUSED}.tagName") == "SUMMARY"


@pytest.mark.usefixtures("office")
def test_the_skip_link_is_the_first_stop(enter: Enter) -> None:
    ada = enter("ada")
    ada.go("/accounts")
    ada.page.keyboard.press("Tab")
    assert ada.page.evaluate(f"{FOCUSED}.getAttribute('href')") == "#content"
    ada.page.keyboard.press("Enter")
    assert ada.page.evaluate(f"{FOCUSED}.id") == "content"


@pytest.mark.usefixtures("office")
def test_in_spanish(enter: Enter) -> None:
    ada = enter("ada", language="es-MX")
    ada.go("/accounts/new")
    assert ada.page.get_attribute("html", "lang") == "es"
    assert "Cuenta nueva" in ada.text
    ada.fill(name="dos palabras")
    ada.page.locator("main form button[type=submit]").click()
    assert "No se guardó nada" in ada.text
    assert "no es un nombre" in ada.text
    ada.picture("spanish")


@pytest.mark.usefixtures("office")
def test_everything_is_reached_without_script(browser: Browser, address: str, album: Album) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    try:
        visit = Visit(context.new_page(), album, "light", 1280)
        visit.sign_in("ada", PASSWORD)
        visit.go("/accounts")
        visit.follow("Agents below")
        assert "Agents below bd-wholesale" in visit.text
        visit.page.locator("a.node", has_text="dhaka-retail").click()
        assert "below dhaka-retail" in visit.text
        visit.follow("customer-001")
        visit.page.click("details.menu > summary")
        visit.follow("Lock")
        visit.press("Lock")
        assert "is locked" in visit.text
    finally:
        context.close()


def _id(office: Office, account: str) -> int:
    (row,) = office.rows("SELECT id FROM accounts WHERE name = :name", name=account)
    return int(row["id"])
