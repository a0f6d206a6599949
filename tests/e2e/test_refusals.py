"""Refused calls as their callers see them, and hostile text on its way through the real switch.

One operator and one controller for all of them; each customer calls from a port of its own. The
vendor of prefix 39 is a bare socket: nothing of a refused call may ever reach it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from controller.domain.reasons import SIGNALS, Reason
from tests.e2e.records import (
    CALLED,
    CALLER,
    CALLER_HUNG_UP,
    Numbers,
    assert_admitted_record,
    assert_refused_record,
    open_calls,
    refused,
    reserved,
)
from tests.e2e.sipp import LOOPBACK, Refusal
from tests.e2e.staging import Stage, free_ports, fresh_database, staged
from tests.e2e.switch import Switch
from tests.e2e.transcript_scenarios import HOSTILE_NAME, HOSTILE_NUMBER
from tests.ledger_check import assert_books_balance
from tests.seed import Customer, Seed

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp]

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
ONE_LINE: dict[str, object] = {"capacity": 1}


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """The port of each customer; `nobody` is no customer at all. Each customer has a second."""
    names = (*CUSTOMERS, *(f"{name}, second" for name in CUSTOMERS), "customer", "nobody")
    return dict(zip(names, free_ports(len(names)), strict=True))


# name: columns of the account, columns of the gateway, balance
CUSTOMERS: dict[str, tuple[dict[str, object], dict[str, object], Decimal]] = {
    "gateway-locked": ({}, {"locked": True}, Decimal(100)),
    "account-locked": ({"locked": True}, {}, Decimal(100)),
    "expired": ({"expires_at": YESTERDAY}, {}, Decimal(100)),
    "closed": ({"closed_at": YESTERDAY}, {}, Decimal(100)),
    "without-rates": ({"rate_group_id": None}, {}, Decimal(100)),
    "poor": ({}, {}, Decimal("0.59")),
    "local-only": ({}, {"authorization": 2}, Decimal(100)),
    "one-line-account": (ONE_LINE, {}, Decimal(100)),
    "one-line-gateway": ({}, ONE_LINE, Decimal(100)),
    "neighbor": ({}, {}, Decimal(100)),
}


def assert_silence(vendor: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        vendor.recv(65_535)


@pytest.fixture(scope="module")
def stage(
    switch: Switch,
    server_url: str,
    template_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    ports: dict[str, int],
) -> Iterator[Stage]:
    customers = tuple(
        Customer(
            name,
            ports[name],
            money,
            more_ports=(ports[f"{name}, second"],),
            account=account,
            gateway=gateway,
        )
        for name, (account, gateway, money) in CUSTOMERS.items()
    )
    seed = Seed(
        free_ports(1),
        source=(LOOPBACK, ports["customer"]),
        vendor_capacity=1,
        sell={"39": "0|0:0.60/60/1", "44": "0|0:0.60/60/1"},
        more_customers=customers,
    )
    with (
        fresh_database(server_url, template_url) as url,
        staged(switch, url, tmp_path_factory.mktemp("refusals"), seed) as stage,
    ):
        yield stage


@pytest.fixture
def silent(stage: Stage) -> Iterator[socket.socket]:
    """A vendor that nothing may reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as vendor:
        vendor.bind((LOOPBACK, stage.vendor_ports[0]))
        vendor.setblocking(False)
        yield vendor


@pytest.mark.parametrize(
    ("customer", "called", "reason", "status"),
    [
        ("nobody", CALLED, "unknown_source", 403),
        ("gateway-locked", CALLED, "gateway_locked", 403),
        ("account-locked", CALLED, "account_locked", 403),
        ("expired", CALLED, "account_expired", 403),
        ("closed", CALLED, "account_closed", 403),
        ("without-rates", CALLED, "no_rate_group", 503),
        ("customer", "15551234567", "no_matching_rate", 503),
        ("customer", "442079460000", "no_route", 503),
        ("local-only", CALLED, "no_call_permission", 403),
        ("poor", CALLED, "insufficient_balance", 402),
    ],
)
def test_refused(
    stage: Stage,
    silent: socket.socket,
    ports: dict[str, int],
    customer: str,
    called: str,
    reason: str,
    status: int,
) -> None:
    caller = stage.sipp.caller("uac_refused", ports[customer], called=called)
    caller.wait()
    assert caller.refusals() == [Refusal(status, SIGNALS[Reason(reason)].q850)]
    known = None if customer == "nobody" else customer
    record = stage.record(caller)
    assert_refused_record(
        stage.engine, record, refused(reason, status), called=called, customer=known
    )
    signal = SIGNALS[Reason(reason)]
    assert (signal.sip_status, signal.q850) == (status, record.q850)
    assert record.source_port == ports[customer]
    assert any(reason in verdict for _, verdict, _ in record.trace), record.trace
    assert_silence(silent)
    assert open_calls(stage.engine) == []
    assert_books_balance(stage.engine)


@pytest.mark.parametrize(
    ("customer", "reason"),
    [("one-line-account", "account_capacity"), ("one-line-gateway", "gateway_capacity")],
)
def test_a_second_call_finds_the_only_line_taken_and_the_first_goes_on(
    stage: Stage, ports: dict[str, int], customer: str, reason: str
) -> None:
    stage.sipp.vendor("uas_answer", stage.vendor_ports[0])
    first = stage.sipp.caller("uac_call", ports[customer], hold_ms=2_000)
    stage.wait_until_talking(1)
    second = stage.sipp.caller("uac_refused", ports[f"{customer}, second"])
    second.wait()
    assert [refusal.status for refusal in second.refusals()] == [503]
    record = stage.record(second)
    assert_refused_record(stage.engine, record, refused(reason, 503), customer=customer)
    first.wait()
    record = stage.record(first)
    assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(2, 3), customer=customer)
    assert reserved(stage.engine, customer) == 0
    assert_books_balance(stage.engine)


