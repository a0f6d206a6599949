"""Numbers: each is one phone's, and lies where its account may have numbers (spec §1.6)."""

from collections.abc import Iterable, Iterator

from controller.domain.number_sections import NumberSections, limits
from controller.services.config_as_code.checks.references import above
from controller.services.config_as_code.model import Lines, Section, State
from controller.services.config_as_code.problems import Problem
from controller.services.config_as_code.specs import AccountSpec, PhoneSpec

Limit = tuple[str, NumberSections]
"""An account and its sections."""


def check_number_sections(state: State, lines: Lines) -> Iterator[Problem]:
    """The sections of an account lie in those of the nearest account above that has some."""
    known = _sections(state)
    for account in state.accounts.values():
        if account.name not in known:
            continue
        limit = _nearest(known, above(state, account))
        if limit is None:
            continue
        for section in account.number_sections:
            for part in limit[1].lacking(section):
                line = lines.find(
                    (Section.ACCOUNTS, account.name, "number_sections"),
                    (Section.ACCOUNTS, account.name, "parent"),
                    (Section.ACCOUNTS, limit[0], "number_sections"),
                    (Section.ACCOUNTS,),
                )
                yield Problem(
                    line, f"account {account.name}: {part} is in no number section of {limit[0]}"
                )


def check_phone_numbers(state: State, lines: Lines) -> Iterator[Problem]:
    """A phone's number and its DIDs are in the sections of its account, and nobody else's."""
    known = _sections(state)
    owners: dict[str, str] = {}
    for phone in state.phones.values():
        for did in phone.dids:
            other = did if did in state.phones else owners.setdefault(did, phone.number)
            if other != phone.number:
                line = lines.find((Section.PHONES, phone.number, "dids"), (Section.PHONES, other))
                yield Problem(line, f"phone {phone.number}: {taken(did, other)}")
        if known and (account := state.accounts.get(phone.account)):
            yield from _outside(state, lines, known, phone, account)


def taken(number: str, phone: str) -> str:
    """Why a number may not be a DID."""
    return f"{number} is a phone" if number == phone else f"{number} is a DID of phone {phone}"


def _outside(
    state: State, lines: Lines, known: dict[str, NumberSections], phone: PhoneSpec, own: AccountSpec
) -> Iterator[Problem]:
    limit = _nearest(known, (own, *above(state, own)))
    for number in (phone.number, *phone.dids) if limit else ():
        if limit is not None and limits(limit[1], number):
            key = "number" if number == phone.number else "dids"
            line = lines.find(
                (Section.PHONES, phone.number, key),
                (Section.ACCOUNTS, limit[0], "number_sections"),
                (Section.ACCOUNTS, own.name, "parent"),
                (Section.ACCOUNTS,),
            )
            message = f"{number} is in no number section of account {limit[0]}"
            yield Problem(line, f"phone {phone.number}: {message}")


def _sections(state: State) -> dict[str, NumberSections]:
    """Of the accounts that have some; a closed one gives its numbers back."""
    return {
        account.name: NumberSections(account.number_sections)
        for account in state.accounts.values()
        if account.number_sections and not account.closed
    }


def _nearest(known: dict[str, NumberSections], chain: Iterable[AccountSpec]) -> Limit | None:
    for account in chain:
        if account.name in known:
            return account.name, known[account.name]
    return None
