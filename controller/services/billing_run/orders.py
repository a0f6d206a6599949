"""Package orders by hand: place, cancel, take an active package away, give up a package.

What is placed here and what a configuration file declares are the same rows; the billing run
carries both out (docs/billing.md).
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from controller.domain.billing_periods import PackagePeriod
from controller.domain.errors import InvalidInput
from controller.domain.subscriptions import OnInsufficient, Order, Package, never_opens
from controller.services.actors import Actor
from controller.services.audit import AuditLine, changed
from controller.services.billing_run.order_text import OrderTexts, ReadOrder, read_order
from controller.services.ports import Clock

ORDER, ACTIVE, PACKAGE = "package order", "active package", "package"
"""In the audit log."""
PAYERS = ("ordinary", "phone_card")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is to have a package; `phone_id` where it is a phone's."""

    account_id: int
    account: str
    kind: str
    currency: str
    closed: bool
    phone_id: int | None = None

    def is_same(self, other: "Owner") -> bool:
        if self.phone_id is not None or other.phone_id is not None:
            return self.phone_id == other.phone_id
        return self.account_id == other.account_id


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as it is stored; its first period is looked for from `available_from` on."""

    key: str
    package_id: int
    owner: Owner
    available_from: datetime
    expires_at: datetime | None
    priority: int | None
    on_insufficient: OnInsufficient
    rent_percent: Decimal
    memo: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What was not done, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Placed:
    """`recorded` is False where the same order was there already."""

    key: str
    recorded: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """What went with a package: `deleted` where nothing ever referred to it, else kept closed."""

    package: str
    orders: tuple[str, ...]
    active: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """Something that was asked to end: whether it was `going_on`, and whose it is."""

    going_on: bool
    account_id: int


class SubscriptionWork(Protocol):
    """One transaction; committed unless an exception leaves it.

    Locks the package, then orders, then active packages by number.
    """

    def zone(self) -> ZoneInfo: ...

    def package(self, name: str) -> Package | None:
        """One that can be ordered, held so until the end."""

    def owner(self, account: str | None, phone: str | None) -> Owner | None: ...

    def order(self, key: str) -> NewOrder | None: ...

    def add(self, order: NewOrder, now: datetime) -> bool:
        """False: somebody else has just used the key."""

    def end_order(self, key: str, now: datetime) -> Ended | None:
        """None: there is none of that key."""

    def end_active(self, active_id: int, now: datetime) -> Ended | None:
        """None: there is none of that number."""

    def lock_package(self, name: str) -> int | None: ...

    def orders_of(self, package_id: int) -> Mapping[str, int]:
        """The package's orders that are not over: accounts by key."""

    def end_all_of(self, package_id: int, now: datetime) -> int:
        """End its orders and running periods; how many periods that were."""

    def delete(self, package_id: int, now: datetime) -> bool:
        """Delete it, or close it for good where its history needs it (False)."""

    def running_of(self, package_id: int, now: datetime) -> int:
        """How many periods of it run."""

    def audit(self, *lines: AuditLine) -> None: ...


class SubscriptionStore(Protocol):
    """Raises StoreUnavailable."""

    def change(self) -> AbstractContextManager[SubscriptionWork]: ...

    def announce(self) -> bool: ...


