"""What chance makes of a world: one caller, one vendor's leg. No I/O.

The draws of a leg come from the dice of its call, in a fixed order and number, so a call has
the same fate in every run with the same seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from controller.drivers.simulator.dice import Dice
from controller.drivers.simulator.world import (
    Distribution,
    Failure,
    NumberRange,
    Shape,
    TrafficProfile,
    Trunk,
    VendorBehavior,
)

_NORMAL: Final = NormalDist()
_SILENT_FAILURE: Final = Failure(0)


@dataclass(frozen=True, slots=True)
class CallerScript:
    """Who calls whom from where, and what makes the caller give up.

    `cancel_after_s` runs from the INVITE and only counts before the answer, `hang_up_after_s`
    from the answer.
    """

    caller: str
    callee: str
    source_ip: str = "127.0.0.1"
    source_port: int = 5060
    caller_name: str = ""
    profile: str = "trunks"
    context: str = "tollgate"
    sip_call_id: str = ""
    cancel_after_s: float | None = None
    hang_up_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class LegScript:
    """What a vendor does with one INVITE; None is never, times run from the INVITE.

    `progress_after_s` is the 180 (or, with `early_media`, the 183 with a session description),
    then either `answer_after_s` or a final `status` after `reject_after_s`. A talk ends
    `talk_s` after the answer, by the callee unless `caller_hangs_up`. An unreachable vendor
    makes the switch itself fail the leg with 503.
    """

    progress_after_s: float | None = None
    early_media: bool = False
    answer_after_s: float | None = None
    status: int = 0
    reject_after_s: float = 0.0
    q850: int = 0
    talk_s: float | None = None
    caller_hangs_up: bool = False
    unreachable: bool = False


UNREACHABLE: Final = LegScript(unreachable=True, status=503)
SILENT: Final = LegScript()


def answers(
    after_s: float = 0.2,
    talk_s: float | None = None,
    *,
    ringing: bool = True,
    early_media: bool = False,
    caller_hangs_up: bool = False,
) -> LegScript:
    """A vendor that rings at once, answers, and talks for so long (None: until hung up on)."""
    return LegScript(
        progress_after_s=after_s / 2 if ringing or early_media else None,
        early_media=early_media,
        answer_after_s=after_s,
        talk_s=talk_s,
        caller_hangs_up=caller_hangs_up,
    )


def rejects(
    status: int, after_s: float = 0.05, *, ringing: bool = False, q850: int = 0
) -> LegScript:
    """A vendor that refuses with a final SIP status."""
    return LegScript(
        progress_after_s=after_s / 2 if ringing else None,
        status=status,
        reject_after_s=after_s,
        q850=q850,
    )


def rings(after_s: float = 0.05, *, early_media: bool = False) -> LegScript:
    """A vendor that rings for ever."""
    return LegScript(progress_after_s=after_s, early_media=early_media)


def draw_seconds(distribution: Distribution, dice: Dice) -> float:
    """A length of time; always one draw, rounded to whole microseconds."""
    share = dice.share()
    mean = distribution.mean_s
    match distribution.shape:
        case Shape.FIXED:
            value = mean
        case Shape.EXPONENTIAL:
            value = -mean * math.log(1.0 - share)
        case Shape.LOGNORMAL:
            value = _lognormal(mean, distribution.spread, share)
        case Shape.UNIFORM:
            value = mean + (2.0 * share - 1.0) * distribution.spread
    return round(min(max(value, distribution.minimum_s), distribution.maximum_s), 6)


def _lognormal(mean: float, sigma: float, share: float) -> float:
    deviate = _NORMAL.inv_cdf(max(share, 2.0**-53))
    return mean * math.exp(sigma * deviate - sigma * sigma / 2.0)


def pick(weights: Sequence[float], dice: Dice) -> int:
    """The place of one of the weights, at random in their proportion.

    One draw, or none where there is nothing to choose.
    """
    if len(weights) == 1:
        return 0
    mark = dice.share() * sum(weights)
    for place, weight in enumerate(weights):
        mark -= weight
        if mark < 0:
            return place
    return len(weights) - 1


def draw_caller(trunks: Sequence[Trunk], profile: TrafficProfile, dice: Dice) -> CallerScript:
    """The next call of a traffic profile."""
    trunk = trunks[pick([trunk.weight for trunk in trunks], dice)]
    gives_up = dice.share() < profile.cancel_ratio
    patience_s = draw_seconds(profile.patience, dice)
    return CallerScript(
        caller=_draw_number(trunk.callers, dice),
        callee=_draw_number(trunk.callees, dice),
        source_ip=trunk.source_ip,
        source_port=trunk.source_port,
        caller_name=trunk.caller_name,
        profile=trunk.profile,
        context=trunk.context,
        cancel_after_s=patience_s if gives_up else None,
    )


def _draw_number(ranges: Sequence[NumberRange], dice: Dice) -> str:
    chosen = ranges[pick([candidate.weight for candidate in ranges], dice)]
    free = max(0, chosen.digits - len(chosen.prefix))
    return f"{chosen.prefix}{dice.below(10**free):0{free}d}" if free else chosen.prefix


def draw_leg(vendor: VendorBehavior, profile: TrafficProfile | None, dice: Dice) -> LegScript:
    """What a vendor in service does with one INVITE.

    The number of draws depends on the vendor, never on what was drawn.
    """
    answered = dice.share() < _answer_ratio(vendor, profile)
    early = dice.share() < vendor.early_media_ratio
    caller_hangs_up = dice.share() >= vendor.callee_hangs_up
    setup_s = draw_seconds(vendor.setup, dice)
    ring_s = draw_seconds((profile and profile.ring) or vendor.ring, dice)
    talk_s = draw_seconds((profile and profile.talk) or vendor.talk, dice)
    failure = _draw_failure(vendor, profile, dice)
    if answered:
        return LegScript(
            progress_after_s=setup_s,
            early_media=early,
            answer_after_s=setup_s + ring_s,
            talk_s=talk_s,
            caller_hangs_up=caller_hangs_up,
        )
    if failure is None:
        return LegScript(progress_after_s=setup_s, early_media=early)
    if failure is _SILENT_FAILURE:
        return SILENT
    return LegScript(status=failure.status, q850=failure.q850, reject_after_s=setup_s)


def _answer_ratio(vendor: VendorBehavior, profile: TrafficProfile | None) -> float:
    if profile is None or profile.answer_ratio is None:
        return vendor.answer_ratio
    return profile.answer_ratio


def _draw_failure(
    vendor: VendorBehavior, profile: TrafficProfile | None, dice: Dice
) -> Failure | None:
    """A refusal, or None for ringing on and on."""
    failures = (profile and profile.failures) or vendor.failures
    weights = [failure.weight for failure in failures]
    place = pick([*weights, vendor.no_answer_weight, vendor.silent_weight], dice)
    if place < len(failures):
        return failures[place]
    return None if place == len(failures) else _SILENT_FAILURE
