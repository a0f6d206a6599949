"""Settings of one simulated switch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# The dialplan that every call meets first, in inline form: `dialplan/00_tollgate.xml`'s, and the
# global variables that every channel falls back to: `dialplan/defaults.xml`'s.
HAND_OFF: Final = "m:~:park:"
DEFAULTS: Final = {
    "park_timeout": "3:NORMAL_TEMPORARY_FAILURE",
    "hangup_after_bridge": "true",
    "bridge_answer_timeout": "180",
    "sip_copy_custom_headers": "false",
}


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """How the switch presents itself and how it runs.

    `port` 0 takes a free one. `seed` None draws a fresh one: two runs never share a UUID unless
    they were told to. `speed` is virtual seconds per real second (see `clock`). With
    `whole_seconds` the timers count whole epoch seconds, as the real switch's do: a timer of N
    seconds fires between N-1 and N after it was set; without, exactly N after. `late_leg_ratio`
    is the share of calls ended by the caller or the switch whose vendor's leg is reported only
    after the caller's: on a real switch the two race.
    """

    host: str = "127.0.0.1"
    port: int = 0
    password: str = "ClueCon"  # noqa: S105 - the dialect's well-known default, for loopback only
    seed: int | None = None
    speed: float = 1.0
    switch_name: str = "simulator"
    sip_ip: str = "127.0.0.1"
    sip_port: int = 5060
    profiles: tuple[str, ...] = ("trunks", "phones")
    spool_directory: Path | None = None
    heartbeat_interval_s: float = 5.0
    max_sessions: int = 100_000
    sessions_per_second: int = 100_000
    hand_off: str = HAND_OFF
    defaults: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULTS))
    whole_seconds: bool = True
    late_leg_ratio: float = 0.0
    timer_resolution_s: float = 0.005
    max_queued_events: int = 100_000
