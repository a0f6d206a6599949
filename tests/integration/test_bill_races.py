"""Many billing runs at once, beside calls and payments: each thing is charged once."""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from controller.persistence.billing_store import PostgresBilling
from controller.persistence.database import make_engine
from controller.services.billing_run.report import Report
from controller.services.billing_run.run import BillingRun
from tests.integration.billing_office import Office, at

pytestmark = pytest.mark.postgres

AS_OF = "2026-03-05T12:00"
ACCOUNTS = 6

RUNNER = """
import sys, time
from datetime import UTC, datetime
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.database import make_engine
from controller.services.billing_run.run import BillingRun

class Clock:
    def now(self):
        return datetime.now(UTC)
    def monotonic(self):
        return time.monotonic()

store = PostgresBilling(make_engine(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
report = BillingRun(store, Clock()).run(datetime.fromisoformat(sys.argv[2]))
print(sum(report.charges.values()), report.opened, len(report.errors), report.errors)
"""
"""One `bill run` in a process of its own, held until all are ready."""


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    """Six customers, each with two phones, a daily and a monthly package; months behind."""
    office = Office(engine)
    office.package("daily", [{"prefixes": ["*"], "seconds": 60}], period="day", rent="0.50")
    office.package("monthly", rent="10", minimum_consumption="4")
    for number in range(ACCOUNTS):
        name = f"customer-{number}"
        office.account(name, "1000", monthly_minimum="3", created_at=at("2026-01-10"))
        for phone in (f"{number}1", f"{number}2"):
            columns = {"monthly_rent": "5", "monthly_minimum": "2"}
            office.phone(phone, name, created_at=at("2026-01-10"), **columns)
        office.order(f"daily {number}", "daily", name, "2026-03-01")
        office.order(f"monthly {number}", "monthly", name, "2026-01-01")
    return office


DAYS, MONTHS = 5, 2
OWED = DAYS * Decimal("0.50") + 3 * 10 + 2 * 4 + MONTHS * 3 + 2 * MONTHS * (5 + 2)
CHARGES = DAYS + 3 + 2 + MONTHS + 2 * 2 * MONTHS
"""Of one customer: five days, January to March, the minimums of January and February."""


def assert_charged_once(office: Office) -> None:
    for number in range(ACCOUNTS):
        assert office.balance(f"customer-{number}") == 1000 - OWED
    assert office.rows("SELECT count(*) FROM recurring_charges") == [(CHARGES * ACCOUNTS,)]
    assert office.rows("SELECT count(*) FROM active_packages") == [((DAYS + 3) * ACCOUNTS,)]
    assert office.rows("SELECT count(*) FROM active_free_seconds") == [(DAYS * ACCOUNTS,)]
    office.assert_books_balance()


def at_once(workers: list[Callable[[], None]]) -> None:
    start = threading.Barrier(len(workers))

    def begin(work: Callable[[], None]) -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=begin, args=(work,)) for work in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_run_alone(office: Office) -> None:
    report = office.run(AS_OF)
    assert (report.opened, sum(report.charges.values())) == (
        (DAYS + 3) * ACCOUNTS,
        CHARGES * ACCOUNTS,
    )
    assert_charged_once(office)


def test_runs_in_threads(office: Office, database_url: str) -> None:
    office.clock.moment = at(AS_OF)
    reports: list[Report] = []

    def run() -> None:
        engine = make_engine(database_url)
        reports.append(BillingRun(PostgresBilling(engine), office.clock).run())
        engine.dispose()

    at_once([run] * 5)
    assert [report.errors for report in reports] == [[]] * 5
    # they shared the work, and each piece was done by one
    assert sum(report.opened for report in reports) == (DAYS + 3) * ACCOUNTS
    assert sum(sum(report.charges.values()) for report in reports) == CHARGES * ACCOUNTS
    assert_charged_once(office)


def test_runs_in_processes(office: Office, database_url: str) -> None:
    command = [sys.executable, "-c", RUNNER, database_url, at(AS_OF).isoformat()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    runs = [subprocess.Popen(command, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for run in runs:
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.flush()
    done = [run.communicate(timeout=60)[0].split() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert [figures[2] for figures in done] == ["0", "0", "0"]
    assert sum(int(figures[0]) for figures in done) == CHARGES * ACCOUNTS
    assert sum(int(figures[1]) for figures in done) == (DAYS + 3) * ACCOUNTS
    assert_charged_once(office)


def test_runs_beside_calls_and_payments(office: Office, database_url: str) -> None:
    """Batches of calls lock funds, then packages, by id; nobody waits in a ring, no sum is lost."""
    office.clock.moment = at(AS_OF)
    stop = threading.Event()
    reports: list[Report] = []
    paid: list[int] = []

    def run() -> None:
        engine = make_engine(database_url)
        reports.append(BillingRun(PostgresBilling(engine), office.clock).run())
        engine.dispose()

    def calls() -> None:
        engine = make_engine(database_url)
        while not stop.is_set():
            with engine.begin() as connection:
                funds = sa.text("SELECT * FROM account_funds ORDER BY account_id FOR UPDATE")
                connection.execute(funds)
                packages = sa.text("SELECT id FROM active_packages ORDER BY id FOR UPDATE")
                connection.execute(packages)
                connection.execute(sa.text("UPDATE active_packages SET gift_reserved = 0"))
        engine.dispose()

    def payments() -> None:
        for _ in range(20):
            office.post("payment", "cash:USD", "customer-0", "1", str(datetime.now(UTC)))
            paid.append(1)

    def runs() -> None:
        at_once([run] * 3)
        stop.set()

    at_once([runs, calls, payments])
    assert [report.errors for report in reports] == [[]] * 3
    office.post("payment", "cash:USD", "customer-0", str(-len(paid)), str(datetime.now(UTC)))
    assert_charged_once(office)


def test_two_recharges_open_a_waiting_order_once(office: Office, database_url: str) -> None:
    office.account("waiting")
    office.order("waits", "monthly", "waiting", "2026-03-01")
    office.run(AS_OF)
    office.pay("waiting", "100")
    reports: list[Report] = []

    def recharged() -> None:
        engine = make_engine(database_url)
        reports.append(BillingRun(PostgresBilling(engine), office.clock).recharged("waiting"))
        engine.dispose()

    at_once([recharged] * 4)
    assert sorted(report.opened for report in reports) == [0, 0, 0, 1]
    assert office.balance("waiting") == 90


def test_an_object_that_somebody_holds_is_left_for_the_next_run(
    office: Office, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeout = "controller.persistence.billing_store.LOCK_TIMEOUT"
    monkeypatch.setattr(timeout, "SET LOCAL lock_timeout = '200ms'")
    with engine.begin() as connection:
        held = sa.text(
            """SELECT FROM account_funds WHERE account_id =
                (SELECT id FROM accounts WHERE name = 'customer-3') FOR UPDATE"""
        )
        connection.execute(held)
        report = office.run(AS_OF)
    assert {error.subject for error in report.errors} == {
        "account customer-3",
        "order daily 3",
        "order monthly 3",
        "phone 31",
        "phone 32",
    }
    assert all("lock timeout; the next run tries again" in error.why for error in report.errors)
    assert office.run(AS_OF).errors == []
    assert_charged_once(office)
