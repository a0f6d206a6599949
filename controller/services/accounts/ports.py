"""What accounts need of a store."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from controller.services.accounts.records import (
    AccountPage,
    AccountQuery,
    AccountRecord,
    RightView,
    TreeNode,
)
from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine
from controller.services.config_as_code.specs import AccountSpec, PhoneSpec
from controller.services.records.work import RecordWork


class AccountWork(RecordWork, Protocol):
    """One transaction on accounts."""

    def accounts(self, names: Sequence[str], scope: Scope) -> Mapping[str, AccountRecord]:
        """Those that are there and in scope, by name."""

    def name_of(self, account_id: int) -> str: ...

    def know(self, account: AccountSpec) -> None:
        """An account that is going to be written: others may be put below it already."""

    def taken(self, names: Sequence[str]) -> frozenset[str]:
        """Those that some account has already, whatever the scope."""

    def children(self, account_id: int, most: int) -> tuple[tuple[str, ...], int]:
        """The first names of accounts that are open and directly below, and how many there are."""

    def approval_needed(self) -> bool:
        """The parameter `approve_sub_agents`."""

    def is_fixed(self, account_id: int) -> bool:
        """It has postings or calls: its currency and kind stay."""

    def history(self, account_id: int) -> str:
        """Why it cannot be deleted, in words; empty where it can."""

    def ties(self, account_id: int) -> str:
        """Why it cannot be closed, in words; empty where it can."""

    def below(self, account_id: int) -> tuple[Sequence[AccountSpec], Sequence[PhoneSpec]]:
        """The accounts below, those closed too, and the phones of all of them and of the account.

        Of a phone only its numbers, its account and its rate group.
        """

    def write(self, accounts: Sequence[AccountSpec]) -> None:
        """New and changed ones. Overdraft limits stay as they are; of new ones they are 0."""

    def audit_all(self, lines: Sequence[AuditLine]) -> None: ...

    def await_approval(self, names: Sequence[str]) -> None: ...

    def approve(self, account_id: int) -> None: ...

    def unlock(self, account_id: int) -> None: ...

    def close(self, account_id: int) -> None: ...

    def reopen(self, account_id: int) -> None: ...

    def delete(self, account_id: int) -> None: ...


class AccountStore(Protocol):
    """All methods raise StoreUnavailable."""

    def begin(self, actor: Actor) -> AbstractContextManager[AccountWork]:
        """Committed at its end; an exception takes everything back but what was denied."""

    def page(self, scope: Scope, query: AccountQuery) -> AccountPage:
        """Raises InvalidFields for an `after` that no page ended with."""

    def get(self, scope: Scope, name: str) -> AccountRecord | None: ...

    def name_of(self, account_id: int) -> str | None: ...

    def rights(self, account_id: int) -> tuple[RightView, ...]:
        """Each right, with the agents above that lack it, the nearest first."""

    def tree(self, scope: Scope, under: int | None, after: str, most: int) -> list[TreeNode]:
        """Agents directly below an account, or the scope's own tops; by name."""
