"""Section rates in their three readings (spec §2.5): a clerk's tables, and every tariff held
against a model that walks through the call second by second.
"""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.domain.errors import InvalidTariff
from controller.domain.sections import (
    Section,
    SectionMode,
    parse_sections,
    sections_text,
    with_sections,
)
from controller.domain.tariff import Tariff, Terms, build_tariff, parse_tariff, price
from tests.unit.domain.tariffs import exact_price

INCREMENT = SectionMode.INCREMENT
STEP = SectionMode.CUMULATIVE_STEP
REGULAR = SectionMode.CUMULATIVE_REGULAR

SEED = "60:0.10;120:0.18;180:0.25"
MICRO = Terms("EUR", 6)


def due(regular: str, sections: str, mode: SectionMode, seconds: int) -> Decimal:
    tariff = with_sections(parse_tariff(regular), parse_sections(sections), mode)
    return price(tariff, MICRO, Decimal(0), seconds).net


READINGS = [
    # 0.10 for 60 s, 0.18 for 120 s, 0.25 for 180 s; regular rate 0.05 for each started minute
    # seconds  increment  cumulative_step  cumulative_regular
    (0, "0", "0", "0"),
    (1, "0.10", "0.10", "0.05"),
    (59, "0.10", "0.10", "0.05"),
    (60, "0.10", "0.10", "0.10"),
    (61, "0.28", "0.18", "0.15"),
    (119, "0.28", "0.18", "0.15"),
    (120, "0.28", "0.18", "0.18"),
    (121, "0.28", "0.25", "0.23"),
    (150, "0.28", "0.25", "0.23"),  # the spec's example
    (179, "0.28", "0.25", "0.23"),
    (180, "0.28", "0.25", "0.25"),
    (181, "0.53", "0.30", "0.30"),
    (240, "0.53", "0.30", "0.30"),
    (241, "0.53", "0.35", "0.35"),
    (360, "0.53", "0.40", "0.40"),
    (361, "0.58", "0.45", "0.45"),
]


@pytest.mark.parametrize(("seconds", "increment", "step", "regular"), READINGS)
def test_the_three_readings_of_the_specs_table(
    seconds: int, increment: str, step: str, regular: str
) -> None:
    got = [due("0|0:0.05/60/60", SEED, mode, seconds) for mode in (INCREMENT, STEP, REGULAR)]
    assert got == [Decimal(increment), Decimal(step), Decimal(regular)]


FIRST_TIME = [
    # connect fee 0.01; 0.21 for the first 180 s; then sections from 180 s on; then 0.05 a minute
    # seconds  increment  cumulative_step  cumulative_regular
    (0, "0", "0", "0"),
    (1, "0.22", "0.22", "0.22"),
    (180, "0.22", "0.22", "0.22"),
    (181, "0.32", "0.32", "0.27"),
    (239, "0.32", "0.32", "0.27"),
    (240, "0.32", "0.32", "0.32"),
    (241, "0.50", "0.40", "0.37"),
    (330, "0.50", "0.47", "0.45"),
    (360, "0.50", "0.47", "0.47"),
    (361, "0.75", "0.52", "0.52"),
]


@pytest.mark.parametrize(("seconds", "increment", "step", "regular"), FIRST_TIME)
def test_the_first_time_lump_comes_before_the_sections(
    seconds: int, increment: str, step: str, regular: str
) -> None:
    rate = "0.01|0:=0.21;180:0.05/60/60"
    got = [due(rate, SEED, mode, seconds) for mode in (INCREMENT, STEP, REGULAR)]
    assert got == [Decimal(increment), Decimal(step), Decimal(regular)]


