"""One object's step of a billing run: gather under lock, decide, write. Each in a transaction.

A step returns what became due by it: the same object's next month, the end of the period that
was opened. It does nothing where another run was quicker: every step reads again under lock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from controller.domain.billing_periods import Period, months_of
from controller.domain.errors import TollgateError
from controller.domain.ledger import PostingKind
from controller.domain.subscriptions import (
    Decision,
    Ends,
    Later,
    Opens,
    Skips,
    Waits,
    decide,
    shortfall,
)
from controller.services.billing_run.ports import (
    BillingWork,
    Candidate,
    OrderFacts,
    PhoneFacts,
    Purse,
    RecurringCharge,
    Step,
)
from controller.services.billing_run.report import RefusedRent, Report


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step is done: what is due until `as_of`, with the money of `now`."""

    as_of: datetime
    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Following:
    """What is due next, and when. `candidate` None: the same object."""

    at: datetime
    candidate: Candidate | None = None


TakeStep = Callable[[BillingWork, Candidate, Moment, Report], list[Following]]


def package_end(
    work: BillingWork, candidate: Candidate, moment: Moment, report: Report
) -> list[Following]:
    """Charge what a package's ended period lacks of its minimum consumption."""
    active = work.lock_active(candidate.object_id)
    if active is None or active.period.end > moment.as_of:
        return []
    if active.calls_open:
        report.note_waiting_for_calls(candidate.name)
        return []
    purse = work.lock_purse(active.account_id)
    if active.minimum_consumption and not purse.closed:
        charge = RecurringCharge(
            PostingKind.PACKAGE_MINIMUM,
            active.order_id,
            active.period.start,
            active.package,
            shortfall(active.minimum_consumption, active.consumption),
            f"{active.package}: minimum consumption, {days_text(active.period, moment.zone)}",
        )
        _charge(work, purse, charge, moment, report)
    work.close_active(active.active_id, moment.now)
    report.closed += 1
    return []


def phone_month(
    work: BillingWork, candidate: Candidate, moment: Moment, report: Report
) -> list[Following]:
    """A month of a phone begins: last month's shortfall first, then the new rent (spec B5)."""
    phone = work.lock_phone(candidate.object_id)
    if phone is None:
        return []
    months = months_of(moment.zone)
    month = months.period_at(phone.billed_until)
    if month.end > moment.as_of:
        return []
    first_day = month.start.astimezone(moment.zone).date()
    if phone.monthly_minimum and work.phone_calls_open(phone.phone_id, first_day):
        report.note_waiting_for_calls(candidate.name)
        return []
    consumed = work.phone_consumed(phone.phone_id, first_day)
    purse = work.lock_purse(phone.account_id)
    if not purse.closed:
        for charge in _phone_charges(phone, consumed, month, moment.zone):
            _charge(work, purse, charge, moment, report)
    work.phone_billed(phone.phone_id, month.end)
    return [Following(months.period_at(month.end).end)]


def account_month(
    work: BillingWork, candidate: Candidate, moment: Moment, report: Report
) -> list[Following]:
    """A month is over: charge what an account's calls lack of its monthly minimum."""
    account = work.lock_account(candidate.object_id)
    if account is None:
        return []
    months = months_of(moment.zone)
    month = months.period_at(account.billed_until)
    if month.end > moment.as_of:
        return []
    if work.account_calls_open(account.account_id, month.end):
        report.note_waiting_for_calls(candidate.name)
        return []
    # no call of that month can come any more: summing them needs no lock on the money
    consumed = work.account_consumed(account.account_id, month)
    purse = work.lock_purse(account.account_id)
    if not purse.closed:
        charge = RecurringCharge(
            PostingKind.ACCOUNT_MINIMUM,
            account.account_id,
            month.start,
            account.name,
            shortfall(account.monthly_minimum, consumed),
            f"monthly minimum, {days_text(month, moment.zone)}",
            one_a_month=True,
        )
        _charge(work, purse, charge, moment, report)
    work.account_billed(account.account_id, month.end)
    return [Following(months.period_at(month.end).end)]


def package_period(
    work: BillingWork, candidate: Candidate, moment: Moment, report: Report
) -> list[Following]:
    """The next period of an order: open it, wait, leave it out, or end the order."""
    facts = work.lock_order(candidate.object_id)
    if facts is None or facts.order.next_start is None:
        return []
    purse = work.lock_purse(facts.account_id)
    if purse.closed:
        return _carry_out(work, facts, purse, Ends("the account is closed"), moment, report)
    if purse.currency != facts.package.currency:
        raise TollgateError(
            f"package {facts.package.name} is in {facts.package.currency}, "
            f"account {purse.name} in {purse.currency}"
        )
    decision = decide(
        facts.package,
        facts.order,
        moment.zone,
        as_of=moment.as_of,
        now=moment.now,
        available=purse.available,
    )
    return _carry_out(work, facts, purse, decision, moment, report)


