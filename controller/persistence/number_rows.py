"""Number sections, destination rules and DIDs, as rows of the database and as objects."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from controller.domain.destinations import DestinationRule
from controller.domain.number_sections import NumberSection
from controller.persistence import schema as t
from controller.services.config_as_code.specs import AccountSpec, PhoneSpec, Spec

_SECTIONS = sa.select(
    t.number_sections.c.account_id,
    t.number_sections.c.first_number,
    t.number_sections.c.last_number,
)
_RULES = sa.select(
    t.destination_rules.c.account_id, t.destination_rules.c.prefix, t.destination_rules.c.allowed
)
_DIDS = sa.select(t.phone_numbers.c.phone_id, t.phone_numbers.c.number).where(
    t.phone_numbers.c.is_did
)


def read_number_sections(connection: sa.Connection) -> dict[int, tuple[NumberSection, ...]]:
    """By account, in order."""
    found: dict[int, list[NumberSection]] = {}
    for account_id, first, last in connection.execute(_SECTIONS):
        found.setdefault(account_id, []).append(NumberSection(first, last))
    return {account_id: tuple(sorted(sections)) for account_id, sections in found.items()}


def read_destination_rules(connection: sa.Connection) -> dict[int, tuple[DestinationRule, ...]]:
    """By account, in order."""
    found: dict[int, list[DestinationRule]] = {}
    for account_id, prefix, allowed in connection.execute(_RULES):
        found.setdefault(account_id, []).append(DestinationRule(prefix, allowed))
    return {account_id: tuple(sorted(rules)) for account_id, rules in found.items()}


def read_dids(connection: sa.Connection) -> dict[int, tuple[str, ...]]:
    """By phone, in order."""
    found: dict[int, list[str]] = {}
    for phone_id, number in connection.execute(_DIDS):
        found.setdefault(phone_id, []).append(number)
    return {phone_id: tuple(sorted(numbers)) for phone_id, numbers in found.items()}


def rows_of_sections(accounts: Sequence[Spec]) -> list[dict[str, Any]]:
    return [
        {"account": account.name, "first": section.first, "last": section.last}
        for account in accounts
        if isinstance(account, AccountSpec)
        for section in account.number_sections
    ]


def rows_of_rules(accounts: Sequence[Spec]) -> list[dict[str, Any]]:
    return [
        {"account": account.name, "prefix": rule.prefix, "allowed": rule.allowed}
        for account in accounts
        if isinstance(account, AccountSpec)
        for rule in account.destination_rules
    ]


def rows_of_numbers(phones: Sequence[Spec]) -> list[dict[str, Any]]:
    """The DIDs of phones."""
    return [
        {"phone": phone.number, "number": number}
        for phone in phones
        if isinstance(phone, PhoneSpec)
        for number in phone.dids
    ]
