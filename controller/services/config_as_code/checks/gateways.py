"""Gateways: who pays and who is paid, and whose an address is. Routes: to which gateway."""

from collections.abc import Iterator

from controller.services.config_as_code.checks.references import payer_fault, vendor_fault
from controller.services.config_as_code.model import Lines, Section, State
from controller.services.config_as_code.problems import Problem, shown


def check_mapping_gateways(state: State, lines: Lines) -> Iterator[Problem]:
    for gateway in state.mapping_gateways.values():
        if gateway.account and (fault := payer_fault(state, gateway.account)):
            section = Section.MAPPING_GATEWAYS
            yield _gateway_problem(state, lines, section, gateway.name, gateway.account, fault)


def check_routing_gateways(state: State, lines: Lines) -> Iterator[Problem]:
    for gateway in state.routing_gateways.values():
        account = gateway.clearing_account
        if account and (fault := vendor_fault(state, account)):
            section = Section.ROUTING_GATEWAYS
            yield _gateway_problem(state, lines, section, gateway.name, account, fault)


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


def check_addresses(state: State, lines: Lines) -> Iterator[Problem]:
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


def check_gateway_groups(state: State, lines: Lines) -> Iterator[Problem]:
    """The groups that gateways say they belong to are there."""
    for section in (Section.MAPPING_GATEWAYS, Section.ROUTING_GATEWAYS):
        for gateway in state.section(section).values():
            for group in getattr(gateway, "groups", ()):
                if group not in state.gateway_groups:
                    own = (section, gateway.name, "groups")
                    line = lines.find(own, (Section.GATEWAY_GROUPS,))
                    message = f"gateway {gateway.name}: there is no gateway group {shown(group)}"
                    yield Problem(line, message, own not in lines.of)


def check_routes(state: State, lines: Lines) -> Iterator[Problem]:
    for route in state.routes.values():
        if route.gateway not in state.routing_gateways:
            line = lines.find((Section.ROUTES, route.name), (Section.ROUTING_GATEWAYS,))
            message = f"route {route.prefix}: there is no routing gateway {shown(route.gateway)}"
            yield Problem(line, message, (Section.ROUTES, route.name) not in lines.of)
