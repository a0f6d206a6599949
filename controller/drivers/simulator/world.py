"""The world around the simulated switch: customers that call, vendors that answer. No I/O.

All lengths are seconds as a person would write them, in virtual time (see `clock`), except the
down times of a vendor, which are real seconds since the simulator's start. The defaults are an
ordinary wholesale mix.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

DEFAULT_SOURCE_PORT: Final = 5060


class Shape(StrEnum):
    """How a length is spread around its mean."""

    FIXED = "fixed"
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    UNIFORM = "uniform"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A random length of time.

    `spread` is the sigma of the logarithm for a lognormal, half the width for a uniform one, and
    means nothing for the others.
    """

    mean_s: float
    shape: Shape = Shape.FIXED
    spread: float = 0.0
    minimum_s: float = 0.0
    maximum_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A final SIP status that a vendor refuses with; `q850` above 0 comes in a Reason header."""

    status: int
    weight: float = 1.0
    q850: int = 0


@dataclass(frozen=True, slots=True)
class Downtime:
    """A vendor gives no service from `from_s` to `to_s`, in real seconds since the start.

    A silent one swallows the INVITE, another refuses the packet (the port is closed).
    """

    from_s: float
    to_s: float
    silent: bool = False


USUAL_FAILURES: Final = (Failure(486, 5), Failure(404, 2), Failure(503, 2), Failure(480, 1))


@dataclass(frozen=True, slots=True)
class VendorBehavior:
    """What the far end at one host:port does with the calls it gets.

    `answer_ratio` of them are answered; of the others, the weights decide between the failures,
    ringing for ever and saying nothing at all. `capacity` 0 is none.
    """

    answer_ratio: float = 0.6
    failures: tuple[Failure, ...] = USUAL_FAILURES
    no_answer_weight: float = 0.0
    silent_weight: float = 0.0
    early_media_ratio: float = 0.0
    setup: Distribution = Distribution(1.0, Shape.LOGNORMAL, 0.5, maximum_s=8)
    ring: Distribution = Distribution(8.0, Shape.EXPONENTIAL, maximum_s=60)
    talk: Distribution = Distribution(60.0, Shape.EXPONENTIAL, minimum_s=0.5, maximum_s=7_200)
    callee_hangs_up: float = 0.5
    capacity: int = 0
    capacity_status: int = 503
    downtimes: tuple[Downtime, ...] = ()


USUAL_VENDOR: Final = VendorBehavior(no_answer_weight=2.0)


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers that begin with `prefix` and have `digits` digits in all."""

    prefix: str
    digits: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Trunk:
    """A customer's gateway: where its calls come from and what they look like."""

    name: str
    source_ip: str
    source_port: int = DEFAULT_SOURCE_PORT
    callees: tuple[NumberRange, ...] = (NumberRange("1202555", 11),)
    callers: tuple[NumberRange, ...] = (NumberRange("44207946", 12),)
    caller_name: str = ""
    profile: str = "trunks"
    context: str = "tollgate"
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class World:
    """Everybody outside the switch. `vendors` are keyed by `host:port`."""

    trunks: tuple[Trunk, ...] = (Trunk("customer", "127.0.0.1"),)
    vendors: Mapping[str, VendorBehavior] = field(default_factory=dict)
    default_vendor: VendorBehavior = USUAL_VENDOR

    def vendor_at(self, host_port: str) -> VendorBehavior:
        """The behavior at `host:port`, or the default one."""
        return self.vendors.get(host_port, self.default_vendor)


@dataclass(frozen=True, slots=True)
class TrafficProfile:
    """Offered traffic.

    Calls arrive `calls_per_second` times a real second, at random (Poisson) unless `even`. The
    fields that are None leave to the vendors what the others lay down for all of them.
    `cancel_ratio` of the callers give up after `patience` if nobody has answered by then.
    `calls` and `duration_s` of 0 mean no end.
    """

    calls_per_second: float
    calls: int = 0
    duration_s: float = 0.0
    even: bool = False
    answer_ratio: float | None = None
    ring: Distribution | None = None
    talk: Distribution | None = None
    failures: tuple[Failure, ...] | None = None
    cancel_ratio: float = 0.03
    patience: Distribution = Distribution(15.0, Shape.EXPONENTIAL, minimum_s=1.0)
