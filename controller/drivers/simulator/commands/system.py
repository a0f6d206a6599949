"""Api commands about the switch itself."""

import re
from collections.abc import Callable
from typing import Final

from controller.drivers.simulator.arguments import leading_int, separate
from controller.drivers.simulator.commands.calls import hupall
from controller.drivers.simulator.events import VERSION
from controller.drivers.simulator.switch import Switch
from controller.drivers.simulator.uptime import uptime_text

_FSCTL_USAGE: Final = (
    "[hupall|pause [inbound|outbound]|pause_check|resume [inbound|outbound]|sps|max_sessions]\n"
)
_REFERENCE: Final = re.compile(r"\$?\$\{([^{}]*)\}")
_MODULES: Final = frozenset(
    {
        "mod_commands",
        "mod_dialplan_xml",
        "mod_dptools",
        "mod_event_socket",
        "mod_json_cdr",
        "mod_sofia",
    }
)


def status(switch: Switch, _argument: str) -> str:
    core = switch.core
    counters = core.counters
    return (
        f"UP {uptime_text(core.uptime_s())}\n"
        f"FreeSWITCH (Version {VERSION}) is ready\n"
        f"{counters.sessions} session(s) since startup\n"
        f"{len(core.channels)} session(s) - peak {counters.peak}, last 5min {counters.peak} \n"
        f"0 session(s) per Sec out of max {core.sessions_per_second}, peak 0, last 5min 0 \n"
        f"{core.max_sessions} session(s) max\n"
        "min idle cpu 0.00/95.00\n"
        "Current Stack Size/Max 240K/8192K\n"
    )


def version(_switch: Switch, argument: str) -> str:
    if argument == "short":
        return f"{VERSION}\n"
    return f"FreeSWITCH Version {VERSION} (git simulator 64bit)\n"


def global_getvar(switch: Switch, argument: str) -> str:
    variables = _global_variables(switch)
    if not argument:
        return "".join(f"{name}={value}\n" for name, value in variables.items())
    return variables.get(argument, "")


def global_setvar(switch: Switch, argument: str) -> str:
    """`name=value`; with `=known` after it only where that is the value until now."""
    name, value, known = (*separate(argument, "=", 3), "", "", "")[:3]
    if not name:
        return "-USAGE: <var>=<value> [=<value2>]\n"
    if not known or _global_variables(switch).get(name, "") == known:
        switch.core.variables[name] = value
    return "+OK"


def _global_variables(switch: Switch) -> dict[str, str]:
    identity = switch.core.events.identity
    return {
        **switch.core.config.defaults,
        "hostname": identity.name,
        "local_ip_v4": switch.core.config.sip_ip,
        "core_uuid": identity.core_uuid,
        **switch.core.variables,
    }


def echo(_switch: Switch, argument: str) -> str:
    return argument


def create_uuid(switch: Switch, _argument: str) -> str:
    return switch.core.dice.uuid()


def strepoch(switch: Switch, _argument: str) -> str:
    return str(switch.core.now_us() // 1_000_000)


def strmicroepoch(switch: Switch, _argument: str) -> str:
    return str(switch.core.now_us())


def uptime(switch: Switch, _argument: str) -> str:
    return f"{int(switch.core.uptime_s())}\n"


def hostname(switch: Switch, _argument: str) -> str:
    return switch.core.events.identity.name


def evaluate(switch: Switch, argument: str) -> str:
    variables = _global_variables(switch)
    return _REFERENCE.sub(lambda match: variables.get(match[1], ""), argument)


def expand_command(switch: Switch, argument: str) -> str:
    return switch.execute_api(switch, evaluate(switch, argument))


def module_exists(_switch: Switch, argument: str) -> str:
    return "true" if argument in _MODULES else "false"


def reloadxml(_switch: Switch, _argument: str) -> str:
    return "+OK [Success]\n"


def fsctl(switch: Switch, argument: str) -> str:
    words = separate(argument, " ", 3)
    if not words:
        return f"-USAGE: {_FSCTL_USAGE}"
    control = _CONTROLS.get(words[0].lower())
    if control is None:
        return f"-ERR Invalid command\nUSAGE: fsctl {_FSCTL_USAGE}"
    return control(switch, words[1] if len(words) > 1 else "")


def _pause(switch: Switch, direction: str) -> str:
    if direction != "outbound":
        switch.core.paused = True
    return "+OK\n"


def _resume(switch: Switch, direction: str) -> str:
    if direction != "outbound":
        switch.core.paused = False
    return "+OK\n"


def _pause_check(switch: Switch, _: str) -> str:
    return "true" if switch.core.paused else "false"


def _sessions_per_second(switch: Switch, text: str) -> str:
    switch.core.sessions_per_second = leading_int(text) or switch.core.sessions_per_second
    return f"+OK sessions per second: {switch.core.sessions_per_second}\n"


def _max_sessions(switch: Switch, text: str) -> str:
    switch.core.max_sessions = leading_int(text) or switch.core.max_sessions
    return f"+OK max sessions: {switch.core.max_sessions}\n"


def _hupall(switch: Switch, cause: str) -> str:
    hupall(switch, cause)
    return "+OK\n"


_CONTROLS: Final[dict[str, Callable[[Switch, str], str]]] = {
    "pause": _pause,
    "resume": _resume,
    "pause_check": _pause_check,
    "sps": _sessions_per_second,
    "max_sessions": _max_sessions,
    "hupall": _hupall,
}
