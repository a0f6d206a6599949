"""Api commands that do something later."""

from typing import Final

from controller.drivers.simulator.applications import transfer
from controller.drivers.simulator.arguments import leading_int, separate
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.causes import cause_named
from controller.drivers.simulator.clock import CallClock
from controller.drivers.simulator.commands.calls import NO_CHANNEL, find_channel
from controller.drivers.simulator.hangup import hang_up
from controller.drivers.simulator.instant import schedule_hangup, seconds_until
from controller.drivers.simulator.switch import Switch

_SCHED_API_USAGE: Final = (
    "-ERR Invalid syntax. USAGE: [+@]<time> <group_name> <command_string>[&]\n"
)


def sched_api(switch: Switch, argument: str) -> str:
    words = argument.split(" ", 2)
    if len(words) < 3:
        return _SCHED_API_USAGE
    when, group, command = words[0], words[1], words[2].removesuffix("&")
    clock = _clock_for(switch, command)
    number = _add(switch, clock, when, group, command)
    return f"+OK Added: {number}\n"


def _add(switch: Switch, clock: CallClock, when: str, group: str, command: str) -> int:
    repeat_s = leading_int(when[1:]) if when.startswith("@") else 0
    seconds = repeat_s or _seconds(clock, when)

    def run() -> None:
        if repeat_s:
            _add(switch, clock, when, group, command)
        switch.execute_api(switch, command)

    return switch.core.tasks.add(clock, seconds, group, "sched_api_function", run)


def _seconds(clock: CallClock, when: str) -> int:
    if when.startswith("+"):
        return max(0, leading_int(when[1:]))
    return max(0, leading_int(when) - clock.now_us // 1_000_000)


def _clock_for(switch: Switch, command: str) -> CallClock:
    """The clock of the call that a command names first, or the real one."""
    words = command.split(" ", 2)
    channel = find_channel(switch, words[1]) if len(words) > 1 else None
    if channel is not None:
        return channel.clock
    switch.core.now_us()
    return switch.core.clock


def sched_hangup(switch: Switch, argument: str) -> str:
    words = separate(argument, " ", 4)
    if not words:
        return "-USAGE: [+]<time> <uuid> [<cause>]\n"
    channel = find_channel(switch, words[1]) if len(words) > 1 else None
    if channel is None:
        return NO_CHANNEL
    cause = cause_named(words[2]) if len(words) > 2 else "ALLOTTED_TIMEOUT"
    if leading_int(words[0][1:]) == 0:
        hang_up(channel, cause)
    else:
        schedule_hangup(channel, seconds_until(channel, words[0]), cause)
    return "+OK\n"


def sched_transfer(switch: Switch, argument: str) -> str:
    words = separate(argument, " ", 6)
    if not 2 <= len(words) <= 5:
        return "-USAGE: [+]<time> <uuid> <extension> [<dialplan>] [<context>]\n"
    channel = find_channel(switch, words[1])
    if not isinstance(channel, CallerLeg) or len(words) < 3:
        return NO_CHANNEL
    dialplan = words[3] if len(words) > 3 else channel.text("Caller-Dialplan")
    context = words[4] if len(words) > 4 else channel.text("Caller-Context")

    def run() -> None:
        if not channel.ended:
            transfer(channel, words[2], dialplan, context)

    switch.core.tasks.add(
        channel.clock,
        seconds_until(channel, words[0]),
        channel.uuid,
        "switch_ivr_schedule_transfer",
        run,
    )
    return "+OK\n"


def sched_del(switch: Switch, argument: str) -> str:
    tasks = switch.core.tasks
    digits = argument.isascii() and argument.isdigit()
    deleted = tasks.delete(int(argument)) if digits else tasks.delete_group(argument)
    return f"+OK Deleted: {deleted}\n"


def unsched_api(switch: Switch, argument: str) -> str:
    number = leading_int(argument)
    if not argument:
        return "-ERR Invalid syntax. USAGE: <task_id>\n"
    return "+OK\n" if switch.core.tasks.delete(number) else "-ERR No such id\n"
