"""Which destinations lack a route, a price or a cost rate, and which are sold below cost.

The doctor, `tollgate coverage` and the page of the same name ask the same question. Nothing of a
call's path: one read-only look at everything, without a lock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from controller.domain.coverage import missing
from controller.domain.coverage_walk import Gap, GapKind, Row, Seller, Vendor, Walk
from controller.domain.money import MAX_DECIMALS
from controller.domain.numbering import CATCH_ALL
from controller.services.coverage_ports import CoverageReading, CoverageStore, SellingAccount

MOST_LISTED = 10_000
"""Gaps of one kind that are named; more are counted."""

ACCOUNTS_NAMED = 3


@dataclass(frozen=True, slots=True)
class FoundGap:
    """A destination of which something is missing or wrong.

    `owner` is what should be changed: rate groups, or a gateway. `whom` says for whom: accounts,
    agents, a vendor. `sell` and `cost` are of a call of 60 s, where prices are compared.
    """

    kind: GapKind
    owner: str
    prefix: str
    area: str
    whom: str
    sell: Decimal | None = None
    cost: Decimal | None = None
    currency: str = ""
    sell_prefix: str = ""
    cost_prefix: str = ""


@dataclass(slots=True)
class Gaps:
    """All gaps of a kind: how many, of whom, and the first of them."""

    count: int = 0
    by_owner: dict[str, int] = field(default_factory=dict)
    listed: list[FoundGap] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """What was found, and how much was looked at.

    `by_sent_number` are vendors whose costs were not compared with prices, because they depend on
    how a number is rewritten. `all_losses_told` is false where there were too many to count.
    """

    when: datetime
    routes: int
    rates: int
    gaps: Mapping[GapKind, Gaps]
    by_sent_number: tuple[str, ...]
    all_losses_told: bool

    @property
    def is_complete(self) -> bool:
        return not any(gaps.count for gaps in self.gaps.values())


def check_coverage(
    store: CoverageStore, when: datetime, most_listed: int = MOST_LISTED
) -> CoverageReport:
    """Look at everything once. A million rates take some seconds."""
    with store.look(when) as reading:
        operator = _Operator(reading)
        walk = Walk(
            [market.seller for market in operator.markets],
            operator.walked_vendors(),
            cheapest=reading.cheapest_price(),
        )
        counted = _Counted(reading.rows(operator.streams, operator.vendor_numbers))
        found: dict[GapKind, Gaps] = {kind: Gaps() for kind in GapKind}
        for gap in walk.gaps(counted):
            _add(found[gap.kind], operator, gap, most_listed)
        for gap in _uncosted_as_sent(reading, operator):
            _add(found[gap.kind], operator, gap, most_listed)
    return CoverageReport(
        when,
        counted.routes,
        counted.rates,
        found,
        tuple(vendor.name for vendor in operator.vendors if vendor.sent and not vendor.dead),
        walk.all_losses_told,
    )


@dataclass(slots=True)
class _Market:
    """A seller, and the accounts that it stands for."""

    seller: Seller
    groups: tuple[int, ...]
    accounts: list[str]


class _Operator:
    """The operator's accounts and vendors, numbered for the walk."""

    def __init__(self, reading: CoverageReading) -> None:
        self.group_names = reading.group_names()
        self.vendors = reading.vendors()
        self.vendor_numbers = {v.gateway_id: n for n, v in enumerate(self.vendors)}
        self.streams: dict[int, int] = {}
        self.markets: list[_Market] = []
        self._numbers: dict[tuple[object, ...], int] = {}
        self._accounts = {account.account_id: account for account in reading.selling_accounts()}
        for account in self._accounts.values():
            self._add_calls_of(account)
        for vendor in self.vendors:
            if vendor.group_id is not None:
                self._stream(vendor.group_id)

    def walked_vendors(self) -> list[Vendor]:
        return [
            Vendor(
                self._stream(vendor.group_id) if vendor.group_id is not None else None,
                vendor.currency,
                vendor.terminates,
                vendor.dead,
                vendor.sent is not None,
            )
            for vendor in self.vendors
        ]

    def group_of(self, stream: int) -> str:
        return next(self.group_names[g] for g, number in self.streams.items() if number == stream)

    def groups_of(self, market: int) -> str:
        names = [self.group_names[group_id] for group_id in self.markets[market].groups]
        return " + ".join(names) or f"account {self.markets[market].accounts[0]}"

    def accounts_of(self, market: int) -> str:
        accounts = self.markets[market].accounts
        named = ", ".join(accounts[:ACCOUNTS_NAMED])
        more = len(accounts) - ACCOUNTS_NAMED
        return f"{named} and {more} more" if more > 0 else named

    def _add_calls_of(self, account: SellingAccount) -> None:
        chain = self._chain(account)
        if not all(owner.alive for owner in (account, *chain)):
            return
        agents = tuple(self._market(agent, agent.groups, (), has_calls=False) for agent in chain)
        of_phones = {(group, *account.groups): None for group in account.phone_groups}
        for groups in (*of_phones, *((account.groups,) if account.has_calls else ())):
            # without any rate group there is nothing to be missing in it: the doctor says so
            if groups:
                self._market(account, groups, agents, has_calls=True)

    def _chain(self, account: SellingAccount) -> list[SellingAccount]:
        chain = []
        parent_id = account.parent_id
        while parent_id is not None:
            chain.append(self._accounts[parent_id])
            parent_id = chain[-1].parent_id
        return chain

    def _market(
        self,
        account: SellingAccount,
        groups: tuple[int, ...],
        agents: tuple[int, ...],
        *,
        has_calls: bool,
    ) -> int:
        """The number of the seller that this account is, together with others like it."""
        is_top = account.parent_id is None
        key = (groups, agents, has_calls, is_top, account.currency)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.markets)
            streams = tuple(self._stream(group_id) for group_id in groups)
            seller = Seller(streams, account.currency, agents, has_calls, is_top)
            self.markets.append(_Market(seller, groups, []))
        accounts = self.markets[number].accounts
        if account.name not in accounts:
            accounts.append(account.name)
        return number

    def _stream(self, group_id: int) -> int:
        return self.streams.setdefault(group_id, len(self.streams) + 1)


