"""Accounts: what they pay by and who is above them. Phones: whose they are."""

from collections.abc import Iterator

from controller.domain.configuration import AccountKind
from controller.services.config_as_code.checks.references import (
    MAX_ANCESTORS,
    owner_fault,
    payer_fault,
)
from controller.services.config_as_code.model import Lines, Section, State
from controller.services.config_as_code.problems import Problem, shown
from controller.services.config_as_code.specs import AccountSpec, PhoneSpec

Place = tuple[str, ...]


def check_accounts(state: State, lines: Lines) -> Iterator[Problem]:
    for account in state.accounts.values():
        if account.closed:
            continue
        for key in ("rate_group", "private_rate_group"):
            if name := getattr(account, key):
                place = (Section.ACCOUNTS, account.name, key)
                whose = f"account {account.name}"
                yield from _pays_by(state, lines, place, whose, account, name)
        yield from _parent(state, lines, account)


def check_phones(state: State, lines: Lines) -> Iterator[Problem]:
    """A phone that is locked may stay with a closed account: its history does."""
    for phone in state.phones.values():
        whose = f"phone {phone.number}"
        account = state.accounts.get(phone.account)
        if account is not None and account.closed and phone.locked:
            continue
        if fault := _phone_fault(state, phone, account):
            own = (Section.PHONES, phone.number, "account")
            line = lines.find(own, (Section.ACCOUNTS, phone.account), (Section.ACCOUNTS,))
            yield Problem(line, f"{whose}: {fault}", own not in lines.of)
        elif account is not None and phone.rate_group:
            place = (Section.PHONES, phone.number, "rate_group")
            yield from _pays_by(state, lines, place, whose, account, phone.rate_group)


def _phone_fault(state: State, phone: PhoneSpec, account: AccountSpec | None) -> str:
    fault = payer_fault(state, phone.account)
    if fault and account is not None and account.closed:
        return f"{fault}: lock the phone before"
    return fault


def _pays_by(
    state: State, lines: Lines, own: Place, whose: str, account: AccountSpec, name: str
) -> Iterator[Problem]:
    """An account's or phone's rate group: there, in the account's currency, and open to it."""
    group = state.rate_groups.get(name)
    which = own[-1].replace("_", " ")
    if group is None:
        message = f"{whose}: there is no rate group {shown(name)}"
        yield Problem(lines.find(own, (Section.RATE_GROUPS,)), message, own not in lines.of)
    elif group.currency and account.currency and group.currency != account.currency:
        place = (Section.RATE_GROUPS, name, "currency")
        message = f"{whose} is in {account.currency}, its {which} {name} in {group.currency}"
        yield Problem(lines.find(own, place), message)
    elif fault := owner_fault(state, group, account):
        parent = (Section.ACCOUNTS, account.name, "parent")
        place = (Section.RATE_GROUPS, name, "owner")
        yield Problem(lines.find(own, place, parent), f"{whose}: {fault}")


def _parent(state: State, lines: Lines, account: AccountSpec) -> Iterator[Problem]:
    if account.parent is None:
        return
    parent = state.accounts.get(account.parent)
    fault = _parent_fault(state, account, parent)
    if fault:
        line = lines.find(
            (Section.ACCOUNTS, account.name, "parent"),
            (Section.ACCOUNTS, account.parent),
            (Section.ACCOUNTS,),
        )
        in_file = (Section.ACCOUNTS, account.name) in lines.of
        refused = parent is not None and parent.closed and not in_file
        yield Problem(line, f"account {account.name}: {fault}", refused)


def _parent_fault(state: State, account: AccountSpec, parent: AccountSpec | None) -> str:
    if parent is None:
        return f"there is no account {shown(account.parent or '')}"
    if parent.closed:
        return f"its parent {parent.name} is closed"
    if AccountKind.CLEARING in (account.kind, parent.kind):
        return "a clearing account has neither parent nor children"
    if parent.currency and account.currency and parent.currency != account.currency:
        return f"is in {account.currency}, its parent {parent.name} in {parent.currency}"
    return _chain_fault(state, account)


def _chain_fault(state: State, account: AccountSpec) -> str:
    """A circle of parents is named once: at the member whose name sorts first."""
    above = [account.name]
    current: AccountSpec | None = account
    while current is not None and current.parent is not None:
        if current.parent == account.name:
            circle = " → ".join([*above, account.name])
            return f"its parents form a circle: {circle}" if min(above) == account.name else ""
        if current.parent in above:
            return ""
        above.append(current.parent)
        if len(above) - 1 > MAX_ANCESTORS:
            return f"more than {MAX_ANCESTORS} accounts above it"
        current = state.accounts.get(current.parent)
    return ""
