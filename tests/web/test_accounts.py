"""Accounts and postings: exact balances after each posting, paging, words."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from controller.persistence.schema import account_funds, configuration_state, postings
from controller.persistence.views import postings as posting_view
from controller.persistence.views.accounts import PostgresAccounts
from controller.services.actors import EVERYTHING
from controller.services.views.accounts import PostedCall, PostingRow
from controller.services.views.paging import Direction, PageRequest
from tests.web import sample
from tests.web.conftest import OwnedClock
from web.charts import share
from web.wording import call_words, posting_words

pytestmark = pytest.mark.usefixtures("operator")


def id_of(engine: sa.Engine, name: str) -> int:
    found = PostgresAccounts(engine).id_of(EVERYTHING, name)
    assert found is not None
    return found


def every_posting(engine: sa.Engine, account_id: int, limit: int = 50) -> list[PostingRow]:
    view, request = PostgresAccounts(engine), PageRequest(limit)
    rows: list[PostingRow] = []
    while True:
        page = view.postings(EVERYTHING, account_id, request)
        rows += page.rows
        if page.older is None:
            return rows
        request = PageRequest(limit, page.older)


def balance_of(engine: sa.Engine, account_id: int) -> Decimal:
    with engine.connect() as connection:
        return Decimal(
            connection.scalar(
                sa.select(account_funds.c.balance).where(account_funds.c.account_id == account_id)
            )
            or 0
        )


@pytest.mark.parametrize("name", ["atlas-telecom", "kestrel-carrier"])
def test_the_balance_runs_exactly_from_nothing_to_now(engine: sa.Engine, name: str) -> None:
    account_id = id_of(engine, name)
    rows = every_posting(engine, account_id, 17)
    assert len(rows) > 50
    assert len({row.posting_id for row in rows}) == len(rows)
    assert rows[0].balance_after == balance_of(engine, account_id)
    running = Decimal(0)
    for row in reversed(rows):
        running += row.amount
        assert row.balance_after == running
    assert rows == sorted(rows, key=lambda row: (row.at, row.posting_id), reverse=True)


def test_newer_postings_lead_back(engine: sa.Engine) -> None:
    view, account_id = PostgresAccounts(engine), id_of(engine, "atlas-telecom")
    first = view.postings(EVERYTHING, account_id, PageRequest(20))
    assert first.older is not None
    second = view.postings(EVERYTHING, account_id, PageRequest(20, first.older))
    assert second.newer is not None
    back = view.postings(EVERYTHING, account_id, PageRequest(20, second.newer, Direction.NEWER))
    assert back.rows == first.rows
    assert back.newer is None


def test_too_far_back_no_balance_is_told_rather_than_a_slow_or_wrong_one(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting_view, "MAX_NEWER", 30)
    rows = every_posting(engine, id_of(engine, "atlas-telecom"), 20)
    assert [row.balance_after is None for row in rows[:60]] == [False] * 40 + [True] * 20


def test_platform_accounts_keep_no_balance(engine: sa.Engine, admin: FlaskClient) -> None:
    account_id = id_of(engine, "revenue:USD")
    page = PostgresAccounts(engine).postings(EVERYTHING, account_id, PageRequest(5))
    assert all(row.balance_after is None and row.amount > 0 for row in page.rows)
    assert admin.get(f"/accounts/{account_id}").status_code == 200


def test_the_account_page_tells_what_each_posting_is(engine: sa.Engine, admin: FlaskClient) -> None:
    account_id = id_of(engine, "atlas-telecom")
    text = admin.get(f"/accounts/{account_id}").text
    assert "Payment received" in text
    assert "bank transfer 2026-1177" in text
    assert "Charge for a call" in text
    assert "s billed, prefix" in text
    assert "balance + overdraft limit − reserved" in text
    oldest = every_posting(engine, account_id)[-1]
    assert posting_words(oldest, "ordinary") == "Opening balance"


@pytest.mark.parametrize(
    ("kind", "account_kind", "amount", "words"),
    [
        ("call_cost", "clearing", "-1", "Termination of a call"),
        ("payment", "clearing", "1", "Payment to the vendor"),
        ("payment", "ordinary", "-1", "Payment taken back"),
        ("call_tax", "ordinary", "-1", "Tax on a call"),
        ("call_charge", "system", "1", "Charge for a call"),
        ("monthly_rent", "ordinary", "-1", "Monthly rent"),
        ("gift", "ordinary", "1", "Gift money of a package"),
        ("package_rent", "ordinary", "-1", "Package rent"),
        ("phone_minimum", "ordinary", "-1", "Phone, minimum consumption"),
        ("correction", "ordinary", "1", "Correction of a call"),
    ],
)
def test_words(clock: OwnedClock, kind: str, account_kind: str, amount: str, words: str) -> None:
    call = PostedCall("49301", 60, 59, "49", "out")
    row = PostingRow("id", kind, clock.now(), Decimal(amount), "USD", "x", "", "c", call, None)
    assert posting_words(row, account_kind) == words
    expected = "59 s through out" if kind == "call_cost" else "60 s billed, prefix 49"
    assert call_words(row) == expected


def test_the_list_shows_money_and_state(admin: FlaskClient) -> None:
    text = admin.get("/accounts").text
    for shown in ("atlas-telecom", "Baltic Voice OÜ", "Locked", "Expired", "Vendor (clearing)"):
        assert shown in text
    assert "revenue:USD" not in text
    assert "revenue:USD" in admin.get("/accounts?kind=system").text
    assert "atlas-telecom" not in admin.get("/accounts?q=baltic").text
    assert "Baltic Voice OÜ" in admin.get("/accounts?q=voice+oü").text
    assert "No account matches." in admin.get("/accounts?q=%25").text
    assert admin.get("/accounts?kind=unheard-of").status_code == 400


def test_the_figures_are_of_one_moment(engine: sa.Engine) -> None:
    """A posting without its balance (never by our code) would show; with it, nothing shows."""
    account_id = id_of(engine, "atlas-telecom")
    with engine.connect() as connection:
        moved = connection.scalar(
            sa.select(
                sa.func.sum(
                    sa.case(
                        (postings.c.credit_account_id == account_id, postings.c.amount),
                        else_=-postings.c.amount,
                    )
                )
            ).where(
                (postings.c.credit_account_id == account_id)
                | (postings.c.debit_account_id == account_id)
            )
        )
    assert every_posting(engine, account_id)[0].balance_after == moved


# -- agents, packages, phones -------------------------------------------------------------


@pytest.fixture
def resellers(operator: None, engine: sa.Engine, clock: OwnedClock) -> None:  # noqa: ARG001 - first
    sample.plant_resellers(engine, clock.now())


@pytest.mark.usefixtures("resellers")
def test_the_chain_leads_up_and_down(engine: sa.Engine, admin: FlaskClient) -> None:
    view = PostgresAccounts(engine)
    customer = view.detail(EVERYTHING, id_of(engine, "baltic-voice"))
    top = view.detail(EVERYTHING, id_of(engine, "nordic-agency"))
    assert customer is not None
    assert top is not None
    assert [agent.name for agent in customer.chain] == ["tallinn-reseller", "nordic-agency"]
    assert (customer.children, customer.children_count) == ((), 0)
    assert top.chain == ()
    assert (top.children_count, len(top.children)) == (24, 20)
    assert [child.name for child in top.children][:2] == ["office-1", "office-10"]
    text = admin.get(f"/accounts/{customer.row.account_id}").text
    for agent in customer.chain:
        assert f'<a href="/accounts/{agent.account_id}">' in text
    assert "private-usd" in text
    below = admin.get(f"/accounts/{top.row.account_id}").text
    assert "Accounts below" in below
    assert "and 4 more" in below
    assert "Accounts below" not in text


@pytest.mark.usefixtures("resellers")
def test_packages_phones_and_recurring_charges_of_an_account(
    engine: sa.Engine, admin: FlaskClient, clock: OwnedClock
) -> None:
    account_id = id_of(engine, "baltic-voice")
    held = PostgresAccounts(engine).subscriptions(EVERYTHING, account_id, clock.now())
    assert held.month == clock.now().date().replace(day=1)
    evening, baltic = held.packages
    assert (evening.name, evening.phone, evening.is_effective) == ("Evening", "37261002", False)
    assert (baltic.name, baltic.phone, baltic.is_effective) == ("Baltic 500", "", True)
    assert [(f.left_s, f.reserved_s, f.total_s) for f in baltic.free] == [
        (12_000, 120, 30_000),
        (1_440, 0, 3_600),
    ]
    assert (baltic.gift_left, baltic.gift_total) == (Decimal("6.75"), Decimal(10))
    assert [charge.kind for charge in held.recurring] == [
        "package_rent",
        "phone_minimum",
        "phone_rent",
    ]
    assert [(p.number, p.consumed, p.maximum) for p in held.phones] == [
        ("37261001", Decimal("17.41"), Decimal(30)),
        ("37261002", Decimal("11.2"), Decimal(12)),
        ("37261003", Decimal(0), None),
    ]
    text = admin.get(f"/accounts/{account_id}").text
    for shown in (
        "3:20:00 left of 8:20:00",
        "to <bdi>372, 371, 370</bdi>",
        "24:00 left of 1:00:00",
        "anywhere",
        "18:00 to 08:00",
        "6.75\u00a0USD left of 10.00\u00a0USD",
        "benefits begin at 5.00\u00a0USD",
        "11.20\u00a0USD",
        "and 0.60 held",
        "Phone, minimum consumption",
    ):
        assert shown in text
    # 12,000 s less 120 s held are 39.6 % of 30,000 s
    assert '<rect class="left" width="39.60%"' in text
    assert '<rect class="held" x="39.60%" width="0.40%"' in text
    assert '<rect class="left" width="58.03%"' in text


def test_an_account_without_them_shows_none_of_it(engine: sa.Engine, admin: FlaskClient) -> None:
    text = admin.get(f"/accounts/{id_of(engine, 'atlas-telecom')}").text
    for heading in ("packages", "phones", "recurring", "below"):
        assert f'id="{heading}-heading"' not in text


@pytest.mark.usefixtures("resellers")
def test_what_is_over_or_not_begun_is_not_in_use(engine: sa.Engine, clock: OwnedClock) -> None:
    account_id = id_of(engine, "baltic-voice")
    view, now = PostgresAccounts(engine), clock.now()
    before = view.subscriptions(EVERYTHING, account_id, now - timedelta(days=40))
    after = view.subscriptions(EVERYTHING, account_id, now + timedelta(days=40))
    assert before.packages == after.packages == ()
    assert {phone.consumed for phone in (*before.phones, *after.phones)} == {0}


@pytest.mark.usefixtures("resellers")
def test_a_month_is_the_platforms(engine: sa.Engine) -> None:
    """At 23:30 UTC on the last day it is the next month in Tallinn."""
    with engine.begin() as connection:
        connection.execute(
            configuration_state.update().values(parameters={"timezone": "Europe/Tallinn"})
        )
    late = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    held = PostgresAccounts(engine).subscriptions(EVERYTHING, id_of(engine, "baltic-voice"), late)
    assert held.month == date(2026, 4, 1)


@pytest.mark.usefixtures("resellers")
def test_an_agents_posting_tells_its_own_seconds_and_prefix(engine: sa.Engine) -> None:
    """Not those of the customer, whose rates are others; and those that stand after re-rating."""
    agency = id_of(engine, "nordic-agency")
    statements = (
        "UPDATE cdr_charges SET billed_s = 600, prefix = '3' WHERE party = 2",
        "INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at,"
        " call_id) SELECT gen_random_uuid(), 'call_charge', account_id, 2, net, currency,"
        " started_at, call_id FROM cdr_charges WHERE party = 2 AND net > 0",
    )
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    first = PostgresAccounts(engine).postings(EVERYTHING, agency, PageRequest(1)).rows[0]
    assert call_words(first) == "600 s billed, prefix 3"


@pytest.mark.parametrize(
    ("part", "whole", "width"),
    [
        (0, 10, "0%"),
        (5, 10, "50.00%"),
        (10, 10, "100.00%"),
        (15, 10, "100.00%"),
        (1, 0, "0%"),
        (-1, 10, "0%"),
        (1, 3, "33.33%"),
    ],
)
def test_a_bar_is_never_longer_than_its_track(part: int, whole: int, width: str) -> None:
    assert share(part, whole) == width
    assert share(Decimal(part), Decimal(whole)) == width
