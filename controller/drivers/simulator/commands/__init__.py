"""Api commands: the text of one in, the text of its reply out."""

from collections.abc import Callable
from typing import Final

from controller.drivers.simulator.commands import calls, schedule, show, system
from controller.drivers.simulator.switch import Switch

__all__ = ["execute"]

ApiCommand = Callable[[Switch, str], str]

_COMMANDS: Final[dict[str, ApiCommand]] = {
    "uuid_transfer": calls.uuid_transfer,
    "uuid_kill": calls.uuid_kill,
    "uuid_setvar": calls.uuid_setvar,
    "uuid_setvar_multi": calls.uuid_setvar_multi,
    "uuid_getvar": calls.uuid_getvar,
    "uuid_exists": calls.uuid_exists,
    "uuid_dump": calls.uuid_dump,
    "uuid_answer": calls.uuid_answer,
    "uuid_park": calls.uuid_park,
    "hupall": calls.hupall,
    "sched_api": schedule.sched_api,
    "sched_hangup": schedule.sched_hangup,
    "sched_transfer": schedule.sched_transfer,
    "sched_del": schedule.sched_del,
    "unsched_api": schedule.unsched_api,
    "show": show.show,
    "status": system.status,
    "version": system.version,
    "global_getvar": system.global_getvar,
    "global_setvar": system.global_setvar,
    "echo": system.echo,
    "fsctl": system.fsctl,
    "create_uuid": system.create_uuid,
    "strepoch": system.strepoch,
    "strmicroepoch": system.strmicroepoch,
    "uptime": system.uptime,
    "hostname": system.hostname,
    "switchname": system.hostname,
    "eval": system.evaluate,
    "expand": system.expand_command,
    "module_exists": system.module_exists,
    "reloadxml": system.reloadxml,
}


def execute(switch: Switch, text: str) -> str:
    """Run `name argument`; an unknown name gets the switch's own complaint."""
    name, _, argument = text.partition(" ")
    core = switch.core
    command = _COMMANDS.get(name.lower())
    if command is None:
        return f"-ERR {name} Command not found!\n"
    described = {"API-Command": name}
    if argument:
        described["API-Command-Argument"] = argument
    core.events.fire("API", core.now_us(), lambda: dict(described))
    return command(switch, argument)
