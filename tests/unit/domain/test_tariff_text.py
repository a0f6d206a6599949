"""The text form of tariffs (design §6): what is read, how it is written, what is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import InvalidInput, InvalidTariff
from controller.domain.tariff import (
    MAX_TIERS,
    Tier,
    build_tariff,
    parse_tariff,
    plain_tariff,
    price,
)
from tests.unit.domain.tariffs import tariff_texts, terms

WRITTEN = [
    # as typed                                   as written back
    ("0.15|0:0.05/60/1", "0.15|0:0.05/60/1"),
    ("0|0:=0.21;180:0.15/60/60", "0|0:=0.21;180:0.15/60/60"),
    ("0.40|0:0.20/60/1;60:0.10/60/1", "0.4|0:0.2/60/1;60:0.1/60/1"),
    (" 0 | 0 : 0.05 / 60 / 1 ", "0|0:0.05/60/1"),
    ("0|0:=0", "0|0:=0"),
    ("000|00:1.0/060/06", "0|0:1/60/6"),
    ("100|0:1000000/1/1", "100|0:1000000/1/1"),
    ("0|0:0.0000000001/60/60", "0|0:0.0000000001/60/60"),
    ("0|0:1/60/60\n", "0|0:1/60/60"),
]


@pytest.mark.parametrize(("typed", "written"), WRITTEN)
def test_a_tariff_is_written_in_one_form(typed: str, written: str) -> None:
    assert str(parse_tariff(typed)) == written


@given(tariff_texts())
def test_what_is_written_reads_back_as_the_same_tariff(text: str) -> None:
    tariff = parse_tariff(text)
    assert parse_tariff(str(tariff)) == tariff
    assert str(parse_tariff(str(tariff))) == str(tariff)


REFUSED = [
    # text                               the part that the message must name
    ("", "''"),
    ("0.05", "'0.05'"),
    ("|0:1/60/60", "connect fee"),
    ("-1|0:1/60/60", "connect fee"),
    ("0,15|0:1/60/60", "connect fee"),
    ("1e3|0:1/60/60", "connect fee"),
    ("NaN|0:1/60/60", "connect fee"),
    ("1000001|0:1/60/60", "1000001"),
    ("12345678|0:1/60/60", "12345678"),
    ("0.12345678901|0:1/60/60", "0.12345678901"),
    ("0|", "tier ''"),
    ("0|0:1/60/60;", "tier ''"),
    ("0|;0:1/60/60", "tier ''"),
    ("0|0-1/60/60", "'0-1/60/60'"),
    ("0|0:1", "'0:1'"),
    ("0|0:1/60", "'0:1/60'"),
    ("0|0:1/60/60/60", "'0:1/60/60/60'"),
    ("0|x:1/60/60", "'x'"),
    ("0|-1:1/60/60", "'-1'"),
    ("0|0:-1/60/60", "'-1'"),
    ("0|0:.5/60/60", "'.5'"),
    ("0|0:5./60/60", "'5.'"),
    ("0|0:1/0/60", "0:1/0/60"),
    ("0|0:1/60/0", "0:1/60/0"),
    ("0|0:1/60/1.5", "'1.5'"),
    ("0|0:1/60/10000001", "'10000001'"),
    ("0|0:1/-60/60", "'-60'"),
    ("0|0:=-0.21", "'-0.21'"),
    ("0|0:=", "0:="),
    ("0|0:==1", "'=1'"),
    ("0|60:1/60/60", "first tier must start at 0"),
    ("0|0:1/60/60;0:2/60/60", "'0:2/60/60'"),
    ("0|0:1/60/60;120:1/60/60;60:2/60/60", "'60:2/60/60'"),
    ("0|0:1/60/60|5", "60|5"),
    ("٣|0:1/60/60", "connect fee"),
    ("0|0:1/60/٦", "'٦'"),
    ("0|0:1\n/60/60x", "60x"),
]


@pytest.mark.parametrize(("text", "named"), REFUSED)
def test_a_malformed_tariff_is_refused_and_the_wrong_part_named(text: str, named: str) -> None:
    with pytest.raises(InvalidTariff) as refusal:
        parse_tariff(text)
    assert named in str(refusal.value)


def test_at_most_32_tiers() -> None:
    def of(count: int) -> str:
        return "0|" + ";".join(f"{n}:1/60/60" for n in range(count))

    assert len(parse_tariff(of(MAX_TIERS)).tiers) == MAX_TIERS
    with pytest.raises(InvalidTariff, match="32 tiers"):
        parse_tariff(of(MAX_TIERS + 1))


@given(st.text(max_size=40) | st.text(alphabet="0123456789|:;/=.- ", max_size=40))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        tariff = parse_tariff(text)
    except InvalidInput:
        return
    assert parse_tariff(str(tariff)) == tariff


# -- the plain columns of a deck --------------------------------------------------------------


def test_plain_columns_become_tiers() -> None:
    tariff = plain_tariff(
        Decimal("0.15"),
        cycle_s=60,
        unit_s=60,
        first_charge=Decimal("0.21"),
        first_duration_s=180,
    )
    assert str(tariff) == "0|0:=0.21;180:0.15/60/60"


def test_plain_columns_without_a_first_time() -> None:
    tariff = plain_tariff(Decimal("0.05"), cycle_s=1, unit_s=60, connect_fee=Decimal("0.15"))
    assert str(tariff) == "0.15|0:0.05/60/1"


def test_a_first_charge_needs_a_first_duration() -> None:
    with pytest.raises(InvalidTariff, match="first_duration_s"):
        plain_tariff(Decimal("0.05"), cycle_s=1, unit_s=60, first_charge=Decimal(1))


WRONG_COLUMNS = [
    # rate            cycle_s unit_s  what is wrong
    ("0.1", 0, 60, "a cycle of 0 s"),
    ("0.1", -60, 60, "a negative cycle"),
    ("0.1", 60, 0, "a unit of 0 s"),
    ("0.1", 60, -1, "a negative unit"),
    ("-0.1", 60, 60, "a negative rate"),
    ("0.12345678901", 60, 60, "more than ten decimals"),
    ("1000001", 60, 60, "an absurd rate"),
    ("NaN", 60, 60, "not a number"),
    ("Infinity", 60, 60, "not a number"),
]


@pytest.mark.parametrize(("rate", "cycle_s", "unit_s", "_what"), WRONG_COLUMNS)
def test_wrong_columns_are_refused(rate: str, cycle_s: int, unit_s: int, _what: str) -> None:
    with pytest.raises(InvalidTariff):
        plain_tariff(Decimal(rate), cycle_s, unit_s)


@pytest.mark.parametrize("fee", ["-0.01", "0.12345678901", "NaN"])
def test_a_wrong_connect_fee_is_refused(fee: str) -> None:
    with pytest.raises(InvalidTariff):
        plain_tariff(Decimal("0.1"), 60, 60, connect_fee=Decimal(fee))


@pytest.mark.parametrize("charge", ["-0.01", "0.12345678901"])
def test_a_wrong_first_charge_is_refused(charge: str) -> None:
    with pytest.raises(InvalidTariff):
        plain_tariff(Decimal("0.1"), 60, 60, first_charge=Decimal(charge), first_duration_s=30)


def test_tiers_that_were_not_parsed_are_checked_too() -> None:
    many = [Tier(n, Decimal(1), 60, 60) for n in range(MAX_TIERS + 1)]
    with pytest.raises(InvalidTariff):
        build_tariff(Decimal(0), many)
    with pytest.raises(InvalidTariff):
        build_tariff(Decimal(0), [])


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-10, max_value=2_000_000),
    st.integers(-5, 100),
    st.integers(-5, 100),
    terms,
)
def test_every_tariff_that_is_built_can_be_stored_and_never_pays_the_caller(
    rate: Decimal, cycle_s: int, unit_s: int, at: object
) -> None:
    try:
        tariff = plain_tariff(rate, cycle_s, unit_s)
    except InvalidTariff:
        return
    assert parse_tariff(str(tariff)) == tariff
    assert price(tariff, at, Decimal(0), 61).net >= 0  # type: ignore[arg-type]
