"""Plans: the run through a list of dialplan applications, and the applications that take time.

An application either is done at once (see `instant`) or gives the channel an activity, which
goes on with the plan when it is over.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Final

from controller.drivers.simulator.answering import answer
from controller.drivers.simulator.arguments import leading_int
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.channel import Activity
from controller.drivers.simulator.dialing import Dialing
from controller.drivers.simulator.expansion import expand
from controller.drivers.simulator.hangup import hang_up
from controller.drivers.simulator.inline import Application, parse_inline
from controller.drivers.simulator.instant import INSTANT
from controller.drivers.simulator.parking import Parked, Pausing

Done = Callable[[], None]
Begin = Callable[[CallerLeg, str, Done], Activity]

_TONE: Final = re.compile(r"%\((\d+)")
_PLAYBACK_S: Final = 1.0


def run_plan(channel: CallerLeg, plan: list[Application]) -> None:
    """Execute a plan from its beginning."""
    channel.plan = deque(plan)
    _go_on(channel)


def execute(channel: CallerLeg, name: str, argument: str) -> bool:
    """Run one application at once, outside of a plan; False where it would take time."""
    run = INSTANT.get(name)
    if run is None and name != "answer":
        return False
    channel.begin_application(name, argument)
    if run is None:
        answer(channel)
    else:
        run(channel, argument)
    channel.end_application()
    return True


def transfer(channel: CallerLeg, destination: str, dialplan: str, context: str) -> None:
    """Give a channel another plan, whatever it is busy with.

    The command that asks for it is answered first; the plan runs in the timers' next turn.
    """
    core = channel.core
    headers = channel.headers
    number = channel.text("Caller-Destination-Number")
    index = leading_int(channel.text("Caller-Profile-Index")) + 1
    profile_uuid = f"{channel.uuid[:24]}{index:012x}"
    source = f"{channel.clock.now_us // 1_000_000}:{profile_uuid}:bl_xfer:"
    source += f"{destination}/{context}/{dialplan}"
    channel.profile_us = channel.clock.now_us
    headers["Caller-Dialplan"] = dialplan
    headers["Caller-Context"] = context
    headers["Caller-Transfer-Source"] = source
    headers["Caller-Profile-Index"] = str(index)
    headers["Caller-Profile-Created-Time"] = str(channel.clock.now_us)
    forwards = leading_int(channel.get("max_forwards") or "70")
    channel.set("max_forwards", str(forwards - 1))
    channel.push("transfer_history", source)
    channel.set("transfer_source", source)
    channel.plan_text = destination
    if dialplan != "inline":
        headers["Caller-Destination-Number"] = number = destination
    core.timers.after(channel.clock, 0.0, _begin_transfer, (channel, destination, dialplan, number))


def _begin_transfer(asked: tuple[CallerLeg, str, str, str]) -> None:
    channel, destination, dialplan, number = asked
    if channel.ended:
        return
    headers = channel.headers
    if dialplan == "inline":
        headers["Caller-Destination-Number"] = destination
        headers["Caller-RDNIS"] = number
    activity, channel.activity = channel.activity, None
    if activity is not None:
        activity.interrupted(hung_up=False)
    channel.end_applications()
    headers["Caller-Destination-Number"] = number
    headers.pop("Caller-RDNIS", None)
    plan = destination if dialplan == "inline" else channel.core.config.hand_off
    run_plan(channel, parse_inline(plan))


def _go_on(channel: CallerLeg) -> None:
    while not channel.ended:
        if not channel.plan:
            hang_up(channel, "NORMAL_CLEARING")
            return
        name, text = channel.plan.popleft()
        argument = expand(channel, text)
        begin = _TIMED.get(name)
        if begin is not None:
            _begin_timed(channel, begin, name, argument)
            return
        if not execute(channel, name, argument):
            hang_up(channel, "DESTINATION_OUT_OF_ORDER")


def _begin_timed(channel: CallerLeg, begin: Begin, name: str, argument: str) -> None:
    def done() -> None:
        channel.activity = None
        channel.end_application()
        _go_on(channel)

    if name == "playback":
        channel.start_early_media()
    channel.begin_application(name, argument)
    channel.activity = begin(channel, argument, done)
    channel.activity.start()


def _park(channel: CallerLeg, _argument: str, _done: Done) -> Activity:
    return Parked(channel)


def _bridge(channel: CallerLeg, argument: str, done: Done) -> Activity:
    return Dialing(channel, argument, done)


def _sleep(channel: CallerLeg, argument: str, done: Done) -> Activity:
    return Pausing(channel, leading_int(argument) / 1_000, done)


def _playback(channel: CallerLeg, argument: str, done: Done) -> Activity:
    """Nothing is heard. A tone lasts as long as it says, another sound one second."""
    tone = _TONE.search(argument)
    return Pausing(channel, int(tone[1]) / 1_000 if tone else _PLAYBACK_S, done)


_TIMED: Final[dict[str, Begin]] = {
    "park": _park,
    "bridge": _bridge,
    "sleep": _sleep,
    "playback": _playback,
}
