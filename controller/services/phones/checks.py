"""What must be true of a phone before it is written: the file's own rules, within a scope."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from controller.domain.errors import InvalidFields
from controller.services.actors import EVERYTHING, Actor
from controller.services.config_as_code.checks.accounts import check_phones
from controller.services.config_as_code.checks.numbers import check_phone_numbers
from controller.services.config_as_code.model import Section, State
from controller.services.config_as_code.problems import shown
from controller.services.config_as_code.specs import AccountSpec, PhoneSpec
from controller.services.phones.ports import NumberOwner, PhoneWork
from controller.services.phones.records import KIND, PhoneRecord
from controller.services.records.values import FieldPlaces
from controller.services.records.work import refuse_outside

TERMS = ("rate_group", "monthly_minimum", "monthly_maximum", "monthly_rent")
"""What a phone costs. It is set by who is above the phone's account, never from within it."""

_PLAIN = PhoneSpec("", "")


def check_phone(
    work: PhoneWork,
    actor: Actor,
    phone: PhoneSpec,
    owners: Mapping[str, NumberOwner],
    before: PhoneRecord | None = None,
) -> None:
    """Raises InvalidFields, by the phone's fields. `owners` are those of its new numbers."""
    chain = work.chain(phone.account, actor.scope)
    if not chain:
        refuse_outside(work, actor, KIND, phone.number, phone.account)
        raise InvalidFields({"account": f"there is no account {shown(phone.account)}"})
    errors = {
        **_taken(phone, owners),
        **_relations(work, actor, _news(phone, before), chain),
        **_terms(work, actor, phone, before),
        **_move(work, chain[0], phone, before),
    }
    if errors:
        raise InvalidFields(errors)


def new_numbers(phone: PhoneSpec, before: PhoneRecord | None = None) -> set[str]:
    """The numbers that a phone is to have and has not yet."""
    owned = set() if before is None else {before.spec.number, *before.spec.dids}
    return {phone.number, *phone.dids} - owned


def _news(phone: PhoneSpec, before: PhoneRecord | None) -> PhoneSpec:
    """Without a rate group that stays: it may be one that the actor itself could not give."""
    if before is None or before.spec.account != phone.account:
        return phone
    stays = before.spec.rate_group == phone.rate_group
    return replace(phone, rate_group=None) if stays else phone


def _relations(
    work: PhoneWork, actor: Actor, phone: PhoneSpec, chain: Sequence[AccountSpec]
) -> dict[str, str]:
    """As of a configuration file that declares only this phone."""
    group = work.rate_group(phone.rate_group, actor.scope) if phone.rate_group else None
    state = State(
        accounts={account.name: account for account in chain},
        rate_groups={group.name: group} if group else {},
        phones={phone.number: phone},
    )
    places = FieldPlaces(PhoneSpec.__dataclass_fields__)
    lines = places.lines(Section.PHONES, phone.number)
    found = [*check_phones(state, lines), *check_phone_numbers(state, lines)]
    whose = f"phone {phone.number}: "
    return {name: message.removeprefix(whose) for name, message in places.errors(found).items()}


def _taken(phone: PhoneSpec, owners: Mapping[str, NumberOwner]) -> dict[str, str]:
    """Whose it is stays untold: that may be another tenant's."""
    return {
        "number" if number == phone.number else "dids": f"the number {number} is taken"
        for number in sorted({phone.number, *phone.dids}, reverse=True)
        if number in owners
    }


def _terms(
    work: PhoneWork, actor: Actor, phone: PhoneSpec, before: PhoneRecord | None
) -> dict[str, str]:
    """Of a phone of the actor's own account: as they were, or none."""
    if actor.is_operator or work.account_id(phone.account) != actor.account_id:
        return {}
    stays = before is not None and before.spec.account == phone.account
    wanted = before.spec if before is not None and stays else _PLAIN
    return {
        name: "what a phone of your own account costs is set by who is above it"
        for name in TERMS
        if getattr(phone, name) != getattr(wanted, name)
    }


def _move(
    work: PhoneWork, account: AccountSpec, phone: PhoneSpec, before: PhoneRecord | None
) -> dict[str, str]:
    """A phone's monthly amounts, and what its calls of the month cost, are in one currency."""
    if before is None or before.spec.account == phone.account:
        return {}
    (was, *_) = work.chain(before.spec.account, EVERYTHING)
    if was.currency != account.currency:
        return {"account": f"{account.name} is in {account.currency}, the phone in {was.currency}"}
    ties = work.ties(phone.number)
    return {"account": f"the phone {ties}"} if ties else {}
