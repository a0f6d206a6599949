"""What a switch is told to do with an offered call. Drivers turn a plan into their own words."""

from dataclasses import dataclass

from controller.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Media:
    """Codec list in order of preference (empty: as offered) and T.38 fax, for one leg."""

    codecs: tuple[str, ...] = ()
    t38: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One vendor to try. Numbers are as they go on the wire, after the egress rewrite."""

    number: int
    leg_id: str
    gateway_id: int
    gateway: str
    host: str
    port: int
    transport: str
    caller: str
    callee: str
    media: Media
    ring_timeout_s: int
    progress_timeout_s: int


@dataclass(frozen=True, slots=True)
class Connect:
    """Dial the attempts in order until one answers; hang up `granted_s` after the answer.

    `stop_causes` end the hunt early (spec §6.5): the switch's cause names. `offline` is written
    on the call, for whoever hears of its end and finds no admission of it in the database.
    """

    call_id: str
    granted_s: int
    attempts: tuple[Attempt, ...]
    stop_causes: tuple[str, ...]
    media: Media
    offline: bool = False

    def __post_init__(self) -> None:
        if self.granted_s < 1:
            raise ValueError("a plan must grant at least one second")
        if not self.attempts:
            raise ValueError("a plan needs an attempt")


@dataclass(frozen=True, slots=True)
class Refuse:
    """End the call with the reason's SIP status."""

    call_id: str
    reason: Reason


Plan = Connect | Refuse

STOP_CAUSES = ("USER_BUSY", "NO_ANSWER", "CALL_REJECTED", "UNALLOCATED_NUMBER")
"""Default causes that end the hunt: the called party was reached or does not exist.

Spec §6.5 (busy and no answer stop; error codes by list). 404 and 603 are verdicts about the
number, so asking the next vendor would only lengthen the post-dial delay.
"""
