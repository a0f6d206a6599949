"""Accounts and the phones that belong to them."""

from decimal import Decimal
from typing import Any

from controller.domain.configuration import AccountKind
from controller.domain.destinations import DestinationRule, contradiction, read_rule
from controller.domain.number_sections import read_section
from controller.domain.rates import RateType
from controller.domain.rights import Right, in_order
from controller.services.config_as_code import values
from controller.services.config_as_code.contact import contact_line
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import Section
from controller.services.config_as_code.openings import read_openings
from controller.services.config_as_code.sections.reader import (
    RATE_TYPES,
    ZERO,
    Reader,
    capacity,
    memo,
    money,
    optional_integer,
    optional_name,
)
from controller.services.config_as_code.specs import CONTACT, AccountSpec, PhoneSpec

MAX_TITLE = 255
MAX_SECTIONS = 1_000
MAX_RULES = 5_000
MAX_DIDS = 1_000
OFFLINE = ("offline_calls", "offline_minutes", "offline_money")
OFFLINE_CALLS = values.integer(1, 10_000)
OFFLINE_MINUTES = values.integer(1, 60)
OFFLINE_MONEY = values.amount(Decimal("0.0000000001"))

_RIGHTS = {str(right): right for right in Right}
_KINDS: dict[str, AccountKind] = {
    str(kind): kind for kind in AccountKind if kind is not AccountKind.SYSTEM
}


ACCOUNT_FIELDS = tuple(f for f in AccountSpec.__dataclass_fields__ if f != "closed")
"""What a file or a form may say of an account."""


def read_accounts(reader: Reader, top: Fields) -> None:
    for fields in top.objects(Section.ACCOUNTS, (*ACCOUNT_FIELDS, "opening_postings")):
        account = read_account(fields)
        reader.openings += read_openings(fields, account.name, reader.lines)
        reader.keep(Section.ACCOUNTS, account, fields)


def read_account(fields: Fields) -> AccountSpec:
    """One account, of a file or of a form."""
    contact: dict[str, Any] = {
        name: fields.optional(name, contact_line(name), "") for name in CONTACT
    }
    account = AccountSpec(
        name=fields.required("name", values.name, ""),
        currency=fields.required("currency", values.currency, ""),
        kind=fields.optional("kind", values.choice(_KINDS), AccountKind.ORDINARY),
        title=fields.optional("title", values.free_text(MAX_TITLE), ""),
        parent=optional_name(fields, "parent"),
        rate_group=optional_name(fields, "rate_group"),
        private_rate_group=optional_name(fields, "private_rate_group"),
        overdraft_limit=fields.optional("overdraft_limit", money, ZERO),
        monthly_minimum=fields.optional("monthly_minimum", money, ZERO),
        capacity=optional_integer(fields, "capacity", capacity),
        subtree_capacity=optional_integer(fields, "subtree_capacity", capacity),
        offline_calls=optional_integer(fields, "offline_calls", OFFLINE_CALLS),
        offline_minutes=optional_integer(fields, "offline_minutes", OFFLINE_MINUTES),
        offline_money=fields.optional("offline_money", OFFLINE_MONEY, None),
        locked=fields.optional("locked", values.flag, False),
        expires_at=fields.optional("expires_at", values.moment, None),
        number_sections=tuple(sorted(fields.many("number_sections", read_section, MAX_SECTIONS))),
        destination_rules=_rules(fields),
        rights=in_order(fields.many("rights", values.choice(_RIGHTS))),
        low_balance=fields.optional("low_balance", values.amount(-values.MAX_AMOUNT), None),
        low_balance_locks=fields.optional("low_balance_locks", values.flag, False),
        **contact,
        memo=fields.optional("memo", memo, ""),
    )
    if account.low_balance_locks and account.low_balance is None:
        line = fields.line_of("low_balance_locks")
        fields.problems.add(line, "low_balance_locks: there is no low_balance")
    _check_offline(fields, account)
    return account


def _check_offline(fields: Fields, account: AccountSpec) -> None:
    """Nothing is without a bound."""
    missing = [name for name in OFFLINE if getattr(account, name) is None]
    if 0 < len(missing) < len(OFFLINE):
        given = next(name for name in OFFLINE if name not in missing)
        fields.problems.add(
            fields.line_of(given), f"{given}: there is no {' and no '.join(missing)}"
        )


def _rules(fields: Fields) -> tuple[DestinationRule, ...]:
    rules = fields.many("destination_rules", read_rule, MAX_RULES)
    if prefix := contradiction(rules):
        line = fields.line_of("destination_rules")
        fields.problems.add(line, f"destination_rules: {prefix} is both allowed and denied")
    return tuple(sorted(rules))


def read_phones(reader: Reader, top: Fields) -> None:
    for fields in top.objects(Section.PHONES, PhoneSpec.__dataclass_fields__):
        reader.keep(Section.PHONES, read_phone(fields), fields, "number")


def read_phone(fields: Fields) -> PhoneSpec:
    """One phone, of a file or of a form."""
    phone = PhoneSpec(
        number=fields.required("number", values.phone_number, ""),
        account=fields.required("account", values.name, ""),
        rate_group=optional_name(fields, "rate_group"),
        authorization=fields.optional(
            "authorization", values.choice(RATE_TYPES), RateType.INTERNATIONAL
        ),
        dids=tuple(sorted(fields.many("dids", values.phone_number, MAX_DIDS))),
        locked=fields.optional("locked", values.flag, False),
        locked_in=fields.optional("locked_in", values.flag, False),
        monthly_minimum=fields.optional("monthly_minimum", money, ZERO),
        monthly_maximum=fields.optional("monthly_maximum", money, None),
        monthly_rent=fields.optional("monthly_rent", money, ZERO),
        lines_in=optional_integer(fields, "lines_in", capacity),
        lines_out=optional_integer(fields, "lines_out", capacity),
        lines_total=optional_integer(fields, "lines_total", capacity),
        memo=fields.optional("memo", memo, ""),
    )
    if phone.monthly_maximum is not None and phone.monthly_maximum < phone.monthly_minimum:
        line = fields.line_of("monthly_maximum")
        fields.problems.add(line, "monthly_maximum is below monthly_minimum")
    if phone.number in phone.dids:
        fields.problems.add(fields.line_of("dids"), f"dids: {phone.number} is the phone's own")
    return phone
