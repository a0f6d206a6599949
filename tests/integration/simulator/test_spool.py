"""JSON call records: the files that back up the events."""

from pathlib import Path
from typing import Any

import orjson

from controller.drivers.simulator import CallerScript, answers, rejects
from tests.integration.simulator.client import in_loop, running

RECORDED_KEYS = {"core-uuid", "switchname", "channel_data", "variables", "app_log", "callflow"}
PLAN = (
    "m:~:bridge:[^^;tollgate_attempt=1]sofia/trunks/1@127.0.0.1:5081|sofia/trunks/1@127.0.0.1:5082"
)


def _read(folder: Path, uuid: str) -> dict[str, Any]:
    record: dict[str, Any] = orjson.loads((folder / f"{uuid}.cdr.json").read_bytes())
    return record


def test_one_file_for_each_callers_leg(tmp_path: Path) -> None:
    @in_loop
    async def check() -> None:
        async with running(speed=20.0, spool_directory=tmp_path) as here:
            here.answer_parks(PLAN)
            call = here.simulator.place_call("900", legs=[rejects(503), answers(talk_s=60.0)])
            await call.ended()
            event = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="inbound")
            record = _read(tmp_path, call.uuid)
        assert len(list(tmp_path.iterdir())) == 1
        assert set(record) == RECORDED_KEYS
        variables = {
            name.removeprefix("variable_"): value
            for name, value in event.items()
            if name.startswith("variable_")
        }
        assert record["variables"] == variables
        assert record["core-uuid"] == event["Core-UUID"]
        assert record["variables"]["billsec"] == "60"

    check()


def test_a_record_tells_the_flow_of_the_call(tmp_path: Path) -> None:
    @in_loop
    async def check() -> None:
        async with running(speed=20.0, spool_directory=tmp_path) as here:
            here.answer_parks("m:~:set:tollgate_reason=x~respond:402 Payment Required")
            call = here.simulator.place_call("900")
            await call.ended()
        record = _read(tmp_path, call.uuid)
        names = [each["app_name"] for each in record["app_log"]["applications"]]
        assert names == ["park", "set", "respond"]
        (flow,) = record["callflow"]
        assert flow["caller_profile"]["destination_number"] == "900"
        assert flow["times"]["answered_time"] == "0"

    check()


def test_the_file_is_there_before_the_event(tmp_path: Path) -> None:
    @in_loop
    async def check() -> None:
        found: list[bool] = []
        async with running(spool_directory=tmp_path) as here:
            here.events.on_event = lambda event: found.append(
                event["Event-Name"] != "CHANNEL_HANGUP_COMPLETE"
                or (tmp_path / f"{event['Unique-ID']}.cdr.json").exists()
            )
            here.simulator.place_call("1").hang_up()
            await here.events.event("CHANNEL_HANGUP_COMPLETE")
        assert found
        assert all(found)

    check()


def test_hostile_text_is_kept_as_it_came(tmp_path: Path) -> None:
    @in_loop
    async def check() -> None:
        name = 'x\nEvent-Name: FORGED\n\n"q" \udceb \u2028'
        async with running(spool_directory=tmp_path) as here:
            script = CallerScript(caller="1", callee="2\r\n;|,[]{}<>${x}'", caller_name=name)
            call = here.simulator.place_call("", script=script)
            parked = await here.events.event("CHANNEL_PARK")
            assert parked["variable_sip_from_display"] == name
            assert parked["Caller-Destination-Number"] == script.callee
            call.hang_up()
            await call.ended()
        raw = (tmp_path / f"{call.uuid}.cdr.json").read_bytes()
        assert b"\xeb" in raw  # not UTF-8, as the real switch would write it
        assert b"\nEvent-Name" not in raw

    check()


def test_a_full_disk_costs_the_record_and_not_the_call(tmp_path: Path) -> None:
    @in_loop
    async def check() -> None:
        gone = tmp_path / "gone"
        async with running(spool_directory=gone) as here:
            gone.rmdir()
            call = here.simulator.place_call("1")
            call.hang_up()
            assert (await call.ended()).cause == "ORIGINATOR_CANCEL"
            await here.events.event("CHANNEL_HANGUP_COMPLETE")

    check()
