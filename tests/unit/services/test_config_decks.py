"""Decks as CSV: columns, every wrong row by its number, validity, and back to text."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.decks import DeckRow, canonical_tiers, moment_text, parse_moment
from controller.domain.errors import InvalidInput
from controller.domain.rates import RateType
from controller.services.decks import read_deck, write_deck

HEAD = "prefix,area,rate_type,tiers,tax_percent,effective_from,effective_to,locked\n"
PLAIN = "prefix,area,rate_type,connect_fee,first_charge,first_duration_s,rate,cycle_s,unit_s\n"
ROME = ZoneInfo("Europe/Rome")


def rows_of(text: str) -> list[DeckRow]:
    found, faults = read(text)
    assert faults == []
    return found


def read(text: str) -> tuple[list[DeckRow], list[tuple[int, str]]]:
    faults: list[tuple[int, str]] = []
    deck = io.StringIO(text, newline="")
    rows = [row for _, row in read_deck(deck, ROME, lambda n, m: faults.append((n, m)))]
    return rows, faults


def faults_of(text: str) -> list[tuple[int, str]]:
    return read(text)[1]


def test_every_column() -> None:
    line = '39,"Italy, mobile",domestic,0|0:0.050/60/60,22.5,2026-01-01,2026-07-01T12:00Z,true\n'
    assert rows_of(HEAD + line) == [
        DeckRow(
            "39",
            "0|0:0.05/60/60",
            "Italy, mobile",
            RateType.DOMESTIC,
            Decimal("22.5"),
            datetime(2025, 12, 31, 23, tzinfo=UTC),
            datetime(2026, 7, 1, 12, tzinfo=UTC),
            True,
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        "prefix,area,rate_type,tiers\n39,,,0|0:0.05/60/1\n",
        "prefix,area,rate_type,tiers,tax_percent,effective_from,effective_to,locked\n"
        "39,,,0|0:0.05/60/1\n",
        HEAD + "39,,,0|0:0.05/60/1,,,,\n",
        "\ufeffprefix,tiers\r\n39,0|0:0.05/60/1\r\n".lstrip("\ufeff"),
        " prefix , tiers \n\n 39 , 0|0:0.05/60/1 \n,\n",
        'tiers,prefix\n"0|0:0.05/60/1","39"\n',
        "prefix,rate,cycle_s,unit_s\n39,0.05,1,60\n",
    ],
)
def test_columns_after_the_price_may_be_absent_or_empty(text: str) -> None:
    assert rows_of(text) == [DeckRow("39", "0|0:0.05/60/1")]


@pytest.mark.parametrize(
    ("cells", "tiers"),
    [
        (",,,0.15,60,60", "0|0:0.15/60/60"),
        (",0.21,180,0.15,60,60", "0|0:=0.21;180:0.15/60/60"),
        ("0.10,,,0.02,6,60", "0.1|0:0.02/60/6"),
    ],
)
def test_plain_columns_become_tiers(cells: str, tiers: str) -> None:
    (row,) = rows_of(f"{PLAIN}39,Italy,international,{cells}\n")
    assert row.tiers == tiers


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("3x,,,0|0:1/60/1", "prefix: '3x' is neither digits nor '*'"),
        (",,,0|0:1/60/1", "prefix: '' is neither digits nor '*'"),
        ("39,,,", "no price"),
        ("39,,,0|5:1/60/1", "the first tier must start at 0"),
        ("39,,,0|0:-1/60/1", "is not a price"),
        ("39,,,0|0:1/0/1", "is not a number of seconds"),
        ("39,,mobile,0|0:1/60/1", "rate_type: 'mobile' is none of net, local"),
        ("39,,,0|0:1/60/1,101", "tax_percent: '101' is not 0 to 100"),
        ("39,,,0|0:1/60/1,-1", "tax_percent: '-1' is not 0 to 100"),
        ("39,,,0|0:1/60/1,,yesterday", "effective_from: 'yesterday' is not an ISO 8601"),
        ("39,,,0|0:1/60/1,,2026-02-30", "is not an ISO 8601"),
        ("39,,,0|0:1/60/1,,2026-01-02,2026-01-02", "effective_to is not after effective_from"),
        ("39,,,0|0:1/60/1,,,,maybe", "locked: 'maybe' is neither true nor false"),
        ("39,,,0|0:1/60/1,,,,,", "9 cells for 8 columns"),
        ("39,a\tb,,0|0:1/60/1", "area: longer than 255 characters, or with control"),
        (f"39,{'a' * 256},,0|0:1/60/1", "area: longer than 255 characters"),
        ('39,"a\nb",,0|0:1/60/1', "area: longer than 255 characters, or with control"),
        ("39,,,0|0:1/60/1,,2026-03-29T02:30", "is not one moment in Europe/Rome"),
        ("39,,,0|0:1/60/1,,2026-10-25T02:30", "is not one moment in Europe/Rome"),
    ],
)
def test_a_wrong_row_is_named_by_number_and_nothing_after_it_is_given(
    line: str, expected: str
) -> None:
    sound = "1,,,0|0:1/60/1\n"
    rows, faults = read(f"{HEAD}{sound}{line}\n2,,,0|0:1/60/1\n")
    assert [number for number, _ in faults] == [3]
    assert expected in faults[0][1]
    assert [row.prefix for row in rows] == ["1"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (",,,-1,60,60", "rate: '-1' is not a price"),
        (",,,1e3,60,60", "rate: '1e3' is not a price"),
        (",,,0.1/60/1;60:0.2,60,60", "rate: "),
        (",,,2000000,60,60", "rate: '2000000' is not a price"),
        (",,,0.1,0,60", "cycle_s: '0' is not a number of seconds"),
        (",,,0.1,,60", "cycle_s: missing"),
        (",0.1,,0.1,60,60", "first_charge needs first_duration_s"),
        (",,,,,", "no price"),
        ("0.1,,,,,", "rate: missing"),
    ],
)
def test_a_wrong_plain_price(cells: str, expected: str) -> None:
    ((number, message),) = faults_of(f"{PLAIN}39,Italy,international,{cells}\n")
    assert number == 2
    assert expected in message


def test_every_fault_of_every_row_is_reported() -> None:
    faults = faults_of(f"{HEAD}x,,y,z,q\n39,,,0|0:1/60/1\n39,,,0|0:1/60/1\n,,,,,,,true\n")
    assert [number for number, _ in faults] == [2, 2, 2, 2, 4, 5, 5]
    assert faults[4][1] == "prefix 39: the validity overlaps that of row 3"


@pytest.mark.parametrize(
    ("periods", "clash"),
    [
        ((",", ","), True),
        ((",2026-01-01", "2026-01-01,"), False),
        ((",2026-01-02", "2026-01-01,"), True),
        (("2026-01-01,2026-02-01", "2026-02-01,2026-03-01"), False),
        (("2026-02-01,2026-03-01", "2026-01-01,2026-02-01"), False),
        (("2026-01-01,2026-03-01", "2026-02-01,2026-02-02"), True),
        (("2026-02-01,2026-02-02", "2026-01-01,"), True),
    ],
)
def test_validity_of_one_prefix_may_touch_but_not_overlap(
    periods: tuple[str, str], clash: bool
) -> None:
    lines = "".join(f"39,,,0|0:1/60/1,,{period}\n" for period in periods)
    expected = [(3, "prefix 39: the validity overlaps that of row 2")] if clash else []
    assert faults_of(HEAD + lines) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no header row"),
        ("area,tiers\n", "no column 'prefix'"),
        ("prefix\n39\n", "neither a column 'tiers' nor the columns rate, cycle_s, unit_s"),
        ("prefix,tiers,price\n", "unknown column 'price'"),
        ("prefix;tiers\n39;0|0:1/60/1\n", "unknown column 'prefix;tiers' (is the separator"),
        ("prefix,prefix,tiers\n", "column 'prefix' comes more than once"),
        ("prefix,tiers,rate\n", "both 'tiers' and plain price columns"),
    ],
)
def test_a_wrong_header(text: str, expected: str) -> None:
    faults = faults_of(text)
    assert {number for number, _ in faults} == {1}
    assert any(expected in message for _, message in faults)


def test_a_quote_that_is_never_closed_is_named_by_its_row() -> None:
    rows, faults = read('prefix,tiers\n1,0|0:1/60/1\n"39,0|0:1/60/1\n' + "40,x\n" * 5)
    assert ([row.prefix for row in rows], [number for number, _ in faults]) == (["1"], [3])
    assert "not CSV" in faults[0][1]


def test_an_endless_cell_is_refused() -> None:
    assert "not CSV" in faults_of("prefix,tiers\n" + "1" * 200_000)[0][1]


def test_bytes_that_are_not_utf8_are_named_by_their_row() -> None:
    faults: list[tuple[int, str]] = []
    text = io.StringIO("prefix,area,tiers\n39,a,0|0:1/60/1\n40,\udcff,0|0:1/60/1\n", newline="")
    list(read_deck(text, UTC, lambda n, m: faults.append((n, m))))
    assert faults == [(3, "not UTF-8")]


def test_no_local_time_is_guessed_where_the_clock_jumps() -> None:
    assert parse_moment("2026-03-29T02:30+01:00", ROME) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="write the offset"):
        parse_moment("2026-03-29T02:30", ROME)


moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
prices = st.decimals(0, 10, places=4).map(lambda price: f"{price:f}")
deck_rows = st.builds(
    DeckRow,
    prefix=st.text("0123456789", min_size=1, max_size=12),
    tiers=st.builds(lambda p, n: canonical_tiers(f"0|0:{p}/60/{n}"), prices, st.integers(1, 60)),
    area=st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20).map(str.strip),
    rate_type=st.sampled_from(RateType),
    tax_percent=st.decimals(0, 100, places=2),
    effective_from=st.none() | moments,
    locked=st.booleans(),
)


@given(st.lists(deck_rows, unique_by=lambda row: row.prefix, max_size=5))
def test_what_is_written_is_read_back(rows: list[DeckRow]) -> None:
    target = io.StringIO(newline="")
    assert write_deck(target, rows) == len(rows)
    assert rows_of(target.getvalue()) == rows


@given(moments)
def test_moments_keep_their_microsecond(moment: datetime) -> None:
    assert parse_moment(moment_text(moment), ROME) == moment
