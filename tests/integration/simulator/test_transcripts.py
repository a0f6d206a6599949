"""The simulator against transcripts recorded from a real switch.

Each recorded scenario is played to the simulator: the same subscription, the same commands, the
same behavior of caller and vendors. The events must come in the same order, have the keys that
the driver reads with the same meaning, and lead the driver to the same conclusions.
"""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from controller.drivers.freeswitch import variables
from controller.drivers.freeswitch.translate import ChannelEvent, channel_event
from controller.drivers.simulator import (
    UNREACHABLE,
    CallerScript,
    LegScript,
    answers,
    rejects,
    rings,
)
from tests.integration.simulator.client import (
    PASSWORD,
    Client,
    Event,
    Running,
    in_loop,
    parse_plain,
    running,
)
from tests.integration.simulator.recordings import NAMES, Recording

SPEED = 5.0

EARLY_ANSWER = answers(0.5, early_media=True)
EARLY_REJECT = LegScript(progress_after_s=0.02, early_media=True, status=503, reject_after_s=0.5)
ANSWER = answers(0.3)


@dataclass(frozen=True, slots=True)
class Play:
    """What caller and vendors did in a recording. Times need only be like the recorded ones."""

    legs: Sequence[LegScript] = ()
    hang_up_after_s: float | None = None
    cancel_after_s: float | None = None
    caller_name: str = "Alice"
    stops_switch: bool = False


PLAYS = {
    "failover_answered_caller_hangs_up": Play((rejects(503), ANSWER), hang_up_after_s=1.0),
    "failover_answered_callee_hangs_up": Play((rejects(503), answers(0.3, talk_s=1.0))),
    "failover_answered_plain": Play((rejects(503), ANSWER), hang_up_after_s=1.0),
    "busy": Play((rejects(486),)),
    "all_vendors_404": Play((rejects(404),)),
    "vendor_down": Play((UNREACHABLE,)),
    "refused_402": Play(),
    "refused_402_plain": Play(),
    "caller_cancels": Play((rings(),), cancel_after_s=0.8),
    "timer_ends_call": Play((ANSWER,)),
    "timer_renewed": Play((ANSWER,)),
    "ended_by_controller": Play((ANSWER,)),
    "ring_timeout_fails_over": Play((rings(), ANSWER), hang_up_after_s=1.0),
    "ring_timeout_everywhere": Play((rings(),)),
    "fail_safe": Play(),
    "late_plan": Play(),
    "inspect_one_call": Play((ANSWER,), hang_up_after_s=1.0),
    "hostile_caller_name": Play((ANSWER,), hang_up_after_s=1.0),
    "hostile_caller_name_plain": Play((ANSWER,), hang_up_after_s=1.0),
    "hostile_caller_name_latin1": Play((ANSWER,), hang_up_after_s=1.0),
    "hostile_called_number": Play(),
    "early_media_answered": Play((EARLY_ANSWER,), hang_up_after_s=1.0),
    "early_media_then_503": Play((EARLY_REJECT, ANSWER)),
    "early_media_for_ever": Play((rings(early_media=True),)),
    "switch_stops": Play((ANSWER,), stops_switch=True),
}
NO_CALL = {"auth_ok", "auth_failed", "inspect_no_call"}

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# What the driver reads of an event, from its own table of names.
READ = {
    value if "-" in value else f"variable_{value}"
    for name, value in vars(variables).items()
    if name.isupper() and value
}
SAME_MEANING = {
    "Hangup-Cause",
    "Answer-State",
    "Call-Direction",
    "Channel-State",
    "Channel-Call-State",
    *(
        f"variable_{name}"
        for name in (
            "hangup_cause",
            "hangup_cause_q850",
            "sip_hangup_disposition",
            "sip_term_status",
            "sip_term_cause",
            "sip_invite_failure_status",
            "proto_specific_hangup_cause",
            "last_bridge_proto_specific_hangup_cause",
            "originate_disposition",
            "originate_failed_cause",
            "DIALSTATUS",
            "last_app",
            "endpoint_disposition",
            "tollgate_reason",
            "tollgate_attempt",
            "tollgate_gateway",
            "sofia_profile_name",
        )
    ),
}


async def _play(recording: Recording, play: Play) -> list[Event]:
    """The events that the simulator sends in the same scenario."""
    trunk_port = recording.description["ports"]["trunks"]
    async with running(
        None, *_subscription(recording), speed=SPEED, sip_port=trunk_port, heartbeat_interval_s=0
    ) as here:
        here.events.on_event = _controller(here, recording)
        script = _caller(recording.of_calls()[0], play)
        call = here.simulator.place_call("", script=script, legs=play.legs)
        if play.stops_switch:
            await here.events.event("CHANNEL_ANSWER")
            await here.simulator.stop()
        else:
            await call.ended()
        await asyncio.sleep(0.05)
        return [event for event in here.events.events if "Call-Direction" in event]


def _subscription(recording: Recording) -> list[str]:
    return recording.commands("events_sent")


def _caller(park: Event, play: Play) -> CallerScript:
    return CallerScript(
        caller=park["variable_sip_from_user"],
        callee=park["variable_sip_req_user"],
        caller_name=park.get("variable_sip_from_display", ""),
        source_ip=park["variable_sip_network_ip"],
        source_port=int(park["variable_sip_network_port"]),
        sip_call_id=park["variable_sip_call_id"],
        cancel_after_s=play.cancel_after_s,
        hang_up_after_s=play.hang_up_after_s,
    )