def test_a_second_call_finds_the_vendors_only_line_taken(
    stage: Stage, ports: dict[str, int]
) -> None:
    stage.sipp.vendor("uas_answer", stage.vendor_ports[0])
    first = stage.sipp.caller("uac_call", ports["customer"], hold_ms=1_500)
    stage.wait_until_talking(1)
    second = stage.sipp.caller("uac_refused", ports["neighbor"])
    second.wait()
    assert [refusal.status for refusal in second.refusals()] == [503]
    record = stage.record(second)
    ending = refused("no_route_capacity", 503)
    assert_refused_record(stage.engine, record, ending, customer="neighbor")
    first.wait()
    assert_admitted_record(stage.engine, stage.record(first), CALLER_HUNG_UP, talked_s=(1, 2))
    assert_books_balance(stage.engine)


# ---- called numbers that are none: as in a SIP URI, and as the record shows them. The switch
# takes what is before a quote for a display name, and keeps no variable with a `${` in it.

INVALID_NUMBERS = {
    "letters": ("39vanity", "39vanity"),
    "quotes": ("39%22%27", "'"),
    "variable": ("39%24%7Bcore_uuid%7D", ""),
    "dial string": ("39,%7C%5Bx=1%5D%7By%7D%3C%3E%3B~", "39,|[x=1]{y}<>;~"),
    "line feed": ("39%0A02", "39?02"),
    "end of header": ("39%0D%0A%0D%0AINVITE", "39????INVITE"),
    "spaces": ("39%2002%2012", "39 02 12"),
    "line separator": ("39%E2%80%A802", "39?02"),
    "not UTF-8": ("39%FF02", "39?02"),
    "200 digits": ("39" + "1" * 198, "39" + "1" * 126),
    "33 digits": ("39" + "1" * 31, "39" + "1" * 31),
    "plus inside": ("39+02", "39+02"),
    "transfer": (HOSTILE_NUMBER, "39?02',|[x=1]{y}~hangup"),
}


@pytest.mark.parametrize("kind", INVALID_NUMBERS)
def test_a_called_number_that_is_none_is_refused_and_reaches_no_vendor(
    stage: Stage, silent: socket.socket, ports: dict[str, int], kind: str
) -> None:
    called, recorded = INVALID_NUMBERS[kind]
    caller = stage.sipp.caller("uac_refused", ports["customer"], called=called)
    caller.wait()
    assert [refusal.status for refusal in caller.refusals()] == [484]
    record = stage.record(caller)
    ending = refused("invalid_callee", 484)
    assert_refused_record(stage.engine, record, ending, called=recorded)
    assert_silence(silent)
    assert open_calls(stage.engine) == []


def test_a_call_to_nobody_is_refused(
    stage: Stage, silent: socket.socket, ports: dict[str, int]
) -> None:
    """An INVITE whose URI has no user part: the switch makes it `nobody`."""
    caller = stage.sipp.caller("uac_refused", ports["customer"], called="")
    caller.wait()
    assert [refusal.status for refusal in caller.refusals()] == [484]
    record = stage.record(caller)
    assert_refused_record(stage.engine, record, refused("invalid_callee", 484), called="nobody")
    assert_silence(silent)


# ---- hostile callers: the call goes through, and what goes out is ours

HOSTILE_NAMES = {
    "a forged event": HOSTILE_NAME,
    "a forged header": "x%0D%0AX-Evil: 1",
    "line separator": "Alice\u2028\u2029",
    "not UTF-8": "Zo\udceb\udcff",
    "8 KB": "A" * 8_192,
    "60 KB": "A" * 60_000,
}


@pytest.mark.parametrize("kind", HOSTILE_NAMES)
def test_a_hostile_caller_name_is_harmless(stage: Stage, ports: dict[str, int], kind: str) -> None:
    vendor = stage.sipp.vendor("uas_wire", stage.vendor_ports[0])
    caller = stage.sipp.caller(
        "uac_call", ports["customer"], display=HOSTILE_NAMES[kind], hold_ms=200
    )
    caller.wait()
    vendor.wait()
    invite = vendor.log()
    assert f"From: <sip:{CALLER}@127.0.0.1>;tag=" in invite
    for trace in ("Evil", "FORGED", "Zo", "Alice", "AAAA", "tollgate_"):
        assert trace not in invite
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(0, 1))
    assert "forged" not in record.reason
    assert_books_balance(stage.engine)


@pytest.mark.parametrize("number", ["anonymous", "x%0AX-Evil%3A1", "%24%7Bcore_uuid%7D", "4" * 300])
def test_a_hostile_caller_number_is_not_sent(
    stage: Stage, ports: dict[str, int], number: str
) -> None:
    vendor = stage.sipp.vendor("uas_wire", stage.vendor_ports[0])
    caller = stage.sipp.caller("uac_call", ports["customer"], caller=number, hold_ms=200)
    caller.wait()
    vendor.wait()
    invite = vendor.log()
    assert "From: <sip:anonymous@" in invite
    assert "Evil" not in invite
    record = stage.record(caller)
    received = record.caller_received
    assert received.isprintable()
    assert_admitted_record(
        stage.engine,
        record,
        CALLER_HUNG_UP,
        talked_s=(0, 1),
        caller=Numbers(received, "", ""),
    )
