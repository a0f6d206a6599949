"""Every main page in both themes and on a phone: WCAG 2.2 AA by axe, no sideways scrolling."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from controller.bootstrap.foundations import SystemClock
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.card_store import PostgresCards
from controller.persistence.gateway_store import PostgresGateways
from controller.persistence.movement_store import PostgresMovements
from controller.persistence.phone_store import PostgresPhones
from controller.persistence.schema import users
from controller.services.billing_run.run import BillingRun
from controller.services.cards import CardPayments, Cards, CardSeal
from controller.services.gateways import MappingGateways
from controller.services.movements.orders import Deposit
from controller.services.movements.run import Movements
from controller.services.phones import Phones
from tests.browser.conftest import Enter
from tests.browser.visits import Visit
from tests.integration.account_office import ROOT, Office
from tests.web import sample
from tests.web.conftest import PASSWORDS
from tests.web.forms import PASSWORD

OF_EVERYBODY = {
    "dashboard": "/",
    "live-calls": "/calls",
    "call-records": "/cdrs",
    "accounts": "/accounts",
    "phones": "/phones",
    "customers-gateways": "/gateways/mapping",
    "payments": "/payments",
    "rates": "/rates",
    "explain-rate": "/explain/rate",
    "account-money": "/accounts/{own}",
    "account-phones": "/accounts/{own}/phones",
    "account-gateways": "/accounts/{own}/gateways",
    "account-rights": "/accounts/{own}/rights",
    "account-numbers": "/accounts/{own}/numbers",
    "account-contact": "/accounts/{own}/contact",
    "account-history": "/accounts/{own}/history",
    "pay-by-card": "/accounts/{own}/pay/card",
    "change-contact": "/accounts/{own}/change/contact",
    "profile": "/profile",
    "change-profile": "/profile/change",
    "new-token": "/profile/tokens/new",
    "password": "/password",
    "second-factor": "/profile/second-factor",
}
OF_AGENTS = {
    "agents": "/accounts/tree",
    "new-account": "/accounts/new",
    "series": "/accounts/series",
    "upload": "/accounts/upload",
    "change-account": "/accounts/{below}/change",
    "change-rights": "/accounts/{below}/change/rights",
    "change-numbers": "/accounts/{below}/change/numbers",
    "move-account": "/accounts/{below}/change/place",
    "close-account": "/accounts/{below}/close",
    "payment": "/accounts/{below}/pay/payment",
    "transfer": "/accounts/{below}/pay/transfer",
    "credit": "/accounts/{below}/pay/credit",
    "new-phone": "/phones/new",
    "range-of-phones": "/phones/range",
    "phone": "/phones/8801700000001",
    "change-phone": "/phones/8801700000001/change",
    "delete-phone": "/phones/8801700000001/delete",
    "phone-cards": "/cards",
    "new-phone-cards": "/cards/new",
    "batch-of-cards": "/cards/{batch}",
    "void-cards": "/cards/{batch}/void",
    "users": "/users",
    "new-user": "/users/new",
    "audit-log": "/audit",
}
OF_OPERATORS = {
    "vendors-gateways": "/gateways/routing",
    "gateway": "/gateways/mapping/dhaka-in",
    "new-customers-gateway": "/gateways/mapping/new",
    "new-vendors-gateway": "/gateways/routing/new",
    "explain-call": "/explain/call",
    "coverage": "/coverage",
    "not-found": "/nothing-here",
}


@pytest.fixture
def busy(engine: sa.Engine) -> dict[str, int]:
    """An operator at work, with the hierarchy of spec A4 in it."""
    now = datetime.now(UTC)
    sample.plant_accounts(engine)
    sample.plant_cdrs(engine, 300, now, "2 hours")
    sample.plant_attempts(engine)
    sample.plant_lines(engine)
    sample.plant_postings(engine)
    sample.plant_live_calls(engine, 20, now)
    office = Office(engine)
    office.hierarchy()
    office.accounts.change(
        ROOT,
        "bd-wholesale",
        {"title": "BD Wholesale Ltd", "number_sections": "8801000000000-8801999999999"},
    )
    office.accounts.change(ROOT, "dhaka-retail", {"destination_rules": "allow 880\ndeny *"})
    _plant_devices(engine)
    batch_id = _plant_cards(engine)
    ids = {row["name"]: row["id"] for row in office.rows("SELECT id, name FROM accounts")}
    people = {
        "ada": ("administrator", None),
        "wholesaler": ("agent", ids["bd-wholesale"]),
        "customer": ("customer", ids["customer-001"]),
    }
    with engine.begin() as connection:
        for name, (role, account_id) in people.items():
            hashed = PASSWORDS.hash(PASSWORD)
            values = {"role": role, "account_id": account_id, "password_hash": hashed}
            connection.execute(users.insert().values(name=name, **values))
    return ids | {"cards": batch_id}


def _plant_cards(engine: sa.Engine) -> int:
    """A batch of an agent, one of its cards used, one locked."""
    audit, store, seal = PostgresAudit(engine), PostgresCards(engine), CardSeal(b"a test's secret")
    billing = BillingRun(PostgresBilling(engine), SystemClock())
    cards = Cards(store, seal, billing, audit)
    order = {"name": "spring", "issuer": "bd-wholesale", "face_value": "5", "count": 30}
    money = Deposit(account="bd-wholesale", amount=Decimal(500), key="for cards")
    Movements(PostgresMovements(engine)).move(money)
    made = cards.create(ROOT, order, "spring")
    values = {"pin": made.cards[0].pin}
    CardPayments(store, seal, billing, audit).recharge(ROOT, "customer-001", values)
    cards.set_locked(ROOT, made.row.batch_id, 2, locked=True)
    return made.row.batch_id


def _plant_devices(engine: sa.Engine) -> None:
    Phones(PostgresPhones(engine)).create(
        ROOT, {"number": "8801700000001", "account": "dhaka-retail", "memo": "front desk"}
    )
    MappingGateways(PostgresGateways(engine)).create(
        ROOT, {"name": "dhaka-in", "account": "dhaka-retail", "addresses": "203.0.113.200"}
    )


def look_at(visit: Visit, pages: dict[str, str], ids: dict[str, int], own: str) -> list[str]:
    """Faults of these pages, each with its page's name."""
    faults: list[str] = []
    places = {"own": ids[own], "below": ids["dhaka-retail"], "batch": ids["cards"]}
    for name, path in pages.items():
        answer = visit.go(path.format(**places))
        assert answer.status < 500, path
        expected = 404 if name == "not-found" else 200
        if answer.status != expected:
            faults.append(f"{name}: answered {answer.status}")
            continue
        faults += [f"{name}: {fault}" for fault in visit.violations()]
        if visit.overflows():
            faults.append(f"{name}: wider than the window")
        visit.picture(f"{own}-{visit.language}-{name}")
    return faults


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_pages_of_an_administrator(
    enter: Enter, busy: dict[str, int], theme: str, width: int
) -> None:
    visit = enter("ada", theme, width)
    pages = {**OF_EVERYBODY, **OF_AGENTS, **OF_OPERATORS}
    pages.pop("change-contact")
    assert look_at(visit, pages, busy, "atlas-telecom") == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("theme", "width"), [("dark", 390)])
def test_pages_of_an_agent(enter: Enter, busy: dict[str, int], theme: str, width: int) -> None:
    visit = enter("wholesaler", theme, width)
    assert look_at(visit, {**OF_EVERYBODY, **OF_AGENTS}, busy, "bd-wholesale") == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("language", "width"), [("en", 390), ("es", 390)])
def test_pages_of_a_customer(enter: Enter, busy: dict[str, int], language: str, width: int) -> None:
    visit = enter("customer", "light", width, language)
    assert look_at(visit, OF_EVERYBODY, busy, "customer-001") == []
