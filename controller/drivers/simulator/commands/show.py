"""`show channels`, `show calls` and `show tasks`, as text or as JSON."""

from collections.abc import Sequence
from typing import Final

import orjson

from controller.drivers.simulator.arguments import separate
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.encoding import render_json
from controller.drivers.simulator.events import stamp_text
from controller.drivers.simulator.switch import Switch

Row = dict[str, str]

_USAGE: Final = "-USAGE: calls [count]|channels [count|like <match string>]|tasks|status\n"
# Columns, in the order of the text form.
_CHANNELS: Final = """
    uuid direction created created_epoch name state cid_name cid_num ip_addr dest application
    application_data dialplan context read_codec read_rate read_bit_rate write_codec write_rate
    write_bit_rate secure hostname presence_id presence_data accountcode callstate callee_name
    callee_num callee_direction call_uuid sent_callee_name sent_callee_num initial_cid_name
    initial_cid_num initial_ip_addr initial_dest initial_dialplan initial_context
"""
_CALLS: Final = """
    uuid direction created created_epoch name state cid_name cid_num ip_addr dest presence_id
    presence_data accountcode callstate callee_name callee_num callee_direction call_uuid
    hostname sent_callee_name sent_callee_num
"""
_B_LEGS: Final = """
    uuid direction created created_epoch name state cid_name cid_num ip_addr dest presence_id
    presence_data accountcode callstate callee_name callee_num callee_direction
    sent_callee_name sent_callee_num
"""
_TASKS: Final = "task_id task_desc task_group task_runtime task_sql_manager hostname"
_CALL_COLUMNS: Final = tuple(_CALLS.split())
_B_COLUMNS: Final = tuple(_B_LEGS.split())
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "channels": tuple(_CHANNELS.split()),
    "calls": (*_CALL_COLUMNS, *("b_" + name for name in _B_COLUMNS), "call_created_epoch"),
    "tasks": tuple(_TASKS.split()),
}


def show(switch: Switch, argument: str) -> str:
    words = separate(argument, " ", 8)
    what = words[0].lower() if words else ""
    if what not in _COLUMNS:
        return _USAGE
    rest = words[1:]
    form = "csv"
    if len(rest) >= 2 and rest[-2].lower() == "as":
        form = rest[-1].lower()
        rest = rest[:-2]
    if form not in ("csv", "json", "delim"):
        return f"-ERR Cannot find format {form}\n"
    rows = _rows(switch, what)
    if len(rest) >= 2 and rest[0].lower() == "like":
        rows = [row for row in rows if any(rest[1].strip("%") in value for value in row.values())]
    if rest and rest[0].lower() == "count":
        return f'{{"row_count":{len(rows)}}}\n' if form == "json" else f"\n{len(rows)} total.\n"
    return _as_json(rows) if form == "json" else _as_text(rows, what)


def _rows(switch: Switch, what: str) -> list[Row]:
    if what == "tasks":
        return _task_rows(switch)
    channels = list(switch.core.channels.values())
    if what == "channels":
        return [_channel_row(channel) for channel in channels]
    return [row for channel in channels if (row := _call_row(channel)) is not None]


def _as_json(rows: Sequence[Row]) -> str:
    if not rows:
        return '{"row_count": 0}\n'
    try:
        return orjson.dumps({"row_count": len(rows), "rows": rows}).decode()
    except TypeError:  # text that was not UTF-8
        bodies = b",".join(render_json(row) for row in rows)
        text = bodies.decode("utf-8", "surrogateescape")
        return f'{{"row_count":{len(rows)},"rows":[{text}]}}'


def _as_text(rows: Sequence[Row], what: str) -> str:
    if not rows:
        return "\n0 total.\n"
    columns = _COLUMNS[what]
    lines = [",".join(row[name] for name in columns) for row in rows]
    return "\n".join([",".join(columns), *lines]) + f"\n\n{len(rows)} total.\n"


def _channel_row(channel: Channel) -> Row:
    shown = channel.text
    codec = ("PCMA", "8000", "64000") if channel.has_media else ("", "", "")
    inbound = isinstance(channel, CallerLeg)
    name, argument = channel.application if isinstance(channel, CallerLeg) else ("", "")
    bridged = bool(channel.bridge_role)
    number = shown("Caller-Destination-Number")
    return {
        "uuid": channel.uuid,
        "direction": "inbound" if inbound else "outbound",
        "created": stamp_text(channel.created_us),
        "created_epoch": str(channel.created_us // 1_000_000),
        "name": channel.name,
        "state": shown("Channel-State"),
        "cid_name": shown("Caller-Caller-ID-Name"),
        "cid_num": shown("Caller-Caller-ID-Number"),
        "ip_addr": shown("Caller-Network-Addr"),
        "dest": _shown_destination(channel, number),
        "application": name,
        "application_data": argument,
        "dialplan": shown("Caller-Dialplan"),
        "context": shown("Caller-Context"),
        "read_codec": codec[0],
        "read_rate": codec[1],
        "read_bit_rate": codec[2],
        "write_codec": codec[0],
        "write_rate": codec[1],
        "write_bit_rate": codec[2],
        "secure": "",
        "hostname": channel.core.config.switch_name,
        "presence_id": "",
        "presence_data": "",
        "accountcode": "",
        "callstate": shown("Channel-Call-State"),
        "callee_name": shown("Caller-Callee-ID-Name"),
        "callee_num": shown("Caller-Callee-ID-Number"),
        "callee_direction": "SEND" if bridged else "",
        "call_uuid": shown("Channel-Call-UUID") if bridged or not inbound else "",
        "sent_callee_name": "",
        "sent_callee_num": "",
        "initial_cid_name": shown("Caller-Orig-Caller-ID-Name"),
        "initial_cid_num": shown("Caller-Orig-Caller-ID-Number"),
        "initial_ip_addr": shown("Caller-Network-Addr"),
        "initial_dest": number,
        "initial_dialplan": "XML" if inbound else "inline",
        "initial_context": shown("Caller-Context"),
    }


def _shown_destination(channel: Channel, number: str) -> str:
    """A transferred caller's leg shows the plan in place of the number, as on the real switch."""
    return channel.plan_text or number if isinstance(channel, CallerLeg) else number


def _call_row(channel: Channel) -> Row | None:
    """One row for a bridged pair, with its B leg's columns; one for each leg that is alone."""
    if channel.bridge_role and not isinstance(channel, CallerLeg):
        return None
    peer = channel.partner() if channel.bridge_role else None
    full = _channel_row(channel)
    row = {name: full[name] for name in _CALL_COLUMNS}
    other = _channel_row(peer) if peer is not None else {}
    row.update({f"b_{name}": other.get(name, "") for name in _B_COLUMNS})
    row["call_created_epoch"] = str(channel.bridged_us // 1_000_000) if peer is not None else ""
    return row


def _task_rows(switch: Switch) -> list[Row]:
    return [
        {
            "task_id": str(task.number),
            "task_desc": task.description,
            "task_group": task.group,
            "task_runtime": str(task.runtime),
            "task_sql_manager": "0",
            "hostname": switch.core.config.switch_name,
        }
        for task in switch.core.tasks.all()
    ]
