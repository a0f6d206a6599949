"""The link to a switch: subscription, commands, loss and return, and what it makes of answers."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from controller.domain.events import (
    CallEnded,
    CallOffered,
    LiveChannels,
    SwitchConnected,
    SwitchEvent,
    SwitchLost,
)
from controller.domain.plan import Connect, Media, Refuse
from controller.domain.reasons import Reason
from controller.drivers.freeswitch import link as link_module
from controller.drivers.freeswitch.link import FreeSwitchLink
from tests.unit.domain.builders import call_id
from tests.unit.drivers.hostile_switch import (
    CORE_UUID,
    HELLO,
    OK,
    PASSWORD,
    REFUSED,
    HostileSwitch,
    Peer,
    Script,
    answer,
    event,
    eventually,
    frame,
    hostile_switch,
)
from tests.unit.drivers.test_dialplan import ALPHA, PLAN

TIMEOUT_S = 0.15


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "RECONNECT_DELAYS_S", (0.01,))


class Switch:
    """A well-behaved scripted switch; tests replace single answers."""

    def __init__(self, answers: dict[str, bytes] | None = None) -> None:
        self.commands: list[str] = []
        self.subscriptions: list[list[str]] = []
        self.answers = answers or {}
        self.listeners: list[Peer] = []
        self.core_uuid = CORE_UUID

    async def __call__(self, peer: Peer) -> None:
        await peer.greet()
        while True:
            command = await peer.command()
            if command.startswith(("event ", "filter ")):
                self._subscribe(peer, command)
                peer.send(OK)
            elif command == "api global_getvar core_uuid":
                peer.send(answer(self.core_uuid.encode()))
            else:
                self.commands.append(command)
                peer.send(self._answer(command))

    def _subscribe(self, peer: Peer, command: str) -> None:
        if command.startswith("event "):
            self.listeners.append(peer)
            self.subscriptions.append([])
        self.subscriptions[-1].append(command)

    def _answer(self, command: str) -> bytes:
        for start, reply in self.answers.items():
            if command.startswith(f"api {start}"):
                return reply
        return answer(b"+OK\n")

    def tell(self, data: bytes) -> None:
        self.listeners[-1].send(data)


class Watched:
    """A running link and the events that it gave."""

    def __init__(
        self,
        port: int,
        on_event: Callable[[SwitchEvent], None] | None = None,
        timeout_s: float = 5,
    ) -> None:
        self.events: list[SwitchEvent] = []
        self._also = on_event
        self.link = FreeSwitchLink("fs1", "127.0.0.1", port, PASSWORD, self._take, timeout_s)

    def _take(self, event: SwitchEvent) -> None:
        self.events.append(event)
        if self._also:
            self._also(event)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    async def connected(self, times: int = 1) -> None:
        await eventually(lambda: self.kinds().count("SwitchConnected") >= times, 4)


Test = Callable[[Watched, HostileSwitch], Awaitable[None]]


def run(
    script: Script,
    test: Test,
    on_event: Callable[[SwitchEvent], None] | None = None,
    timeout_s: float = 5,
) -> None:
    async def both() -> None:
        async with asyncio.timeout(10), hostile_switch(script) as switch:
            watched = Watched(switch.port, on_event, timeout_s)
            running = asyncio.create_task(watched.link.run())
            try:
                await test(watched, switch)
                assert not running.done(), running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(both())


def park(uuid: str = "") -> bytes:
    return event(
        "CHANNEL_PARK",
        {
            "Call-Direction": "inbound",
            "Unique-ID": uuid or call_id(),
            "Caller-Channel-Created-Time": "1795210778105833",
        },
    )


# -- connecting ------------------------------------------------------------------------------


def test_events_and_commands_have_a_connection_each() -> None:
    switch = Switch()

    async def test(watched: Watched, server: HostileSwitch) -> None:
        await watched.connected()
        assert watched.events == [SwitchConnected("fs1", CORE_UUID)]
        assert len(server.peers) == 2
        assert switch.subscriptions == [
            [
                "event json CHANNEL_PARK CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE HEARTBEAT",
                "filter Call-Direction inbound",
                "filter Event-Name CHANNEL_HANGUP_COMPLETE",
                "filter Event-Name HEARTBEAT",
            ]
        ]
        assert watched.link.connected

    run(switch, test)


def test_a_lost_connection_is_reported_and_made_again_by_itself() -> None:
    switch = Switch()

    async def test(watched: Watched, server: HostileSwitch) -> None:
        await watched.connected()
        server.peers[0].writer.transport.abort()
        await watched.connected(2)
        assert watched.kinds() == ["SwitchConnected", "SwitchLost", "SwitchConnected"]
        assert len(server.peers) == 4
        assert await server.peers[1].gone()

    run(switch, test)


def test_the_loss_of_the_command_connection_is_a_loss_too() -> None:
    switch = Switch()

    async def test(watched: Watched, server: HostileSwitch) -> None:
        await watched.connected()
        server.peers[1].writer.close()
        await watched.connected(2)
        lost = watched.events[1]
        assert isinstance(lost, SwitchLost)
        assert lost.why

    run(switch, test)


def test_a_restarted_switch_is_known_by_its_instance() -> None:
    switch = Switch()

    async def test(watched: Watched, server: HostileSwitch) -> None:
        await watched.connected()
        switch.core_uuid = CORE_UUID.replace("c95d", "0000")
        server.peers[0].writer.transport.abort()
        await watched.connected(2)
        assert watched.events[-1] == SwitchConnected("fs1", switch.core_uuid)

    run(switch, test)


@pytest.mark.parametrize(
    "first",
    [b"", REFUSED, HELLO + REFUSED, b"garbage\n\n" * 10, HELLO + OK + b"-ERR\n\n"],
    ids=["silence", "a refusal unasked", "a refused password", "garbage", "half a welcome"],
)
def test_a_bad_first_welcome_is_tried_again_until_it_works(first: bytes) -> None:
    good = Switch()
    count = 0

    async def script(peer: Peer) -> None:
        nonlocal count
        count += 1
        if count > 2:
            await good(peer)
        peer.send(first)
        assert await peer.gone()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        assert "SwitchLost" not in watched.kinds()

    run(script, test, timeout_s=TIMEOUT_S)


def test_a_refused_subscription_is_no_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.command()
        peer.send(REFUSED)
        assert await peer.gone()

    async def test(watched: Watched, server: HostileSwitch) -> None:
        await eventually(lambda: len(server.peers) >= 3)
        assert watched.events == []
        assert not watched.link.connected

    run(script, test)


@pytest.mark.parametrize("instance", ["", "-ERR no", "nonsense", "x" * 10_000])
def test_an_instance_that_is_none_is_no_connection(instance: str) -> None:
    switch = Switch()
    switch.core_uuid = instance

    async def test(watched: Watched, server: HostileSwitch) -> None:
        await eventually(lambda: len(server.peers) >= 3)
        assert watched.events == []

    run(switch, test)


def test_a_switch_that_falls_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "SILENCE_S", 0.2)
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected(2)
        lost = watched.events[1]
        assert isinstance(lost, SwitchLost)
        assert "heartbeat" in lost.why

    run(switch, test)


def test_heartbeats_keep_a_silent_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "SILENCE_S", 0.2)
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        for _ in range(8):
            switch.tell(event("HEARTBEAT", {"Core-UUID": CORE_UUID}))
            await asyncio.sleep(0.04)
        assert watched.kinds() == ["SwitchConnected"]

    run(switch, test)


# -- events ----------------------------------------------------------------------------------


def test_an_event_becomes_one_of_the_controllers() -> None:
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        switch.tell(event("HEARTBEAT") + park())
        await eventually(lambda: len(watched.events) == 2)
        offer = watched.events[1]
        assert isinstance(offer, CallOffered)
        assert (offer.switch_id, offer.call_id) == ("fs1", call_id())

    run(switch, test)


@pytest.mark.parametrize(
    "bad",
    [
        frame("text/event-json", b"[]"),
        frame("text/event-json", b""),
        frame("text/event-json", b"\xff\xfe{"),
        frame("text/event-json", b"[" * 50_000),
        event("CHANNEL_PARK", {"Call-Direction": "inbound"}),
        event("CHANNEL_HANGUP_COMPLETE", {"Call-Direction": "inbound", "variable_uuid": "x"}),
        event("CHANNEL_HANGUP_COMPLETE", {"Call-Direction": ["inbound"]}),
    ],
)
def test_a_bad_event_costs_neither_the_link_nor_the_next_event(bad: bytes) -> None:
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        switch.tell(bad + park())
        await eventually(lambda: len(watched.events) == 2)
        assert watched.kinds() == ["SwitchConnected", "CallOffered"]

    run(switch, test)


def test_a_fault_with_one_call_costs_no_other_call() -> None:
    switch = Switch()

    def poisoned(event: SwitchEvent) -> None:
        if isinstance(event, CallOffered) and event.call_id == call_id(1):
            raise RuntimeError("a fault of ours")

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        switch.tell(park(call_id(1)) + park(call_id(2)))
        await eventually(lambda: len(watched.events) == 3)
        await asyncio.sleep(0.05)
        assert watched.kinds() == ["SwitchConnected", "CallOffered", "CallOffered"]

    run(switch, test, poisoned)


def test_a_flood_of_events_does_not_stop_commands() -> None:
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        switch.tell(b"".join(park(call_id(n)) for n in range(5_000)))
        watched.link.name_ending(call_id(), Reason.ADMINISTRATOR)
        await eventually(lambda: switch.commands and len(watched.events) == 5_001, 5)
        assert watched.kinds().count("CallOffered") == 5_000

    run(switch, test)


# -- commands --------------------------------------------------------------------------------


def test_a_plan_is_one_command() -> None:
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.send_plan(PLAN)
        await eventually(lambda: switch.commands)
        await asyncio.sleep(0.02)
        (command,) = switch.commands
        assert command.startswith(f"api uuid_transfer {call_id()} 'm:~:")

    run(switch, test)


def test_an_unsafe_plan_becomes_a_refusal_of_that_call() -> None:
    switch = Switch()
    unsafe = replace(PLAN, attempts=(replace(ALPHA, callee="x~system:id"),))

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.send_plan(unsafe)
        await eventually(lambda: switch.commands)
        assert switch.commands == [
            f"api uuid_transfer {call_id()} 'm:~:set:tollgate_reason=internal_error"
            "~respond:500 Server Internal Error' inline"
        ]

    run(switch, test)


def test_hanging_up_names_the_reason_first() -> None:
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.hang_up(call_id(), Reason.ADMINISTRATOR)
        await eventually(lambda: len(switch.commands) == 2)
        assert switch.commands == [
            f"api uuid_setvar {call_id()} tollgate_reason administrator",
            f"api uuid_kill {call_id()} MANAGER_REQUEST",
        ]

    run(switch, test)


class Timers:
    """The switch's scheduler: what is armed, as `show tasks` would list it."""

    def __init__(self, *groups: str) -> None:
        self.armed = list(groups)
        self.least = len(self.armed)

    def obey(self, command: str) -> None:
        words = command.split()
        if words[1] == "sched_api":
            seconds, group, action, uuid, cause = words[2:]
            assert int(seconds) >= 1
            assert seconds.startswith("+")
            assert (action, uuid, cause) == ("uuid_kill", call_id(), "ALLOTTED_TIMEOUT")
            self.armed.append(group)
        elif words[1] == "sched_del":
            self.armed = [group for group in self.armed if group != words[2]]
        self.least = min(self.least, len(self.armed))


