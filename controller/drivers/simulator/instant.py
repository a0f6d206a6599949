"""The dialplan applications that are done at once."""

from collections.abc import Callable
from typing import Final

from controller.drivers.simulator.arguments import leading_int, separate
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.causes import cause_named, cause_of_sip
from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.expansion import expand
from controller.drivers.simulator.hangup import hang_up


def execute_on(channel: CallerLeg, variable: str) -> None:
    """Run the application that a variable such as `execute_on_answer` names."""
    text = channel.get(variable)
    if not text:
        return
    name, _, argument = text.partition(" ")
    run = INSTANT.get(name)
    if run is not None:
        argument = expand(channel, argument)
        channel.begin_application(name, argument)
        run(channel, argument)
        channel.end_application()


def schedule_hangup(channel: Channel, seconds: int, cause: str) -> None:
    """End a channel in so many whole seconds; its uuid is the task's group."""
    channel.core.tasks.add(
        channel.clock,
        seconds,
        channel.uuid,
        "switch_ivr_schedule_hangup",
        lambda: hang_up(channel, cause),
    )


def seconds_until(channel: Channel, text: str) -> int:
    """The seconds that `+N` or an absolute epoch second means.

    An absolute one in the past becomes a timer decades away: the real switch takes it for a
    repeat interval on top of the present.
    """
    if text.startswith("+"):
        return leading_int(text[1:])
    at_s = leading_int(text)
    now_s = channel.clock.now_us // 1_000_000
    return at_s - now_s if at_s >= now_s else at_s


def _set(channel: CallerLeg, argument: str) -> None:
    name, equals, value = argument.partition("=")
    if not equals:
        name, _, value = argument.partition(",")
    channel.set(name, value or None)


def _multiset(channel: CallerLeg, argument: str) -> None:
    delimiter = " "
    if argument.startswith("^^") and len(argument) > 2:
        delimiter, argument = argument[2], argument[3:]
    for pair in argument.split(delimiter):
        if pair:
            _set(channel, pair)


def _unset(channel: CallerLeg, argument: str) -> None:
    channel.set(argument, None)


def _export(channel: CallerLeg, argument: str) -> None:
    name, _, value = argument.partition("=")
    local = not name.startswith("nolocal:")
    if local:
        channel.set(name, value or None)
    else:
        channel.exported_only[name.removeprefix("nolocal:")] = value
    exported = channel.get("export_vars")
    channel.set("export_vars", f"{exported},{name}" if exported else name)


def _sched_hangup(channel: CallerLeg, argument: str) -> None:
    words = separate(argument, " ", 5)
    if not words:
        return
    cause = cause_named(words[1]) if len(words) > 1 else "ALLOTTED_TIMEOUT"
    seconds = seconds_until(channel, words[0])
    if leading_int(words[0][1:]) == 0:
        hang_up(channel, cause)
    else:
        schedule_hangup(channel, seconds, cause)


def _sched_cancel(channel: CallerLeg, argument: str) -> None:
    group = argument or channel.uuid
    if group.isascii() and group.isdigit():
        channel.core.tasks.delete(int(group))
    else:
        channel.core.tasks.delete_group(group)


def _hangup(channel: CallerLeg, argument: str) -> None:
    hang_up(channel, cause_named(argument) if argument else "NORMAL_CLEARING")


def _respond(channel: CallerLeg, argument: str) -> None:
    status = leading_int(argument)
    if status < 300:
        return
    if not channel.answered_us:
        channel.sip_status_sent = status
    hang_up(channel, cause_of_sip(status))


def _ring_ready(channel: CallerLeg, _: str) -> None:
    channel.ring()


def _pre_answer(channel: CallerLeg, _: str) -> None:
    channel.start_early_media()


def _nothing(channel: CallerLeg, argument: str) -> None:
    """Accepted without effect: what only concerns media or the log."""


INSTANT: Final[dict[str, Callable[[CallerLeg, str], None]]] = {
    "set": _set,
    "multiset": _multiset,
    "unset": _unset,
    "export": _export,
    "sched_hangup": _sched_hangup,
    "sched_cancel": _sched_cancel,
    "hangup": _hangup,
    "respond": _respond,
    "ring_ready": _ring_ready,
    "pre_answer": _pre_answer,
    "log": _nothing,
    "info": _nothing,
    "verbose_events": _nothing,
    "acknowledge_call": _nothing,
}
