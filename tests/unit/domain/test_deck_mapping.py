"""A vendor's columns as canonical ones: names, constants, units, spellings, and what is refused."""

from typing import Any

import pytest

from controller.domain.deck_mapping import DeckMapping, bind
from controller.domain.errors import InvalidInput

HEADER = ["Country", "Area codes", "Destination", "Price", "Billing", "From", "Status"]
COLUMNS = {
    "prefix": ("Country", "Area codes"),
    "area": ("Destination",),
    "price_per_minute": ("Price",),
    "increment": ("Billing",),
    "effective_from": ("From",),
    "locked": ("Status",),
}


def rows(cells: str, header: list[str] = HEADER, **settings: Any) -> list[dict[str, str]]:
    mapping = DeckMapping(**{"columns": COLUMNS, **settings})
    bound = bind(mapping, header, pytest.fail)
    assert bound is not None
    return list(bound.rows(cells.split("|")))


def faults_of(header: list[str], **settings: Any) -> list[str]:
    faults: list[str] = []
    assert bind(DeckMapping(**settings), header, faults.append) is None
    return faults


def test_a_whole_row() -> None:
    assert rows("39|320, 328|Italy mobile|0.07|60/1|2026-12-01|") == [
        {
            "prefix": prefix,
            "area": "Italy mobile",
            "tiers": "0|0:0.07/60/60;60:0.07/60/1",
            "effective_from": "2026-12-01",
            "locked": "",
        }
        for prefix in ("39320", "39328")
    ]


@pytest.mark.parametrize(
    ("billing", "tiers"),
    [
        ("1/1", "0|0:0.07/60/1"),
        ("60/60", "0|0:0.07/60/60"),
        ("60", "0|0:0.07/60/60"),
        ("30/6", "0|0:0.07/60/30;30:0.07/60/6"),
        ("30+6", "0|0:0.07/60/30;30:0.07/60/6"),
        ("60 s / 1 s", "0|0:0.07/60/60;60:0.07/60/1"),
    ],
)
def test_increments(billing: str, tiers: str) -> None:
    (row,) = rows(f"39||Italy|0.07|{billing}||")
    assert row["tiers"] == tiers


@pytest.mark.parametrize(
    ("settings", "price", "expected"),
    [
        ({}, "0.0700", "0.07"),
        ({}, ".07", "0.07"),
        ({}, " 0.07 ", "0.07"),
        ({"decimal_comma": True}, "0,07", "0.07"),
        ({"decimal_comma": True}, "7", "7"),
        ({"drop_from_prices": ("$", "€")}, "$ 0.07", "0.07"),
        ({"drop_from_prices": ("$", "€")}, "0.07€", "0.07"),
        ({"price_decimals": 4}, "0.00333333333333333", "0.0033"),
        ({"price_decimals": 4}, "0.00335", "0.0034"),
        ({"values": {"price_per_minute": {"Free": "0"}}}, "free", "0"),
        ({"constants": {"price_per_minute": "0.5"}}, "", "0.5"),
    ],
)
def test_prices(settings: dict[str, Any], price: str, expected: str) -> None:
    (row,) = rows(f"39||Italy|{price}|1/1||", **settings)
    assert row["tiers"] == f"0|0:{expected}/60/1"


@pytest.mark.parametrize(
    ("settings", "cells", "fault"),
    [
        ({}, "39||I|-0.07|1/1||", "price_per_minute: '-0.07' is not a number of at least 0"),
        ({}, "39||I|0,07|1/1||", "price_per_minute: '0,07' is not a number"),
        ({"decimal_comma": True}, "39||I|1.234,50|1/1||", "is not a number"),
        ({"decimal_comma": True}, "39||I|0.07|1/1||", "'0.07' is not a number"),
        ({}, "39||I|1e-3|1/1||", "is not a number"),
        ({}, "39||I|.|1/1||", "is not a number"),
        ({}, "39||I|0.07|||", "increment: '' is not first/next seconds"),
        ({}, "39||I|0.07|2026-01-01||", "took it for a date"),
        ({}, "39|2-1|I|0.07|1/1||", "equally many digits"),
        (
            {"date_format": "%d/%m/%Y"},
            "39||I|0.07|1/1|31/02/2026|",
            "effective_from: '31/02/2026' is not of the form '%d/%m/%Y'",
        ),
    ],
)
def test_what_is_refused_names_its_column(settings: dict[str, Any], cells: str, fault: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rows(cells, **settings)
    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("01/12/2026", "2026-12-01T00:00:00"),
        ("2026-12-01", "2026-12-01"),
        ("", ""),
    ],
)
def test_dates_of_another_form(text: str, expected: str) -> None:
    """A date cell of a workbook comes as ISO 8601, whatever the text cells beside it are."""
    (row,) = rows(f"39||Italy|0.07|1/1|{text}|", date_format="%d/%m/%Y")
    assert row["effective_from"] == expected


