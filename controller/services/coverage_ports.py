"""What the check of coverage needs from the database: accounts, vendors, and rows in one order."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.domain.coverage_walk import Row
from controller.domain.numbering import Rewrite


@dataclass(frozen=True, slots=True)
class SellingAccount:
    """An account as far as prices go. `groups` are its rate groups in the order of the hierarchy,
    `phone_groups` the private ones of its phones. `has_calls`: it has a trunk or a phone without
    rates of its own. One that is not `alive` (or below one that is not) has no calls."""

    account_id: int
    name: str
    parent_id: int | None
    currency: str
    groups: tuple[int, ...]
    phone_groups: tuple[int, ...] = ()
    has_calls: bool = True
    alive: bool = True


@dataclass(frozen=True, slots=True)
class CarryingVendor:
    """A routing gateway as far as cost goes. `sent` rewrites where the number sent is billed."""

    gateway_id: int
    name: str
    group_id: int | None
    currency: str
    terminates: bool
    dead: bool
    sent: Rewrite | None = None


class CoverageReading(Protocol):
    """One snapshot of the configuration and all rates that are usable at a moment."""

    def cheapest_price(self) -> bool:
        """Whether the cheapest of several prices holds, or else the first."""

    def group_names(self) -> dict[int, str]: ...

    def selling_accounts(self) -> list[SellingAccount]:
        """Those with trunks or phones, and every agent above them."""

    def vendors(self) -> list[CarryingVendor]: ...

    def rows(self, streams: Mapping[int, int], vendors: Mapping[int, int]) -> Iterator[Row]:
        """Routes, and rates of these groups, by prefix. `streams` are numbers of rate groups,
        `vendors` those of gateways."""

    def routed_prefixes(self, gateway_id: int) -> list[str]: ...

    def rated_prefixes(self, group_id: int) -> Iterator[str]:
        """In order of their bytes; the catch-all is the empty one."""


class CoverageStore(Protocol):
    def look(self, when: datetime) -> AbstractContextManager[CoverageReading]:
        """Raises StoreUnavailable."""
