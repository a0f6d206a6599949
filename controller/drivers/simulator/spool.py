"""JSON call records as files, the safety net beside the events.

One file for each ended A leg, written before its CHANNEL_HANGUP_COMPLETE is sent, in the layout
of the real switch's own records. A disk that does not take it costs the record and a line in
the log, never the call.
"""

import logging
from pathlib import Path

import orjson

from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.encoding import render_json
from controller.drivers.simulator.media import PREFIX

_log = logging.getLogger(__name__)


def write_record(directory: Path, channel: CallerLeg) -> None:
    """Write `<uuid>.cdr.json`, in place as the real one is: a reader may see half of it."""
    path = directory / f"{channel.uuid}.cdr.json"
    try:
        path.write_bytes(_rendered(channel))
    except OSError as error:
        _log.error("call record not written", extra={"call": channel.uuid, "error": str(error)})


def _rendered(channel: CallerLeg) -> bytes:
    record = call_record(channel)
    try:
        return orjson.dumps(record)
    except TypeError:  # text that was not UTF-8; the record's strings alone can hold it
        return render_json(record)  # type: ignore[arg-type]


def call_record(channel: CallerLeg) -> dict[str, object]:
    """The record as data."""
    identity = channel.core.events.identity
    return {
        "core-uuid": identity.core_uuid,
        "switchname": identity.name,
        "channel_data": {
            "state": "CS_REPORTING",
            "direction": "inbound",
            "state_number": "11",
            "flags": "0=1;1=1;3=1",
            "caps": "1=1;2=1;3=1;4=1;5=1;6=1;8=1;9=1;10=1",
        },
        "variables": {
            name.removeprefix(PREFIX): value
            for name, value in channel.headers.items()
            if name.startswith(PREFIX)
        },
        "app_log": {"applications": _application_log(channel)},
        "callflow": [_call_flow(channel)],
    }


def _application_log(channel: CallerLeg) -> list[dict[str, str]]:
    return [
        {"app_name": name, "app_data": data, "app_stamp": str(at_us)}
        for name, data, at_us in channel.application_log
    ]


def _call_flow(channel: CallerLeg) -> dict[str, object]:
    return {
        "dialplan": channel.headers["Caller-Dialplan"],
        "profile_index": channel.headers["Caller-Profile-Index"],
        "caller_profile": _caller_profile(channel),
        "times": {
            "created_time": str(channel.created_us),
            "profile_created_time": str(channel.profile_us),
            "progress_time": str(channel.progress_us),
            "progress_media_time": str(channel.progress_media_us),
            "answered_time": str(channel.answered_us),
            "bridged_time": str(channel.bridged_us),
            "last_hold_time": "0",
            "hold_accum_time": "0",
            "hangup_time": str(channel.ended_us),
            "resurrect_time": "0",
            "transfer_time": "0",
        },
    }


def _caller_profile(channel: CallerLeg) -> dict[str, object]:
    profile = _profile_of(channel)
    if channel.legs:
        legs = [_profile_of(leg) for leg in channel.legs]
        profile["originatee"] = {"originatee_caller_profiles": legs}
    return profile


def _profile_of(channel: Channel) -> dict[str, object]:
    profile = channel.headers
    return {
        "username": profile["Caller-Username"],
        "dialplan": profile["Caller-Dialplan"],
        "caller_id_name": profile["Caller-Caller-ID-Name"],
        "ani": profile["Caller-ANI"],
        "aniii": "",
        "caller_id_number": profile["Caller-Caller-ID-Number"],
        "network_addr": profile["Caller-Network-Addr"],
        "rdnis": "",
        "destination_number": profile["Caller-Destination-Number"],
        "uuid": channel.uuid,
        "source": "mod_sofia",
        "context": profile["Caller-Context"],
        "chan_name": channel.name,
    }
