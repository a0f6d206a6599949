"""Relations between objects, checked on the state that applying would leave. Pure.

Objects that are stored but not in the file count too: a file may not pull a rate group away
from an account that it doesn't mention. Such a fault is put at the line that causes it, else at
the section. Rules: spec §1.1, §1.2, §4.1, §5.1.
"""

from collections.abc import Iterator

from controller.domain.configuration import AccountKind
from controller.services.config_as_code.model import (
    AccountSpec,
    Lines,
    Section,
    State,
)
from controller.services.config_as_code.problems import Problem, shown

MAX_ANCESTORS = 16

Place = tuple[str, ...]


def check_relations(state: State, lines: Lines) -> list[Problem]:
    """Everything that doesn't fit together in `state`."""
    checks = (_accounts, _mapping_gateways, _addresses, _routing_gateways, _routes)
    return [problem for check in checks for problem in check(state, lines)]


def _accounts(state: State, lines: Lines) -> Iterator[Problem]:
    for account in state.accounts.values():
        if not account.closed:
            yield from _rate_group(state, lines, account)
            yield from _parent(state, lines, account)


def _rate_group(state: State, lines: Lines, account: AccountSpec) -> Iterator[Problem]:
    if account.rate_group is None:
        return
    group = state.rate_groups.get(account.rate_group)
    own: Place = (Section.ACCOUNTS, account.name, "rate_group")
    if group is None:
        message = f"account {account.name}: there is no rate group {shown(account.rate_group)}"
        yield Problem(lines.find(own, (Section.RATE_GROUPS,)), message, own not in lines.of)
    elif group.currency and account.currency and group.currency != account.currency:
        yield Problem(
            lines.find(own, (Section.RATE_GROUPS, group.name, "currency")),
            f"account {account.name} is in {account.currency},"
            f" its rate group {group.name} in {group.currency}",
        )


def _parent(state: State, lines: Lines, account: AccountSpec) -> Iterator[Problem]:
    if account.parent is None:
        return
    parent = state.accounts.get(account.parent)
    fault = _parent_fault(state, account, parent)
    if fault:
        line = lines.find(
            (Section.ACCOUNTS, account.name, "parent"),
            (Section.ACCOUNTS, account.parent),
            (Section.ACCOUNTS,),
        )
        in_file = (Section.ACCOUNTS, account.name) in lines.of
        refused = parent is not None and parent.closed and not in_file
        yield Problem(line, f"account {account.name}: {fault}", refused)


def _parent_fault(state: State, account: AccountSpec, parent: AccountSpec | None) -> str:
    if parent is None:
        return f"there is no account {shown(account.parent or '')}"
    if parent.closed:
        return f"its parent {parent.name} is closed"
    if AccountKind.CLEARING in (account.kind, parent.kind):
        return "a clearing account has neither parent nor children"
    if parent.currency and account.currency and parent.currency != account.currency:
        return f"is in {account.currency}, its parent {parent.name} in {parent.currency}"
    return _chain_fault(state, account)


def _chain_fault(state: State, account: AccountSpec) -> str:
    """A circle of parents is named once: at the member whose name sorts first."""
    above = [account.name]
    current: AccountSpec | None = account
    while current is not None and current.parent is not None:
        if current.parent == account.name:
            circle = " → ".join([*above, account.name])
            return f"its parents form a circle: {circle}" if min(above) == account.name else ""
        if current.parent in above:
            return ""
        above.append(current.parent)
        if len(above) - 1 > MAX_ANCESTORS:
            return f"more than {MAX_ANCESTORS} accounts above it"
        current = state.accounts.get(current.parent)
    return ""


def _mapping_gateways(state: State, lines: Lines) -> Iterator[Problem]:
    for gateway in state.mapping_gateways.values():
        section = Section.MAPPING_GATEWAYS
        fault = _account_fault(state, gateway.account, clearing=False)
        if fault:
            yield _gateway_problem(state, lines, section, gateway.name, gateway.account, fault)


def _routing_gateways(state: State, lines: Lines) -> Iterator[Problem]:
    for gateway in state.routing_gateways.values():
        section, account = Section.ROUTING_GATEWAYS, gateway.clearing_account
        fault = _account_fault(state, account, clearing=True)
        if fault:
            yield _gateway_problem(state, lines, section, gateway.name, account, fault)


def _account_fault(state: State, name: str, *, clearing: bool) -> str:
    if not name:
        return ""
    account = state.accounts.get(name)
    if account is None:
        return f"there is no account {shown(name)}"
    if account.closed:
        return f"its account {name} is closed"
    if clearing and account.kind is not AccountKind.CLEARING:
        return f"{name} is not a clearing account"
    if not clearing and account.kind is AccountKind.CLEARING:
        return f"{name} is a clearing account, which is for vendors"
    return ""


def _gateway_problem(
    state: State, lines: Lines, section: Section, gateway: str, account: str, fault: str
) -> Problem:
    key = "account" if section is Section.MAPPING_GATEWAYS else "clearing_account"
    line = lines.find(
        (section, gateway, key),
        (section, gateway),
        (Section.ACCOUNTS, account, "kind"),
        (Section.ACCOUNTS, account),
        (Section.ACCOUNTS,),
    )
    known = state.accounts.get(account)
    in_file = (section, gateway) in lines.of
    return Problem(
        line, f"gateway {gateway}: {fault}", known is not None and known.closed and not in_file
    )


def _addresses(state: State, lines: Lines) -> Iterator[Problem]:
    """An address and port identify one gateway; the same address with another port may differ."""
    owners: dict[object, str] = {}
    for gateway in state.mapping_gateways.values():
        for address in gateway.addresses:
            other = owners.setdefault(address, gateway.name)
            if other != gateway.name:
                yield _address_problem(lines, f"address {address}", gateway.name, other)


def _address_problem(lines: Lines, address: str, gateway: str, other: str) -> Problem:
    section = Section.MAPPING_GATEWAYS
    line = lines.find((section, gateway, "addresses"), (section, other, "addresses"))
    kept = [name for name in (other, gateway) if (section, name) not in lines.of]
    hint = f" ({kept[0]} is not in the file; --prune would remove it)" if kept else ""
    message = f"gateway {gateway}: {address} belongs to gateway {other}{hint}"
    return Problem(line, message, refused=bool(kept))


def _routes(state: State, lines: Lines) -> Iterator[Problem]:
    for route in state.routes.values():
        if route.gateway not in state.routing_gateways:
            line = lines.find((Section.ROUTES, route.name), (Section.ROUTING_GATEWAYS,))
            message = f"route {route.prefix}: there is no routing gateway {shown(route.gateway)}"
            yield Problem(line, message, (Section.ROUTES, route.name) not in lines.of)