def test_words_are_translated_and_empty_cells_filled() -> None:
    (row,) = rows(
        "39||Italy|0.07|1/1||BLOCKED",
        values={"locked": {"blocked": "true"}},
        constants={"rate_type": "international", "area": "unknown"},
    )
    assert (row["locked"], row["rate_type"], row["area"]) == ("true", "international", "Italy")
    (row,) = rows("39|||0.07|1/1||", constants={"area": "unknown"})
    assert row["area"] == "unknown"


def test_taxes_may_be_fractions() -> None:
    header = ["prefix", "rate", "cycle_s", "unit_s", "VAT"]
    given = {"columns": {"tax_percent": ("VAT",)}, "tax_as_fraction": True}
    (row,) = rows("39|0.07|1|60|0.225", header, **given)
    assert row == {
        "prefix": "39",
        "rate": "0.07",
        "cycle_s": "1",
        "unit_s": "60",
        "tax_percent": "22.5",
    }


def test_a_row_of_nothing_that_is_read_is_nothing() -> None:
    header = [*HEADER, "Remark"]
    assert rows("||||||| subject to change", header) == []
    assert rows("", header) == []


def test_canonical_names_keep_their_meaning_and_others_are_left_out() -> None:
    header = ["Code", "AREA", "Tiers", "Remark", "locked"]
    given = {"columns": {"prefix": ("code",)}, "ignore": ("locked",)}
    (row,) = bound_rows(header, ["39", "Italy", "0|0:1/60/1", "x", "?"], given)
    assert row == {"prefix": "39", "area": "Italy", "tiers": "0|0:1/60/1"}


def bound_rows(
    header: list[str], cells: list[str], settings: dict[str, Any]
) -> list[dict[str, str]]:
    bound = bind(DeckMapping(**settings), header, pytest.fail)
    assert bound is not None
    return list(bound.rows(cells))


@pytest.mark.parametrize(
    ("header", "settings", "fault"),
    [
        (
            ["Code", "Price"],
            {"columns": {"prefix": ("Prefix",)}},
            "no column 'Prefix' for prefix; there are 'Code', 'Price'",
        ),
        (
            ["Code", "code", "tiers"],
            {"columns": {"prefix": ("Code",)}},
            "column 'Code' for prefix comes more than once",
        ),
        (["prefix"], {}, "neither a column 'tiers' nor the columns rate, cycle_s, unit_s"),
        (["tiers"], {}, "no column 'prefix'"),
        (["tiers"], {"constants": {"prefix": "39"}}, "prefix: a constant cannot stand for it"),
        (["prefix", "tiers", "rate"], {}, "both 'tiers' and plain price columns"),
        (
            ["prefix", "p"],
            {"columns": {"price_per_minute": ("p",)}},
            "price_per_minute and increment go together: there is no increment",
        ),
        (
            ["prefix", "p", "rate"],
            {"columns": {"price_per_minute": ("p",)}, "constants": {"increment": "1/1"}},
            "both price_per_minute and rate: use one form",
        ),
    ],
)
def test_a_header_that_does_not_fit(
    header: list[str], settings: dict[str, Any], fault: str
) -> None:
    assert any(fault in said for said in faults_of(header, **settings))


def test_a_connect_fee_goes_with_a_price_per_minute() -> None:
    header = ["prefix", "p", "connect_fee"]
    given = {"columns": {"price_per_minute": ("p",)}, "constants": {"increment": "1/1"}}
    assert bound_rows(header, ["39", "0.07", "0.1"], given) == [
        {"prefix": "39", "tiers": "0.1|0:0.07/60/1"}
    ]
