"""Rate groups as the database has them: what a row becomes, and what an unusable one does."""

import logging
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.domain.configuration import CallParameters
from controller.domain.rates import RateType
from controller.domain.tariff import price
from controller.persistence import rate_loader
from controller.persistence.rate_index.index import CompiledIndex
from controller.persistence.rate_loader import RateGroups, load_rate_groups
from tests.integration.rate_decks import (
    BY_MINUTE,
    EVERY_KIND,
    NOW,
    NUMBERS,
    Row,
    add_group,
    load,
    tiers_of,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "rate_index"


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every group has a file, however small."""
    monkeypatch.setattr(rate_loader, "SMALL", 0)


def test_the_file_has_what_the_database_has(
    engine: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id = add_group(engine, "sell", EVERY_KIND)
    small = load(engine, RateGroups(None))[group_id]
    monkeypatch.setattr(rate_loader, "SMALL", 0)
    in_memory = load(engine, RateGroups(None))[group_id]
    in_file = load(engine, RateGroups(folder))[group_id]
    assert isinstance(in_file.rates, CompiledIndex)
    assert isinstance(in_memory.rates, CompiledIndex)
    assert not isinstance(small.rates, CompiledIndex)
    for number in NUMBERS:
        expected = list(small.rates.matches(number))
        assert list(in_file.rates.matches(number)) == expected, number
        assert list(in_memory.rates.matches(number)) == expected, number
        assert in_file.rate_for(number, NOW) == small.rate_for(number, NOW), number


@pytest.mark.usefixtures("all_large")
def test_a_stored_rate_comes_back_as_it_was_written(engine: sa.Engine, folder: Path) -> None:
    group_id = add_group(engine, "sell", EVERY_KIND)
    group = load(engine, RateGroups(folder))[group_id]
    table = [
        # number   prefix  tiers of the rate that counts
        ("39061", "39", BY_MINUTE),
        ("39333", "393", BY_MINUTE),  # 3933 is locked
        ("3311", "33", "0|0:0.07/60/60"),  # the second one holds from now on
        ("49123", "*", "0|0:1/60/60"),  # not yet
        ("8155", "81", BY_MINUTE),
        ("79", "7", "0|0:=0.1;60:=0.18;180:=0.25;360:0.06/60/60"),
        ("12345678901234567890", "12345678901234567890", "0.5|0:=1"),
    ]
    for number, prefix, tiers in table:
        matched = group.rate_for(number, NOW)
        assert matched is not None
        assert (matched.prefix, str(matched.rate.tariff)) == (prefix, tiers), number
    mobile = group.rate_for("39333", NOW)
    assert mobile is not None
    assert mobile.rate.tax_percent == Decimal("22.5")
    assert mobile.rate.area == "Italia – cellulari"
    tokyo = group.rate_for("8155", NOW)
    assert tokyo is not None
    assert tokyo.rate.area == '東京 "\\t" \\ \\\\ \t \n end'
    assert tokyo.rate.rate_type is RateType.LOCAL


def test_instants_are_exact(engine: sa.Engine) -> None:
    begins = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)
    ends = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    rows: list[Row] = [{"prefix": "39", "effective_from": begins, "effective_to": ends}]
    group_id = add_group(engine, "sell", rows)
    (_, rates), *_ = load(engine, RateGroups(None))[group_id].rates.matches("39")
    assert (rates[0].valid_from, rates[0].valid_until) == (begins, ends)


@pytest.mark.usefixtures("all_large")
@pytest.mark.parametrize(
    ("mode", "due"),
    [("increment", "0.28"), ("cumulative_step", "0.25"), ("cumulative_regular", "0.23")],
)
def test_the_group_says_how_sections_are_read(engine: sa.Engine, mode: str, due: str) -> None:
    """Spec §2.5: 150 s of rows 0.10 at 60, 0.18 at 120, 0.25 at 180 s; regular 0.05 a minute."""
    row = {"prefix": "7", "tiers": "0|0:0.05/60/60", "sections": "60:0.10;120:0.18;180:0.25"}
    group_id = add_group(engine, "sell", [row], section_mode=mode)
    group = load(engine, RateGroups(None))[group_id]
    matched = group.rate_for("7123", NOW)
    assert matched is not None
    assert price(matched.rate.tariff, group.terms, Decimal(0), 150).net == Decimal(due)


UNUSABLE: list[tuple[Row, str]] = [
    ({"prefix": "391", "tiers": "0|0:-1/60/60"}, "is not a price"),
    ({"prefix": "392", "tiers": "nonsense"}, "expected 'fee|"),
    ({"prefix": "393", "sections": "60"}, "expected 'seconds:fee'"),
    ({"prefix": "394", "rate_type": 3}, "not a valid RateType"),
    ({"prefix": "395", "tax_percent": Decimal("NaN")}, "tax NaN"),
    ({"prefix": "396", "tax_percent": Decimal(-5)}, "tax -5"),
    ({"prefix": "39x"}, "neither digits nor '*'"),
    ({"prefix": ""}, "neither digits nor '*'"),
    ({"prefix": "39,8"}, "neither digits nor '*'"),
    ({"prefix": "397", "effective_from": sa.text("'infinity'")}, "not a date"),
]


@pytest.mark.parametrize("small", [20_000, 0], ids=["dictionary", "file"])
def test_a_row_that_cannot_be_used_is_told_and_left_out(
    engine: sa.Engine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    small: int,
) -> None:
    """The rest of the deck loads; the row's numbers find the next shorter prefix, or nothing."""
    monkeypatch.setattr(rate_loader, "SMALL", small)
    rows = [row for row, _ in UNUSABLE]
    group_id = add_group(engine, "broken", [*rows, {"prefix": "3", "tiers": "0|0:9/60/60"}])
    other_id = add_group(engine, "sound", [{"prefix": "44"}])
    with caplog.at_level(logging.ERROR):
        groups = load(engine, RateGroups(folder))
    records = [record.__dict__ for record in caplog.records]
    told = {(r["rate_group"], r["prefix"]): r["why"] for r in records if "prefix" in r}
    assert len(told) == len(UNUSABLE)
    for row, why in UNUSABLE:
        assert why in told["broken", row["prefix"]], row
        assert tiers_of(groups[group_id], row["prefix"] + "5") in ("0|0:9/60/60", None)
    assert list(groups[group_id].rates.prefixes()) == ["3"]
    assert tiers_of(groups[other_id], "4420") == BY_MINUTE


def test_many_unusable_rows_are_counted_not_listed(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    add_group(engine, "broken", [{"prefix": str(n), "tiers": "?"} for n in range(50)])
    with caplog.at_level(logging.ERROR):
        load(engine, RateGroups(None))
    assert len(caplog.records) == 21
    assert caplog.records[-1].__dict__["rates"] == 30


def test_terms_come_from_the_group_and_from_the_parameters(engine: sa.Engine) -> None:
    own = add_group(engine, "own", [], decimals=4, rounding="up")
    platform = add_group(engine, "platform", [], decimals=None)
    parameters = CallParameters(fee_precision=3, fee_unit=Decimal("0.05"))
    with engine.connect() as connection:
        groups = load_rate_groups(connection, {}, parameters)
    assert (groups[own].terms.decimals, groups[own].terms.rounding) == (4, "up")
    assert groups[platform].terms.decimals == 3
    assert {group.terms.fee_unit for group in groups.values()} == {Decimal("0.05")}


@pytest.mark.usefixtures("all_large")
def test_a_file_says_what_was_left_out_to_everyone_who_opens_it(
    engine: sa.Engine, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_group(engine, "sell", [{"prefix": "39"}, {"prefix": "44", "tiers": "?"}])
    load(engine, RateGroups(folder))
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        load(engine, RateGroups(folder))
    (told,) = caplog.records
    assert (told.__dict__["rate_group"], told.__dict__["prefix"]) == ("sell", "44")
