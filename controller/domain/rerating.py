"""Re-rating: what the parties of an ended call would be charged by other prices. Pure.

The prices are found and applied by the functions of the live call (`price_candidates`, `price_in`,
`bill`). What was decided at the call stays as it was: who its parties are, the seconds that were
rated, free seconds and gift money. A difference becomes postings; nothing is edited.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from controller.domain.billing import FreeUse, Payer, bill, charge_at
from controller.domain.cdr import VENDOR, ChargeLine
from controller.domain.configuration import Account, Configuration, Phone, RateSelection
from controller.domain.ledger import Posting, PostingKind, SystemAccount, keyed_posting_id
from controller.domain.numbering import listed, rated_number
from controller.domain.packages import ActivePackage
from controller.domain.price_choice import free_payers, price_candidates
from controller.domain.prices import Moment, price_in
from controller.domain.pricing import Pricing
from controller.domain.rates import RateGroup


class Side(StrEnum):
    """Which of a call's parties a line is about."""

    CUSTOMER = "customer"
    AGENT = "agent"
    VENDOR = "vendor"


def side_of(party: int) -> Side:
    if party == VENDOR:
        return Side.VENDOR
    return Side.AGENT if party else Side.CUSTOMER


@dataclass(frozen=True, slots=True)
class RatedCall:
    """An ended call as far as prices go. `lines` has each party's last revision, payers first."""

    call_id: str
    started_at: datetime
    answered_at: datetime
    callee_rated: str
    callee_sent: str
    phone: str
    routing_gateway: str
    lines: tuple[ChargeLine, ...]

    @property
    def answered_s(self) -> int:
        return int(self.answered_at.timestamp())

    @property
    def top(self) -> int:
        """The party whose charge is the operator's income."""
        return max((line.party for line in self.lines), default=0)


@dataclass(frozen=True, slots=True)
class Repriced:
    """A line and what it would be now; `after` is None where there is no price: `why` says so."""

    before: ChargeLine
    after: ChargeLine | None
    why: str = ""

    @property
    def changed(self) -> bool:
        return self.after is not None and (self.after.net, self.after.tax) != (
            self.before.net,
            self.before.tax,
        )

    @property
    def difference(self) -> Decimal:
        """By how much the debit rises."""
        return gross(self.after) - gross(self.before) if self.after else Decimal(0)


def gross(line: ChargeLine) -> Decimal:
    """What the line's account was debited, gift money included (spec §2.2)."""
    return line.net + line.tax


@dataclass(frozen=True, slots=True)
class Substitute:
    """A deck in the place of a rate group, and only the lines which that group concerns."""

    group_id: int
    deck: RateGroup


class PriceBook:
    """The prices of a re-rating: a configuration, with a deck in the place of one of its groups.

    `rates_at` is the moment whose rates count, whenever the calls were; None: those that were valid
    at each call. Hours of period rates are always the call's own. `conditional` are the active
    packages whose benefits began only after some consumption: their period rates count only where
    the call's line names the package, for what had been consumed by then is not kept.
    """

    def __init__(
        self,
        configuration: Configuration,
        rates_at: datetime | None,
        substitute: Substitute | None = None,
        conditional: frozenset[int] = frozenset(),
    ) -> None:
        groups = dict(configuration.rate_groups)
        if substitute is not None:
            groups[substitute.group_id] = substitute.deck
        self._configuration = replace(configuration, rate_groups=groups)
        self._rates_at = rates_at
        self._conditional = conditional
        self._gateways = {g.name: g for g in configuration.routing_gateways.values()}
        self._only = substitute.group_id if substitute else None
        self._only_name = configuration.rate_groups[self._only].name if self._only else ""

    def reprice(self, call: RatedCall, line: ChargeLine) -> Repriced | None:
        """What the line would be; None where it is none of the rate group's that was asked for."""
        account = self._configuration.accounts.get(line.account_id)
        if account is None:
            return Repriced(line, None, f"account #{line.account_id} is gone")
        moment = self._moment(call, line)
        phone = self._phone(call, line)
        pricings = self._pricings(account, phone, line, moment)
        if pricings is None:
            return None
        if not pricings:
            return Repriced(line, None, f"no rate for {moment.number}")
        comparable = tuple(p for p in pricings if p.terms.currency == line.currency)
        if not comparable:
            now = pricings[0].terms.currency
            return Repriced(line, None, f"priced in {now} now, charged in {line.currency}")
        return Repriced(line, _charged(account, comparable, call, line))

    def _moment(self, call: RatedCall, line: ChargeLine) -> Moment:
        """The number that the line's party is charged for, from the offer to beyond the end."""
        prefixes = self._configuration.parameters.route_prefixes
        number = call.callee_rated
        gateway = self._gateways.get(call.routing_gateway)
        if line.party == VENDOR and gateway is not None and gateway.bill_sent_number:
            number = call.callee_sent
        setup_s = call.answered_s - int(call.started_at.timestamp())
        lasts_s = setup_s + line.rated_s + 1
        return Moment(
            rated_number(number, prefixes), call.started_at, lasts_s, rates_at=self._rates_at
        )

    def _phone(self, call: RatedCall, line: ChargeLine) -> Phone | None:
        """The phone that called, where it is the customer's still."""
        phone = self._configuration.phones.get(call.phone) if line.party == 0 else None
        return phone if phone is not None and phone.account_id == line.account_id else None

    def _pricings(
        self, account: Account, phone: Phone | None, line: ChargeLine, moment: Moment
    ) -> tuple[Pricing, ...] | None:
        """The candidates of today; None where the rate group that was asked for is none of them."""
        if self._only is not None and self._only not in self._groups_of(
            account, phone, line, moment
        ):
            if line.rate_group != self._only_name:
                return None
            # the account has left the group since; the call was charged in it
            return self._in_group(account, self._only, moment)
        if line.party == VENDOR:
            return self._in_group(account, account.rate_group_id, moment)
        return self._of_payer(account, phone, line, moment)

    def _of_payer(
        self, account: Account, phone: Phone | None, line: ChargeLine, moment: Moment
    ) -> tuple[Pricing, ...]:
        """As when a call is offered and admitted."""
        configuration, parameters = self._configuration, self._configuration.parameters
        free_of_charge = (*parameters.free_numbers, *parameters.unrecorded_free_numbers)
        if listed(moment.number, free_of_charge):
            return free_payers(configuration, account)[0].pricings
        found = [c.pricing for c in price_candidates(configuration, account, phone, moment)]
        if parameters.rate_selection is RateSelection.HIERARCHY:
            found = found[:1]
        helped = [p for p in found if self._is_effective(p, line)]
        return tuple(helped or found)

    def _in_group(
        self, account: Account, group_id: int | None, moment: Moment
    ) -> tuple[Pricing, ...]:
        if group_id is None:
            return ()
        group = self._configuration.rate_groups[group_id]
        price = price_in(self._configuration, group, account.account_id, moment, "rate group")
        return (price.pricing,) if price else ()

    def _is_effective(self, pricing: Pricing, line: ChargeLine) -> bool:
        package_id = pricing.package_id
        return package_id not in self._conditional or package_id in line.package_ids

    def _groups_of(
        self, account: Account, phone: Phone | None, line: ChargeLine, moment: Moment
    ) -> set[int]:
        """Every rate group from which the party's price may come."""
        if line.party == VENDOR:
            return self._with_periods((account.rate_group_id,))
        own = (
            phone.rate_group_id if phone else None,
            account.private_rate_group_id,
            account.rate_group_id,
        )
        packages = self._configuration.packages.usable(
            account.account_id, phone.phone_id if phone else None, moment.when
        )
        return self._with_periods(own) | set(_own_groups(packages))

    def _with_periods(self, group_ids: Iterable[int | None]) -> set[int]:
        found: set[int] = set()
        for group_id in group_ids:
            if group_id is not None:
                periods = self._configuration.rate_groups[group_id].periods
                rules = periods.rules if periods else ()
                found.add(group_id)
                found.update(r.rate_group_id for r in rules if r.rate_group_id is not None)
        return found


