"""Active packages as a call sees them: which free seconds, gift money and period rates it has.

What is left of them is not here: admission reads and reserves that in the database, so that two
calls never spend the same free second (spec §2.9).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.domain.numbering import CATCH_ALL
from controller.domain.periods import DAY_S, PeriodSchedule


@dataclass(frozen=True, slots=True)
class FreeSeconds:
    """Free seconds for some destinations at some time of day; taken in steps of `cycle_s`."""

    allowance_id: int
    prefixes: tuple[str, ...]
    start_s: int = 0
    end_s: int = DAY_S
    cycle_s: int = 60

    def covers(self, number: str, second_of_day: int) -> bool:
        return self._open_at(second_of_day) and any(
            prefix == CATCH_ALL or number.startswith(prefix) for prefix in self.prefixes
        )

    def _open_at(self, second_of_day: int) -> bool:
        if self.start_s < self.end_s:
            return self.start_s <= second_of_day < self.end_s
        return second_of_day >= self.start_s or second_of_day < self.end_s


@dataclass(frozen=True, slots=True)
class ActivePackage:
    """A package in its current period. The owner is a phone, or else the whole account.

    `effective_consumption`: benefits begin once the period's consumption has reached it.
    """

    active_id: int
    name: str
    account_id: int
    period_start: datetime
    period_end: datetime
    phone_id: int | None = None
    priority: int | None = None
    has_gift: bool = False
    free: tuple[FreeSeconds, ...] = ()
    periods: PeriodSchedule | None = None

    def holds_at(self, when: datetime) -> bool:
        return self.period_start <= when < self.period_end


@dataclass(frozen=True, slots=True)
class PackageShelf:
    """All active packages, each owner's in the order in which they are used."""

    of_account: Mapping[int, tuple[ActivePackage, ...]] = field(default_factory=dict)
    of_phone: Mapping[int, tuple[ActivePackage, ...]] = field(default_factory=dict)

    def usable(
        self, account_id: int, phone_id: int | None, when: datetime
    ) -> tuple[ActivePackage, ...]:
        """The phone's packages, then the account's; each by priority, none is last."""
        of_phone = self.of_phone.get(phone_id, ()) if phone_id is not None else ()
        shelved = (*of_phone, *self.of_account.get(account_id, ()))
        return tuple(package for package in shelved if package.holds_at(when))


def shelve(packages: list[ActivePackage]) -> PackageShelf:
    """Packages by owner, the smallest priority first, then the one that ends first."""
    of_account: dict[int, list[ActivePackage]] = {}
    of_phone: dict[int, list[ActivePackage]] = {}
    for package in sorted(packages, key=_in_order):
        if package.phone_id is not None:
            of_phone.setdefault(package.phone_id, []).append(package)
        else:
            of_account.setdefault(package.account_id, []).append(package)
    return PackageShelf(
        {owner: tuple(kept) for owner, kept in of_account.items()},
        {owner: tuple(kept) for owner, kept in of_phone.items()},
    )


def second_of_day(when: datetime, zone: ZoneInfo) -> int:
    """Seconds since the local midnight by the clock on the wall. ValueError if not aware."""
    if when.tzinfo is None:
        raise ValueError("a time without a zone has no second of the day")
    local = when.astimezone(zone)
    return local.hour * 3600 + local.minute * 60 + local.second


def _in_order(package: ActivePackage) -> tuple[bool, int, datetime, int]:
    unset = package.priority is None
    return unset, package.priority or 0, package.period_end, package.active_id
