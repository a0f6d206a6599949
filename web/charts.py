"""Geometry of the charts, which are plain SVG: no script, no style attribute."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from controller.services.views.cdrs import AttemptRow
from controller.services.views.dashboard import Hour, Minute, Span

WIDTH, HEIGHT = 720, 150
TALK_SHARE = 0.2
"""Share of a timeline's width that stands for the talk, however long it was."""


@dataclass(frozen=True, slots=True)
class Bar:
    minute: Minute
    x: float
    width: float
    offered_y: float
    offered_height: float
    answered_y: float
    answered_height: float


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars of offered calls with the answered part in front; `top` is the scale's end."""

    bars: tuple[Bar, ...]
    top: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class PairBar:
    """An hour's two values, as bars side by side: yesterday's and today's, which may be to come."""

    hour: Hour
    x: float
    width: float
    today: Decimal | None
    today_height: float
    yesterday: Decimal
    yesterday_height: float


@dataclass(frozen=True, slots=True)
class PairChart:
    """The hours of a day, today beside yesterday; `top` is the scale's end."""

    bars: tuple[PairBar, ...]
    top: Decimal
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Segment:
    """A phase of an attempt, in percent of the timeline's width."""

    phase: str
    start: float
    width: float


def share(part: Decimal | int, whole: Decimal | int) -> str:
    """A part's width in a bar, in percent: never beyond it, and nothing of nothing."""
    if whole <= 0 or part <= 0:
        return "0%"
    return f"{min(Decimal(100), Decimal(part) * 100 / Decimal(whole)):.2f}%"


def minute_chart(minutes: tuple[Minute, ...]) -> BarChart:
    top = _round_up(max((m.offered for m in minutes), default=0))
    step = WIDTH / max(1, len(minutes))
    return BarChart(tuple(_bar(m, n * step, step, top) for n, m in enumerate(minutes)), top)


def hour_chart(hours: tuple[Hour, ...], value: Callable[[Span], Decimal]) -> PairChart:
    """Values below zero (corrections) have no bar; the table beside the chart has them."""
    pairs = [(h, value(h.today) if h.today else None, value(h.yesterday)) for h in hours]
    top = _nice(max((v for _, *both in pairs for v in both if v is not None), default=Decimal(0)))
    step = WIDTH / max(1, len(pairs))

    def height(amount: Decimal | None) -> float:
        return float(max(amount or Decimal(0), Decimal(0)) * HEIGHT / top)

    return PairChart(
        tuple(
            PairBar(hour, n * step + 3, step / 2 - 3, now, height(now), before, height(before))
            for n, (hour, now, before) in enumerate(pairs)
        ),
        top,
    )


def change_percent(now: Decimal | int, before: Decimal | int) -> Decimal | None:
    """How much more there is than before; None where there was nothing to compare with."""
    return Decimal(100) * (Decimal(now) - before) / before if before > 0 else None


def attempt_segments(
    attempts: tuple[AttemptRow, ...], began: datetime
) -> list[tuple[AttemptRow, list[Segment]]]:
    """Dialing, ringing and talking of each attempt on one scale, set-up in true proportion."""
    set_up_ends = [a.answered_at or a.ended_at for a in attempts]
    span_s = max([(end - began).total_seconds() for end in set_up_ends], default=0.0) or 1.0
    answered = any(a.answered_at for a in attempts)
    room = 100.0 * (1 - TALK_SHARE if answered else 1)

    def place(when: datetime) -> float:
        return min(room, max(0.0, (when - began).total_seconds() / span_s * room))

    return [(attempt, _segments(attempt, place(attempt.started_at), place)) for attempt in attempts]


def _segments(
    attempt: AttemptRow, start: float, place: Callable[[datetime], float]
) -> list[Segment]:
    set_up_end = place(attempt.answered_at or attempt.ended_at)
    ringing = place(attempt.ringing_at) if attempt.ringing_at else set_up_end
    segments = [Segment("dialing", start, ringing - start)]
    if attempt.ringing_at:
        segments.append(Segment("ringing", ringing, set_up_end - ringing))
    if attempt.answered_at:
        segments.append(Segment("talking", set_up_end, 100.0 - set_up_end))
    return [s for s in segments if s.width > 0] or [Segment("dialing", min(start, 99.0), 1.0)]


def _bar(minute: Minute, x: float, step: float, top: int) -> Bar:
    offered, answered = (HEIGHT * n / top for n in (minute.offered, minute.answered))
    return Bar(minute, x + 1, step - 2, HEIGHT - offered, offered, HEIGHT - answered, answered)


def _round_up(number: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ... that is not below."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= number:
                return digit * power
        power *= 10


def _nice(amount: Decimal) -> Decimal:
    """The next of 1, 2, 5 times a power of ten that is not below; 1 of nothing."""
    if amount <= 0:
        return Decimal(1)
    power = Decimal(10) ** amount.adjusted()
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= amount)
