"""Legs toward vendors: how one is made from a dial string, and what its vendor then does."""

from collections.abc import Callable
from typing import Final, Protocol

from controller.drivers.simulator.arguments import leading_int
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.clock import US_PER_S
from controller.drivers.simulator.dial_string import DialedLeg
from controller.drivers.simulator.draws import SILENT, UNREACHABLE, LegScript, draw_leg, rejects
from controller.drivers.simulator.expansion import run_api_on
from controller.drivers.simulator.hangup import hang_up, receive_bye, receive_refusal
from controller.drivers.simulator.headers import (
    answer_variables,
    as_originator,
    network_variables,
    outbound_profile,
    outbound_variables,
    response_variables,
)
from controller.drivers.simulator.vendor_leg import VendorLeg

# Variables of the caller's leg that its vendors' legs get without being exported.
_INHERITED: Final = tuple(
    "variable_" + name
    for name in (
        "originate_continue_on_timeout",
        "fail_on_single_reject",
        "hangup_on_single_reject",
        "ignore_early_media",
        "ignore_ring_ready",
        "return_ring_ready",
        "ring_ready",
        "instant_ringback",
        "progress_timeout",
        "language",
    )
)
_ORIGINATOR: Final = (
    "variable_originator",
    "variable_signal_bond",
    "variable_call_uuid",
    "variable_originating_leg_uuid",
)
# A vendor that never answers an INVITE: SIP's timer B ends the leg.
TIMER_B_S: Final = 32.0


class LegEvents(Protocol):
    """Whom a leg tells what its vendor does."""

    def rang(self, leg: VendorLeg) -> None:
        """180."""

    def early_media(self, leg: VendorLeg) -> None:
        """183 with a session description."""

    def answered(self, leg: VendorLeg) -> None:
        """200."""

    def leg_ended(self, leg: VendorLeg) -> None:
        """The leg is over, whoever ended it."""


class UnknownEndpoint(ValueError):
    """Nothing can be dialed there; the message is the cause."""


def make_leg(originator: CallerLeg, dialed: DialedLeg, shared: dict[str, str]) -> VendorLeg:
    """Create and announce one leg; raises UnknownEndpoint."""
    profile, number, host_port = _parse_endpoint(dialed.endpoint)
    if profile not in originator.core.config.profiles:
        raise UnknownEndpoint("INVALID_PROFILE")
    variables = {**shared, **dialed.variables}
    uuid = variables.get("origination_uuid") or originator.dice.uuid()
    if uuid in originator.core.channels:
        raise UnknownEndpoint("DESTINATION_OUT_OF_ORDER")
    name = f"sofia/{profile}/{number}@{host_port}"
    leg = VendorLeg(originator, uuid, name, number, host_port)
    _fill_in(leg, originator, profile, variables)
    originator.core.add_channel(leg)
    originator.legs.append(leg)
    leg.enter("CS_NONE")
    leg.fire("CHANNEL_OUTGOING")
    return leg


def _parse_endpoint(endpoint: str) -> tuple[str, str, str]:
    """Profile, number and host:port of `sofia/<profile>/<number>@<host>[:<port>]`."""
    kind, _, rest = endpoint.partition("/")
    if kind != "sofia":
        raise UnknownEndpoint("CHAN_NOT_IMPLEMENTED")
    profile, _, destination = rest.partition("/")
    if profile == "gateway":
        raise UnknownEndpoint("INVALID_GATEWAY")
    number, at, host_port = destination.removeprefix("sip:").rpartition("@")
    host_port = host_port.partition(";")[0]  # parameters such as transport=tcp
    if not at or not host_port:
        raise UnknownEndpoint("INVALID_URL")
    if ":" not in host_port:
        host_port += ":5060"
    return profile, number, host_port


def _fill_in(
    leg: VendorLeg, originator: CallerLeg, profile: str, variables: dict[str, str]
) -> None:
    created = str(leg.clock.now_us)
    core = originator.core
    leg.headers.update(
        outbound_profile(originator.headers, leg.uuid, leg.name, leg.number, created)
    )
    _set_caller_id(leg, originator, variables)
    leg.headers.update(as_originator(originator.headers))
    leg.headers.update(
        outbound_variables(
            leg.uuid, leg.name, profile, leg.number, leg.host_port, core.switch_address
        )
    )
    for name in _ORIGINATOR:
        leg.headers[name] = originator.uuid
    for name in _INHERITED:
        if name in originator.headers:
            leg.headers[name] = originator.headers[name]
    if "variable_export_vars" in originator.headers:
        _export_to(leg, originator)
    leg.headers.update({f"variable_{name}": value for name, value in variables.items() if value})


def _export_to(leg: VendorLeg, originator: CallerLeg) -> None:
    exported = originator.get("export_vars") or ""
    leg.set("export_vars", exported)
    for name in exported.split(","):
        plain = name.removeprefix("nolocal:")
        if plain:
            leg.set(plain, originator.exported_only.get(plain) or originator.get(plain))


def _set_caller_id(leg: VendorLeg, originator: CallerLeg, variables: dict[str, str]) -> None:
    for kind, header in (("number", "Caller-Caller-ID-Number"), ("name", "Caller-Caller-ID-Name")):
        changed = variables.get(f"origination_caller_id_{kind}") or originator.get(
            f"effective_caller_id_{kind}"
        )
        if changed:
            leg.headers[header] = leg.headers[header.replace("-Caller", "-Orig-Caller", 1)] = (
                changed
            )


