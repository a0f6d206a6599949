"""What phones need of a store."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from controller.domain.sip_credentials import Credentials
from controller.services.accounts.ports import AccountStore
from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine
from controller.services.config_as_code.specs import PhoneSpec
from controller.services.phones.records import PhonePage, PhoneQuery, PhoneRecord
from controller.services.records.work import RecordWork


@dataclass(frozen=True, slots=True)
class NumberOwner:
    """`phone` has the number, as its own or as a DID."""

    phone: str
    account_id: int


class PhoneWork(RecordWork, Protocol):
    """One transaction on phones."""

    def phones(self, numbers: Sequence[str], scope: Scope) -> Mapping[str, PhoneRecord]:
        """Those that are there and in scope, by number."""

    def owners(self, numbers: Sequence[str]) -> Mapping[str, NumberOwner]:
        """Whose these numbers are already, whatever the scope."""

    def ties(self, number: str) -> str:
        """What binds a phone to its account, in words: package orders. Empty where nothing does."""

    def history(self, number: str) -> str:
        """Why a phone must stay, in words: calls, orders, charges. Empty where it need not."""

    def write(self, phones: Sequence[PhoneSpec]) -> None:
        """New and changed ones, with their DIDs."""

    def write_credentials(self, credentials: Mapping[str, Credentials]) -> None:
        """By number, in place of those before."""

    def delete(self, number: str) -> None: ...

    def account_store(self) -> AccountStore:
        """For an account that is made with its phone, in this very transaction."""


class PhoneStore(Protocol):
    """All methods raise StoreUnavailable."""

    def begin(self, actor: Actor) -> AbstractContextManager[PhoneWork]:
        """Committed at its end; an exception takes everything back but what was denied."""

    def page(self, scope: Scope, query: PhoneQuery) -> PhonePage:
        """Raises InvalidFields for an `after` that no page ended with."""

    def get(self, scope: Scope, number: str) -> PhoneRecord | None: ...

    def deny(self, line: AuditLine) -> None:
        """A line of the audit log by itself."""
