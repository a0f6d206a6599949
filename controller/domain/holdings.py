"""What admission and settlement find and change: money, lines, free seconds, gifts and months.

A working copy of what one transaction has locked. `Held` is one call's share of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from controller.domain.billing import Payer

SECOND_US = 1_000_000

Month = tuple[int, str]
"""A phone's month: its id and the first day (ISO 8601)."""


@dataclass(slots=True)
class Funds:
    """An account's money and lines, as locked.

    `lines` counts its own calls in progress, `subtree_lines` those of all accounts below it too.
    """

    balance: Decimal
    overdraft_limit: Decimal
    reserved: Decimal
    lines: int
    capacity: int | None
    subtree_lines: int = 0
    subtree_capacity: int | None = None

    @property
    def available(self) -> Decimal:
        return self.balance + self.overdraft_limit - self.reserved


LineKind = Literal["mapping", "routing", "group", "phone", "phone_in", "phone_out", "system"]
"""What has lines beside accounts: gateways, groups of gateways, phones (`phone` counts both
directions), and the platform as a whole."""

LineKey = tuple[LineKind, int]
"""Whose lines: the kind, and the id of the gateway, the group or the phone."""

SYSTEM_LINE: LineKey = ("system", 0)


@dataclass(slots=True)
class Lines:
    """Calls in progress and the limits that they have (None: no limit).

    `recent` are the new calls of the last second, kept only where `per_second` limits them: when
    (microseconds since 1970, by the database's clock) and how many.
    """

    used: int
    capacity: int | None
    per_second: int | None = None
    recent: tuple[tuple[int, int], ...] = ()
    name: str = ""

    @property
    def full(self) -> bool:
        return self.capacity is not None and self.used >= self.capacity

    def is_too_fast(self, now_us: int) -> bool:
        """Whether one more call now would be one too many within some second."""
        if self.per_second is None:
            return False
        return sum(calls for _, calls in self._last_second(now_us)) >= self.per_second

    def count_new(self, now_us: int) -> None:
        """Count a new call, where that matters."""
        if self.per_second is None:
            return
        kept = self._last_second(now_us)
        if kept and kept[-1][0] == now_us:
            kept[-1] = now_us, kept[-1][1] + 1
        else:
            kept.append((now_us, 1))
        self.recent = tuple(kept)

    def _last_second(self, now_us: int) -> list[tuple[int, int]]:
        """Less than a second away, to either side: a clock may have been set back a little.

        Where it was set back by more, what lies ahead is forgotten: it must not refuse for hours.
        """
        return [entry for entry in self.recent if abs(now_us - entry[0]) < SECOND_US]


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
    """What a call holds: money of each payer, of the phone's month, and what vendors need.

    Until the answer it holds a line at every vendor of its plan (`gateway_ids`) and in every group
    of gateways that it belongs to (`group_ids`, each once), and money at the clearing account of
    each prepaid vendor (`vendors`: account and amount).
    """

    payers: tuple[Hold, ...] = ()
    month: Decimal = Decimal(0)
    gateway_ids: tuple[int, ...] = ()
    group_ids: tuple[int, ...] = ()
    vendors: tuple[tuple[int, Decimal], ...] = ()


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
    """Everything a batch of admissions may touch, by id.

    `now_us` is the database's clock when all of it was locked.
    """

    funds: dict[int, Funds] = field(default_factory=dict)
    lines: dict[LineKey, Lines] = field(default_factory=dict)
    packages: dict[int, PackageFunds] = field(default_factory=dict)
    allowances: dict[int, Allowance] = field(default_factory=dict)
    months: dict[Month, MonthUse] = field(default_factory=dict)
    now_us: int = 0

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

    def hold_at_vendors(
        self, before: Sequence[tuple[int, Decimal]], now: Sequence[tuple[int, Decimal]]
    ) -> None:
        """Hold money at clearing accounts, in place of what was held there before."""
        for account_id, amount in before:
            self.funds[account_id].reserved -= amount
        for account_id, amount in now:
            self.funds[account_id].reserved += amount

    def count(self, keys: Iterable[LineKey], calls: int) -> None:
        """So many more calls in progress; a gateway that was deleted meanwhile has no lines."""
        for key in keys:
            if lines := self.lines.get(key):
                lines.used += calls

    def spend(self, payer: Payer, free_s: Sequence[int], gifts: Sequence[Decimal]) -> None:
        """Take used benefits away for good (their holds are released apart)."""
        for use, used_s in zip(payer.free, free_s, strict=True):
            self.allowances[use.allowance_id].left_s -= used_s
        for package_id, used in zip(payer.gifts, gifts, strict=True):
            self.packages[package_id].gift_left -= used