AS_TIERS = [
    # regular           sections           mode       tiers
    ("0|0:0.05/60/60", SEED, INCREMENT, "0|0:=0.1;60:=0.18;180:=0.25;360:0.05/60/60"),
    ("0|0:0.05/60/60", SEED, STEP, "0|0:=0.1;60:=0.08;120:=0.07;180:0.05/60/60"),
    (
        "0|0:0.05/60/60",
        SEED,
        REGULAR,
        "0|0:=0.05;59:=0.05;60:=0.05;119:=0.03;120:=0.05;179:=0.02;180:0.05/60/60",
    ),
    ("0|0:0.06/60/1", "60:0.10", REGULAR, "0|0:0.06/60/1;59:=0.041;60:0.06/60/1"),
    # 59 seconds at 0.05 a minute are no decimal; what is missing to 0.10 is 0.152500 / 3
    ("0|0:0.05/60/1", "60:0.10", REGULAR, "0|0:0.05/60/1;59:0.1525/3/1;60:0.05/60/1"),
    ("0|0:0.10/60/60", "150:0.30", REGULAR, "0|0:0.1/60/60;120:=0.1;149:=0;150:0.1/60/60"),
    ("0|0:0.10/60/60", "1:0.30", REGULAR, "0|0:=0.3;1:0.1/60/60"),
    ("0|0:0.10/60/6", "", REGULAR, "0|0:0.1/60/6"),
    ("2|0:=1;5:0.1/60/6", "", STEP, "2|0:=1;5:0.1/60/6"),
    ("2|0:=1;5:0.1/60/6", "60:0", STEP, "2|0:=1;5:=0;65:0.1/60/6"),
]


@pytest.mark.parametrize(("regular", "sections", "mode", "tiers"), AS_TIERS)
def test_the_result_is_an_ordinary_tariff(
    regular: str, sections: str, mode: SectionMode, tiers: str
) -> None:
    tariff = with_sections(parse_tariff(regular), parse_sections(sections), mode)
    assert str(tariff) == tiers
    assert tariff == parse_tariff(tiers)


BILLED = [
    # seconds  increment  cumulative_step  cumulative_regular
    (30, 60, 60, 59),  # the regular increment lasts until the row's last second
    (60, 60, 60, 60),
    (61, 180, 120, 119),
    (120, 180, 120, 120),
    (180, 180, 180, 180),
    (181, 360, 240, 240),
]


@pytest.mark.parametrize(("seconds", "increment", "step", "regular"), BILLED)
def test_billed_seconds(seconds: int, increment: int, step: int, regular: int) -> None:
    rate, rows = parse_tariff("0|0:0.05/60/60"), parse_sections(SEED)
    got = [with_sections(rate, rows, mode).billed_s(seconds) for mode in (INCREMENT, STEP, REGULAR)]
    assert got == [increment, step, regular]


TEXTS = [
    # as written                       canonical
    ("", ""),
    ("  ", ""),
    ("60:0.10", "60:0.1"),
    ("60:0.10;120:0.18;180:0.25", "60:0.1;120:0.18;180:0.25"),
    (" 60:0.10 ; 120:1.00 ", "60:0.1;120:1"),
    ("60:0", "60:0"),
    ("060:00.10", "60:0.1"),
]


@pytest.mark.parametrize(("written", "canonical"), TEXTS)
def test_the_text_of_a_table(written: str, canonical: str) -> None:
    sections = parse_sections(written)
    assert sections_text(sections) == canonical
    assert parse_sections(canonical) == sections


MALFORMED = [
    ("60", "section 1 '60': expected 'seconds:fee'"),
    ("60:0.10;", "section 2 ''"),
    ("60:0.10;120", "section 2 '120'"),
    ("60:0.10,120:0.18", "section 1 '60:0.10,120:0.18'"),
    ("60:-0.10", "section 1 '60:-0.10'"),
    ("-60:0.10", "section 1 '-60:0.10'"),
    ("60:1e3", "section 1 '60:1e3'"),
    ("60:nan", "section 1 '60:nan'"),
    ("60:0.12345678901", "section 1 '60:0.12345678901'"),
    ("٦٠:0.10", "section 1 '٦٠:0.10'"),
    ("60:0.10;0:0.18", "section 2 (0:0.18): lasts 0 s"),
    ("99999999:0.10", "section 1 (99999999:0.1): lasts 99999999 s"),
    ("60:2000000", "section 1 (60:2000000): the fee is above 1000000"),
]


@pytest.mark.parametrize(("text", "message"), MALFORMED)
def test_a_malformed_row_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidTariff) as refused:
        parse_sections(text)
    assert message in str(refused.value)


