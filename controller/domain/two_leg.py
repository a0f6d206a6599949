"""What a callback costs: two legs, billed apart or as one call (spec §12.6, example K2).

Leg A calls the user back, leg B goes on to the destination. Sources disagree on which word means
what, so an installation says how it reads "flow":

    reading of "flow"    standard                     flow
    combined (default)   each leg at its own rate     one combined rate for the whole call
    per_leg              one rate for the whole call  each leg at its own rate
"""

from collections.abc import Callable, Set
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from controller.domain.tariff import ZERO_CHARGE, Charge

ChargeOf = Callable[[int], Charge]
"""The charge of a duration in whole seconds, for example that of `Pricing.charge`."""


class CtdBilling(StrEnum):
    """An account's way to be billed for callback and web calls."""

    STANDARD = "standard"
    FLOW = "flow"


class CtdFlowSemantics(StrEnum):
    """What an installation calls "flow"."""

    COMBINED = "combined"
    PER_LEG = "per_leg"


class Part(StrEnum):
    """Whose line it is in the bill."""

    LEG_A = "leg_a"
    LEG_B = "leg_b"
    WHOLE_CALL = "whole_call"


@dataclass(frozen=True, slots=True)
class Leg:
    """How long a leg was connected (0: never), and its own price."""

    duration_s: int
    charge: ChargeOf


@dataclass(frozen=True, slots=True)
class BilledPart:
    """One line. `charged_in` names the line that holds its price: another one, or itself."""

    part: Part
    duration_s: int
    charge: Charge
    charged_in: Part


@dataclass(frozen=True, slots=True)
class TwoLegBill:
    """The lines of a callback. The sums are meant for legs that one currency pays."""

    parts: tuple[BilledPart, ...]

    @property
    def net(self) -> Decimal:
        return sum((line.charge.net for line in self.parts), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return sum((line.charge.tax for line in self.parts), Decimal(0))

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


def bills_each_leg(billing: CtdBilling, semantics: CtdFlowSemantics) -> bool:
    """True where both legs are charged, False where one combined rate covers the call."""
    return (billing is CtdBilling.STANDARD) == (semantics is CtdFlowSemantics.COMBINED)


def bill_each_leg(leg_a: Leg, leg_b: Leg) -> TwoLegBill:
    """Each leg at its own rate, over its own duration."""
    return TwoLegBill((_own_price(Part.LEG_A, leg_a), _own_price(Part.LEG_B, leg_b)))


def bill_whole_call(leg_a: Leg, leg_b: Leg, combined: ChargeOf) -> TwoLegBill:
    """One price from the first answer to the last hang-up, that is, over the longer leg.

    The legs are kept at zero and linked to the line of the whole call.
    """
    duration_s = max(leg_a.duration_s, leg_b.duration_s)
    whole = BilledPart(Part.WHOLE_CALL, duration_s, combined(duration_s), Part.WHOLE_CALL)
    legs = (_linked(Part.LEG_A, leg_a), _linked(Part.LEG_B, leg_b))
    return TwoLegBill((whole, *legs))


def bill_two_legs(
    billing: CtdBilling,
    semantics: CtdFlowSemantics,
    leg_a: Leg,
    leg_b: Leg,
    combined: ChargeOf,
) -> TwoLegBill:
    """The bill of a callback by the account's billing and the installation's reading of it."""
    if bills_each_leg(billing, semantics):
        return bill_each_leg(leg_a, leg_b)
    return bill_whole_call(leg_a, leg_b, combined)


def flow_agents_agree(of_caller: Set[int], of_access: Set[int]) -> bool:
    """Whether leg B may be placed, given the agents in flow mode above either account (spec §12.6).

    Either nobody above them is in flow mode, or they share an agent that is.
    """
    return bool(of_caller & of_access) or not (of_caller or of_access)


def _own_price(part: Part, leg: Leg) -> BilledPart:
    return BilledPart(part, leg.duration_s, leg.charge(leg.duration_s), part)


def _linked(part: Part, leg: Leg) -> BilledPart:
    return BilledPart(part, leg.duration_s, ZERO_CHARGE, Part.WHOLE_CALL)
