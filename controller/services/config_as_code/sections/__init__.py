"""From nodes to what a file wants: every section read, every fault noted."""

from collections.abc import Callable
from dataclasses import dataclass

from controller.domain.errors import InvalidConfiguration
from controller.services.config_as_code.document import MapNode, read_document
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import Section, Wanted
from controller.services.config_as_code.ports import DeckFiles
from controller.services.config_as_code.problems import Problem, Problems
from controller.services.config_as_code.sections.accounts import read_accounts, read_phones
from controller.services.config_as_code.sections.gateways import (
    read_gateway_groups,
    read_mapping_gateways,
    read_routes,
    read_routing_gateways,
)
from controller.services.config_as_code.sections.packages import (
    read_package_orders,
    read_packages,
)
from controller.services.config_as_code.sections.parameters import PARAMETERS, read_parameters
from controller.services.config_as_code.sections.rate_groups import (
    read_calendars,
    read_rate_groups,
)
from controller.services.config_as_code.sections.reader import Reader

_SECTIONS: dict[Section, Callable[[Reader, Fields], None]] = {
    Section.CALENDARS: read_calendars,
    Section.RATE_GROUPS: read_rate_groups,
    Section.ACCOUNTS: read_accounts,
    Section.PHONES: read_phones,
    Section.PACKAGES: read_packages,
    Section.PACKAGE_ORDERS: read_package_orders,
    Section.GATEWAY_GROUPS: read_gateway_groups,
    Section.MAPPING_GATEWAYS: read_mapping_gateways,
    Section.ROUTING_GATEWAYS: read_routing_gateways,
    Section.ROUTES: read_routes,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file wants, and everything that is wrong with it by itself."""

    wanted: Wanted
    problems: tuple[Problem, ...]


def read_configuration(text: str, decks: DeckFiles) -> Reading:
    """A file, whole. What is wrong with it is in the result; nothing is raised for it."""
    problems = Problems()
    reader = Reader(decks, problems)
    try:
        root = read_document(text)
    except InvalidConfiguration as error:
        problems.add(0, str(error))
    else:
        _document(reader, root)
    return Reading(reader.wanted(), problems.sorted())


def _document(reader: Reader, root: object) -> None:
    if not isinstance(root, MapNode):
        reader.problems.add(1, "expected sections such as 'accounts:' at the top")
        return
    top = Fields(root, (PARAMETERS, *Section), reader.problems)
    read_parameters(reader, top)
    for section, read in _SECTIONS.items():
        if section in top:
            reader.listed.add(section)
            reader.lines[(section,)] = top.line_of(section)
            read(reader, top)
