"""Mapping files: what they say, and every way in which one is refused with its line."""

import pytest

from controller.domain.deck_mapping import DeckMapping
from controller.domain.errors import InvalidConfiguration
from controller.services.decks.layout import DeckLayout, FileFormat, read_layout

WHOLE = """
sheet: Prices 2026
delimiter: ";"
encoding: CP1252
header_row: 3
decimal: comma
date_format: "%d/%m/%Y"
price_decimals: 6
tax: fraction
columns:
  prefix: [Country code, Area codes]
  area: Destination
  price_per_minute: EUR/min
  increment: Billing
constants: {rate_type: international}
values: {locked: {blocked: "true"}}
ignore: [tiers]
drop_from_prefix: "00"
drop_from_prices: [€, EUR]
"""


def test_everything_that_a_mapping_file_may_say() -> None:
    assert read_layout(WHOLE) == DeckLayout(
        FileFormat("Prices 2026", ";", "cp1252", decimal_comma=True),
        DeckMapping(
            columns={
                "prefix": ("Country code", "Area codes"),
                "area": ("Destination",),
                "price_per_minute": ("EUR/min",),
                "increment": ("Billing",),
            },
            constants={"rate_type": "international"},
            values={"locked": {"blocked": "true"}},
            ignore=("tiers",),
            header_row=3,
            decimal_comma=True,
            date_format="%d/%m/%Y",
            price_decimals=6,
            tax_as_fraction=True,
            drop_from_prefix=("00",),
            drop_from_prices=("€", "EUR"),
        ),
    )


def test_a_mapping_file_may_say_little() -> None:
    assert read_layout("delimiter: tab\n") == DeckLayout(FileFormat(delimiter="\t"), DeckMapping())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a\n", "line 1: a mapping file is a mapping"),
        ("sheet: A\nshet: B\n", "line 2: 'shet' is none of sheet, delimiter"),
        ("sheet: A\nsheet: B\n", "line 2: 'sheet' comes more than once"),
        ("columns: {prefx: Code}\n", "line 1: 'prefx' is none of prefix, area"),
        ("columns:\n  prefix: {a: b}\n", "line 2: one value is expected here"),
        ("columns:\n  prefix: []\n", "prefix: no column is named"),
        ("columns: Code\n", "line 1: a mapping is expected here"),
        ("header_row: 0\n", "line 1: header_row: '0' is not 1 to 1000"),
        ("header_row: three\n", "header_row: 'three' is not 1 to 1000"),
        ("sheet: A\ndelimiter: x\n", "line 2: delimiter 'x' is none of"),
        ("encoding: rot13\n", "encoding 'rot13' is none of utf-8"),
        ("decimal: dot\n", "decimal: 'dot' is none of point, comma"),
        ("tax: net\n", "tax: 'net' is none of percent, fraction"),
        ("date_format: '%H:%M'\n", "does not name a day"),
        ("date_format: '%d/%Q'\n", "does not name a day"),
        ("price_decimals: 11\n", "price_decimals: '11' is not 0 to 10"),
        ("price_decimals: ²\n", "price_decimals: '²' is not 0 to 10"),
        ("a: &x [*x]\n", "line 1: nothing is anchored as &x"),
        ("{", "line "),
    ],
)
def test_what_is_wrong_with_a_mapping_file(text: str, fault: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        read_layout(text)
    assert fault in str(refused.value)
