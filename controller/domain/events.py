"""What a switch reports, in the controller's own words. Each driver translates into these.

All stamps are the switch's own, in microseconds since the epoch, 0 where the thing never
happened; every string may hold anything a caller typed.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CallOffered:
    """A call waits for a plan."""

    switch_id: str
    call_id: str
    offered_us: int
    source_ip: str
    source_port: int
    caller: str
    caller_name: str
    callee: str
    sip_call_id: str = ""


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The caller's leg was answered by `leg_id`; the reservation runs from here."""

    switch_id: str
    call_id: str
    answered_us: int
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """One leg toward a vendor is over, answered or not."""

    switch_id: str
    call_id: str
    leg_id: str
    number: int
    gateway: str
    started_us: int
    ringing_us: int
    answered_us: int
    ended_us: int
    cause: str
    q850: int
    sip_status: int
    hangup_by_remote: bool
    caller_sent: str = ""
    callee_sent: str = ""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The caller's leg is over. Comes from the event or from the CDR spool, any number of times.

    `ended_us` is 0 when nobody saw the end (a call that vanished with its switch). `offline`: it
    was admitted without the database, which may not know of it yet.
    """

    switch_id: str
    call_id: str
    offered_us: int
    ringing_us: int
    answered_us: int
    ended_us: int
    cause: str
    q850: int
    sip_status: int
    hangup_by_caller: bool
    platform_reason: str
    connected_leg: str
    attempted_legs: tuple[str, ...]
    source_ip: str
    source_port: int
    caller: str
    caller_name: str
    callee: str
    sip_call_id: str = ""
    offline: bool = False

    @property
    def talk_us(self) -> int:
        """Microseconds between answer and end, 0 if unanswered."""
        return max(0, self.ended_us - self.answered_us) if self.answered_us else 0


@dataclass(frozen=True, slots=True)
class SwitchConnected:
    """The link is up (again). `instance` is the switch's Core-UUID: another one means a restart."""

    switch_id: str
    instance: str


@dataclass(frozen=True, slots=True)
class SwitchLost:
    """The link is down. It says nothing about calls: they go on without us."""

    switch_id: str
    why: str


SwitchEvent = CallOffered | CallAnswered | AttemptEnded | CallEnded | SwitchConnected | SwitchLost


@dataclass(frozen=True, slots=True)
class LiveChannels:
    """The calls a switch holds now; `known` False when it could not tell (never read as none)."""

    known: bool
    call_ids: frozenset[str] = field(default_factory=frozenset)