STEPS: Mapping[Step, TakeStep] = {
    Step.PACKAGE_END: package_end,
    Step.PHONE_MONTH: phone_month,
    Step.ACCOUNT_MONTH: account_month,
    Step.PACKAGE_PERIOD: package_period,
}


def days_text(period: Period, zone: ZoneInfo) -> str:
    """A period as local days (`2026-02-01 to 2026-02-28`), or as times where it has no days."""
    start, end = (when.astimezone(zone) for when in (period.start, period.end))
    if (start.hour, start.minute, end.hour, end.minute) != (0, 0, 0, 0):
        return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
    last = end - timedelta(days=1)
    if start.date() == last.date():
        return f"{start:%Y-%m-%d}"
    return f"{start:%Y-%m-%d} to {last:%Y-%m-%d}"


def _phone_charges(
    phone: PhoneFacts, consumed: Decimal, month: Period, zone: ZoneInfo
) -> list[RecurringCharge]:
    charges = []
    if phone.monthly_minimum:
        charges.append(
            RecurringCharge(
                PostingKind.PHONE_MINIMUM,
                phone.phone_id,
                month.start,
                phone.number,
                shortfall(phone.monthly_minimum, consumed),
                f"phone {phone.number}: minimum consumption, {days_text(month, zone)}",
                one_a_month=True,
            )
        )
    if phone.monthly_rent:
        new_month = months_of(zone).period_at(month.end)
        charges.append(
            RecurringCharge(
                PostingKind.PHONE_RENT,
                phone.phone_id,
                new_month.start,
                phone.number,
                phone.monthly_rent,
                f"phone {phone.number}: rent, {days_text(new_month, zone)}",
                one_a_month=True,
            )
        )
    return charges


def _charge(
    work: BillingWork, purse: Purse, charge: RecurringCharge, moment: Moment, report: Report
) -> None:
    if work.charge(purse, charge, moment.now):
        report.charged(charge.kind, charge.amount, purse.currency)


def _carry_out(
    work: BillingWork,
    facts: OrderFacts,
    purse: Purse,
    decision: Decision,
    moment: Moment,
    report: Report,
) -> list[Following]:
    order = facts.order
    match decision:
        case Opens():
            return _open(work, facts, purse, decision, moment, report)
        case Waits():
            if order.waiting_since is None:
                work.wait_for_recharge(order.order_id, decision.since)
            report.note_refused(_refused(facts, purse, decision.rent, "waits for a recharge"))
        case Skips():
            work.plan_next(order.order_id, decision.next_start, moment.now)
            report.note_refused(
                _refused(facts, purse, decision.rent, _left_out(decision, moment.zone))
            )
            return _next(decision.next_start)
        case Ends():
            work.plan_next(order.order_id, None, moment.now)
            report.note_ended(order.key, decision.why)
        case Later():
            # where the first period has to be a whole one, the order's row learns of it here
            if order.waiting_since is None and decision.next_start != order.next_start:
                work.plan_next(order.order_id, decision.next_start, moment.now)
    return []


def _open(
    work: BillingWork,
    facts: OrderFacts,
    purse: Purse,
    opens: Opens,
    moment: Moment,
    report: Report,
) -> list[Following]:
    period = opens.terms.period
    name = facts.package.name
    charge = RecurringCharge(
        PostingKind.PACKAGE_RENT,
        facts.order.order_id,
        opens.due,
        name,
        opens.terms.rent,
        f"{name}: rent for {facts.owner}, {days_text(period, moment.zone)}",
    )
    _charge(work, purse, charge, moment, report)
    active_id = work.open_period(facts, opens.terms, moment.now)
    work.plan_next(facts.order.order_id, opens.next_start, moment.now)
    report.opened += 1
    ended = Candidate(Step.PACKAGE_END, active_id, f"package {name} of {facts.owner}", period.end)
    return [Following(period.end, ended), *_next(opens.next_start)]


def _next(start: datetime | None) -> list[Following]:
    return [] if start is None else [Following(start)]


def _left_out(skips: Skips, zone: ZoneInfo) -> str:
    return f"leaves out {days_text(skips.period, zone)}"


def _refused(facts: OrderFacts, purse: Purse, rent: Decimal, outcome: str) -> RefusedRent:
    return RefusedRent(
        facts.order.key,
        facts.package.name,
        purse.name,
        rent,
        purse.available,
        purse.currency,
        outcome,
    )
