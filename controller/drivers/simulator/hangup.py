"""How legs end, and what the switch reports about it.

Who ended a leg shows in its `sip_hangup_disposition`: recv_* is the far end, send_* the switch
(on both legs: the switch itself; on one: passing on what the other leg did).
"""

from typing import Final

from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.causes import (
    CAUSES,
    cause_of_q850,
    cause_of_sip,
    phrase_of_sip,
    q850_of,
    sip_of_cause,
)
from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.final_variables import add_final_variables
from controller.drivers.simulator.headers import network_variables
from controller.drivers.simulator.media import Headers
from controller.drivers.simulator.spool import write_record
from controller.drivers.simulator.vendor_leg import VendorLeg

_DISPOSITION: Final = "variable_sip_hangup_disposition"
_PROTOCOL_CAUSE: Final = "variable_proto_specific_hangup_cause"


def hang_up(channel: Channel, cause: str, *, report_late: bool = False) -> None:
    """End a leg, report it, and let whatever it was busy with end too.

    Its report may be left to the timers' next turn, behind that of the leg which made it end.
    """
    if channel.ended:
        return
    channel.ended = True
    channel.cause = cause
    _tell_partner(channel)
    _note_role(channel)
    channel.pass_through("CS_HANGUP")
    channel.headers["Hangup-Cause"] = cause
    channel.headers["Answer-State"] = "hangup"
    channel.fire("CHANNEL_HANGUP")
    activity, channel.activity = channel.activity, None
    if activity is not None:
        activity.interrupted(hung_up=True)
    if isinstance(channel, CallerLeg):
        channel.end_applications()
    if report_late:
        channel.core.timers.after(channel.clock, 0.0, _report, channel)
    else:
        _report(channel)


def receive_bye(channel: Channel) -> None:
    """The far end of an answered leg has hung up."""
    if channel.ended:
        return
    channel.headers.update(_terminated(200, 16))
    _set_on_partner(channel, {"variable_sip_hangup_phrase": phrase_of_sip(200)})
    channel.headers[_DISPOSITION] = "recv_bye"
    hang_up(channel, "NORMAL_CLEARING")


def receive_cancel(channel: CallerLeg) -> None:
    """The caller has given up before the answer."""
    if channel.ended or channel.answered_us:
        return
    channel.headers[_DISPOSITION] = "recv_cancel"
    channel.headers["variable_sip_invite_failure_status"] = "487"
    channel.headers["variable_sip_invite_failure_phrase"] = "CANCEL"
    channel.headers.update(_terminated(487, 487))
    _set_on_partner(channel, {"variable_sip_hangup_phrase": phrase_of_sip(487)})
    channel.sip_status_sent = 487
    hang_up(channel, "ORIGINATOR_CANCEL")


def receive_refusal(channel: VendorLeg, status: int, q850: int, *, local: bool) -> None:
    """A vendor's final response to an INVITE; `local` where the switch made it up itself."""
    if channel.ended:
        return
    cause = cause_of_q850(q850) if q850 else cause_of_sip(status)
    failure: Headers = {
        "variable_sip_invite_failure_status": str(status),
        "variable_sip_invite_failure_phrase": phrase_of_sip(status),
    }
    if local:
        channel.headers["variable_sip_reply_port"] = "0"
        channel.headers["variable_sip_network_port"] = "0"
    channel.set("sip_call_id", channel.sip_call_id)
    if status != 401:  # an authentication challenge is not taken for a refusal
        if not local:
            channel.headers.update(network_variables(channel.host_port, channel.sip_call_id))
        channel.headers[_DISPOSITION] = "recv_refuse"
        channel.headers.update(failure)
        _set_on_partner(channel, failure)
    if q850:
        reason: Headers = {"variable_sip_reason": f"Q.850;cause={q850}"}
        channel.headers.update(reason)
        _set_on_partner(channel, reason)
    channel.headers.update(_terminated(status, CAUSES.get(cause, q850_of(cause))))
    _set_on_partner(channel, {"variable_sip_hangup_phrase": phrase_of_sip(status)})
    hang_up(channel, cause)


def _terminated(status: int, number: int) -> Headers:
    return {
        "variable_sip_term_status": str(status),
        _PROTOCOL_CAUSE: f"sip:{status}",
        "variable_sip_term_cause": str(number),
    }


def _set_on_partner(channel: Channel, variables: Headers) -> None:
    partner = channel.partner()
    if partner is not None and not partner.ended:
        partner.headers.update(variables)


def _tell_partner(channel: Channel) -> None:
    told: Headers = {"variable_last_bridge_hangup_cause": channel.cause}
    protocol_cause = channel.headers.get(_PROTOCOL_CAUSE)
    if protocol_cause is not None:
        told["variable_last_bridge_proto_specific_hangup_cause"] = protocol_cause
    _set_on_partner(channel, told)


def _note_role(channel: Channel) -> None:
    """Of two bridged legs, the one that ends first says which it was."""
    partner = channel.partner()
    if channel.bridge_role and partner is not None and not partner.ended:
        channel.set("last_bridge_role", channel.bridge_role)


def _report(channel: Channel) -> None:
    channel.ended_us = channel.clock.now_us
    channel.headers["Caller-Channel-Hangup-Time"] = str(channel.ended_us)
    channel.enter("CS_REPORTING")
    channel.show_call_state("HANGUP")
    _set_disposition(channel)
    add_final_variables(channel)
    if isinstance(channel, CallerLeg):
        _report_call(channel)
    channel.fire("CHANNEL_HANGUP_COMPLETE")
    channel.pass_through("CS_DESTROY")
    channel.fire("CHANNEL_DESTROY")
    channel.core.channels.pop(channel.uuid, None)
    channel.core.tasks.delete_group(channel.uuid)
    for told in channel.on_ended:
        told(channel)
    channel.on_ended.clear()
    if isinstance(channel, CallerLeg):
        channel.release_legs()


def _set_disposition(channel: Channel) -> None:
    variables = channel.headers
    if _DISPOSITION in variables:
        return
    if channel.answered_us:
        variables[_DISPOSITION] = "send_bye"
    elif channel.inbound:
        variables[_DISPOSITION] = "send_refuse"
    elif "variable_sip_term_status" not in variables:
        variables[_DISPOSITION] = "send_cancel"
        variables["variable_sip_invite_failure_status"] = "487"
        variables["variable_sip_invite_failure_phrase"] = "CANCEL"


def _report_call(channel: CallerLeg) -> None:
    if channel.application_log:
        name, data, _ = channel.application_log[-1]
        channel.set("last_app", name)
        channel.set("last_arg", data)
    channel.sip_status_sent = channel.sip_status_sent or _status_for_caller(channel)
    counters = channel.core.counters
    counters.calls_ended += 1
    counters.calls_answered += bool(channel.answered_us)
    counters.ended_by_cause[channel.cause] = counters.ended_by_cause.get(channel.cause, 0) + 1
    if channel.core.config.spool_directory is not None:
        write_record(channel.core.config.spool_directory, channel)


def _status_for_caller(channel: CallerLeg) -> int:
    if channel.answered_us:
        return 200
    passed_on = channel.get("last_bridge_proto_specific_hangup_cause")
    if passed_on is not None and passed_on.startswith("sip:"):
        return int(passed_on[4:])
    return sip_of_cause(channel.cause)
