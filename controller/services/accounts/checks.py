"""What must be true of an account before it is written: the file's own rules, within a scope."""

from collections.abc import Iterable
from dataclasses import replace

from controller.domain.errors import InvalidFields
from controller.domain.rights import ALL_RIGHTS, Rights
from controller.services.accounts.ports import AccountWork
from controller.services.accounts.records import KIND, AccountRecord
from controller.services.actors import EVERYTHING, Actor, Scope
from controller.services.config_as_code.checks.accounts import check_accounts, check_phones
from controller.services.config_as_code.checks.numbers import (
    check_number_sections,
    check_phone_numbers,
)
from controller.services.config_as_code.model import Lines, Section, State
from controller.services.config_as_code.problems import shown
from controller.services.config_as_code.sections.accounts import ACCOUNT_FIELDS
from controller.services.config_as_code.specs import (
    CONTACT,
    AccountSpec,
    PhoneSpec,
    RateGroupSpec,
)
from controller.services.records.values import FieldPlaces
from controller.services.records.work import refuse_outside

MAX_NAMED = 20
"""Faults below an account that a message lists."""

OWN_FIELDS = frozenset(CONTACT)
"""What somebody may change of the own account; the rest is set by who is above it."""


def check_account(
    work: AccountWork,
    actor: Actor,
    account: AccountSpec,
    granting: Rights,
    before: AccountRecord | None = None,
) -> None:
    """Raises InvalidFields, by the account's fields. `granting`: rights that the actor may give."""
    chain = _chain_of_parent(work, actor, account)
    kept = _kept_groups(work, account, before)
    state = State(
        accounts={a.name: a for a in (*chain, replace(account, closed=False))},
        rate_groups={**kept, **_groups(work, actor.scope, (account,))},
    )
    errors = _faults(state, account)
    if before is not None and _reaches_down(account, before.spec):
        errors = {**_faults_below(work, before.account_id, state, account), **errors}
    errors |= _fixed(work, account, before)
    errors |= _beyond(account, granting, before)
    if errors:
        raise InvalidFields(errors)


def _groups(
    work: AccountWork, scope: Scope, payers: Iterable[AccountSpec | PhoneSpec]
) -> dict[str, RateGroupSpec]:
    names = {payer.rate_group for payer in payers}
    names |= {getattr(payer, "private_rate_group", None) for payer in payers}
    found = (work.rate_group(name, scope) for name in sorted(name for name in names if name))
    return {group.name: group for group in found if group is not None}


def _kept_groups(
    work: AccountWork, account: AccountSpec, before: AccountRecord | None
) -> dict[str, RateGroupSpec]:
    """Those that somebody above has set and that stay; whose they are is not told."""
    if before is None:
        return {}
    fields = ("rate_group", "private_rate_group")
    same = [f for f in fields if getattr(account, f) == getattr(before.spec, f)]
    names = {name for name in (getattr(account, field) for field in same) if name}
    found = (work.rate_group(name, EVERYTHING) for name in sorted(names))
    return {group.name: replace(group, owner=None) for group in found if group is not None}


def _faults(state: State, account: AccountSpec) -> dict[str, str]:
    """Those that are the account's own."""
    places = FieldPlaces(ACCOUNT_FIELDS)
    lines = places.lines(Section.ACCOUNTS, account.name)
    found = [*check_accounts(state, lines), *check_number_sections(state, lines)]
    whose = f"account {account.name}: "
    return {name: why.removeprefix(whose) for name, why in places.errors(found).items()}


def _reaches_down(account: AccountSpec, before: AccountSpec) -> bool:
    return (account.parent, account.currency, account.number_sections) != (
        before.parent,
        before.currency,
        before.number_sections,
    )


def _faults_below(
    work: AccountWork, account_id: int, state: State, account: AccountSpec
) -> dict[str, str]:
    """What the change would make wrong below the account, at the field that is to blame."""
    accounts, phones = work.below(account_id)
    whole = State(
        accounts={**{a.name: a for a in accounts}, **state.accounts},
        rate_groups=_groups(work, EVERYTHING, (account, *accounts, *phones)),
        phones={phone.number: phone for phone in phones},
    )
    lines = Lines({})
    checks = (check_accounts, check_number_sections, check_phones, check_phone_numbers)
    found = [problem.message for check in checks for problem in check(whole, lines)]
    if not found:
        return {}
    more = f" (and {len(found) - MAX_NAMED} more)" if len(found) > MAX_NAMED else ""
    blame = "number_sections" if "section" in found[0] else "parent"
    return {blame: "; ".join(found[:MAX_NAMED]) + more}


def _chain_of_parent(
    work: AccountWork, actor: Actor, account: AccountSpec
) -> tuple[AccountSpec, ...]:
    """The accounts above; those of an agent stay below it (spec §1.4: no orphans)."""
    if account.parent is None:
        if actor.is_operator:
            return ()
        raise InvalidFields({"parent": "needed: your accounts are below your own"})
    chain = work.chain(account.parent, actor.scope)
    if not chain:
        refuse_outside(work, actor, KIND, account.name, account.parent)
        raise InvalidFields({"parent": f"there is no account {shown(account.parent)}"})
    return chain


def _fixed(work: AccountWork, account: AccountSpec, before: AccountRecord | None) -> dict[str, str]:
    if before is None:
        return {}
    changed = [n for n in ("currency", "kind") if getattr(account, n) != getattr(before.spec, n)]
    if not changed or not work.is_fixed(before.account_id):
        return {}
    return dict.fromkeys(changed, "the account has postings or calls: this is fixed")


def _beyond(account: AccountSpec, granting: Rights, before: AccountRecord | None) -> dict[str, str]:
    """Nobody gives a right that he has not; what an account has already may stay."""
    had = ALL_RIGHTS if granting == ALL_RIGHTS else frozenset(before.spec.rights if before else ())
    beyond = [right for right in account.rights if right not in granting and right not in had]
    if not beyond:
        return {}
    return {"rights": f"you cannot give what you have not: {', '.join(beyond)}"}
