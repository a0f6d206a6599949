"""The page about the file says what the file can hold, and its example is sound."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from controller.domain.configuration import CallParameters
from controller.services.config_as_code.checks import check_relations
from controller.services.config_as_code.model import Section, State
from controller.services.config_as_code.specs import (
    AccountSpec,
    CalendarDay,
    CalendarSpec,
    FreeSecondsSpec,
    GatewayGroupSpec,
    MappingGatewaySpec,
    PackageOrderSpec,
    PackageSpec,
    PeriodRateSpec,
    PhoneSpec,
    RateGroupSpec,
    RouteSpec,
    RoutingGatewaySpec,
)
from tests.unit.services.config_texts import read

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
DECK = "prefix,tiers\n39,0|0:0.01/60/1\n"


def test_the_example_fits_together() -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[-1]
    decks = dict.fromkeys(re.findall(r"deck: (\S+\.csv)", example), DECK)
    reading = read(example, decks)
    assert reading.problems == ()
    wanted = reading.wanted
    assert len(decks) == 3
    assert check_relations(wanted.state, wanted.lines) == []
    assert [a.parent for a in wanted.state.accounts.values()] == [None, "north", "harbor"]


@pytest.mark.parametrize(
    "spec",
    [
        AccountSpec,
        CalendarDay,
        CalendarSpec,
        CallParameters,
        FreeSecondsSpec,
        GatewayGroupSpec,
        MappingGatewaySpec,
        PackageOrderSpec,
        PackageSpec,
        PeriodRateSpec,
        PhoneSpec,
        RateGroupSpec,
        RouteSpec,
        RoutingGatewaySpec,
        State,
    ],
)
def test_every_field_is_on_the_page(spec: type) -> None:
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", text))))
    history = {"closed", "ended"}
    assert {f.name for f in fields(spec)} - history <= named


def test_every_section_has_its_heading() -> None:
    headings = set(re.findall(r"^### `(\w+)`", PAGE, re.MULTILINE))
    assert headings == {"parameters", *map(str, Section)}
