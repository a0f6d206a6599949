"""Stored section rates, when their rate group is to read them in another way (spec §2.5)."""

from collections.abc import Iterator

from controller.domain.decks import deck_tariff
from controller.domain.errors import InvalidTariff
from controller.services.config_as_code.differences import Difference
from controller.services.config_as_code.model import Section, Wanted
from controller.services.config_as_code.ports import ConfigurationWork
from controller.services.config_as_code.problems import Problem


def check_section_modes(
    work: ConfigurationWork, wanted: Wanted, difference: Difference
) -> Iterator[Problem]:
    """A rate whose sections make no sense in the new reading would stop the whole configuration.

    Decks in the file were read in the file's own mode.
    """
    for name in difference.changed(Section.RATE_GROUPS, "section_mode"):
        group = wanted.state.rate_groups[name]
        place = (Section.RATE_GROUPS, name)
        line = wanted.lines.find((*place, "section_mode"), place)
        for row in work.deck_rows(name) if name not in wanted.decks else ():
            try:
                deck_tariff(row.tiers, row.sections, group.section_mode)
            except InvalidTariff as error:
                yield Problem(line, f"rate group {name}: stored rate {row.prefix}: {error}")
