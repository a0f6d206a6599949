"""Rate groups as things: who uses them, who may see them, and taking one away (spec §2.1)."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from controller.domain.configuration import AccountKind
from controller.domain.errors import InvalidInput
from controller.services.actors import Actor
from controller.services.audit import AuditLine
from controller.services.config_as_code.problems import shown

KIND = "rate group"
"""In the audit log."""


class UseKind(StrEnum):
    """What stands on a rate group."""

    ACCOUNT = "account"
    """Its rate group."""
    PRIVATE = "account_private"
    """Its private rate group."""
    PHONE = "phone"
    PERIOD_OF_GROUP = "period_of_rate_group"
    """Hours of another group whose prices are this one's."""
    PERIOD_OF_PACKAGE = "period_of_package"


DETACHABLE = frozenset((UseKind.ACCOUNT, UseKind.PRIVATE, UseKind.PHONE))
"""Uses that end with the group where somebody insists; hours would charge other prices then."""


@dataclass(frozen=True, slots=True)
class Use:
    """One object that stands on a rate group."""

    kind: UseKind
    name: str


@dataclass(frozen=True, slots=True)
class RateGroupSummary:
    """A rate group in a list. `owner` and `agents` are accounts' names; closed ones don't count."""

    name: str
    currency: str
    memo: str
    rates: int
    accounts: int
    private_accounts: int
    phones: int
    periods: int
    staged_decks: int
    owner: str | None
    agents: tuple[str, ...]

    @property
    def uses(self) -> int:
        return self.accounts + self.private_accounts + self.phones + self.periods


@dataclass(frozen=True, slots=True)
class Deletion:
    """What came of it. `refused`: the uses that stand against it; else `detached` are those that
    ended with the group."""

    rates: int
    refused: tuple[Use, ...] = ()
    detached: tuple[Use, ...] = ()
    version: int | None = None


@dataclass(frozen=True, slots=True)
class AgentAccount:
    """An account that a rate group may be shown to."""

    account_id: int
    name: str
    kind: AccountKind
    closed: bool


@dataclass(frozen=True, slots=True)
class UseOwner:
    """A use, and the account whose agents may know of it."""

    use: Use
    account_id: int


class RateGroupWork(Protocol):
    """One transaction on rate groups; nothing stays unless `commit` is called."""

    def summaries(self) -> list[RateGroupSummary]:
        """Every rate group, by name."""

    def rates_count(self, group: str) -> int | None:
        """None where there is no such group."""

    def uses(self, group: str) -> list[Use]: ...

    def remove(self, group: str, detached: Sequence[Use]) -> None:
        """With its rates and decks, after these uses were ended."""

    def account(self, name: str) -> AgentAccount | None: ...

    def authorize(self, group: str, account: str) -> bool:
        """False where it was so before."""

    def revoke(self, group: str, account: str) -> bool:
        """False where it was not authorized."""

    def visible(self, account: str) -> list[str]:
        """Rate groups that the account owns or is authorized for, by name."""

    def owners(self, uses: Sequence[Use]) -> Sequence[UseOwner]:
        """Of accounts and phones among them, each once."""

    def audit(self, *lines: AuditLine) -> None: ...

    def bump_version(self) -> int: ...

    def commit(self) -> None: ...


class RateGroupStore(Protocol):
    """Where rate groups are kept."""

    def begin(self) -> AbstractContextManager[RateGroupWork]:
        """A transaction that no other change of the configuration overlaps."""

    def begin_reading(self) -> AbstractContextManager[RateGroupWork]: ...


def list_rate_groups(store: RateGroupStore) -> list[RateGroupSummary]:
    with store.begin_reading() as work:
        return work.summaries()


def delete_rate_group(actor: Actor, store: RateGroupStore, group: str, *, force: bool) -> Deletion:
    """Delete a rate group with its rates; refused while it is in use.

    With `force`, accounts and phones lose it (calls that have no other price are refused then),
    and are named. Hours of other groups and of packages stand against it in any case. Raises
    InvalidInput where there is no such group.
    """
    with store.begin() as work:
        rates = work.rates_count(group)
        if rates is None:
            raise InvalidInput(f"no rate group is named {shown(group)}")
        uses = work.uses(group)
        refused = [use for use in uses if not force or use.kind not in DETACHABLE]
        if refused:
            return Deletion(rates, tuple(refused))
        lost = list(_lost(actor, group, work.owners(uses)))
        work.remove(group, uses)
        counted = {"rates": (str(rates), "")}
        work.audit(AuditLine(actor, "delete", KIND, group, changes=counted), *lost)
        version = work.bump_version()
        work.commit()
        return Deletion(rates, (), tuple(uses), version)


def set_authorization(
    actor: Actor, store: RateGroupStore, group: str, account: str, *, authorized: bool
) -> bool:
    """Let an agent see a rate group, or no longer; False where that was so before.

    Raises InvalidInput where there is no such group or account, or the account can be no agent.
    """
    with store.begin() as work:
        if work.rates_count(group) is None:
            raise InvalidInput(f"no rate group is named {shown(group)}")
        found = work.account(account)
        if found is None:
            raise InvalidInput(f"no account is named {shown(account)}")
        if authorized and (found.closed or found.kind is not AccountKind.ORDINARY):
            state = "closed" if found.closed else f"a {found.kind.replace('_', ' ')} account"
            raise InvalidInput(f"{account} is {state}: it cannot be an agent")
        changed = (work.authorize if authorized else work.revoke)(group, account)
        if changed:
            agents = ("", account) if authorized else (account, "")
            action = "authorize" if authorized else "revoke"
            what = {"agents": agents}
            work.audit(AuditLine(actor, action, KIND, group, found.account_id, what))
        work.commit()
        return changed


def _lost(actor: Actor, group: str, uses: Sequence[UseOwner]) -> Iterator[AuditLine]:
    """The lines of accounts and phones that the group is taken from."""
    for owned in uses:
        kind, use = "phone" if owned.use.kind is UseKind.PHONE else "account", owned.use
        field = "private_rate_group" if use.kind is UseKind.PRIVATE else "rate_group"
        yield AuditLine(actor, "change", kind, use.name, owned.account_id, {field: (group, "")})


def visible_rate_groups(store: RateGroupStore, agent: str) -> list[str]:
    """Names of what an agent may see: its own groups and those it is authorized for.

    Nothing is inherited: neither from the agent above it nor to its own agents. Raises
    InvalidInput where there is no such account.
    """
    with store.begin_reading() as work:
        if work.account(agent) is None:
            raise InvalidInput(f"no account is named {shown(agent)}")
        return work.visible(agent)