def corrections(change: Repriced, top: int, key: str, at: datetime) -> tuple[Posting, ...]:
    """The postings that make up for a difference; the other sides are those of the settlement.

    Net and tax apart, as when they were charged; what a vendor gets is one figure. `key` names the
    re-rating: under it, each of these exists once.
    """
    line = change.before
    return tuple(
        Posting(
            keyed_posting_id(f"rerate:{key}:{line.call_id}:{line.party}:{what}"),
            PostingKind.CORRECTION,
            line.account_id if more > 0 else other,
            other if more > 0 else line.account_id,
            abs(more),
            line.currency,
            at,
            line.call_id,
            f"re-rating {key}",
        )
        for what, other, more in _moves(change, top)
        if more
    )


def _moves(change: Repriced, top: int) -> Iterator[tuple[str, SystemAccount, Decimal]]:
    before, after = change.before, change.after
    if after is None:
        return
    if before.party == VENDOR:
        yield "net", SystemAccount.TERMINATION_COST, change.difference
        return
    is_top = before.party == top
    revenue = SystemAccount.REVENUE if is_top else SystemAccount.RESALE
    tax = SystemAccount.TAX if is_top else SystemAccount.RESALE
    yield "net", revenue, after.net - before.net
    yield "tax", tax, after.tax - before.tax


def _charged(
    account: Account, pricings: tuple[Pricing, ...], call: RatedCall, line: ChargeLine
) -> ChargeLine:
    """The line's next revision: the same seconds, the same of them free, at these prices."""
    payer = Payer(account.account_id, account.name, pricings, _SECOND_BY_SECOND)
    answered_s = call.answered_s
    now = bill(payer, line.rated_s, (line.free_s,), (), charge_at(answered_s))
    package_id = now.pricing.package_id
    used = (*line.package_ids, package_id) if package_id is not None else line.package_ids
    # not `replace`, which takes as long as the rest of it
    return ChargeLine(
        line.call_id,
        line.started_at,
        line.party,
        line.account_id,
        now.pricing.group,
        now.prefix(answered_s),
        now.charge.billed_s,
        now.raw(answered_s),
        now.charge.net,
        now.charge.tax,
        line.currency,
        line.free_s,
        line.gift,
        tuple(dict.fromkeys(used)),
        line.revision + 1,
        line.rated_s,
    )


_SECOND_BY_SECOND = (FreeUse(0, 0, 1),)
"""Free seconds that were used already, whatever the steps in which they were taken."""


def _own_groups(packages: tuple[ActivePackage, ...]) -> Iterator[int]:
    for package in packages:
        for rule in package.periods.rules if package.periods else ():
            if rule.rate_group_id is not None:
                yield rule.rate_group_id
