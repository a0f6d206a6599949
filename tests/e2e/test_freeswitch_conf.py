"""The shipped freeswitch_conf/ and dialplan/, on a real FreeSWITCH."""

from __future__ import annotations

import json
import re
import stat
import time
from itertools import islice
from pathlib import Path

import pytest

from controller.domain.errors import SwitchUnavailable
from controller.drivers.freeswitch.launch import SwitchProcess
from controller.drivers.freeswitch.run_directory import REPOSITORY, SwitchConfig
from controller.drivers.freeswitch.spool import read_cdr_file
from tests.e2e.conftest import SwitchFactory
from tests.e2e.event_socket import EventSocket, LoginRefused
from tests.e2e.sipp import Refusal, Sipp
from tests.e2e.switch import Switch, free_port

pytestmark = pytest.mark.freeswitch

MODULES = re.findall(
    r'<load module="(\w+)"/>',
    (REPOSITORY / "freeswitch_conf/autoload_configs/modules.conf.xml").read_text(encoding="utf-8"),
)


def test_the_log_of_a_start_holds_no_error(start_switch: SwitchFactory) -> None:
    """On a switch of its own: the shared one may have been lied to by hostile callers."""
    complaints = [
        line
        for line in start_switch().log().splitlines()
        if re.search(r"\[(ERR|CRIT|ALERT)\]", line)
    ]
    assert complaints == []


@pytest.mark.parametrize("module", MODULES)
def test_module_is_loaded(switch: Switch, module: str) -> None:
    assert switch.api(f"module_exists {module}") == "true"


def test_both_profiles_run(switch: Switch) -> None:
    status = switch.api("sofia status")
    for profile, port in (("trunks", switch.ports.trunks), ("phones", switch.ports.phones)):
        assert re.search(rf"{profile}\s+profile\s.*:{port}\s+RUNNING", status)


def test_profiles_are_as_tuned(switch: Switch) -> None:
    trunks = _profile(switch, "trunks")
    assert trunks["Context"] == "tollgate"
    assert trunks["CODECS IN"] == "PCMA,PCMU,G722"
    assert trunks["CODECS OUT"] == "PCMA,PCMU,G722"
    assert trunks["LATE-NEG"] == "true"
    assert trunks["MAX-RECV-RPS"] == "0"
    assert trunks["SESSION-TO"] == "1800"
    assert trunks["Auto-NAT"] == "false"
    phones = _profile(switch, "phones")
    assert phones["Context"] == "tollgate_phones"
    assert phones["MAX-RECV-RPS"] == "1000"


def _profile(switch: Switch, name: str) -> dict[str, str]:
    lines = switch.api(f"sofia status profile {name}").splitlines()
    return {
        key.strip(): value.strip() for key, _, value in (line.partition("\t") for line in lines)
    }


@pytest.mark.parametrize("codec", ["G.711 alaw", "G.711 ulaw", "G.722", "G.726 32k", "GSM"])
def test_codec_is_there(switch: Switch, codec: str) -> None:
    assert f"codec,{codec}," in switch.api("show codec")


def test_limits_are_carrier_sized(switch: Switch) -> None:
    status = switch.api("status")
    assert "10000 session(s) max" in status
    assert "out of max 2000" in status


def test_channel_table_exists_in_memory(switch: Switch) -> None:
    assert json.loads(switch.api("show channels as json")) == {"row_count": 0}
    assert list((switch.paths.run_dir / "db").iterdir()) == []


def test_expansion_runs_no_command(switch: Switch) -> None:
    assert "Permission Denied" in switch.api("eval ${status()}")


def test_password_is_in_no_variable(switch: Switch) -> None:
    assert switch.process.password not in switch.api("global_getvar")


def test_event_socket_refuses_a_wrong_password(switch: Switch) -> None:
    with pytest.raises(LoginRefused, match="-ERR invalid"):
        EventSocket(switch.ports.event_socket, "wrong")


def test_event_socket_listens_on_loopback_only(switch: Switch) -> None:
    assert _listeners(switch.ports.event_socket) == ["0100007F"]


def _listeners(port: int) -> list[str]:
    """Local addresses, as /proc/net writes them (hexadecimal), that listen on a TCP port."""
    rows = []
    for table in ("tcp", "tcp6"):
        rows += Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
    local_and_state = ((row.split()[1], row.split()[3]) for row in rows)
    listening = (local for local, state in local_and_state if state == "0A")
    return [local[:-5] for local in listening if int(local[-4:], 16) == port]