REFUSED = [
    # regular           sections              modes              message
    ("0|0:0.05/60/60", "60:0.10;60:0.18", (STEP, REGULAR), "section 2 (60:0.18): is not longer"),
    ("0|0:0.05/60/60", "60:0.10;30:0.18", (STEP, REGULAR), "section 2 (30:0.18): is not longer"),
    ("0|0:0.05/60/60", "60:0.10;120:0.09", (STEP, REGULAR), "section 2 (120:0.09): the price"),
    # 0.10 and a started minute of 0.09 would be 0.19 at 119 s, and 0.18 at 120 s
    ("0|0:0.09/60/60", SEED, (REGULAR,), "section 2 (120:0.18): the price would fall to 0.18"),
    ("0|0:0.11/60/60", SEED, (REGULAR,), "section 1 (60:0.1): the price would fall to 0.1"),
    ("0|0:0.05/60/60;60:0.04/60/60", SEED, tuple(SectionMode), "one metered tier"),
    ("0|0:=0.05", SEED, tuple(SectionMode), "one metered tier"),
    ("0|0:=1;60:=2;120:0.05/60/60", SEED, tuple(SectionMode), "at most a first-time lump"),
    ("0|0:0.05/60/60;60:=1", SEED, tuple(SectionMode), "not '0|0:0.05/60/60;60:=1'"),
    ("0|0:1/60/60", "9999999:1;9999999:2", (INCREMENT,), "starts at 19999998 s"),
]


@pytest.mark.parametrize(("regular", "sections", "modes", "message"), REFUSED)
def test_a_table_that_makes_no_price_is_refused(
    regular: str, sections: str, modes: tuple[SectionMode, ...], message: str
) -> None:
    for mode in modes:
        with pytest.raises(InvalidTariff) as refused:
            with_sections(parse_tariff(regular), parse_sections(sections), mode)
        assert message in str(refused.value), mode


def test_as_many_rows_as_tiers_have_room_for() -> None:
    rate = parse_tariff("0|0:0.01/60/60")
    rows = tuple(Section(60 * n, Decimal(n)) for n in range(1, 33))
    most = [(INCREMENT, 31), (STEP, 31), (REGULAR, 15)]
    for mode, count in most:
        assert len(with_sections(rate, rows[:count], mode).tiers) <= 32
        with pytest.raises(InvalidTariff, match=f"{count + 1} sections need more than 32 tiers"):
            with_sections(rate, rows[: count + 1], mode)


def test_a_row_as_dear_as_the_regular_rate_is_no_fall() -> None:
    """0.10 + 0.08 at 61 s to 119 s, and 0.18 at 120 s."""
    got = [due("0|0:0.08/60/60", "60:0.10;120:0.18", REGULAR, s) for s in (60, 61, 119, 120, 121)]
    assert got == [Decimal(amount) for amount in ("0.10", "0.18", "0.18", "0.18", "0.26")]


# --- properties -------------------------------------------------------------------------------

amounts = st.decimals(0, 2, places=2) | st.decimals(0, 1, places=7)
lengths = st.sampled_from([1, 2, 59, 60, 61, 90]) | st.integers(1, 200)
regular_tariffs = st.builds(
    lambda fee, lump, lump_s, rate, unit_s, increment_s: parse_tariff(
        f"{fee:f}|0:={lump:f};{lump_s}:{rate:f}/{unit_s}/{increment_s}"
        if lump_s
        else f"{fee:f}|0:{rate:f}/{unit_s}/{increment_s}"
    ),
    amounts,
    amounts,
    st.sampled_from([0, 0, 1, 30, 60]),
    amounts,
    st.sampled_from([1, 7, 60, 3600]),
    st.sampled_from([1, 6, 7, 30, 60]),
)
modes = st.sampled_from(list(SectionMode))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Section, ...]:
    """Rows that make sense in every reading: longer and dearer from row to row."""
    rows, seconds, fee = [], 0, Decimal(0)
    for length_s, more in draw(st.lists(st.tuples(lengths, amounts), min_size=1, max_size=4)):
        seconds, fee = seconds + length_s, fee + more
        rows.append(Section(seconds, fee))
    return tuple(rows)


def walked(regular: Tariff, sections: tuple[Section, ...], mode: SectionMode) -> list[Fraction]:
    """The price of 0 s, 1 s, 2 s … by the words of the spec, until a minute after the table."""
    last = sum(section.seconds for section in sections)
    first_s, lump = first_time(regular)
    prices = [Fraction(0)]
    for talked_s in range(1, first_s + last + 75):
        total = Fraction(regular.fee) + lump
        if talked_s > first_s:
            total += READ[mode](sections, talked_s - first_s, regular)
        prices.append(total)
    return prices


