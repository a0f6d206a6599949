"""A switch that speaks the Event Socket protocol, for runs and tests without a real one.

Shipped as product: `tollgate run` uses it where no FreeSWITCH is found, the bench drives the
controller with it, and the tests break it in every way they can think of. Its dialect follows
transcripts recorded from a real switch; `docs/simulator.md` says what it can and cannot do.
"""

from controller.drivers.simulator.config import SimulatorConfig
from controller.drivers.simulator.draws import (
    SILENT,
    UNREACHABLE,
    CallerScript,
    LegScript,
    answers,
    rejects,
    rings,
)
from controller.drivers.simulator.simulator import (
    CallLost,
    CallRefused,
    EndedCall,
    PlacedCall,
    Simulator,
)
from controller.drivers.simulator.traffic import TrafficSource, generate
from controller.drivers.simulator.world import (
    Distribution,
    Downtime,
    Failure,
    NumberRange,
    Shape,
    TrafficProfile,
    Trunk,
    VendorBehavior,
    World,
)

__all__ = [
    "SILENT",
    "UNREACHABLE",
    "CallLost",
    "CallRefused",
    "CallerScript",
    "Distribution",
    "Downtime",
    "EndedCall",
    "Failure",
    "LegScript",
    "NumberRange",
    "PlacedCall",
    "Shape",
    "Simulator",
    "SimulatorConfig",
    "TrafficProfile",
    "TrafficSource",
    "Trunk",
    "VendorBehavior",
    "World",
    "answers",
    "generate",
    "rejects",
    "rings",
]
