"""Accounts and phones as decisions read them: of the configuration what there may be most of."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import Account, AccountKind, OfflineTerms, Phone
from controller.domain.errors import InvalidConfiguration
from controller.domain.rates import RateType
from controller.persistence import schema as t
from controller.persistence.kept_rows import KeptRows, Reading

_KINDS = {str(kind): kind for kind in AccountKind}
_RATE_TYPES = {int(rate_type): rate_type for rate_type in RateType}


class KeptTables:
    """What is kept for the next version of what there may be very many of. For one thread."""

    def __init__(self) -> None:
        self.reading = Reading()
        self.accounts = KeptRows(t.accounts, _ACCOUNT, _account)
        self.phones = KeptRows(t.phones, _PHONE, _phone)


def read_accounts(
    connection: sa.Connection, kept: KeptTables, since: int | None
) -> dict[int, Account]:
    """Every account by its id; no account is above itself."""
    found, changed = kept.accounts.read(connection, since)
    _refuse_circles(found, changed)
    return found


def read_phones(connection: sa.Connection, kept: KeptTables, since: int | None) -> dict[str, Phone]:
    """Every phone by its number."""
    found, _ = kept.phones.read(connection, since)
    return {phone.number: phone for phone in found.values()}


_ACCOUNT = (
    t.accounts.c.name,
    t.accounts.c.kind,
    t.accounts.c.currency,
    t.accounts.c.parent_id,
    t.accounts.c.rate_group_id,
    t.accounts.c.private_rate_group_id,
    t.accounts.c.overdraft_limit,
    t.accounts.c.capacity,
    # until it is approved it has no calls, as if it were locked
    t.accounts.c.locked | t.accounts.c.awaiting_approval,
    t.accounts.c.closed_at.is_not(None),
    t.accounts.c.expires_at,
    t.accounts.c.offline_calls,
    t.accounts.c.offline_minutes,
    t.accounts.c.offline_money,
)


_PHONE = (
    t.phones.c.number,
    t.phones.c.account_id,
    t.phones.c.rate_group_id,
    t.phones.c.authorization,
    t.phones.c.locked,
    t.phones.c.monthly_maximum,
)


def _phone(
    id_: int,
    number: str,
    account_id: int,
    group_id: int | None,
    level: int,
    locked: bool,
    maximum: Decimal | None,
) -> Phone:
    """From its id and the columns above, in their order: there may be very many."""
    return Phone(id_, number, account_id, group_id, _RATE_TYPES[level], locked, maximum)


def _account(account_id: int, name: str, kind: str, *rest: Any) -> Account:
    """From its id and the columns above, in their order: there may be very many."""
    *terms, calls, minutes, money = rest
    account = Account(account_id, name, _KINDS[kind], *terms)
    if calls is None:
        return account
    return replace(account, offline=OfflineTerms(calls, minutes, money))


def _refuse_circles(accounts: dict[int, Account], changed: Iterable[Account]) -> None:
    """Circles are refused where they are stored; who asks for an account's agents needs an end.

    A new circle goes through an account that has changed.
    """
    sound: set[int] = set()
    for account in changed:
        chain: dict[int, str] = {}
        current: Account | None = account
        while current is not None and current.account_id not in sound:
            if current.account_id in chain:
                names = " → ".join([*chain.values(), current.name])
                raise InvalidConfiguration(f"the parents of accounts form a circle: {names}")
            chain[current.account_id] = current.name
            current = None if current.parent_id is None else accounts[current.parent_id]
        sound.update(chain)
