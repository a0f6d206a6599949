"""What the hand-off dialplan guarantees for every plan: on the wire, at a vendor."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.event_socket import EventSocket
from tests.e2e.sipp import LOOPBACK, Refusal, Sipp
from tests.e2e.switch import Switch, free_port
from tests.e2e.transcript_scenarios import CALLED, CALLER, Stage, plan

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp]

IDENTITY_HEADERS = (
    "X-Customer: secret",
    "P-Asserted-Identity: <sip:999@192.0.2.1>",
    "Remote-Party-ID: <sip:998@192.0.2.1>",
    "Diversion: <sip:997@192.0.2.1>;reason=unconditional",
    "User-to-User: 1234;encoding=hex",
)


@contextmanager
def vendor_socket() -> Iterator[socket.socket]:
    """A vendor that only listens: the bytes of the INVITE are what is tested."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as vendor:
        vendor.bind((LOOPBACK, free_port()))
        vendor.settimeout(10.0)
        yield vendor


@contextmanager
def debugging_log(switch: Switch) -> Iterator[None]:
    """What it wrote is put aside afterward: it is large."""
    switch.api("fsctl loglevel debug")
    switch.api("sofia global siptrace on")
    try:
        yield
    finally:
        switch.api("sofia global siptrace off")
        switch.api("fsctl loglevel warning")
        switch.api("fsctl send_sighup")


def answer_busy(vendor: socket.socket) -> str:
    """Take one INVITE, refuse it with 486, and return its text."""
    data, peer = vendor.recvfrom(65_535)
    invite = data.decode("utf-8", "surrogateescape")
    copied = re.findall(r"(?m)^(?:Via|From|Call-ID|CSeq): .*\r$", invite)
    to = re.findall(r"(?m)^(To: .*)\r$", invite)
    lines = ["SIP/2.0 486 Busy Here", *(line.rstrip() for line in copied), f"{to[0]};tag=v"]
    vendor.sendto(("\r\n".join((*lines, "Content-Length: 0", "", ""))).encode(), peer)
    return invite


def decide(link: EventSocket, switch: Switch, stage: Stage, more: str = "") -> str:
    """Wait for the parked call, send the plan for one vendor, and return the call's uuid."""
    park = next(link.events(10.0))
    uuid = str(park["Unique-ID"])
    for command in plan(legs=1, leg_timeout_s=5, more=more)(uuid, stage):
        assert switch.api(command) == "+OK\n"
    return uuid


@pytest.mark.parametrize("name", ["Alice", "x%0AX-Evil: 1%0Ay", "x%0D%0A%0D%0Abody", 'q\\"uote'])
def test_nothing_of_the_caller_reaches_the_vendor_but_the_plan(
    switch: Switch, sipp: Sipp, name: str
) -> None:
    with vendor_socket() as vendor, switch.event_socket() as link:
        link.subscribe("CHANNEL_PARK")
        port = vendor.getsockname()[1]
        caller = sipp.caller(
            "uac_refused", free_port(), called=CALLED, display=name, headers=IDENTITY_HEADERS
        )
        decide(link, switch, Stage(first=port, second=port, caller=0))
        invite = answer_busy(vendor)
        caller.wait()
    assert caller.refusals() == [Refusal(status=486, q850=17)]
    assert invite.startswith(f"INVITE sip:{CALLED}@127.0.0.1:{port} SIP/2.0\r\n")
    assert re.search(rf"\r\nFrom: <sip:{CALLER}@127\.0\.0\.1>;tag=\w+\r\n", invite)
    assert "\r\nUser-Agent: Tollgate\r\n" in invite
    for trace in ("X-", "99", "Diversion", "User-to-User", "Asserted", "Party-ID", "Evil"):
        head = invite.partition("\r\n\r\n")[0]
        assert not re.search(rf"(?m)^{trace}|^[\w-]*{trace}[\w-]*:|sip:{trace}", head), head


def test_early_media_without_an_answer_is_bounded(switch: Switch, sipp: Sipp) -> None:
    stage = Stage(first=free_port(), second=0, caller=free_port())
    sipp.vendor("uas_early_ring", stage.first)
    with switch.event_socket() as link:
        link.subscribe("CHANNEL_PARK")
        caller = sipp.caller("uac_refused", stage.caller)
        uuid = decide(link, switch, stage)
        bound = switch.api(f"uuid_getvar {uuid} bridge_answer_timeout")
        switch.api(f"uuid_kill {uuid} NO_ANSWER")
        caller.wait()
    assert bound == "180"


def test_early_media_ends_with_bridge_answer_timeout(switch: Switch, sipp: Sipp) -> None:
    stage = Stage(first=free_port(), second=0, caller=free_port())
    vendor = sipp.vendor("uas_early_ring", stage.first)
    with switch.event_socket() as link:
        link.subscribe("CHANNEL_PARK CHANNEL_HANGUP_COMPLETE")
        caller = sipp.caller("uac_refused", stage.caller)
        uuid = decide(link, switch, stage, more="bridge_answer_timeout=2;")
        ends = (event for event in link.events(10.0) if event["Unique-ID"] == uuid)
        hangup = next(ends)
        caller.wait()
        vendor.wait()
    assert [refusal.status for refusal in caller.refusals()] == [480]
    assert hangup["Hangup-Cause"] == "ALLOTTED_TIMEOUT"
    assert hangup["Caller-Channel-Answered-Time"] == "0"


@pytest.mark.slow
def test_no_decision_is_lost_while_a_call_leaves_the_park(switch: Switch, sipp: Sipp) -> None:
    """A transfer ends `park` some instants before it changes the channel's state, and what the
    dialplan has after `park` would run in between. Seen in one call of 4,000, and more often on
    a switch that writes its debugging log meanwhile."""
    calls = 4000
    with switch.event_socket() as link:
        link.subscribe("CHANNEL_PARK")
        with debugging_log(switch):
            caller = sipp.caller("uac_refused", free_port(), calls=calls, rate=400)
            for _, park in zip(range(calls), link.events(60.0), strict=False):
                uuid = park["Unique-ID"]
                link.send(f"api uuid_transfer {uuid} 'm:~:respond:486 Busy Here' inline")
            caller.wait(60)
    assert Counter(caller.refusals()) == {Refusal(status=486, q850=17): calls}