def test_heartbeat_comes_every_five_seconds(switch: Switch) -> None:
    with switch.event_socket() as link:
        link.subscribe("HEARTBEAT")
        beats = [int(str(event["Event-Date-Timestamp"])) for event in islice(link.events(12), 2)]
    assert 4.5 < (beats[1] - beats[0]) / 1e6 < 5.5


@pytest.mark.sipp
def test_call_without_controller_ends_in_503_and_leaves_a_cdr(switch: Switch, sipp: Sipp) -> None:
    with switch.event_socket() as link:
        link.subscribe("CHANNEL_PARK CHANNEL_HANGUP_COMPLETE")
        started = time.monotonic()
        caller = sipp.caller("uac_refused", free_port())
        park, hangup = islice(link.events(10), 2)
        caller.wait()
    assert 1.9 < time.monotonic() - started < 4.5
    assert caller.refusals() == [Refusal(status=503, q850=41)]
    assert park["Caller-Context"] == "tollgate"
    # nobody named a reason: that it ended in `park` is what says why
    assert hangup["variable_last_app"] == "park"
    assert "variable_tollgate_reason" not in hangup
    file = switch.wait_for_cdr(str(park["Unique-ID"]))
    variables = json.loads(file.read_bytes())["variables"]
    assert variables["last_app"] == "park"
    assert "tollgate_reason" not in variables
    assert variables["hangup_cause"] == "NORMAL_TEMPORARY_FAILURE"
    ended = read_cdr_file(file, "switch-1")
    assert ended.platform_reason == "controller_unavailable"


@pytest.mark.sipp
def test_cdr_is_on_disk_before_the_hangup_event(switch: Switch, sipp: Sipp) -> None:
    with switch.event_socket() as link:
        link.subscribe("CHANNEL_HANGUP_COMPLETE")
        caller = sipp.caller("uac_refused", free_port())
        (hangup,) = islice(link.events(10), 1)
        file = switch.paths.cdr_spool / f"{hangup['Unique-ID']}.cdr.json"
        assert file.read_bytes().endswith(b"}\n")
        caller.wait()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.sipp
def test_phones_are_challenged(switch: Switch, tmp_path: Path, sipp: Sipp) -> None:
    towards_phones = Sipp(sipp.binary, tmp_path / "phones", switch.ports.phones)
    caller = towards_phones.caller("uac_refused", free_port())
    caller.wait()
    assert [refusal.status for refusal in caller.refusals()] == [407]


@pytest.mark.sipp
def test_static_bench_dialplan_bridges_where_asked_for(
    start_switch: SwitchFactory, sipp: Sipp, tmp_path: Path
) -> None:
    vendor_port = free_port()
    bench = SwitchConfig(
        trunks_context="tollgate_static_bench",
        dialplan_extra="90_static_bench.xml",
        bench_vendor=f"127.0.0.1:{vendor_port}",
    )
    bare = start_switch(bench)
    vendor = sipp.vendor("uas_answer", vendor_port)
    towards_bare = Sipp(sipp.binary, tmp_path / "bare", bare.ports.trunks)
    towards_bare.caller("uac_call", free_port(), hold_ms=200).wait()
    vendor.wait()


def test_static_bench_dialplan_is_not_there_by_default(switch: Switch) -> None:
    assert "tollgate_static_bench" not in switch.api("xml_locate dialplan")


def test_everything_in_the_run_directory_is_private(switch: Switch) -> None:
    assert stat.S_IMODE(switch.paths.run_dir.stat().st_mode) == 0o700
    secret = switch.process.password.encode()
    holders = [
        path for path in switch.paths.run_dir.rglob("*") if path.is_file() and _has(path, secret)
    ]
    assert {path.name for path in holders} >= {"esl_password.xml", "switch.json"}
    assert [path for path in holders if path.stat().st_mode & 0o077] == []


def _has(path: Path, text: bytes) -> bool:
    return text in path.read_bytes()


def test_a_second_start_on_a_live_run_directory_is_refused(switch: Switch) -> None:
    with pytest.raises(SwitchUnavailable, match=f"pid {switch.process.pid}"):
        SwitchProcess.start(switch.paths, SwitchConfig(ports=switch.ports))


def test_a_switch_that_outlived_its_controller_is_found_again(switch: Switch) -> None:
    adopted = SwitchProcess.adopt(switch.paths)
    assert adopted is not None
    assert (adopted.pid, adopted.child) == (switch.process.pid, None)
    assert adopted.ready()
