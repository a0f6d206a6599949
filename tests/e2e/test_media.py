"""Codecs and fax: what a gateway's media settings do to real SIP calls."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.records import (
    CALLEE_HUNG_UP,
    CALLER_HUNG_UP,
    assert_admitted_record,
    attempts,
    open_calls,
)
from tests.e2e.sipp import SippProcess
from tests.e2e.staging import Stage, free_ports, staged
from tests.e2e.switch import Switch, free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Seed

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp]

PCMU, PCMA, G722, DTMF = 0, 8, 9, 101


def offered_to(vendor: SippProcess) -> list[int]:
    """Payload types of the audio in the INVITE that a vendor got, in order of preference."""
    (payloads,) = re.findall(r"m=audio \d+ RTP/AVP ([\d ]+)", vendor.log())
    return [int(payload) for payload in payloads.split()]


def both_legs(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the switch knows of the caller's and the vendor's leg of the only call."""
    (call,) = open_calls(stage.engine)
    caller_leg = _dump(stage.switch, call.call_id)
    return caller_leg, _dump(stage.switch, caller_leg["variable_bridge_uuid"])


def _dump(switch: Switch, uuid: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(switch.api(f"uuid_dump {uuid} json"))
    return fields


@pytest.mark.parametrize(
    ("codecs", "vendor_scenario", "offer", "spoken"),
    [
        (("PCMU", "PCMA"), "uas_wire", [PCMU, PCMA, DTMF], "PCMA"),
        (("PCMA",), "uas_wire", [PCMA, DTMF], "PCMA"),
        (("G722",), "uas_g722", [G722, DTMF], "G722"),
    ],
    ids=["order", "one", "transcoded"],
)
def test_a_vendors_codec_list_is_its_offer(
    switch: Switch,
    database_url: str,
    tmp_path: Path,
    codecs: tuple[str, ...],
    vendor_scenario: str,
    offer: list[int],
    spoken: str,
) -> None:
    """The caller speaks PCMA and PCMU: another codec at the vendor is transcoded."""
    seed = Seed(free_ports(1), codecs=codecs)
    with staged(switch, database_url, tmp_path, seed) as stage:
        vendor = stage.sipp.vendor(vendor_scenario, seed.vendor_ports[0])
        caller = stage.sipp.caller("uac_call", free_port(), hold_ms=1_000)
        stage.wait_until_talking(1)
        caller_leg, vendor_leg = both_legs(stage)
        caller.wait()
        vendor.wait()
        assert offered_to(vendor) == offer
        assert caller_leg["variable_read_codec"] == "PCMA"
        assert vendor_leg["variable_read_codec"] == spoken
        record = stage.record(caller)
        assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(1, 2))
        assert_books_balance(stage.engine)


def test_a_customers_codec_list_decides_what_is_answered(
    switch: Switch, database_url: str, tmp_path: Path
) -> None:
    """The caller prefers PCMA; its gateway allows PCMU only."""
    seed = Seed(free_ports(1), mapping={"codecs": ["PCMU"]})
    with staged(switch, database_url, tmp_path, seed) as stage:
        stage.sipp.vendor("uas_wire", seed.vendor_ports[0])
        caller = stage.sipp.caller("uac_call", free_port(), hold_ms=1_000)
        stage.wait_until_talking(1)
        caller_leg, _ = both_legs(stage)
        caller.wait()
        assert caller_leg["variable_read_codec"] == "PCMU"
        assert_admitted_record(stage.engine, stage.record(caller), CALLER_HUNG_UP, talked_s=(1, 2))


@pytest.mark.parametrize("t38", [True, False], ids=["on", "off"])
def test_t38_is_switched_on_at_both_legs_or_at_none(
    switch: Switch, database_url: str, tmp_path: Path, t38: bool
) -> None:
    seed = Seed(free_ports(1), t38=t38)
    with staged(switch, database_url, tmp_path, seed) as stage:
        stage.sipp.vendor("uas_answer", seed.vendor_ports[0])
        caller = stage.sipp.caller("uac_call", free_port(), hold_ms=800)
        stage.wait_until_talking(1)
        flags = [leg.get("variable_fax_enable_t38") for leg in both_legs(stage)]
        caller.wait()
        assert flags == (["true", "true"] if t38 else [None, None])


def test_a_fax_machine_takes_both_sides_to_t38(
    switch: Switch, database_url: str, tmp_path: Path
) -> None:
    """The called machine's re-INVITE reaches the calling one, and its answer comes back."""
    seed = Seed(free_ports(1), t38=True)
    with staged(switch, database_url, tmp_path, seed) as stage:
        vendor = stage.sipp.vendor("uas_t38", seed.vendor_ports[0], hold_ms=500)
        caller = stage.sipp.caller("uac_t38", free_port())
        caller.wait()
        vendor.wait()
        for side in (caller, vendor):
            assert re.search(r"m=image [1-9]\d* udptl t38", side.log()), side.log()
        record = stage.record(caller)
        assert_admitted_record(stage.engine, record, CALLEE_HUNG_UP, talked_s=(1, 2))
        assert len(attempts(stage.engine, record.call_id)) == 1
        assert_books_balance(stage.engine)
