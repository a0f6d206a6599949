"""`tollgate packages`, `tollgate bill`, and what `ledger pay` sets going, as operators run them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.cli.bill import bill_group
from controller.cli.ledger import ledger_group
from controller.cli.packages import packages_group
from controller.config import Settings
from tests.integration.billing_office import Office
from tests.integration.command_line import Ran, run, settings_for

pytestmark = pytest.mark.postgres

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class Desk:
    """An office and the commands on its database."""

    def __init__(self, office: Office, settings: Settings) -> None:
        self.office = office
        self.settings = settings

    def packages(self, *arguments: str) -> Ran:
        return run(packages_group, self.settings, *arguments)

    def bill(self, *arguments: str) -> Ran:
        return run(bill_group, self.settings, *arguments)

    def pay(self, *arguments: str) -> Ran:
        return run(ledger_group, self.settings, "pay", *arguments)

    def order(self, *arguments: str, key: str = "k1") -> Ran:
        return self.packages("order", *arguments, "--key", key)

    @property
    def orders(self) -> list[tuple[Any, ...]]:
        return self.office.rows(
            """SELECT key, next_period_start IS NOT NULL, waiting_since IS NOT NULL
            FROM package_orders ORDER BY key"""
        )


@pytest.fixture
def desk(engine: sa.Engine, database_url: str, tmp_path: Path) -> Desk:
    """A customer with 25.00 and a phone; a daily, a monthly and a one-off package of 10.00."""
    office = Office(engine)
    office.account("customer", "25")
    office.phone("4420", "customer")
    free = [{"prefixes": ["39", "33"], "seconds": 600, "cycle_s": 30}]
    office.package("daily", free, period="day", rent="10", gift_money="2")
    office.package("monthly", rent="10")
    office.package("pass", period="once", period_s=3600, rent="10")
    return Desk(office, settings_for(database_url, tmp_path))


def test_an_order_begins_at_once(desk: Desk) -> None:
    before = desk.office.version
    ran = desk.order("daily", "--account", "customer", "--priority", "2", "--memo", "by phone")
    assert (ran.status, ran.out.splitlines()[0]) == (0, "ordered k1, its first period is open")
    assert desk.office.balance("customer") == 15
    assert desk.office.version == before + 1
    assert desk.office.rows(
        "SELECT available_from, priority, on_insufficient, rent_percent, memo FROM package_orders"
    ) == [(TODAY, 2, "wait_recharge", 100, "by phone")]
    desk.office.assert_books_balance()


def test_the_same_order_again_is_the_same_order(desk: Desk) -> None:
    first = desk.order("daily", "--account", "customer", "--json")
    assert first.json["recorded"] is True
    assert (first.json["periods_opened"], first.json["totals"]["USD"]["total"]) == (1, "10")
    again = desk.order("daily", "--account", "customer", "--json")
    assert (again.status, again.json["recorded"], again.json["periods_opened"]) == (0, False, 0)
    assert desk.office.balance("customer") == 15
    for other in (["--phone", "4420"], ["--account", "customer", "--rent-percent", "50"]):
        ran = desk.order("daily", *other)
        assert (ran.status, ran.out) == (1, "")
        assert ran.err.strip() == "tollgate: key 'k1' was used for another order"


def test_a_phones_order_is_paid_by_its_account(desk: Desk) -> None:
    assert desk.order("daily", "--phone", "4420").status == 0
    (active,) = desk.packages("active", "--json").json["active"]
    assert (active["phone"], active["account"], active["rent_paid"]) == ("4420", "customer", "10")
    assert active["gift_left"] == "2"
    assert active["free"] == [
        {
            "prefixes": ["39", "33"],
            "start_s": 0,
            "end_s": 86400,
            "cycle_s": 30,
            "left_s": 600,
            "reserved_s": 0,
        }
    ]
    shown = desk.packages("active").out
    assert "phone 4420 (customer)" in shown
    assert "600 s to 39+33" in shown


def test_an_order_that_waits_begins_with_the_payment(desk: Desk) -> None:
    desk.order("daily", "--account", "customer", key="k1")
    desk.order("pass", "--account", "customer", key="k2")
    ran = desk.order("daily", "--account", "customer", key="k3")
    assert ran.status == 0
    assert re.search(r"k3\s+daily\s+customer\s+10\s+5\s+USD\s+waits for a recharge", ran.out)
    assert "waiting" in desk.packages("orders").out
    too_little = desk.pay("customer", "4.99", "--key", "p1", "--json")
    assert too_little.json["balance"] == "9.99"
    assert [r["outcome"] for r in too_little.json["orders"]["orders_refused"]] == [
        "waits for a recharge"
    ]
    enough = desk.pay("customer", "0.01", "--key", "p2", "--json")
    assert (enough.json["balance"], enough.json["orders"]["periods_opened"]) == ("10", 1)
    assert desk.office.balance("customer") == 0
    nothing_waits = desk.pay("customer", "1", "--key", "p3", "--json")
    assert nothing_waits.json["orders"] is None
    desk.office.assert_books_balance()
    verified = run(ledger_group, desk.settings, "verify", "--json")
    assert (verified.status, verified.json["differences"]) == (0, [])


def test_a_payment_stands_where_an_order_cannot_be_tried(desk: Desk) -> None:
    desk.order("daily", "--account", "customer")
    desk.office.execute(
        """UPDATE package_orders SET waiting_since = now(), next_period_start = available_from"""
    )
    ran = desk.pay("customer", "100", "--key", "p1")
    assert ran.status == 0
    assert "paid 100 USD to customer; balance 115 USD" in ran.out
    assert "duplicate key" in ran.out
    assert desk.office.balance("customer") == 115


def test_orders_for_later(desk: Desk) -> None:
    later = f"{TODAY + timedelta(days=3):%Y-%m-%d}"
    assert desk.order("daily", "--account", "customer", "--from", later).status == 0
    (order,) = desk.packages("orders", "--json").json["orders"]
    assert order["state"] == "planned"
    assert order["next_period_start"] == f"{later}T00:00:00Z"
    assert desk.office.balance("customer") == 25
    assert desk.bill("run", "--json").json["periods_opened"] == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing", "--account", "customer"], "no package is named 'nothing'"),
        (["daily", "--account", "nobody"], "no account is named 'nobody'"),
        (["daily", "--phone", "999"], "no phone has the number '999'"),
        (["daily", "--account", "revenue:USD"], "no account is named 'revenue:USD'"),
        (["daily"], "an order is for an account or for a phone: name one of them"),
        (["daily", "--account", "customer", "--phone", "4420"], "name one of them"),
        (["daily", "--account", "customer", "--from", "soon"], "from: 'soon' is not a day"),
        (["daily", "--account", "customer", "--from", "2026-02-30"], "is not a day"),
        (["daily", "--account", "customer", "--from", "9999-12-31"], "years 2000 to 2199"),
        (["daily", "--account", "customer", "--expires", "x"], "expires: 'x' is not an ISO 8601"),
        (["daily", "--account", "customer", "--expires", "2025-01-01"], "over before it begins"),
        (["daily", "--account", "customer", "--priority", "-1"], "priority: '-1'"),
        (["daily", "--account", "customer", "--rent-percent", "100.1"], "rent percent: '100.1'"),
        (["daily", "--account", "customer", "--rent-percent", "1e1"], "rent percent: '1e1'"),
        (["daily", "--account", "customer", "--on-insufficient", "beg"], "beg"),
        (["daily", "--account", "customer", "--memo", "a\nb"], "memo: at most"),
        (
            ["pass", "--account", "customer", "--on-insufficient", "wait_period"],
            "there is no next period to wait for",
        ),
        (["daily", "--account", "euro"], "package daily is in USD, account euro in EUR"),
        (["daily", "--account", "vendor"], "is a clearing account: it has no packages"),
    ],
)
def test_what_is_no_order(desk: Desk, arguments: list[str], complaint: str) -> None:
    desk.office.account("euro", currency="EUR")
    desk.office.account("vendor", kind="clearing")
    ran = desk.order(*arguments)
    assert ran.status == 2
    assert complaint in ran.err
    assert len(ran.err.splitlines()) == 1
    assert desk.orders == []


def test_an_order_that_expires_before_a_whole_period(desk: Desk) -> None:
    first = (TODAY + timedelta(days=32)).replace(day=2)
    last = first + timedelta(days=5)
    days = [f"--from={first:%Y-%m-%d}", f"--expires={last:%Y-%m-%d}"]
    ran = desk.order("monthly", "--account", "customer", *days)
    assert (ran.status, "over before a whole period begins" in ran.err) == (2, True)


def test_a_closed_account_orders_nothing(desk: Desk) -> None:
    desk.office.execute("UPDATE accounts SET closed_at = now() WHERE name = 'customer'")
    ran = desk.order("daily", "--account", "customer")
    assert (ran.status, ran.err.strip()) == (1, "tollgate: account customer is closed")


def test_canceling_lets_the_period_run_out(desk: Desk) -> None:
    desk.order("daily", "--account", "customer")
    ran = desk.packages("cancel", "k1")
    assert (ran.status, ran.out.strip()) == (0, "ended k1: no further period begins")
    assert desk.office.periods[0][4] is False
    assert desk.packages("orders", "--json").json["orders"] == []
    (over,) = desk.packages("orders", "--all", "--json").json["orders"]
    assert (over["state"], over["ended_at"] is not None) == ("over", True)
    again = desk.packages("cancel", "k1")
    assert (again.status, again.err.strip()) == (1, "tollgate: order k1 is over already")
    assert desk.packages("cancel", "k9").status == 2


def test_removing_a_running_period_while_calls_hold_its_benefits(desk: Desk) -> None:
    """The rows stay for the calls that hold them; nothing new can use them."""
    desk.order("daily", "--account", "customer")
    desk.office.execute("UPDATE active_packages SET gift_reserved = 1, minimum_consumption = 5")
    desk.office.execute("UPDATE active_free_seconds SET reserved_s = 60")
    before = desk.office.version
    ((number,),) = desk.office.rows("SELECT id FROM active_packages")
    ran = desk.packages("remove", str(number))
    assert (ran.status, ran.out.strip()) == (0, f"ended active package {number}")
    ((ended, closed, gift, held),) = desk.office.rows(
        """SELECT period_end <= now(), closed_at IS NOT NULL, gift_reserved, reserved_s
        FROM active_packages a JOIN active_free_seconds f ON f.active_package_id = a.id"""
    )
    assert (ended, closed, gift, held) == (True, True, 1, 60)
    assert desk.office.version == before + 1
    desk.office.execute("UPDATE active_packages SET gift_reserved = 0, gift_left = gift_left - 1")
    desk.bill("run")
    assert desk.office.balance("customer") == 15
    # its order goes on
    assert desk.orders == [("k1", True, False)]
    assert desk.packages("remove", str(number)).status == 1
    assert desk.packages("remove", "999").status == 2


def test_a_package_with_orders_is_not_deleted(desk: Desk) -> None:
    desk.order("daily", "--account", "customer", key="k1")
    desk.order("daily", "--phone", "4420", key="k2")
    ran = desk.packages("delete", "daily")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.strip() == (
        "tollgate: package daily has 2 orders (k1, k2) and 2 running periods; --force ends them all"
    )
    assert len(desk.orders) == 2
    desk.packages("cancel", "k1")
    desk.packages("cancel", "k2")
    assert "no orders and 2 running periods" in desk.packages("delete", "daily").err


def test_deleting_by_force_keeps_the_history(desk: Desk) -> None:
    desk.order("daily", "--account", "customer")
    desk.office.execute("UPDATE active_packages SET gift_reserved = 1")
    before = desk.office.version
    done = desk.packages("delete", "daily", "--force", "--json")
    assert done.json == {"package": "daily", "orders": ["k1"], "active": 1, "deleted": False}
    assert desk.orders == [("k1", False, False)]
    assert [period[4] for period in desk.office.periods] == [True]
    assert desk.office.version == before + 1
    # no refund
    assert desk.office.balance("customer") == 15
    assert [line["source"] for line in desk.bill("history", "--json").json["charges"]] == ["daily"]
    names = [line["name"] for line in desk.packages("list", "--json").json["packages"]]
    assert names == ["monthly", "pass"]
    assert desk.order("daily", "--account", "customer", key="k2").status == 2
    assert desk.packages("delete", "daily").status == 2


def test_a_package_that_nobody_ordered_is_gone(desk: Desk) -> None:
    ran = desk.packages("delete", "monthly")
    assert (ran.status, ran.out.strip()) == (
        0,
        "deleted monthly; 0 orders and 0 running periods ended",
    )
    assert desk.office.rows("SELECT count(*) FROM packages WHERE name = 'monthly'") == [(0,)]


def test_what_can_be_ordered(desk: Desk) -> None:
    desk.order("daily", "--account", "customer")
    daily, monthly, once = desk.packages("list", "--json").json["packages"]
    assert (daily["name"], daily["rent"], daily["free_s"]) == ("daily", "10", 600)
    assert (daily["orders"], daily["active"]) == (1, 1)
    assert (monthly["period"], monthly["orders"], once["period_s"]) == ("month", 0, 3600)
    assert "3600 s once" in desk.packages("list").out


def test_a_run_tells_what_it_did(desk: Desk) -> None:
    desk.office.execute("UPDATE phones SET monthly_rent = 5")
    desk.office.execute("UPDATE phones SET billed_until = :then", then=TODAY - timedelta(days=31))
    desk.office.order("o1", "daily", "customer", str(TODAY))
    desk.office.order("o2", "monthly", "customer", str(TODAY))
    ran = desk.bill("run", "--json")
    assert ran.status == 0
    reply = ran.json
    assert reply["ok"] is True
    assert reply["charges"]["package_rent"] >= 1
    assert reply["charges"]["phone_rent"] >= 1
    assert Decimal(reply["totals"]["USD"]["total"]) == 25 - desk.office.balance("customer")
    assert (reply["errors"], reply["unlisted"]) == ([], {})
    again = desk.bill("run")
    assert again.out.splitlines()[-1].startswith("0 charges, 0 periods opened, 0 closed, 0 failed")
    shown = desk.bill("history", "--account", "customer").out
    assert "package_rent" in shown
    assert "4420" in shown
    lines = desk.bill("history", "--json", "--limit", "1").json["charges"]
    assert len(lines) == 1
    assert set(lines[0]) >= {"amount", "balance_after", "at", "source", "kind", "period_start"}


def test_a_run_that_fails_in_part(desk: Desk) -> None:
    desk.office.account("euro", currency="EUR")
    desk.office.order("o1", "daily", "euro", str(TODAY))
    desk.office.order("o2", "daily", "customer", str(TODAY))
    ran = desk.bill("run")
    assert ran.status == 1
    assert "package daily is in USD, account euro in EUR" in ran.out
    assert "1 charges, 1 periods opened, 0 closed, 1 failed" in ran.out


@pytest.mark.parametrize(
    ("as_of", "complaint"),
    [
        (f"{TODAY + timedelta(days=2):%Y-%m-%d}", "in the future"),
        ("yesterday", "--as-of: 'yesterday' is not an ISO 8601"),
        ("2026-13-01", "--as-of: '2026-13-01' is not a day"),
        ("0001-01-01", "years 2000 to 2199"),
    ],
)
def test_no_day_to_bill(desk: Desk, as_of: str, complaint: str) -> None:
    ran = desk.bill("run", "--as-of", as_of)
    assert (ran.status, complaint in ran.err) == (2, True)


def test_a_day_is_the_platforms(desk: Desk) -> None:
    desk.office.zone("Pacific/Kiritimati")
    ran = desk.bill("run", "--as-of", "2026-01-02", "--json")
    assert ran.json["as_of"] == "2026-01-01T10:00:00Z"


def test_nobodys_history(desk: Desk) -> None:
    for ran in (
        desk.bill("history", "--account", "nobody"),
        desk.packages("orders", "--account", "nobody"),
        desk.packages("active", "--account", "nobody"),
    ):
        assert (ran.status, ran.err) == (2, "no account is named 'nobody'")
