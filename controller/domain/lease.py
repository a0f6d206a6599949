"""Who owns a switch, and for how long: values (docs/adr/0013). Pure.

The database's clock alone says when a lease lapses. A process measures its own part of it with a
clock that only counts seconds, from before it asked: so it always believes less than the truth.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """A controller process.

    `token` is made anew at each start. `mark` names machine, boot and start of the pid, empty
    where the machine does not tell: by it another process there knows whether this one is dead.
    """

    token: str
    host: str
    pid: int
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.host} pid {self.pid}"


@dataclass(frozen=True, slots=True)
class Lease:
    """A switch in the hands of one process. `epoch` grows by one with each change of hands."""

    switch_id: str
    epoch: int
    token: str


@dataclass(frozen=True, slots=True)
class LeaseState:
    """What the database says now. `remaining_s` is by its clock, 0 or less when lapsed.

    `owner` is None where nobody has the switch: never had, or gave it back.
    """

    switch_id: str
    epoch: int
    owner: Owner | None
    remaining_s: float


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """A lease is renewed every `renew_s` and lapses `lapse_s` after its last renewal."""

    renew_s: float = 1.0
    lapse_s: float = 3.0

    @property
    def command_s(self) -> float:
        """How long after a renewal was asked for its owner may send commands to the switch.

        A sixth shorter than the lease, for commands on their way and for clocks that differ.
        """
        return self.lapse_s * 5 / 6

    @property
    def attempt_s(self) -> float:
        """How long one question to the database may take: a second try fits into the lease."""
        return self.lapse_s / 3