def _obeyed(timers: Timers, commands: list[str]) -> Timers:
    for command in commands:
        timers.obey(command)
    return timers


def test_an_extended_call_always_has_a_timer_and_in_the_end_one() -> None:
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.arm_timer(call_id(), 120, 60, 70)
        watched.link.arm_timer(call_id(), 180, 120, 70)
        watched.link.arm_timer(call_id(), 200, 180, 0)
        await eventually(lambda: sum("sched_api" in c for c in switch.commands) == 3)
        await asyncio.sleep(0.02)
        timers = _obeyed(Timers(call_id()), switch.commands)
        assert timers.least == 1
        assert len(timers.armed) == 1
        assert call_id() not in timers.armed

    run(switch, test)


def test_another_controller_replaces_the_timer_of_the_one_before() -> None:
    """Groups are named for what the database knows; a new process starts from there."""
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.arm_timer(call_id(), 120, 60, 70)
        await eventually(lambda: switch.commands)
        await asyncio.sleep(0.02)
        timers = _obeyed(Timers(call_id()), switch.commands)
        switch.commands.clear()
        successor = Watched(_server.port)
        running = asyncio.create_task(successor.link.run())
        await successor.connected()
        successor.link.arm_timer(call_id(), 180, 120, 70)
        await eventually(lambda: switch.commands)
        await asyncio.sleep(0.02)
        _obeyed(timers, switch.commands)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(timers.armed) == 1
        assert timers.least == 1

    run(switch, test)


