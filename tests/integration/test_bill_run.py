"""The billing run on PostgreSQL: who pays what when, once, whatever else goes on."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from controller.domain.errors import InvalidInput
from controller.persistence.billing_store import PostgresBilling
from controller.services.billing_run.run import BillingRun
from tests.integration.billing_office import Office, at

pytestmark = pytest.mark.postgres


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    return Office(engine)


# -- phones (spec B5) ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rent", "minimum", "used", "charges"),
    [
        ("0", "20", "12.50", [("phone_minimum", "7.50")]),
        ("0", "20", "25", [("phone_minimum", "0.00")]),
        ("5", "0", "12.50", [("phone_rent", "5.00")]),
        # last month's shortfall first, then the new month's rent
        ("5", "20", "12.50", [("phone_minimum", "7.50"), ("phone_rent", "5.00")]),
        ("5", "20", "25", [("phone_minimum", "0.00"), ("phone_rent", "5.00")]),
        ("5", "20", None, [("phone_minimum", "20.00"), ("phone_rent", "5.00")]),
    ],
)
def test_a_phone_on_the_first(
    office: Office, rent: str, minimum: str, used: str | None, charges: list[tuple[str, str]]
) -> None:
    office.account("customer", "100")
    office.phone(
        "4420", "customer", monthly_rent=rent, monthly_minimum=minimum, created_at=at("2026-01-10")
    )
    if used is not None:
        office.phone_used("4420", "2026-01-01", used)
    office.run("2026-02-01T00:00:05")
    assert [(kind, amount) for kind, _, _, amount, _ in office.charges] == charges
    owed = sum(Decimal(amount) for _, amount in charges)
    assert office.balance("customer") == 100 - owed
    office.assert_books_balance()


def test_what_is_owed_is_charged_below_zero_and_once_a_month(office: Office) -> None:
    office.account("customer", "1")
    office.phone("4420", "customer", monthly_rent="5", monthly_minimum="20")
    office.execute("UPDATE phones SET billed_until = '2026-01-01T00:00Z'")
    for day in ("2026-01-31T23:59", "2026-02-01", "2026-02-01T01:00", "2026-02-28T23:59"):
        office.run(day)
    assert office.charges == [
        ("phone_minimum", "4420", "01-01 00:00", "20.00", "-19.00"),
        ("phone_rent", "4420", "02-01 00:00", "5.00", "-24.00"),
    ]
    office.run("2026-03-01")
    assert office.balance("customer") == -49
    office.assert_books_balance()


def test_months_are_caught_up_in_order(office: Office) -> None:
    office.account("customer", "100")
    office.phone("1", "customer", monthly_rent="5", created_at=at("2026-01-10"))
    office.phone("2", "customer", monthly_rent="7", created_at=at("2026-02-10"))
    office.run("2026-04-02")
    assert [charge[1:4] for charge in office.charges] == [
        ("1", "02-01 00:00", "5.00"),
        ("1", "03-01 00:00", "5.00"),
        ("2", "03-01 00:00", "7.00"),
        ("1", "04-01 00:00", "5.00"),
        ("2", "04-01 00:00", "7.00"),
    ]


def test_a_phone_of_this_month_pays_from_the_next_on(office: Office) -> None:
    office.account("customer", "100")
    office.phone("1", "customer", monthly_rent="5", created_at=at("2026-02-01"))
    office.run("2026-02-28T23:59")
    assert office.charges == []
    office.run("2026-03-01")
    assert office.balance("customer") == 95


def test_rent_that_is_asked_for_later_is_not_owed_for_the_past(office: Office) -> None:
    """Whoever changes the row: the months before had no rent."""
    office.account("customer", "100")
    office.phone("1", "customer")
    office.execute("UPDATE phones SET monthly_rent = 5")
    ((since,),) = office.rows("SELECT billed_until FROM phones")
    assert since is not None
    office.run(str(since))
    assert office.charges == []
    office.run(str(since + timedelta(days=31)))
    assert office.balance("customer") == 95


def test_a_months_minimum_waits_for_its_last_calls(office: Office) -> None:
    office.account("customer", "100")
    phone = office.phone(
        "1", "customer", monthly_rent="5", monthly_minimum="20", created_at=at("2026-01-10")
    )
    office.call_goes_on(
        "customer", "2026-01-31T23:59", phone_id=phone, phone_month=at("2026-01-01").date()
    )
    report = office.run("2026-02-01")
    assert (office.charges, report.waiting_for_calls) == ([], ["phone 1"])
    office.calls_end()
    office.phone_used("1", "2026-01-01", "19.90")
    office.run("2026-02-01T00:15")
    assert [charge[3] for charge in office.charges] == ["0.10", "5.00"]


def test_months_are_those_of_the_platforms_zone(office: Office) -> None:
    office.zone("America/New_York")
    office.account("customer", "100")
    office.phone("1", "customer", monthly_rent="5", created_at=at("2026-02-10"))
    office.run("2026-03-01T04:59:59")
    assert office.charges == []
    office.run("2026-03-01T05:00")
    # summer time began in between
    office.run("2026-04-01T04:00")
    assert [charge[2] for charge in office.charges] == ["03-01 05:00", "04-01 04:00"]


def test_another_time_zone_does_not_make_a_month_come_twice(office: Office) -> None:
    office.zone("Europe/Paris")
    office.account("customer", "100", monthly_minimum="3", created_at=at("2026-01-15"))
    office.phone("1", "customer", monthly_rent="5", created_at=at("2026-01-15"))
    office.run("2026-02-01T12:00")
    office.zone("America/New_York")
    office.run("2026-02-02")
    assert office.balance("customer") == 92
    office.run("2026-03-01T05:00")
    assert office.balance("customer") == 84


# -- accounts -----------------------------------------------------------------------------


def test_an_accounts_minimum_counts_charges_and_taxes_less_gifts(office: Office) -> None:
    office.account("customer", "100", monthly_minimum="20", created_at=at("2026-01-05"))
    office.called("customer", "99", "2025-12-31T23:59:59")
    office.called("customer", "8", "2026-01-01")
    office.post("call_tax", "customer", "tax:USD", "2", "2026-01-31T23:59:59Z")
    office.post("gift", "gifts:USD", "customer", "3", "2026-01-20T00:00Z")
    office.called("customer", "50", "2026-02-01")
    office.run("2026-02-01T00:00:05")
    assert [charge[:4] for charge in office.charges] == [
        ("account_minimum", "customer", "01-01 00:00", "13.00")
    ]
    office.run("2026-03-01")
    assert office.charges[-1][3] == "0.00"
    office.assert_books_balance()


def test_an_accounts_minimum_waits_for_its_last_calls(office: Office) -> None:
    office.account("customer", "100", monthly_minimum="20", created_at=at("2026-01-05"))
    office.call_goes_on("customer", "2026-01-31T23:59")
    assert office.run("2026-02-01").waiting_for_calls == ["account customer"]
    office.calls_end()
    # a call of February does not keep January open
    office.call_goes_on("customer", "2026-02-01T00:01")
    office.run("2026-02-01T01:00")
    assert office.balance("customer") == 80


def test_vendors_and_closed_accounts_owe_no_minimum(office: Office) -> None:
    office.account("vendor", monthly_minimum="20", kind="clearing")
    office.account("gone", monthly_minimum="20", closed_at=at("2026-01-20"))
    office.phone("1", "gone", monthly_rent="5", created_at=at("2026-01-10"))
    report = office.run("2026-02-01")
    assert (office.charges, report.errors) == ([], [])


# -- packages -----------------------------------------------------------------------------


def test_a_month_of_a_package(office: Office) -> None:
    office.account("customer", "100")
    free = [
        {"prefixes": ["39"], "seconds": 6000, "cycle_s": 30},
        {"prefixes": ["*"], "seconds": 60},
    ]
    office.package("talk", free, rent="9.99", gift_money="10", effective_consumption="1")
    office.order("o1", "talk", "customer", "2026-01-01", priority=3)
    before = office.version
    report = office.run("2026-01-01T00:00:05")
    assert (report.opened, report.total("USD")) == (1, Decimal("9.99"))
    assert office.charges == [("package_rent", "talk", "01-01 00:00", "9.99", "90.01")]
    assert office.periods == [("o1", "01-01", "02-01", "9.99", False)]
    assert office.rows(
        "SELECT gift_left, effective_consumption, priority FROM active_packages"
    ) == [(10, 1, 3)]
    assert office.rows("SELECT prefixes, left_s, cycle_s, reserved_s FROM active_free_seconds") == [
        (["39"], 6000, 30, 0),
        (["*"], 60, 60, 0),
    ]
    assert office.version == before + 1
    again = office.run("2026-01-31T23:59")
    assert (again.anything, office.version) == (False, before + 1)
    ((memo,),) = office.rows("SELECT memo FROM postings WHERE kind = 'package_rent'")
    assert memo == "talk: rent for customer, 2026-01-01 to 2026-01-31"
    office.assert_books_balance()


def test_gifts_and_free_seconds_are_fresh_in_each_period(office: Office) -> None:
    office.account("customer", "100")
    office.package("talk", [{"prefixes": ["39"], "seconds": 600}], gift_money="10")
    office.order("o1", "talk", "customer", "2026-01-01")
    office.run("2026-01-01")
    office.execute("UPDATE active_packages SET gift_left = 1")
    office.execute("UPDATE active_free_seconds SET left_s = 7")
    office.run("2026-02-01")
    assert office.rows("SELECT gift_left FROM active_packages ORDER BY period_start") == [
        (1,),
        (10,),
    ]
    assert office.rows("SELECT left_s FROM active_free_seconds ORDER BY id") == [(7,), (600,)]
    assert [period[4] for period in office.periods] == [True, False]


def test_a_packages_minimum_is_charged_at_the_periods_end(office: Office) -> None:
    office.account("customer", "15")
    office.package("talk", minimum_consumption="8")
    office.order("o1", "talk", "customer", "2026-01-01")
    office.run("2026-01-01")
    office.execute("UPDATE active_packages SET consumption = 5.5")
    office.run("2026-02-01")
    # the shortfall comes first, and leaves too little for the next rent
    assert office.charges == [
        ("package_rent", "talk", "01-01 00:00", "10.00", "5.00"),
        ("package_minimum", "talk", "01-01 00:00", "2.50", "2.50"),
    ]
    office.assert_books_balance()


def test_a_minimum_that_waits_for_calls_does_not_keep_the_next_period_back(office: Office) -> None:
    office.account("customer", "100")
    office.package("talk", minimum_consumption="8")
    office.order("o1", "talk", "customer", "2026-01-01")
    office.run("2026-01-01")
    office.call_goes_on("customer", "2026-01-31T23:50")
    report = office.run("2026-02-01")
    assert (report.opened, report.waiting_for_calls) == (1, ["package talk of customer"])
    office.execute("UPDATE active_packages SET consumption = 8 WHERE period_start < '2026-02-01'")
    office.calls_end()
    office.run("2026-02-01T00:15")
    assert office.periods == [
        ("o1", "01-01", "02-01", "10.00", True),
        ("o1", "02-01", "03-01", "10.00", False),
    ]
    assert [charge[:1] + charge[3:4] for charge in office.charges] == [
        ("package_rent", "10.00"),
        ("package_rent", "10.00"),
        ("package_minimum", "0.00"),
    ]


def test_a_period_that_opens_late_counts_what_was_used_since_its_begin(office: Office) -> None:
    office.account("customer", "30")
    office.package("talk", minimum_consumption="8")
    office.order("o1", "talk", "customer", "2026-01-01")
    office.called("customer", "2", "2025-12-31T23:00")
    office.called("customer", "6", "2026-01-15")
    # two periods after downtime: the first one is over when it is opened
    office.run("2026-02-10")
    assert [charge[:4] for charge in office.charges] == [
        ("package_rent", "talk", "01-01 00:00", "10.00"),
        ("package_minimum", "talk", "01-01 00:00", "2.00"),
        ("package_rent", "talk", "02-01 00:00", "10.00"),
    ]
    assert office.balance("customer") == 0


def test_a_phones_package_is_paid_by_its_present_account(office: Office) -> None:
    office.account("old", "100")
    office.account("new", "100")
    phone = office.phone("4420", "old")
    office.package("talk", minimum_consumption="3")
    office.order("o1", "talk", "old", "2026-01-01", phone_id=phone)
    office.run("2026-01-01")
    office.execute("UPDATE phones SET account_id = (SELECT id FROM accounts WHERE name = 'new')")
    office.run("2026-02-01")
    # the shortfall of the period that the old account had is the old account's
    assert [office.balance(name) for name in ("old", "new")] == [87, 90]
    assert office.rows("SELECT count(*) FROM active_packages WHERE phone_id IS NOT NULL") == [(2,)]


@pytest.mark.parametrize(
    ("overdraft", "reserved", "opens"),
    [("0", "0", False), ("1", "0", True), ("5", "4", True), ("5", "4.01", False)],
)
def test_rent_is_covered_by_what_calls_have_left(
    office: Office, overdraft: str, reserved: str, opens: bool
) -> None:
    office.account("customer", "9", overdraft_limit=overdraft)
    office.execute("UPDATE account_funds SET reserved = :money", money=reserved)
    office.package("talk")
    office.order("o1", "talk", "customer", "2026-01-01")
    assert office.run("2026-01-01").opened == opens


def test_small_priorities_are_paid_first(office: Office) -> None:
    office.account("customer", "20")
    office.package("talk")
    for key, priority in (("none", None), ("second", 2), ("first", 1)):
        office.order(key, "talk", "customer", "2026-01-01", priority=priority)
    report = office.run("2026-01-01")
    assert [period[0] for period in office.periods] == ["first", "second"]
    assert [refused.order for refused in report.refused] == ["none"]


def test_waiting_for_a_recharge(office: Office) -> None:
    office.account("customer", "9")
    office.package("talk")
    office.order("o1", "talk", "customer", "2026-01-01")
    report = office.run("2026-01-01")
    (refused,) = report.refused
    assert [refused.rent, refused.available] == [10, 9]
    assert (refused.account, refused.outcome) == ("customer", "waits for a recharge")
    office.run("2026-01-05")
    assert office.rows("SELECT waiting_since FROM package_orders") == [(at("2026-01-01"),)]
    # nothing is owed for February, in which nothing was used either
    office.clock.moment = at("2026-03-10")
    office.pay("customer", "1")
    assert office.billing.recharged("customer").opened == 1
    assert office.periods == [("o1", "03-01", "04-01", "10.00", False)]
    assert office.rows("SELECT waiting_since, next_period_start FROM package_orders") == [
        (None, at("2026-04-01"))
    ]
    office.assert_books_balance()


def test_a_recharge_tries_only_what_waits_for_that_account(office: Office) -> None:
    office.package("talk")
    for name in ("payer", "other"):
        office.account(name)
        office.order(f"of {name}", "talk", name, "2026-01-01")
    office.run("2026-01-01")
    for name in ("payer", "other"):
        office.pay(name, "10" if name == "payer" else "11")
        office.order(f"later of {name}", "talk", name, "2026-01-01")
    office.billing.recharged("payer")
    assert [period[0] for period in office.periods] == ["of payer"]


def test_waiting_for_the_next_period(office: Office) -> None:
    office.account("customer", "9")
    office.package("talk")
    office.order("o1", "talk", "customer", "2026-01-01", on_insufficient="wait_period")
    report = office.run("2026-01-01")
    assert [refused.outcome for refused in report.refused] == [
        "leaves out 2026-01-01 to 2026-01-31"
    ]
    office.pay("customer", "10")
    assert office.billing.recharged("customer").opened == 0
    office.run("2026-01-20")
    assert office.periods == []
    office.run("2026-02-01")
    assert office.periods == [("o1", "02-01", "03-01", "10.00", False)]


def test_an_order_that_is_deleted_for_want_of_money(office: Office) -> None:
    office.account("customer", "9")
    office.package("talk")
    office.order("o1", "talk", "customer", "2026-01-01", on_insufficient="delete")
    report = office.run("2026-01-01")
    assert [(ended.subject, ended.why) for ended in report.ended] == [("o1", "rent not covered")]
    office.pay("customer", "10")
    office.run("2026-02-01")
    assert office.periods == []
    assert office.rows("SELECT ended_at FROM package_orders") == [(at("2026-01-01"),)]


def test_a_partial_first_period(office: Office) -> None:
    office.account("customer", "100")
    free = [{"prefixes": ["39"], "seconds": 1000}]
    office.package("part", free, gift_money="10", allow_partial_first=True)
    office.package("whole", free)
    office.order("p", "part", "customer", "2026-01-15")
    office.order("w", "whole", "customer", "2026-01-15")
    office.run("2026-01-15T09:00")
    # 17 of 31 days
    assert office.rows("SELECT rent_paid, gift_left, period_end FROM active_packages") == [
        (Decimal("5.483871"), Decimal("5.483871"), at("2026-02-01"))
    ]
    assert office.rows("SELECT left_s FROM active_free_seconds") == [(548,)]
    assert office.rows("SELECT next_period_start FROM package_orders WHERE key = 'w'") == [
        (at("2026-02-01"),)
    ]
    office.run("2026-02-01")
    assert [period[:3] for period in office.periods] == [
        ("p", "01-15", "02-01"),
        ("p", "02-01", "03-01"),
        ("w", "02-01", "03-01"),
    ]


def test_an_anniversary_of_the_31st(office: Office) -> None:
    office.account("customer", "100")
    office.package("talk", alignment="anniversary")
    office.order("o1", "talk", "customer", "2026-01-31")
    office.run("2026-05-31")
    assert [period[1:3] for period in office.periods] == [
        ("01-31", "02-28"),
        ("02-28", "03-31"),
        ("03-31", "04-30"),
        ("04-30", "05-31"),
        ("05-31", "06-30"),
    ]


def test_a_one_off_package_is_active_at_once_and_its_order_over(office: Office) -> None:
    office.account("customer", "100")
    office.package("pass", period="once", period_s=3600)
    office.order("o1", "pass", "customer", "2026-01-01")
    office.run("2026-01-01T15:30")
    assert office.rows("SELECT period_start, period_end FROM active_packages") == [
        (at("2026-01-01T15:30"), at("2026-01-01T16:30"))
    ]
    assert office.rows("SELECT next_period_start, ended_at FROM package_orders") == [
        (None, at("2026-01-01T15:30"))
    ]
    office.run("2026-01-02")
    assert office.balance("customer") == 90
    assert [period[4] for period in office.periods] == [True]


def test_an_order_that_expires(office: Office) -> None:
    office.account("customer", "100")
    office.package("talk", minimum_consumption="3")
    office.order("o1", "talk", "customer", "2026-01-01", expires_at=at("2026-02-15"))
    for day in ("2026-01-01", "2026-02-01", "2026-02-14"):
        office.run(day)
    assert [period[1:] for period in office.periods] == [
        ("01-01", "02-01", "10.00", True),
        ("02-01", "02-15", "10.00", False),
    ]
    office.run("2026-02-15")
    assert [period[4] for period in office.periods] == [True, True]
    office.run("2026-04-01")
    # two rents, two minimums
    assert office.balance("customer") == 74


def test_an_order_of_a_closed_account_ends(office: Office) -> None:
    office.account("customer", "100")
    office.package("talk", minimum_consumption="3")
    office.order("o1", "talk", "customer", "2026-01-01")
    office.run("2026-01-01")
    office.execute("UPDATE accounts SET closed_at = now() WHERE name = 'customer'")
    report = office.run("2026-02-01")
    assert [ended.why for ended in report.ended] == ["the account is closed"]
    assert office.balance("customer") == 90
    assert [period[4] for period in office.periods] == [True]


def test_agents_and_their_customers_pay_for_themselves(office: Office) -> None:
    agent = office.account("agent", "100", monthly_minimum="5", created_at=at("2026-01-02"))
    office.account("customer", "100", parent_id=agent)
    office.package("talk")
    office.order("of customer", "talk", "customer", "2026-01-01")
    office.order("of agent", "talk", "agent", "2026-02-01")
    office.run("2026-02-01")
    assert [office.balance(name) for name in ("agent", "customer")] == [85, 80]


# -- the run as a whole -------------------------------------------------------------------


def test_things_are_done_in_order_of_time_and_what_is_owed_comes_first(office: Office) -> None:
    """Two months late, with money for the debts and for one rent of a package only."""
    office.account("customer", "35", monthly_minimum="4", created_at=at("2026-01-10"))
    office.phone(
        "1", "customer", monthly_rent="5", monthly_minimum="2", created_at=at("2026-01-10")
    )
    office.package("talk", minimum_consumption="3")
    office.order("o1", "talk", "customer", "2026-01-10", next_period_start=at("2026-02-01"))
    office.run("2026-03-02")
    assert [charge[:4] for charge in office.charges] == [
        ("phone_minimum", "1", "01-01 00:00", "2.00"),
        ("phone_rent", "1", "02-01 00:00", "5.00"),
        ("account_minimum", "customer", "01-01 00:00", "4.00"),
        ("package_rent", "talk", "02-01 00:00", "10.00"),
        ("package_minimum", "talk", "02-01 00:00", "3.00"),
        ("phone_minimum", "1", "02-01 00:00", "2.00"),
        ("phone_rent", "1", "03-01 00:00", "5.00"),
        ("account_minimum", "customer", "02-01 00:00", "4.00"),
    ]
    assert office.balance("customer") == 0
    assert office.rows("SELECT waiting_since FROM package_orders") == [(at("2026-03-02"),)]
    office.assert_books_balance()


def test_as_of_an_earlier_time_only_what_was_due_then(office: Office) -> None:
    office.account("customer", "100")
    office.package("daily", period="day", rent="1")
    office.order("o1", "daily", "customer", "2026-01-01")
    office.run("2026-01-10T12:00", as_of="2026-01-03T06:00")
    assert [period[1] for period in office.periods] == ["01-01", "01-02", "01-03"]
    assert office.rows("SELECT DISTINCT at FROM postings WHERE kind = 'package_rent'") == [
        (at("2026-01-10T12:00"),)
    ]


def test_the_future_is_refused(office: Office) -> None:
    office.clock.moment = at("2026-01-10")
    with pytest.raises(InvalidInput, match="in the future"):
        office.billing.run(at("2026-01-10T00:00:01"))


def test_a_failure_harms_nobody_else_and_leaves_nothing_half_done(office: Office) -> None:
    office.package("talk", [{"prefixes": ["39"], "seconds": 60}])
    office.package("euro", currency="EUR")
    for name in ("a", "b", "c", "d"):
        office.account(name, "100")
    for name, package in (("a", "talk"), ("b", "euro"), ("c", "talk"), ("d", "talk")):
        office.order(name, package, name, "2026-01-01")
    # the second step of c's transaction, after its rent, meets a row that is there already
    office.execute(
        """INSERT INTO active_packages (order_id, package_id, account_id, period_start, period_end,
            closed_at, announced)
        SELECT id, package_id, account_id, available_from, available_from, now(), true
        FROM package_orders WHERE key = 'c'"""
    )
    report = office.run("2026-01-01")
    assert [(error.subject, error.why[:40]) for error in report.errors] == [
        ("order b", "package euro is in EUR, account b in USD"),
        ("order c", "the database refused it: duplicate key v"),
    ]
    assert not report.ok
    assert (report.charges["package_rent"], report.opened) == (2, 2)
    assert [office.balance(name) for name in "abcd"] == [90, 100, 100, 90]
    office.assert_books_balance()


def test_a_currency_without_a_revenue_account(office: Office) -> None:
    office.account("customer", currency="EUR")
    office.phone("1", "customer", monthly_rent="5", created_at=at("2026-01-10"))
    report = office.run("2026-02-01")
    assert [error.why for error in report.errors] == [
        "no system account revenue:EUR: 'tollgate config apply' makes it"
    ]
    assert office.charges == []


def test_what_a_cut_run_left_unsaid_is_announced_by_the_next(office: Office) -> None:
    office.account("customer", "100")
    office.package("talk")
    office.order("o1", "talk", "customer", "2026-01-01")
    office.run("2026-01-01")
    office.execute("UPDATE active_packages SET announced = false")
    before = office.version
    office.run("2026-01-01T00:15")
    assert office.version == before + 1
    office.run("2026-01-01T00:30")
    assert office.version == before + 1


def test_progress_and_few_announcements_of_many_orders(office: Office, engine: sa.Engine) -> None:
    office.account("customer", "1000")
    office.package("talk", rent="1")
    for number in range(250):
        office.order(f"o{number}", "talk", "customer", "2026-01-01")
    said: list[str] = []
    office.clock.moment = at("2026-01-01")
    before = office.version
    BillingRun(PostgresBilling(engine), office.clock, said.append).run()
    assert office.balance("customer") == 750
    assert said == ["100 done, 150 left, 0 failed", "200 done, 50 left, 0 failed"]
    assert office.version == before + 1
