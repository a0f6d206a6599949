"""Relations between objects, checked on the state that applying would leave. Pure.

Objects that are stored but not in the file count too: a file may not pull a rate group away
from an account that it doesn't mention. Such a fault is put at the line that causes it, else at
the section. Rules: spec §1.1, §1.2, §1.4, §2.6, §2.9, §4.1, §5.1.
"""

from controller.services.config_as_code.checks.accounts import check_accounts, check_phones
from controller.services.config_as_code.checks.gateways import (
    check_addresses,
    check_gateway_groups,
    check_mapping_gateways,
    check_routes,
    check_routing_gateways,
)
from controller.services.config_as_code.checks.numbers import (
    check_number_sections,
    check_phone_numbers,
)
from controller.services.config_as_code.checks.packages import check_orders, check_packages
from controller.services.config_as_code.checks.rate_groups import check_rate_groups
from controller.services.config_as_code.model import Lines, State
from controller.services.config_as_code.problems import Problem

_CHECKS = (
    check_rate_groups,
    check_accounts,
    check_number_sections,
    check_phones,
    check_phone_numbers,
    check_packages,
    check_orders,
    check_mapping_gateways,
    check_addresses,
    check_gateway_groups,
    check_routing_gateways,
    check_routes,
)


def check_relations(state: State, lines: Lines) -> list[Problem]:
    """Everything that doesn't fit together in `state`."""
    return [problem for check in _CHECKS for problem in check(state, lines)]