def test_arming_the_same_grant_again_keeps_a_timer() -> None:
    """After a lost link nobody knows whether the command arrived, so it is sent again."""
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.arm_timer(call_id(), 120, 60, 70)
        watched.link.arm_timer(call_id(), 120, 60, 60)
        await eventually(lambda: sum("sched_api" in c for c in switch.commands) == 2)
        await asyncio.sleep(0.02)
        timers = _obeyed(Timers(call_id()), switch.commands)
        assert timers.least >= 1
        assert set(timers.armed) != {call_id()}

    run(switch, test)


def test_without_a_link_commands_are_dropped_and_nothing_raises() -> None:
    link = FreeSwitchLink("fs1", "127.0.0.1", 1, PASSWORD, lambda _e: None, TIMEOUT_S)
    link.send_plan(PLAN)
    link.send_plan(Refuse(call_id(), Reason.BUSY))
    link.arm_timer(call_id(), 120, 60, 30)
    link.name_ending(call_id(), Reason.BALANCE_EXHAUSTED)
    link.hang_up(call_id(), Reason.ADMINISTRATOR)

    async def ask() -> tuple[Any, ...]:
        return (
            await link.live_channels(),
            await link.is_live(call_id()),
            await link.answered_us(call_id()),
        )

    assert asyncio.run(ask()) == (LiveChannels(False), None, None)
    assert not link.connected