def send_invite(leg: VendorLeg, events: LegEvents) -> None:
    """Launch the leg, and let the vendor at the far end do what its script says."""
    core = leg.core
    leg.enter("CS_INIT")
    leg.fire("CHANNEL_CREATE")
    leg.fire("CHANNEL_ORIGINATE")
    leg.enter("CS_CONSUME_MEDIA")
    leg.show_call_state("RINGING")
    busy = core.vendor_calls
    busy[leg.host_port] = busy.get(leg.host_port, 0) + 1
    leg.on_ended.append(lambda _: _leave_vendor(leg, events))
    leg.script = script = _script_for(leg)
    if script.unreachable:
        _later(leg, 0.0, lambda _: receive_refusal(leg, 503, 0, local=True))
        return
    if script.progress_after_s is not None:
        _later(leg, script.progress_after_s, lambda _: _progress(leg, events))
    if script.answer_after_s is not None:
        _later(leg, script.answer_after_s, lambda _: _answer(leg, events))
    elif script.status:
        _later(leg, script.reject_after_s, lambda _: _refuse(leg))
    elif script.progress_after_s is None:
        _later(leg, TIMER_B_S, lambda _: receive_refusal(leg, 408, 0, local=True))


def _leave_vendor(leg: VendorLeg, events: LegEvents) -> None:
    leg.core.vendor_calls[leg.host_port] -= 1
    leg.cancel_timers()
    events.leg_ended(leg)


def _script_for(leg: VendorLeg) -> LegScript:
    originator = leg.originator
    scripts = originator.leg_scripts
    if scripts:
        return scripts.popleft() if len(scripts) > 1 else scripts[0]
    core = leg.core
    vendor = core.world.vendor_at(leg.host_port)
    script = draw_leg(vendor, originator.traffic, originator.dice)
    for downtime in vendor.downtimes:
        if downtime.from_s <= core.uptime_s() < downtime.to_s:
            return SILENT if downtime.silent else UNREACHABLE
    if vendor.capacity and core.vendor_calls[leg.host_port] > vendor.capacity:
        return rejects(vendor.capacity_status, 0.01)
    return script


def _later(leg: VendorLeg, delay_s: float, action: Callable[[None], None]) -> None:
    leg.timers.append(leg.core.timers.after(leg.clock, delay_s, action, None))


def _progress(leg: VendorLeg, events: LegEvents) -> None:
    _receive_dialog(leg)
    if leg.script.early_media:
        leg.headers.update(answer_variables(leg.host_port))
        leg.start_early_media()
        events.early_media(leg)
    else:
        leg.ring()
        leg.headers["Other-Leg-Channel-Progress-Time"] = str(leg.clock.now_us)
        events.rang(leg)


def _answer(leg: VendorLeg, events: LegEvents) -> None:
    _receive_dialog(leg)
    leg.headers.update(answer_variables(leg.host_port))
    leg.mark_answered()
    run_api_on(leg, "api_on_answer")
    events.answered(leg)


def _refuse(leg: VendorLeg) -> None:
    receive_refusal(leg, leg.script.status, leg.script.q850, local=False)


def _receive_dialog(leg: VendorLeg) -> None:
    if "variable_sip_to_tag" in leg.headers:
        return
    caller = leg.text("Caller-Caller-ID-Number")
    address = leg.core.switch_address
    originator = leg.originator
    originator.set("sip_invite_failure_status", None)
    originator.set("sip_invite_failure_phrase", None)
    originator.headers["Caller-Callee-ID-Name"] = "Outbound Call"
    originator.headers["Caller-Callee-ID-Number"] = leg.number
    leg.headers.update(network_variables(leg.host_port, leg.sip_call_id))
    leg.headers.update(response_variables(leg.number, leg.host_port, caller, address, leg.uuid[:8]))


def start_talk(leg: VendorLeg) -> None:
    """The two can talk now; the script says for how long, and who ends it."""
    script, originator = leg.script, leg.originator
    if script.talk_s is not None:
        ender = originator if script.caller_hangs_up else leg
        _later(leg, script.talk_s, lambda _: receive_bye(ender))
    if originator.script.hang_up_after_s is not None:
        _later(leg, originator.script.hang_up_after_s, lambda _: receive_bye(originator))


def limit_leg(leg: VendorLeg, variable: str, cause: str) -> None:
    """Arm `leg_timeout` or `leg_progress_timeout`: N seconds, ended in the second after the Nth.

    Neither outlives an answer or early media, nor the second one a 180.
    """
    text = leg.get(variable)
    seconds = leading_int(text) if text else 0
    if seconds <= 0:
        return
    at_us = leg.core.timer_deadline_us(leg.clock, seconds)
    if leg.core.config.whole_seconds:
        at_us += US_PER_S
    waits_for_answer = variable == "leg_timeout"

    def expire(_: None) -> None:
        progressed = leg.progress_us or leg.progress_media_us
        if not leg.answered_us and not leg.bridged_us and (waits_for_answer or not progressed):
            hang_up(leg, cause)

    leg.timers.append(leg.core.timers.at(leg.clock, at_us, expire, None))