class Subscriptions:
    """The use cases of `tollgate packages`, each with who did it in the audit log."""

    def __init__(self, store: SubscriptionStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def order(self, actor: Actor, texts: OrderTexts) -> Placed | Refused:
        """Raises InvalidInput for what is no order. Its first period is the billing run's work."""
        now = self._clock.now()
        with self._store.change() as work:
            zone = work.zone()
            read = read_order(texts, zone, now)
            package, owner = _found(work, texts)
            new = _new(read, package, owner)
            before = work.order(read.key)
            if before is None:
                _check(package, new, zone, now)
                if owner.closed:
                    return Refused(f"account {owner.account} is closed")
                if work.add(new, now):
                    work.audit(_ordered(actor, new, texts))
                    return Placed(read.key, True)
                before = work.order(read.key)
            return _known(before, new, begins_now=read.begins_now)

    def cancel(self, actor: Actor, key: str) -> Placed | Refused:
        """No further period; the one that runs goes on to its end."""
        with self._store.change() as work:
            ended = work.end_order(key, self._clock.now())
            if ended is None:
                raise InvalidInput(f"no order has the key {key[:80]!r}")
            if not ended.going_on:
                return Refused(f"order {key} is over already")
            work.audit(AuditLine(actor, "cancel", ORDER, key, ended.account_id))
            return Placed(key, True)

    def remove(self, actor: Actor, active_id: int) -> Refused | None:
        """End a running period now, without a refund and without its minimum."""
        with self._store.change() as work:
            ended = work.end_active(active_id, self._clock.now())
            if ended is None:
                raise InvalidInput(f"no active package has the number {active_id}")
            if not ended.going_on:
                return Refused(f"active package {active_id} is over already")
            work.audit(AuditLine(actor, "end", ACTIVE, str(active_id), ended.account_id))
        self._store.announce()
        return None

    def delete(self, actor: Actor, package: str, *, force: bool) -> Removed | Refused:
        """Give up a package. With orders or running periods only by force: all of them end."""
        now = self._clock.now()
        with self._store.change() as work:
            package_id = work.lock_package(package)
            if package_id is None:
                raise InvalidInput(f"no package is named {package[:80]!r}")
            orders = work.orders_of(package_id)
            running = work.running_of(package_id, now)
            if (orders or running) and not force:
                return Refused(_in_use(package, tuple(orders), running))
            ended = work.end_all_of(package_id, now)
            deleted = work.delete(package_id, now)
            work.audit(*_given_up(actor, package, orders, ended, deleted=deleted))
        self._store.announce()
        return Removed(package, tuple(orders), ended, deleted)


def _found(work: SubscriptionWork, texts: OrderTexts) -> tuple[Package, Owner]:
    package = work.package(texts.package)
    if package is None:
        raise InvalidInput(f"no package is named {texts.package[:80]!r}")
    owner = work.owner(texts.account, texts.phone)
    if owner is None:
        if texts.phone is not None:
            raise InvalidInput(f"no phone has the number {texts.phone[:80]!r}")
        raise InvalidInput(f"no account is named {(texts.account or '')[:80]!r}")
    return package, owner


def _new(read: ReadOrder, package: Package, owner: Owner) -> NewOrder:
    return NewOrder(
        read.key,
        package.package_id,
        owner,
        read.available_from,
        read.expires_at,
        read.priority,
        read.on_insufficient,
        read.rent_percent,
        read.memo,
    )


def _ordered(actor: Actor, new: NewOrder, texts: OrderTexts) -> AuditLine:
    what = {
        "package": texts.package,
        "account": new.owner.account,
        "phone": texts.phone,
        "available_from": new.available_from,
        "expires_at": new.expires_at,
        "priority": new.priority,
        "on_insufficient": new.on_insufficient,
        "rent_percent": new.rent_percent,
        "memo": new.memo,
    }
    return AuditLine(actor, "create", ORDER, new.key, new.owner.account_id, changed({}, what))


def _given_up(
    actor: Actor, package: str, orders: Mapping[str, int], active: int, *, deleted: bool
) -> Iterator[AuditLine]:
    """The package's line, and one for each order that ends with it."""
    what = {"running_periods": (str(active), "")} if active else {}
    yield AuditLine(actor, "delete" if deleted else "close", PACKAGE, package, changes=what)
    for key, account_id in orders.items():
        yield AuditLine(actor, "cancel", ORDER, key, account_id)


def _known(before: NewOrder | None, new: NewOrder, *, begins_now: bool) -> Placed | Refused:
    """The same order again, or another one that must not pass for it."""
    if before is None:
        return Refused(f"key {new.key!r} is being used by another order")
    same_day = begins_now or before.available_from == new.available_from
    terms = [
        (o.package_id, o.expires_at, o.priority, o.on_insufficient, o.rent_percent)
        for o in (before, new)
    ]
    if same_day and before.owner.is_same(new.owner) and terms[0] == terms[1]:
        return Placed(new.key, False)
    return Refused(f"key {new.key!r} was used for another order")


def _check(package: Package, new: NewOrder, zone: ZoneInfo, now: datetime) -> None:
    owner = new.owner
    if owner.kind not in PAYERS:
        raise InvalidInput(f"account {owner.account} is a {owner.kind} account: it has no packages")
    if owner.currency != package.currency:
        raise InvalidInput(
            f"package {package.name} is in {package.currency}, "
            f"account {owner.account} in {owner.currency}"
        )
    once = package.period is PackagePeriod.ONCE
    if once and new.on_insufficient is OnInsufficient.WAIT_PERIOD:
        raise InvalidInput(
            f"package {package.name} comes once: there is no next period to wait for"
        )
    if new.expires_at is not None and new.expires_at <= max(new.available_from, now):
        raise InvalidInput("the order would be over before it begins")
    order = Order(0, new.key, new.available_from, now, new.available_from, new.expires_at)
    if never_opens(package, order, zone):
        raise InvalidInput("the order would be over before a whole period begins")


def _in_use(package: str, orders: tuple[str, ...], running: int) -> str:
    names = ", ".join(orders[:20]) + (f" and {len(orders) - 20} more" if len(orders) > 20 else "")
    ordered = f"has {len(orders)} orders ({names})" if orders else "has no orders"
    return f"package {package} {ordered} and {running} running periods; --force ends them all"