def test_a_declined_command_is_no_fault() -> None:
    switch = Switch({"uuid_transfer": answer(b"-ERR No such channel!\n")})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.send_plan(PLAN)
        await eventually(lambda: switch.commands)
        await asyncio.sleep(0.05)
        assert watched.kinds() == ["SwitchConnected"]

    run(switch, test)


def test_a_command_without_an_answer_costs_the_link_not_the_controller() -> None:
    switch = Switch({"uuid_transfer": b""})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.send_plan(PLAN)
        await watched.connected(2)
        lost = watched.events[1]
        assert isinstance(lost, SwitchLost)
        assert "no reply" in lost.why

    run(switch, test, timeout_s=TIMEOUT_S)


# -- questions -------------------------------------------------------------------------------


def channels(*rows: dict[str, Any], count: object = None) -> bytes:
    document = {"row_count": len(rows) if count is None else count, "rows": list(rows)}
    return json.dumps(document).encode()


INBOUND = {"uuid": call_id(1), "direction": "inbound", "cid_name": "Alice"}
OUTBOUND = {"uuid": call_id(2), "direction": "outbound", "cid_name": "Alice"}

LISTS = [
    # what the switch says                                        calls; None: unknown
    (b'{"row_count":0}\n\n', set()),
    (channels(), set()),
    (channels(INBOUND), {call_id(1)}),
    (channels(INBOUND, OUTBOUND), {call_id(1)}),
    (channels(INBOUND | {"uuid": call_id(3).upper()}), {call_id(3)}),
    (channels(INBOUND | {"cid_name": "NAME"}).replace(b"NAME", b"Zo\xeb\xff"), {call_id(1)}),
    (b"", None),
    (b"-ERR Cannot open DB!\n", None),
    (b"{}", None),
    (b"[]", None),
    (b'{"row_count":1}', None),
    (b'{"rows":[]}', None),
    (channels(INBOUND, count=2), None),
    (channels(INBOUND, count=0), None),
    (channels(INBOUND, count=None)[:-3], None),
    (b'{"row_count":1,"rows":5}', None),
    (b'{"row_count":3,"rows":"abc"}', None),
    (b'{"row_count":1,"rows":{"uuid":"x"}}', None),
    (b'{"row_count":1,"rows":[5]}', None),
    (b'{"row_count":1,"rows":[null]}', None),
    (b'{"row_count":1,"rows":[{"direction":"inbound"}]}', None),
    (channels(INBOUND | {"uuid": "x"}), None),
    (channels(INBOUND | {"uuid": 5}), None),
    (b"[" * 50_000, None),
]


@pytest.mark.parametrize(("said", "calls"), LISTS)
def test_live_channels_are_known_or_unknown_but_never_guessed(
    said: bytes, calls: set[str] | None
) -> None:
    switch = Switch({"show channels": answer(said)})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        expected = LiveChannels(False) if calls is None else LiveChannels(True, frozenset(calls))
        assert await watched.link.live_channels() == expected
        assert watched.kinds() == ["SwitchConnected"]

    run(switch, test)


