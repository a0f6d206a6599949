"""What admission and settlement find and change: money, lines, free seconds, gifts and months.

A working copy of what one transaction has locked. `Held` is one call's share of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from controller.domain.billing import Payer

Month = tuple[int, str]
"""A phone's month: its id and the first day (ISO 8601)."""


@dataclass(slots=True)
class Funds:
    """An account's money and lines, as locked. `lines` counts its calls in progress."""

    balance: Decimal
    overdraft_limit: Decimal
    reserved: Decimal
    lines: int
    capacity: int | None

    @property
    def available(self) -> Decimal:
        return self.balance + self.overdraft_limit - self.reserved


@dataclass(slots=True)
class Lines:
    """A gateway's calls in progress and its limit (None: no limit)."""

    used: int
    capacity: int | None

    @property
    def full(self) -> bool:
        return self.capacity is not None and self.used >= self.capacity


@dataclass(slots=True)
class PackageFunds:
    """An active package's gift money, and its period's consumption so far."""

    gift_left: Decimal
    gift_reserved: Decimal
    consumption: Decimal
    effective_consumption: Decimal

    @property
    def is_effective(self) -> bool:
        """Benefits begin after this much consumption in the period (spec §2.9)."""
        return self.consumption >= self.effective_consumption


@dataclass(slots=True)
class Allowance:
    """Free seconds of an active package."""

    left_s: int
    reserved_s: int


@dataclass(slots=True)
class MonthUse:
    """What a phone's calls of a month cost, and what those in progress may cost."""

    consumed: Decimal
    reserved: Decimal


@dataclass(frozen=True, slots=True)
class Hold:
    """What one payer holds for a call; `free_s` and `gifts` in the order of the payer's."""

    money: Decimal = Decimal(0)
    free_s: tuple[int, ...] = ()
    gifts: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """What a call holds: of each payer, and of the phone's month."""

    payers: tuple[Hold, ...] = ()
    month: Decimal = Decimal(0)


NOTHING = Held()
"""Of a call without payers that are known."""


def nothing_held(payers: Sequence[Payer]) -> Held:
    """What a call holds before it is admitted."""
    return Held(
        tuple(
            Hold(Decimal(0), (0,) * len(payer.free), (Decimal(0),) * len(payer.gifts))
            for payer in payers
        )
    )


@dataclass(slots=True)
class Holdings:
    """Everything a batch of admissions may touch, by id."""

    funds: dict[int, Funds] = field(default_factory=dict)
    mapping_lines: dict[int, Lines] = field(default_factory=dict)
    routing_lines: dict[int, Lines] = field(default_factory=dict)
    packages: dict[int, PackageFunds] = field(default_factory=dict)
    allowances: dict[int, Allowance] = field(default_factory=dict)
    months: dict[Month, MonthUse] = field(default_factory=dict)

    def usable(self, payer: Payer, held: Hold) -> tuple[list[int], list[Decimal]]:
        """Free seconds and gift money that a call may use, its own hold included."""
        if not payer.free and not payer.gifts:
            return [], []
        free_s = [
            self.allowances[use.allowance_id].left_s
            - self.allowances[use.allowance_id].reserved_s
            + own_s
            for use, own_s in zip(payer.free, held.free_s, strict=True)
        ]
        gifts = [
            self.packages[package_id].gift_left - self.packages[package_id].gift_reserved + own
            for package_id, own in zip(payer.gifts, held.gifts, strict=True)
        ]
        return free_s, gifts

    def hold(self, payer: Payer, before: Hold, now: Hold) -> None:
        """Hold `now` in place of `before`."""
        self.funds[payer.account_id].reserved += now.money - before.money
        for use, had_s, has_s in zip(payer.free, before.free_s, now.free_s, strict=True):
            self.allowances[use.allowance_id].reserved_s += has_s - had_s
        for package_id, had, has in zip(payer.gifts, before.gifts, now.gifts, strict=True):
            self.packages[package_id].gift_reserved += has - had

    def spend(self, payer: Payer, free_s: Sequence[int], gifts: Sequence[Decimal]) -> None:
        """Take used benefits away for good (their holds are released apart)."""
        for use, used_s in zip(payer.free, free_s, strict=True):
            self.allowances[use.allowance_id].left_s -= used_s
        for package_id, used in zip(payer.gifts, gifts, strict=True):
            self.packages[package_id].gift_left -= used