def first_time(regular: Tariff) -> tuple[int, Fraction]:
    first, *rest = regular.tiers
    return (rest[0].start_s, Fraction(first.price)) if rest else (0, Fraction(0))


def at_regular_rate(regular: Tariff, seconds: range) -> Fraction:
    """A cycle is due at the first of these seconds and whenever the one before has passed."""
    metered = regular.tiers[-1]
    cycle = Fraction(metered.price) * metered.increment_s / metered.unit_s
    return len(seconds[:: metered.increment_s]) * cycle


def incremental(sections: tuple[Section, ...], talked_s: int, regular: Tariff) -> Fraction:
    """Each row: pay `fee` for the next `seconds`; after the last row the regular rate."""
    second, total = 0, Fraction(0)
    for section in sections:
        if second < talked_s:
            total += Fraction(section.fee)
        second += section.seconds
    return total + at_regular_rate(regular, range(second, talked_s))


def stepped(sections: tuple[Section, ...], talked_s: int, regular: Tariff) -> Fraction:
    """The row whose charged duration is the first that is not shorter than the call."""
    for section in sections:
        if section.seconds >= talked_s:
            return Fraction(section.fee)
    last = sections[-1]
    return Fraction(last.fee) + at_regular_rate(regular, range(last.seconds, talked_s))


def reached(sections: tuple[Section, ...], talked_s: int, regular: Tariff) -> Fraction:
    """Only rows fully reached count, and the regular rate for the rest."""
    row = Section(0, Decimal(0))
    for section in sections:
        if section.seconds <= talked_s:
            row = section
    return Fraction(row.fee) + at_regular_rate(regular, range(row.seconds, talked_s))


READ = {INCREMENT: incremental, STEP: stepped, REGULAR: reached}


@given(regular_tariffs, tables(), modes)
def test_the_price_is_that_of_the_specs_words_at_every_second(
    regular: Tariff, sections: tuple[Section, ...], mode: SectionMode
) -> None:
    """And a table is refused exactly where its words would make a longer call cheaper."""
    expected = walked(regular, sections, mode)
    if sorted(expected) != expected:
        with pytest.raises(InvalidTariff, match="would fall"):
            with_sections(regular, sections, mode)
        return
    tariff = with_sections(regular, sections, mode)
    assert [exact_price(tariff, s) for s in range(len(expected))] == expected


@given(regular_tariffs, tables(), modes)
def test_the_text_of_the_tariff_reads_back_to_an_equal_one(
    regular: Tariff, sections: tuple[Section, ...], mode: SectionMode
) -> None:
    tariff = compiled(regular, sections, mode)
    assert parse_tariff(str(tariff)) == tariff
    assert build_tariff(tariff.fee, list(tariff.tiers)) == tariff


@given(regular_tariffs, tables(), modes, st.integers(0, 900), st.integers(0, 300))
def test_a_longer_call_never_costs_less(
    regular: Tariff, sections: tuple[Section, ...], mode: SectionMode, talked_s: int, more_s: int
) -> None:
    tariff = compiled(regular, sections, mode)
    assert tariff.exact(talked_s) <= tariff.exact(talked_s + more_s)
    assert tariff.billed_s(talked_s) <= tariff.billed_s(talked_s + more_s)


@given(regular_tariffs, tables(), modes)
def test_a_row_that_is_reached_is_billed_by_its_seconds(
    regular: Tariff, sections: tuple[Section, ...], mode: SectionMode
) -> None:
    tariff = compiled(regular, sections, mode)
    reached_s, _ = first_time(regular)
    for section in sections:
        if mode is INCREMENT:
            reached_s += section.seconds
            assert tariff.billed_s(reached_s) == reached_s
        else:
            assert tariff.billed_s(reached_s + section.seconds) == reached_s + section.seconds


@given(tables())
def test_the_text_of_a_table_reads_back(sections: tuple[Section, ...]) -> None:
    assert parse_sections(sections_text(sections)) == sections


def compiled(regular: Tariff, sections: tuple[Section, ...], mode: SectionMode) -> Tariff:
    try:
        return with_sections(regular, sections, mode)
    except InvalidTariff:
        assume(False)
        raise