@pytest.mark.parametrize(
    ("said", "live"),
    [
        (b"true", True),
        (b"false", False),
        (b"true\n", True),
        (b"", None),
        (b"-ERR x\n", None),
        (b"TRUE?", None),
        (b"\xff", None),
    ],
)
def test_whether_a_channel_lives(said: bytes, live: bool | None) -> None:
    switch = Switch({"uuid_exists": answer(said)})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        assert await watched.link.is_live(call_id()) is live

    run(switch, test)


@pytest.mark.parametrize(
    ("said", "us"),
    [
        (b'{"Caller-Channel-Answered-Time":"1795210778685819"}', 1795210778685819),
        (b'{"Caller-Channel-Answered-Time":"0"}', 0),
        (b'{"Caller-Channel-Answered-Time":"1795210778685819","n":"\xff"}', 1795210778685819),
        (b"{}", 0),
        (b"-ERR No such channel!\n", None),
        (b"", None),
        (b"[]", None),
    ],
)
def test_when_a_channel_was_answered(said: bytes, us: int | None) -> None:
    switch = Switch({"uuid_dump": answer(said)})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        assert await watched.link.answered_us(call_id()) == us

    run(switch, test)


@pytest.mark.parametrize(
    ("said", "epoch"),
    [(b"7", 7), (b"7\n", 7), (b"-ERR no reply\n", None), (b"", None), ("٧".encode(), None)],
)
def test_who_has_owned_the_switch_last(said: bytes, epoch: int | None) -> None:
    switch = Switch({"global_getvar tollgate_owner_epoch": answer(said)})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        assert await watched.link.owner_epoch() is None
        await watched.connected()
        watched.link.note_owner(7)
        assert await watched.link.owner_epoch() == epoch
        assert switch.commands == [
            "api global_setvar tollgate_owner_epoch=7",
            "api global_getvar tollgate_owner_epoch",
        ]

    run(switch, test)


@pytest.mark.parametrize("ahead_s", [0.0, 1.5, -3600.0])
def test_how_far_the_switchs_clock_is_ahead(ahead_s: float) -> None:
    micros = round((time.time() + ahead_s) * 1_000_000)
    switch = Switch({"strmicroepoch": answer(str(micros).encode())})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        assert await watched.link.clock_ahead_s() is None
        await watched.connected()
        found = await watched.link.clock_ahead_s()
        assert found is not None
        assert abs(found - ahead_s) < 1.0  # the script's time stands still meanwhile

    run(switch, test)


def test_a_time_that_is_told_too_slowly_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    switch = Switch({"strmicroepoch": answer(b"-ERR strmicroepoch Command not found!\n")})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        assert await watched.link.clock_ahead_s() is None
        switch.answers["strmicroepoch"] = answer(b"1795228934393739")
        assert await watched.link.clock_ahead_s() is not None
        monkeypatch.setattr(link_module, "SLOW_REPLY_S", 0.0)
        assert await watched.link.clock_ahead_s() is None

    run(switch, test)


def test_a_switch_that_does_not_answer_a_question_leaves_it_open() -> None:
    switch = Switch({"show channels": b""})

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        assert await watched.link.live_channels() == LiveChannels(False)
        await watched.connected(2)

    run(switch, test, timeout_s=TIMEOUT_S)


def test_the_end_of_a_call_comes_through() -> None:
    switch = Switch()

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        switch.tell(
            event(
                "CHANNEL_HANGUP_COMPLETE",
                {
                    "Call-Direction": "inbound",
                    "variable_uuid": call_id(),
                    "variable_hangup_cause": "NORMAL_CLEARING",
                },
            )
        )
        await eventually(lambda: len(watched.events) == 2)
        end = watched.events[1]
        assert isinstance(end, CallEnded)
        assert (end.call_id, end.cause) == (call_id(), "NORMAL_CLEARING")

    run(switch, test)


def test_a_plan_without_t38_or_codecs_says_nothing_about_them() -> None:
    switch = Switch()
    bare = Connect(call_id(), 1, (ALPHA,), (), Media())

    async def test(watched: Watched, _server: HostileSwitch) -> None:
        await watched.connected()
        watched.link.send_plan(bare)
        await eventually(lambda: switch.commands)
        assert "t38" not in switch.commands[0]
        assert "codec" not in switch.commands[0]

    run(switch, test)
