"""What an explanation reads of money and lines: the same figures as an admission, none locked."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from controller.domain.billing import Payer
from controller.domain.counting import touched_lines
from controller.domain.holdings import SYSTEM_LINE, Holdings, LineKey, Month
from controller.domain.ticket import Ticket


@dataclass(slots=True)
class Wanted:
    """Ids of what is to be read."""

    accounts: set[int] = field(default_factory=set)
    lines: set[LineKey] = field(default_factory=set)
    packages: set[int] = field(default_factory=set)
    allowances: set[int] = field(default_factory=set)
    months: set[Month] = field(default_factory=set)

    def add_payers(self, payers: Iterable[Payer]) -> None:
        for payer in payers:
            self.accounts.add(payer.account_id)
            self.packages.update(payer.packages)
            self.allowances.update(use.allowance_id for use in payer.free)


class HoldingsReader(Protocol):
    """Money, lines and benefits as they are now, only read."""

    def holdings(self, wanted: Wanted) -> Holdings:
        """Raises StoreUnavailable. A month in which nothing was counted yet is an empty one."""


def wanted_by(ticket: Ticket) -> Wanted:
    """What the admission of this ticket would lock."""
    wanted = Wanted()
    wanted.add_payers(ticket.payers)
    wanted.accounts.update(leg.cost.account_id for leg in ticket.attempts)
    wanted.lines.update((SYSTEM_LINE, *touched_lines(ticket)))
    if ticket.month is not None:
        wanted.months.add(ticket.month)
    return wanted


def wanted_for(payers: Iterable[Payer], month: Month | None) -> Wanted:
    """What the bills of these payers depend on."""
    wanted = Wanted(months={month} if month is not None else set())
    wanted.add_payers(payers)
    return wanted


def copy_of(holdings: Holdings) -> Holdings:
    """Figures on which an admission may take its own."""
    return Holdings(
        {id_: replace(funds) for id_, funds in holdings.funds.items()},
        {key: replace(lines) for key, lines in holdings.lines.items()},
        {id_: replace(funds) for id_, funds in holdings.packages.items()},
        {id_: replace(left) for id_, left in holdings.allowances.items()},
        {id_: replace(use) for id_, use in holdings.months.items()},
        holdings.now_us,
    )
