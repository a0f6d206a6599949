"""Api commands about one channel, or about all of them."""

from typing import Final

from controller.drivers.simulator.answering import answer
from controller.drivers.simulator.applications import transfer
from controller.drivers.simulator.arguments import separate
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.causes import cause_named
from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.encoding import render_json, render_plain, render_xml
from controller.drivers.simulator.hangup import hang_up
from controller.drivers.simulator.switch import Switch

_OK: Final = "+OK\n"
NO_CHANNEL: Final = "-ERR No such channel!\n"
_NOT_SIMULATED: Final = "-ERR not supported by the simulator\n"
_TRANSFER_USAGE: Final = "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
_SETVAR_MULTI_USAGE: Final = "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"


def find_channel(switch: Switch, uuid: str) -> Channel | None:
    """A live channel, its clock brought to the present."""
    channel = switch.core.channels.get(uuid)
    if channel is not None:
        channel.clock.sync(switch.core.timers.now_s())
    return channel


def uuid_transfer(switch: Switch, argument: str) -> str:
    words = _transfer_words(argument)
    if len(words) < 2 or len(words) > 5:
        return _TRANSFER_USAGE
    uuid, *rest = words
    of_peer = rest[0].lower() in ("-bleg", "-both")
    if of_peer:
        rest = rest[1:]
    channel = find_channel(switch, uuid)
    if channel is None:
        return NO_CHANNEL
    if not rest:
        return _TRANSFER_USAGE
    if not isinstance(channel, CallerLeg) or (of_peer and channel.bridge_role):
        return _NOT_SIMULATED
    dialplan = rest[1] if len(rest) > 1 else channel.text("Caller-Dialplan")
    context = rest[2] if len(rest) > 2 else channel.text("Caller-Context")
    transfer(channel, rest[0], dialplan, context)
    return _OK


def _transfer_words(argument: str) -> list[str]:
    """The words of a transfer; the usual `UUID 'plan' inline` without a loop over the plan."""
    if "\\" not in argument and argument.count("'") == 2:
        before, plan, after = argument.split("'")
        if before.endswith(" ") and after.startswith(" ") and before.count(" ") == 1:
            return [before[:-1], plan, *separate(after, " ")]
    return separate(argument, " ", 6)


def uuid_kill(switch: Switch, argument: str) -> str:
    uuid, _, cause = argument.strip().partition(" ")
    if not uuid:
        return "-USAGE: <uuid> [cause]\n"
    channel = find_channel(switch, uuid)
    if channel is None:
        return NO_CHANNEL
    hang_up(channel, cause_named(cause) if cause else "NORMAL_CLEARING")
    return _OK


def uuid_setvar(switch: Switch, argument: str) -> str:
    words = separate(argument, " ", 3)
    if len(words) < 2:
        return "-USAGE: <uuid> <var> [value]\n"
    channel = find_channel(switch, words[0])
    if channel is None:
        return NO_CHANNEL
    channel.set(words[1], words[2] if len(words) > 2 else None)
    return _OK


def uuid_setvar_multi(switch: Switch, argument: str) -> str:
    uuid, _, pairs = argument.partition(" ")
    if not pairs:
        return _SETVAR_MULTI_USAGE
    channel = find_channel(switch, uuid)
    if channel is None:
        return NO_CHANNEL + _SETVAR_MULTI_USAGE
    for pair in separate(pairs, ";"):
        name, _, value = pair.partition("=")
        channel.set(name, value or None)
    return _OK


def uuid_getvar(switch: Switch, argument: str) -> str:
    words = separate(argument, " ", 2)
    if len(words) < 2:
        return "-USAGE: <uuid> <var>\n"
    channel = find_channel(switch, words[0])
    if channel is None:
        return NO_CHANNEL
    value = channel.get(words[1])
    return "_undef_" if value is None else value


def uuid_exists(switch: Switch, argument: str) -> str:
    return "true" if argument.strip() in switch.core.channels else "false"


def uuid_dump(switch: Switch, argument: str) -> str:
    words = separate(argument, " ", 2)
    if not words:
        return "-USAGE: <uuid> [format]\n"
    channel = find_channel(switch, words[0])
    if channel is None:
        return NO_CHANNEL
    headers = {
        **channel.headers,
        **switch.core.events.head("CHANNEL_DATA", channel.clock.now_us),
    }
    form = words[1].lower() if len(words) > 1 else ""
    render = {"json": render_json, "xml": render_xml}.get(form, render_plain)
    return render(headers).decode("utf-8", "surrogateescape")


def uuid_answer(switch: Switch, argument: str) -> str:
    channel = find_channel(switch, argument.strip())
    if not isinstance(channel, CallerLeg):
        return "-ERROR\n"
    answer(channel)
    return _OK


def uuid_park(switch: Switch, argument: str) -> str:
    channel = find_channel(switch, argument.strip())
    if channel is None:
        return NO_CHANNEL
    if not isinstance(channel, CallerLeg):
        return _NOT_SIMULATED
    transfer(channel, "park:", "inline", channel.text("Caller-Context"))
    return _OK


def hupall(switch: Switch, argument: str) -> str:
    words = separate(argument, " ", 3)
    cause = cause_named(words[0]) if words else "MANAGER_REQUEST"
    for channel in list(switch.core.channels.values()):
        channel.clock.sync(switch.core.timers.now_s())
    if len(words) == 3:
        switch.hang_up_all(cause, words[1], words[2])
        matching = f"matching [{words[1]}]=[{words[2]}] with cause: {cause}"
        return f"+OK hangup all channels {matching}\n"
    switch.hang_up_all(cause)
    return f"+OK hangup all channels with cause {cause}\n"
