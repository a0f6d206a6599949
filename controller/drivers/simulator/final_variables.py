"""The variables that a channel gets when it is over: stamps and durations. No I/O.

Each duration is the difference of two stamps that were first cut down to its unit, so a call
from 0.9 s to 1.1 s lasts 1 second and 200 milliseconds: the real switch's arithmetic.
"""

from typing import Final

from controller.drivers.simulator.causes import q850_of
from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.events import stamp_text
from controller.drivers.simulator.media import RTP_VARIABLES, Headers

_NEVER: Final[Headers] = {
    "variable_last_hold_epoch": "0",
    "variable_last_hold_uepoch": "0",
    "variable_hold_accum_seconds": "0",
    "variable_hold_accum_usec": "0",
    "variable_hold_accum_ms": "0",
    "variable_resurrect_epoch": "0",
    "variable_resurrect_uepoch": "0",
}


_STAMPS: Final = tuple(
    (f"variable_{name}_stamp", f"variable_{name}_epoch", f"variable_{name}_uepoch")
    for name in ("start", "profile_start", "answer", "bridge", "progress", "progress_media", "end")
)
# The whole leg; from answer; until ringing, answer, bridge, early media; the whole if answered.
_DURATIONS: Final = (
    ("variable_duration", "variable_mduration", "variable_uduration"),
    ("variable_billsec", "variable_billmsec", "variable_billusec"),
    ("variable_progresssec", "variable_progressmsec", "variable_progressusec"),
    ("variable_answersec", "variable_answermsec", "variable_answerusec"),
    ("variable_waitsec", "variable_waitmsec", "variable_waitusec"),
    ("variable_progress_mediasec", "variable_progress_mediamsec", "variable_progress_mediausec"),
    ("variable_flow_billsec", "variable_flow_billmsec", "variable_flow_billusec"),
)


def add_final_variables(channel: Channel) -> None:
    """Add causes, stamps, epochs and durations to a channel that has ended."""
    headers = channel.headers
    name, number = channel.text("Caller-Caller-ID-Name"), channel.text("Caller-Caller-ID-Number")
    headers["variable_hangup_cause"] = channel.cause
    headers["variable_hangup_cause_q850"] = str(q850_of(channel.cause))
    headers["variable_digits_dialed"] = "none"
    _add_stamps(headers, channel)
    headers.update(_NEVER)
    headers["variable_caller_id"] = f'"{name}" <{number}>'
    _add_durations(headers, channel)
    if channel.has_media:
        headers.update(RTP_VARIABLES)


def _add_stamps(variables: Headers, channel: Channel) -> None:
    for (stamp, epoch, uepoch), at_us in zip(
        _STAMPS,
        (
            channel.created_us,
            channel.profile_us,
            channel.answered_us,
            channel.bridged_us,
            channel.progress_us,
            channel.progress_media_us,
            channel.ended_us,
        ),
        strict=True,
    ):
        if at_us:
            variables[stamp] = stamp_text(at_us)
            variables[epoch] = str(at_us // 1_000_000)
            variables[uepoch] = str(at_us)
        else:
            variables[epoch] = variables[uepoch] = "0"


def _add_durations(variables: Headers, channel: Channel) -> None:
    begun, ended, answered = channel.created_us, channel.ended_us, channel.answered_us
    spans = (
        (begun, ended),
        (answered, ended),
        (begun, channel.progress_us),
        (begun, answered),
        (begun, channel.bridged_us),
        (begun, channel.progress_media_us),
        (begun if answered else 0, ended),
    )
    for (seconds, milliseconds, microseconds), (from_us, to_us) in zip(
        _DURATIONS, spans, strict=True
    ):
        if from_us and to_us:
            variables[seconds] = str(to_us // 1_000_000 - from_us // 1_000_000)
            variables[milliseconds] = str(to_us // 1_000 - from_us // 1_000)
            variables[microseconds] = str(to_us - from_us)
        else:
            variables[seconds] = variables[milliseconds] = variables[microseconds] = "0"
