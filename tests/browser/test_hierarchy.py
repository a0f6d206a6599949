"""Spec A4 through the pages: the hierarchy is made, sold through, and seen level by level."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.domain.rights import PRESETS, Right
from controller.persistence.schema import accounts, users
from tests.browser.conftest import Enter
from tests.browser.visits import Visit
from tests.integration.command_line import settings_for
from tests.integration.configured_operator import Operator
from tests.integration.placed_calls import Caller
from tests.web.conftest import PASSWORDS
from tests.web.forms import PASSWORD

PRICES = """
rate_groups:
  - {name: to-customers, currency: USD, rates: [{prefix: "39", tiers: "0|0:0.20/60/60"}]}
  - {name: to-retail, currency: USD, rates: [{prefix: "39", tiers: "0|0:0.10/60/60"}]}
  - {name: to-wholesale, currency: USD, rates: [{prefix: "39", tiers: "0|0:0.06/60/60"}]}
  - {name: from-vendor, currency: USD, rates: [{prefix: "39", tiers: "0|0:0.03/60/60"}]}
"""
GATEWAY_RIGHTS = {Right.GATEWAYS, Right.GATEWAY_SETTINGS, Right.GATEWAY_CAPACITY}
ALL_BUT_GATEWAYS = tuple(str(right) for right in Right if right not in GATEWAY_RIGHTS)
RETAIL = tuple(str(right) for right in PRESETS["retail"])


@pytest.fixture
def prices(database_url: str, engine: sa.Engine, tmp_path: Path) -> None:
    """Decks are loaded by file; everything else is done in the browser."""
    operator = Operator(settings_for(database_url, tmp_path), engine, tmp_path)
    ran = operator.apply(PRICES)
    assert ran.status == 0, ran.err


def hire(engine: sa.Engine, name: str, role: str, account: str | None = None) -> None:
    """A person who can sign in."""
    with engine.begin() as connection:
        of = sa.select(accounts.c.id).where(accounts.c.name == account)
        connection.execute(
            users.insert().values(
                name=name,
                role=role,
                account_id=connection.scalar(of) if account else None,
                password_hash=PASSWORDS.hash(PASSWORD),
            )
        )


def make_account(visit: Visit, name: str, *rights: str, **typed: str) -> None:
    visit.go("/accounts/new")
    visit.fill(name=name, currency="USD", **typed)
    visit.tick("rights", *rights)
    visit.press("Make the account")
    assert f"Account {name} was made." in visit.text


def pay(visit: Visit, account: str, amount: str) -> None:
    visit.go(f"/accounts?q={account}")
    visit.follow(account)
    visit.follow("Pay")
    visit.fill(amount=amount, memo="to begin with")
    visit.press("Go on")
    assert f"0.00 → {amount}" in visit.text
    visit.press("Yes, do it")
    assert visit.text.startswith(("Payments", "Receipt"))


def set_rate_group(visit: Visit, account: str, group: str) -> None:
    visit.go(f"/accounts?q={account}")
    visit.follow(account)
    visit.page.click("details.menu > summary")
    visit.follow("Change settings")
    visit.fill(rate_group=group)
    visit.press("Save")
    assert f"Account {account} was changed." in visit.text


def balance_of(visit: Visit, account: str, tile: str = "Balance") -> Decimal:
    """As its page tells it to the visitor."""
    visit.go(f"/accounts?q={account}")
    visit.follow(account)
    shown = visit.page.locator("dl.tiles .tile", has_text=tile).first.locator("dd").first
    return Decimal(shown.inner_text().replace("\u00a0USD", "").replace(",", ""))


def amounts(visit: Visit) -> set[str]:
    """All amounts of money on the page of a call's record."""
    visit.go("/cdrs")
    with visit.page.expect_navigation():
        visit.page.locator("main table a[href^='/cdrs/']").first.click()
    return {f"{Decimal(n):.2f}" for n in re.findall(r"\b(0\.\d+)\s*USD", visit.text)}


@pytest.mark.usefixtures("prices")
@pytest.mark.timeout(240)
def test_a_hierarchy_is_made_and_sold_through(
    enter: Enter, engine: sa.Engine, database_url: str
) -> None:
    hire(engine, "ada", "administrator")
    ada = enter("ada")
    make_account(ada, "bd-wholesale", *ALL_BUT_GATEWAYS, rate_group="to-wholesale")
    make_account(ada, "vendor", kind="clearing", rate_group="from-vendor")
    pay(ada, "bd-wholesale", "100.00")
    ada.picture("receipt")

    hire(engine, "wholesaler", "agent", "bd-wholesale")
    wholesaler = enter("wholesaler")
    make_account(wholesaler, "dhaka-retail", *RETAIL)
    pay(wholesaler, "dhaka-retail", "50.00")

    hire(engine, "retailer", "agent", "dhaka-retail")
    retailer = enter("retailer")
    make_account(retailer, "customer-001")
    pay(retailer, "customer-001", "20.00")
    hire(engine, "customer", "customer", "customer-001")

    set_rate_group(ada, "dhaka-retail", "to-retail")
    set_rate_group(ada, "customer-001", "to-customers")
    ada.go("/gateways/routing/new")
    ada.fill(name="vendor-out", clearing_account="vendor", host="127.0.0.1", port="5080")
    ada.fill(routes="39")
    ada.press("Make the gateway")
    ada.go("/gateways/mapping/new")
    ada.fill(name="customer-in", account="customer-001", addresses="127.0.0.1:5060")
    ada.press("Make the gateway")
    assert "Gateway customer-in was made." in ada.text

    caller = Caller(engine, database_url)
    caller.place(talked_s=30)
    caller.close()

    # an administrator sees every party, an agent its own line and that of who is right below
    assert amounts(ada) >= {"0.20", "0.10", "0.06", "0.03"}
    seen = amounts(wholesaler)
    assert seen >= {"0.06", "0.10"}
    assert "0.03" not in seen
    seen = amounts(retailer)
    assert seen >= {"0.10", "0.20"}
    assert not seen & {"0.06", "0.03"}
    customer = enter("customer")
    seen = amounts(customer)
    assert "0.20" in seen
    assert not seen & {"0.10", "0.06", "0.03"}
    customer.picture("customers-call")

    assert balance_of(wholesaler, "bd-wholesale") == Decimal("99.94")
    assert balance_of(wholesaler, "dhaka-retail") == Decimal("49.90")
    assert balance_of(retailer, "customer-001") == Decimal("19.80")
    assert balance_of(customer, "customer-001") == Decimal("19.80")
    assert balance_of(retailer, "dhaka-retail", "Consumed today") == Decimal("0.10")
    assert balance_of(customer, "customer-001", "Consumed today") == Decimal("0.20")
    retailer.go("/accounts?q=bd-wholesale")
    assert "No account matches." in retailer.text
    assert "customer-in" in customer_gateways(customer)


def customer_gateways(visit: Visit) -> str:
    visit.go("/gateways/mapping")
    return visit.text
