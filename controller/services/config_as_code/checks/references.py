"""What is wrong with a name that one object has of another, in words; empty where it is sound."""

from collections.abc import Iterator

from controller.domain.configuration import AccountKind
from controller.services.config_as_code.model import State
from controller.services.config_as_code.problems import shown
from controller.services.config_as_code.specs import AccountSpec, RateGroupSpec

MAX_ANCESTORS = 16


def above(state: State, account: AccountSpec) -> Iterator[AccountSpec]:
    """The accounts above one, the nearest first; as many as may be, for they may form a circle."""
    current: AccountSpec | None = account
    for _ in range(MAX_ANCESTORS + 1):
        current = state.accounts.get(current.parent) if current and current.parent else None
        if current is None:
            return
        yield current


def payer_fault(state: State, name: str) -> str:
    """Of an account that is to pay: a customer's, and open."""
    account = state.accounts.get(name)
    if account is None:
        return f"there is no account {shown(name)}"
    if account.closed:
        return f"its account {name} is closed"
    if account.kind is AccountKind.CLEARING:
        return f"{name} is a clearing account, which is for vendors"
    return ""


def vendor_fault(state: State, name: str) -> str:
    """Of an account that is to be paid."""
    account = state.accounts.get(name)
    if account is None:
        return f"there is no account {shown(name)}"
    if account.closed:
        return f"its account {name} is closed"
    if account.kind is not AccountKind.CLEARING:
        return f"{name} is not a clearing account"
    return ""


def is_gone_account(state: State, name: str) -> bool:
    """Neither there nor open."""
    account = state.accounts.get(name)
    return account is None or account.closed


def owner_fault(state: State, group: RateGroupSpec, account: AccountSpec) -> str:
    """An agent's own rate group prices the accounts below it, and nobody else's calls."""
    if group.owner is None or any(agent.name == group.owner for agent in above(state, account)):
        return ""
    return f"rate group {group.name} belongs to {group.owner}, which is not above {account.name}"
