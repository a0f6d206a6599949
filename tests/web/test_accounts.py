"""Accounts and postings: exact balances after each posting, paging, words."""

from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from controller.persistence.schema import account_funds, accounts, postings
from controller.persistence.views import postings as posting_view
from controller.persistence.views.accounts import PostgresAccounts
from controller.services.views.accounts import AccountFilter, PostedCall, PostingRow
from controller.services.views.paging import Direction, PageRequest
from tests.web.conftest import OwnedClock
from web.wording import call_words, posting_words

pytestmark = pytest.mark.usefixtures("operator")


def id_of(engine: sa.Engine, name: str) -> int:
    found = PostgresAccounts(engine).id_of(name)
    assert found is not None
    return found


def every_posting(engine: sa.Engine, account_id: int, limit: int = 50) -> list[PostingRow]:
    view, request = PostgresAccounts(engine), PageRequest(limit)
    rows: list[PostingRow] = []
    while True:
        page = view.postings(account_id, request)
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
    first = view.postings(account_id, PageRequest(20))
    assert first.older is not None
    second = view.postings(account_id, PageRequest(20, first.older))
    assert second.newer is not None
    back = view.postings(account_id, PageRequest(20, second.newer, Direction.NEWER))
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
    page = PostgresAccounts(engine).postings(account_id, PageRequest(5))
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


def test_paging_by_name(engine: sa.Engine) -> None:
    view, names, after = PostgresAccounts(engine), [], ""
    while True:
        page = view.page(AccountFilter(), after, 3)
        names += [row.name for row in page.rows]
        if page.next_after is None:
            break
        after = page.next_after
    with engine.connect() as connection:
        everybody = sa.select(accounts.c.name).where(accounts.c.kind != "system")
        assert names == list(connection.scalars(everybody.order_by(accounts.c.name)))


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
