"""The parties of a call, each with its own line: the customer, the agents above it, the vendor."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from controller.domain.cdr import VENDOR
from controller.domain.rerating import Side, side_of


@dataclass(frozen=True, slots=True)
class PartyLine:
    """A line as stored (`domain/cdr.py`), with names. Revision 0 is what was charged at the call's
    end; the highest one stands. `raw` is the exact amount before rounding, as a ratio."""

    party: int
    revision: int
    account_id: int
    account: str
    rate_group: str
    prefix: str
    rated_s: int
    billed_s: int
    free_s: int
    raw: str
    net: Decimal
    tax: Decimal
    currency: str
    gift: Decimal
    packages: tuple[str, ...]

    @property
    def side(self) -> Side:
        return side_of(self.party)

    @property
    def gross(self) -> Decimal:
        """What the account is debited, gift money included."""
        return self.net + self.tax


class Line(Protocol):
    """One party's line of a call (`PartyLine`, or less of it)."""

    @property
    def party(self) -> int: ...
    @property
    def revision(self) -> int: ...
    @property
    def account_id(self) -> int: ...
    @property
    def net(self) -> Decimal: ...
    @property
    def tax(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...
    @property
    def billed_s(self) -> int: ...
    @property
    def prefix(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One line's figures. `billed_s` and `prefix` are those by which it was priced."""

    net: Decimal
    tax: Decimal
    currency: str
    billed_s: int
    prefix: str

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class Parts:
    """A call's money for the one who looks, as it stands after corrections.

    `paid` is the own line (the operator: the vendor's), `earned` the one of the account directly
    below (the operator: of the topmost payer). None: there is no such line.
    """

    earned: Part | None = None
    paid: Part | None = None

    @property
    def margin(self) -> Decimal | None:
        """Net earned less what was paid; None where one is missing or currencies differ."""
        if self.earned is None or self.paid is None:
            return None
        if self.earned.currency != self.paid.currency:
            return None
        return self.earned.net - self.paid.net


NO_PARTS = Parts()


@dataclass(frozen=True, slots=True)
class CallLine:
    """A standing line with what an export needs of its call."""

    call_id: str
    started_at: datetime
    answered_at: datetime | None
    caller_rated: str
    callee_rated: str
    mapping_gateway: str
    routing_gateway: str
    duration_s: int
    line: PartyLine


@dataclass(frozen=True, slots=True)
class LevelMargin:
    """What one party earns by a call: an agent, or the operator (`account` is empty).

    An agent: the net fee of the account below it less its own. The operator: the net fee of the
    topmost payer less what the vendor is paid, tax included.
    """

    account: str
    amount: Decimal
    currency: str


def standing(lines: Iterable[PartyLine]) -> tuple[PartyLine, ...]:
    """Each party's last revision: the customer, the agents from below, the vendor."""
    last: dict[int, PartyLine] = {}
    for line in sorted(lines, key=lambda line: line.revision):
        last[line.party] = line
    return tuple(sorted(last.values(), key=_order))


def superseded(lines: Iterable[PartyLine]) -> tuple[PartyLine, ...]:
    """The revisions that were corrected, in the same order."""
    lines = tuple(lines)
    kept = set(standing(lines))
    return tuple(sorted((line for line in lines if line not in kept), key=_order))


def margins(lines: Iterable[PartyLine]) -> tuple[LevelMargin, ...]:
    """What the agents and the operator earn, from below; left out where currencies differ."""
    parties = standing(lines)
    payers = [line for line in parties if line.party != VENDOR]
    vendor = next((line for line in parties if line.party == VENDOR), None)
    found = [
        LevelMargin(agent.account, below.net - agent.net, agent.currency)
        for below, agent in pairwise(payers)
        if below.currency == agent.currency
    ]
    if payers and vendor and vendor.currency == payers[-1].currency:
        found.append(LevelMargin("", payers[-1].net - vendor.gross, vendor.currency))
    return tuple(found)


def _order(line: PartyLine) -> tuple[bool, int, int]:
    return line.party == VENDOR, line.party, line.revision
