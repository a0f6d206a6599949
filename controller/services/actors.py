"""Who does something, from where, and what of the platform it may concern.

Web, API and command line make an `Actor` and hand it to the services; the services ask it, never
the caller. An operator has every right everywhere. An agent's user has the rights of its account
(`domain.rights.effective`) in the account's subtree, a customer's user sees its own account.
"""

from dataclasses import dataclass
from enum import StrEnum

from controller.domain.errors import NotAllowed
from controller.domain.rights import ALL_RIGHTS, NO_RIGHTS, Right, Rights
from controller.services.sign_in import Role


class Source(StrEnum):
    WEB = "web"
    API = "api"
    COMMAND_LINE = "command line"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Scope:
    """The accounts that somebody may know of: those of one account, or all (`account_id` none).

    What is outside is "not found", wherever it is asked for: by id, by search, by export, in sums.
    """

    account_id: int | None = None
    subtree: bool = True

    @property
    def is_everything(self) -> bool:
        return self.account_id is None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Actor:
    """`account_id` is that of an agent's or a customer's user; `address` where it came from."""

    name: str
    source: Source
    role: Role
    user_id: int | None = None
    account_id: int | None = None
    rights: Rights = NO_RIGHTS
    address: str = ""

    @property
    def is_operator(self) -> bool:
        return self.role is Role.ADMINISTRATOR

    @property
    def scope(self) -> Scope:
        if self.is_operator:
            return EVERYTHING
        if self.account_id is None:
            raise NotAllowed(f"user {self.name} belongs to no account")
        return Scope(self.account_id, subtree=self.role is Role.AGENT)

    def may(self, right: Right) -> bool:
        return self.is_operator or right in self.rights

    def require(self, right: Right) -> None:
        """Raises NotAllowed, naming the right."""
        if not self.may(right):
            raise NotAllowed(f"{self.name} lacks the right {right}", right)


def operator(name: str, source: Source = Source.COMMAND_LINE, user_id: int | None = None) -> Actor:
    return Actor(name, source, Role.ADMINISTRATOR, user_id, rights=ALL_RIGHTS)