class _Counted:
    """Rows that pass by, counted."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.routes = 0
        self.rates = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            if row.stream:
                self.rates += 1
            else:
                self.routes += 1
            yield row


def _uncosted_as_sent(reading: CoverageReading, operator: _Operator) -> Iterator[Gap]:
    """Vendors that bill the number as sent: their routes' prefixes, rewritten."""
    for number, vendor in enumerate(operator.vendors):
        if vendor.sent is None or vendor.dead:
            continue
        by_sent: dict[str, list[str]] = {}
        for prefix in reading.routed_prefixes(vendor.gateway_id):
            bare = "" if prefix == CATCH_ALL else prefix
            by_sent.setdefault(vendor.sent(bare).removeprefix("+"), []).append(bare)
        rated = reading.rated_prefixes(vendor.group_id) if vendor.group_id is not None else ()
        for sent in missing(sorted(by_sent), rated):
            for prefix in by_sent[sent]:
                yield Gap(GapKind.UNCOSTED, number, prefix)


def _add(gaps: Gaps, operator: _Operator, gap: Gap, most_listed: int) -> None:
    owner = _owner(operator, gap)
    gaps.count += 1
    gaps.by_owner[owner] = gaps.by_owner.get(owner, 0) + 1
    if len(gaps.listed) < most_listed:
        gaps.listed.append(_found(operator, gap, owner))


def _owner(operator: _Operator, gap: Gap) -> str:
    """What lacks a destination, or has it too cheap."""
    if gap.kind is GapKind.UNCOSTED:
        return operator.vendors[gap.owner].name
    if gap.kind is GapKind.UNROUTED:
        return operator.group_of(gap.owner)
    return operator.groups_of(gap.other if gap.kind is GapKind.CHAIN else gap.owner)


def _found(operator: _Operator, gap: Gap, owner: str) -> FoundGap:
    figures = gap.sell is not None and gap.cost is not None
    return FoundGap(
        gap.kind,
        owner,
        gap.prefix or CATCH_ALL,
        gap.area,
        _whom(operator, gap),
        _decimal(gap.sell.net) if gap.sell else None,
        _decimal(gap.cost.gross) if gap.cost else None,
        operator.markets[gap.owner].seller.currency if figures else "",
        (gap.sell.prefix or CATCH_ALL) if gap.sell else "",
        (gap.cost.prefix or CATCH_ALL) if gap.cost else "",
    )


def _whom(operator: _Operator, gap: Gap) -> str:
    if gap.kind is GapKind.CHAIN:
        agents, below = operator.accounts_of(gap.other), operator.accounts_of(gap.owner)
        return f"{agents} (sold to {below})"
    if gap.kind is GapKind.LOSS:
        return operator.vendors[gap.other].name
    return operator.accounts_of(gap.owner) if gap.kind is GapKind.UNSOLD else ""


def _decimal(smallest: int) -> Decimal:
    return Decimal(smallest).scaleb(-MAX_DECIMALS)