def _controller(here: Running, recording: Recording) -> Callable[[Event], None]:
    """Sends the recorded commands at the events at which they were sent in the recording."""
    recorded = recording.description["a_leg_uuid"]
    commands = recording.commands("commands_sent")
    at_park = len(commands) if recording.name == "late_plan" else 1
    script = {"CHANNEL_PARK": commands[:at_park], "CHANNEL_ANSWER": commands[at_park:]}

    def react(event: Event) -> None:
        for command in script.pop(event["Event-Name"], ()):
            line = command.replace(recorded, event["Unique-ID"])
            here.commands.writer.write(line.encode("utf-8", "surrogateescape") + b"\n\n")

    return react


def _order(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    """Names, legs and causes. Legs that end at once are reported in either order: they race."""
    order = [(e["Event-Name"], e["Call-Direction"], e.get("Hangup-Cause", "")) for e in events]
    return [*order[:-2], *sorted(order[-2:])] if order[-2:] == _ends(order) else order


def _ends(order: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [item for item in order[-2:] if item[0] == "CHANNEL_HANGUP_COMPLETE"]


def _of_leg(events: Sequence[Event], direction: str) -> list[Event]:
    return [event for event in events if event["Call-Direction"] == direction]


def _pairs(recorded: Sequence[Event], played: Sequence[Event]) -> list[tuple[Event, Event]]:
    """The events of both, leg by leg."""
    return [
        pair
        for direction in ("inbound", "outbound")
        for pair in zip(_of_leg(recorded, direction), _of_leg(played, direction), strict=True)
    ]


def _conclusion(event: Event) -> dict[str, Any]:
    """What the driver makes of an event, with its random parts taken out."""
    concluded: ChannelEvent | None = channel_event(event, "switch")
    assert concluded is not None
    facts = {name: _plain_fact(name, value) for name, value in asdict(concluded).items()}
    return {"kind": type(concluded).__name__, **facts}


def _plain_fact(name: str, value: object) -> object:
    if name.endswith("_us"):
        return bool(value)
    if isinstance(value, tuple):
        return len(value)
    return "UUID" if isinstance(value, str) and UUID.fullmatch(value) else value


def test_every_recording_is_known_here() -> None:
    """A recording that is added later must be played, too."""
    assert set(NAMES) == set(PLAYS) | NO_CALL


@pytest.mark.parametrize("name", sorted(PLAYS))
def test_scenario(name: str) -> None:
    """Order, keys, meaning and the driver's conclusions are those of the recording."""

    @in_loop
    async def check() -> None:
        recording = Recording.read(name)
        recorded, played = recording.of_calls(), await _play(recording, PLAYS[name])
        assert _order(played) == _order(recorded)
        for real, simulated in _pairs(recorded, played):
            missing = set(real) - set(simulated)
            assert not missing & READ
            assert len(missing) <= 0.03 * len(real), missing
            meaning = {key: value for key, value in real.items() if key in SAME_MEANING}
            assert {key: simulated.get(key) for key in meaning} == meaning
            assert _conclusion(simulated) == _conclusion(real)

    check()


@pytest.mark.parametrize("name", ["auth_ok", "auth_failed"])
def test_greetings(name: str) -> None:
    """Frame for frame, the last words included."""

    @in_loop
    async def check() -> None:
        recording = Recording.read(name)
        passwords = {"auth_ok": PASSWORD, "auth_failed": "wrong"}
        async with running() as here:
            client = await Client.connect(here.simulator.port, password=None)
            client.writer.write(f"auth {passwords[name]}\n\nexit\n\n".encode())
            expected = recording.replies[1:]
            assert [await client.next_reply() for _ in expected] == expected
            await client.close()

    check()


@in_loop
async def test_replies_without_a_call() -> None:
    recording = Recording.read("inspect_no_call")
    commands = recording.commands("commands_sent")
    replies = [frame.text for frame in recording.replies[-len(commands) :]]
    async with running() as here:
        given = [(await here.commands.send(command)).text for command in commands]
    assert [UUID.sub("UUID", text) for text in given] == [
        UUID.sub("UUID", text) for text in replies
    ]


@in_loop
async def test_replies_during_a_call() -> None:
    """The resynchronization's commands: the same rows and headers, whatever their values."""
    recording = Recording.read("inspect_one_call")
    commands = recording.commands("commands_sent")
    replies = dict(zip(commands, recording.replies[-len(commands) :], strict=True))
    recorded = recording.description["a_leg_uuid"]
    async with running(speed=SPEED) as here:
        here.answer_parks(commands[0].split("'")[1].replace(recorded, "${uuid}"))
        call = here.simulator.place_call(
            "",
            legs=[ANSWER],
            script=CallerScript("442071234567", "390212345678", caller_name="Alice"),
        )
        await here.events.event("CHANNEL_ANSWER")
        for command in commands[1:]:
            text = (await here.commands.send(command.replace(recorded, call.uuid))).text
            _assert_alike(command, text, replies[command].text)


def _assert_alike(command: str, given: str, recorded: str) -> None:
    if command.endswith("json"):
        mine, theirs = json.loads(given), json.loads(recorded)
        if "rows" in theirs or "row_count" not in theirs:  # `show calls` lags on a real switch
            assert set(_keys(theirs)) - set(_keys(mine)) <= {"variable_bridge_to"}
    elif "uuid_dump" in command:
        lost = set(parse_plain(recorded)) - set(parse_plain(given))
        assert lost <= {"variable_bridge_to"}
    else:
        assert given == recorded


def _keys(data: dict[str, Any]) -> list[str]:
    return list(data["rows"][0]) if "rows" in data else list(data)
