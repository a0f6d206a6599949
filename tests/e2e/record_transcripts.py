"""Records what a real FreeSWITCH says, for the tests that replay it.

    python -m tests.e2e.record_transcripts [scenario ...]

For each scenario in `transcript_scenarios`, into `fixtures/event_socket/`: every byte received on
the event connection (`NAME.events.raw`) and on the command connection (`NAME.commands.raw`), and
a description (`NAME.json`) with the lines sent, in order, so that the n-th reply belongs to the
n-th line. The password is not recorded; every address is loopback.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.event_socket import EventSocket, LoginRefused
from tests.e2e.sipp import Sipp, SippProcess, find_sipp
from tests.e2e.switch import Switch, free_port, running_switch
from tests.e2e.transcript_scenarios import SAMPLES, SCENARIOS, Scenario, Stage

TRANSCRIPTS = Path(__file__).resolve().parents[2] / "fixtures" / "event_socket"
EVENTS = "CHANNEL_PARK CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE HEARTBEAT"
FILTERS = (
    "Call-Direction inbound",
    "Event-Name CHANNEL_HANGUP_COMPLETE",
    "Event-Name HEARTBEAT",
)
# Seconds on the event connection after the A-leg's end: long enough for a HEARTBEAT.
LINGER_S = 5.5


@dataclass(slots=True)
class Recording:
    """One scenario being played."""

    switch: Switch
    scenario: Scenario
    stage: Stage
    version: str
    events: EventSocket
    commands: EventSocket
    uuids: list[str] = field(default_factory=list)
    seen: list[dict[str, object]] = field(default_factory=list)

    def play(self, sipp: Sipp) -> SippProcess | None:
        for vendor in self.scenario.vendors:
            vendor(sipp, self.stage)
        for command in self.scenario.before:
            self.commands.api(command)
        caller = self.scenario.caller(sipp, self.stage) if self.scenario.caller else None
        with suppress(ConnectionError):  # the end of a scenario that stops the switch
            self._listen(self.scenario.patience_s if caller else LINGER_S)
            self.seen += self.events.events(LINGER_S if caller else 0)
        with suppress(ConnectionError, TimeoutError):
            self.commands.read(0.1)  # its last words on this connection
        return caller

    def _listen(self, patience_s: float) -> None:
        for event in self.events.events(patience_s):
            self.seen.append(event)
            self._react(event)
            ended = event["Event-Name"] == "CHANNEL_HANGUP_COMPLETE" and _is_a_leg(event)
            if ended and not self.scenario.stops_switch:
                return

    def _react(self, event: dict[str, object]) -> None:
        if not _is_a_leg(event):
            return
        uuid = str(event["Unique-ID"])
        if event["Event-Name"] == "CHANNEL_PARK":
            self.uuids.append(uuid)
            for command in self.scenario.on_park(uuid, self.stage):
                self.commands.api(command)
        if event["Event-Name"] == "CHANNEL_ANSWER":
            time.sleep(self.scenario.answer_pause_s)
            for command in self.scenario.on_answer(uuid):
                self.commands.api(command)
            if self.scenario.stops_switch:
                self.switch.process.stop()


def _is_a_leg(event: dict[str, object]) -> bool:
    return event.get("Call-Direction") == "inbound"


def record(switch: Switch, scenario: Scenario, directory: Path) -> None:
    binary = find_sipp()
    assert binary is not None, "SIPp is needed to record"
    sipp = Sipp(binary, directory / scenario.name, switch.ports.trunks)
    version = switch.api("version").strip()
    stage = Stage(first=free_port(), second=free_port(), caller=free_port())
    with switch.event_socket() as events, switch.event_socket() as commands:
        events.subscribe(EVENTS, *FILTERS, form=scenario.form)
        recording = Recording(switch, scenario, stage, version, events, commands)
        try:
            caller = recording.play(sipp)
            if caller:
                caller.wait()
        finally:
            sipp.close()
        _write_samples(scenario.name, recording.seen)
        refusals = caller.refusals() if caller else []
        _write(recording, refusals[0].status if refusals else None)
    if switch.process.alive():
        switch.wait_until_idle(40.0)


def _write(recording: Recording, status: int | None) -> None:
    scenario = recording.scenario
    description = {
        "title": scenario.title,
        "switch": recording.version,
        "form": scenario.form,
        "a_leg_uuid": recording.uuids[0] if recording.uuids else None,
        "final_status_to_caller": status,
        "events_sent": recording.events.sent,
        "commands_sent": recording.commands.sent,
        "ports": {
            "trunks": recording.switch.ports.trunks,
            "caller": recording.stage.caller,
            "first_vendor": recording.stage.first,
            "second_vendor": recording.stage.second,
        },
    }
    _write_files(
        scenario.name,
        description,
        bytes(recording.events.received),
        bytes(recording.commands.received),
    )


def _write_files(name: str, description: object, events: bytes, commands: bytes) -> None:
    TRANSCRIPTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(description, ensure_ascii=False, indent=2)
    (TRANSCRIPTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    for kind, data in (("events", events), ("commands", commands)):
        if data:
            (TRANSCRIPTS / f"{name}.{kind}.raw").write_bytes(data)


def _write_samples(scenario: str, seen: list[dict[str, object]]) -> None:
    for name, (source, event_name, direction, index) in SAMPLES.items():
        if source != scenario:
            continue
        sample = [
            event
            for event in seen
            if (event["Event-Name"], event.get("Call-Direction")) == (event_name, direction)
        ][index]
        text = json.dumps(sample, ensure_ascii=False, indent=1)
        (TRANSCRIPTS / "events").mkdir(parents=True, exist_ok=True)
        (TRANSCRIPTS / "events" / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def record_logins(switch: Switch) -> None:
    """The only scenarios without a call: a login that is taken, and one that is not."""
    version = switch.api("version").strip()
    for name, password, title in (
        ("auth_ok", switch.process.password, "the password is right; then exit"),
        ("auth_failed", "wrong", "the password is wrong: the switch answers, then disconnects"),
    ):
        link = EventSocket(switch.ports.event_socket, None)
        try:
            link.command(f"auth {password}", recorded_as="auth PASSWORD")
            if name == "auth_ok":
                link.command("exit")
            while True:
                link.read(2.0)
        except (TimeoutError, ConnectionError, LoginRefused):
            pass
        description = {"title": title, "switch": version, "commands_sent": link.sent}
        _write_files(name, description, b"", bytes(link.received))
        link.close()


def main(names: list[str]) -> None:
    wanted = [scenario for scenario in SCENARIOS if not names or scenario.name in names]
    with tempfile.TemporaryDirectory() as directory, running_switch(Path(directory)) as switch:
        record_logins(switch)
        for scenario in wanted:
            record(switch, scenario, Path(directory) / "sipp")
            sys.stderr.write(f"recorded {scenario.name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
