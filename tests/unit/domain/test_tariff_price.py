"""What a call costs: tables that a billing clerk can check with a pencil.

Sources: spec §2.4 (B2), §2.5 (section rates), §2.8, design §6, and the conventions' 85 s example.
"""

from decimal import Decimal

import pytest

from controller.domain.call_record import hold_time_s
from controller.domain.money import Rounding
from controller.domain.tariff import ZERO_CHARGE, Terms, affordable_s, parse_tariff, price

CENTS = Terms("EUR", 2)
MICRO = Terms("EUR", 6)


def test_b2_first_time_rate_then_cycles_with_ten_percent_tax() -> None:
    """0.21 for the first 180 s, then 0.15 for each started minute; tax 10 % (spec B2)."""
    table = [
        # seconds  base    tax      debit    billed seconds
        (0, "0", "0", "0", 0),
        (1, "0.21", "0.021", "0.231", 180),
        (179, "0.21", "0.021", "0.231", 180),
        (180, "0.21", "0.021", "0.231", 180),
        (181, "0.36", "0.036", "0.396", 240),
        (240, "0.36", "0.036", "0.396", 240),
        (241, "0.51", "0.051", "0.561", 300),
        (250, "0.51", "0.051", "0.561", 300),
        (300, "0.51", "0.051", "0.561", 300),
        (301, "0.66", "0.066", "0.726", 360),
    ]
    tariff = parse_tariff("0|0:=0.21;180:0.15/60/60")
    for seconds, base, tax, debit, billed in table:
        charge = price(tariff, MICRO, Decimal(10), seconds)
        assert (charge.net, charge.tax) == (Decimal(base), Decimal(tax)), seconds
        assert (charge.gross, charge.billed_s) == (Decimal(debit), billed), seconds


def test_85_seconds_are_rounded_once_not_at_each_increment() -> None:
    """0.40 + 0.20 a minute for the first, 0.10 a minute after: 0.641666… is 0.6417, not 0.6418."""
    tariff = parse_tariff("0.40|0:0.20/60/1;60:0.10/60/1")
    assert price(tariff, Terms("EUR", 4), Decimal(0), 85).net == Decimal("0.6417")
    exact = [(line.text, line.billed_s) for line in tariff.lines(85)]
    assert exact == [("connect fee 0.4", 0), ("0:0.2/60/1", 60), ("60:0.1/60/1", 25)]


SECTIONS = [
    # section rows 0.10 for 60 s, 0.18 for 120 s, 0.25 for 180 s; regular rate 0.05 a minute
    # reading              as tiers                                              150 s
    ("increment", "0|0:=0.10;60:=0.18;180:=0.25;360:0.05/60/60", "0.28"),
    ("cumulative_step", "0|0:=0.10;60:=0.08;120:=0.07;180:0.05/60/60", "0.25"),
    ("cumulative_regular", "0|0:=0.10;60:=0.08;120:0.05/60/60", "0.23"),
]


@pytest.mark.parametrize(("reading", "tiers", "due"), SECTIONS)
def test_section_rates_in_all_three_readings(reading: str, tiers: str, due: str) -> None:
    assert price(parse_tariff(tiers), CENTS, Decimal(0), 150).net == Decimal(due), reading


BOUNDARIES = [
    # tariff                          seconds  due       why
    ("0|0:0.06/60/60", 0, "0", "a call of 0 s costs nothing"),
    ("0.15|0:0.06/60/60", 0, "0", "not even the connect fee"),
    ("0.15|0:0.06/60/60", 1, "0.21", "the fee and one started minute"),
    ("0|0:0.06/60/60", 60, "0.06", "one full minute"),
    ("0|0:0.06/60/60", 61, "0.12", "a second started"),
    ("0|0:0.06/60/1", 61, "0.061", "by the second"),
    ("0|0:0.06/60/6", 61, "0.066", "by six seconds"),
    ("0|0:0.06/60/30", 1, "0.03", "by half minutes"),
    ("0|0:3.60/3600/1", 10, "0.01", "a price by the hour"),
    ("0|0:0/60/60", 1000, "0", "a free destination"),
    ("0.15|0:0/60/60", 1000, "0.15", "a flat connect fee"),
    ("0|0:=0.50", 1, "0.5", "a lump for the whole call"),
    ("0|0:=0.50", 7200, "0.5", "however long"),
    ("0|0:0.06/60/60;120:0.12/60/60", 120, "0.12", "the second tier begins after 120 s"),
    ("0|0:0.06/60/60;120:0.12/60/60", 121, "0.24", "and is entered at 121"),
    ("0|0:0.06/60/60;90:0.12/60/60", 90, "0.12", "two increments before the next tier"),
    ("0|0:0.06/60/60;90:0.12/60/60", 91, "0.24", "the next tier counts from its own start"),
    ("0|0:0.06/60/60;90:0.12/60/60", 150, "0.24", "its first increment lasts until 150"),
    ("0|0:0.06/60/60;90:0.12/60/60", 151, "0.36", "its second starts at 151"),
    ("0|0:=0;30:0.10/60/60", 30, "0", "half a minute free"),
    ("0|0:=0;30:0.10/60/60", 31, "0.1", "then by the minute"),
    ("0|0:0.02/1/1;10:=1;20:0.01/1/1", 10, "0.2", "a lump is not due at its start"),
    ("0|0:0.02/1/1;10:=1;20:0.01/1/1", 11, "1.2", "but a second later, whole"),
    ("0|0:0.02/1/1;10:=1;20:0.01/1/1", 20, "1.2", "until its end"),
    ("0|0:0.02/1/1;10:=1;20:0.01/1/1", 25, "1.25", "metered, lump, metered"),
]


@pytest.mark.parametrize(("tiers", "seconds", "due", "why"), BOUNDARIES)
def test_tier_boundaries(tiers: str, seconds: int, due: str, why: str) -> None:
    assert price(parse_tariff(tiers), MICRO, Decimal(0), seconds).net == Decimal(due), why


BILLED = [
    # tariff                          seconds  billed
    ("0|0:0.06/60/1", 61, 61),
    ("0|0:0.06/60/60", 61, 120),
    ("0|0:=0.21;180:0.15/60/60", 1, 180),
    ("0|0:=0.21;180:0.15/60/60", 181, 240),
    ("0|0:=0.50", 77, 77),
    ("5|0:0.06/60/60", 0, 0),
]


@pytest.mark.parametrize(("tiers", "seconds", "billed"), BILLED)
def test_billed_seconds(tiers: str, seconds: int, billed: int) -> None:
    assert price(parse_tariff(tiers), MICRO, Decimal(0), seconds).billed_s == billed


ROUNDED = [
    # 0.05 a minute by the second: exact amount   digits  up     half_up  half_even  down
    (1, 6, "0.000834", "0.000833", "0.000833", "0.000833"),  # 0.00083333…
    (1, 4, "0.0009", "0.0008", "0.0008", "0.0008"),
    (1, 2, "0.01", "0", "0", "0"),
    (6, 2, "0.01", "0.01", "0", "0"),  # 0.005: the tie, 0 is even
    (18, 2, "0.02", "0.02", "0.02", "0.01"),  # 0.015: the tie, 2 is even
    (60, 2, "0.05", "0.05", "0.05", "0.05"),  # nothing to round
    (60, 0, "1", "0", "0", "0"),
    (600, 0, "1", "1", "0", "0"),  # 0.5: the tie
    (1800, 0, "2", "2", "2", "1"),  # 1.5: the tie
    (1, 10, "0.0008333334", "0.0008333333", "0.0008333333", "0.0008333333"),
]


@pytest.mark.parametrize(("seconds", "digits", "up", "half_up", "half_even", "down"), ROUNDED)
def test_rounding_modes_and_scales(
    seconds: int, digits: int, up: str, half_up: str, half_even: str, down: str
) -> None:
    tariff = parse_tariff("0|0:0.05/60/1")
    due = {"up": up, "half_up": half_up, "half_even": half_even, "down": down}
    for mode, amount in due.items():
        got = price(tariff, Terms("EUR", digits, Rounding(mode)), Decimal(0), seconds).net
        assert got == Decimal(amount), mode


def test_tax_is_computed_on_the_rounded_amount_and_rounded_once() -> None:
    """0.35 net; 7 % of it is 0.0245, which is 0.02 half up, 0.03 up."""
    tariff = parse_tariff("0|0:=0.345")
    half_up = price(tariff, Terms("EUR", 2, Rounding.HALF_UP), Decimal(7), 10)
    assert (half_up.net, half_up.tax, half_up.gross) == (
        Decimal("0.35"),
        Decimal("0.02"),
        Decimal("0.37"),
    )
    up = price(tariff, Terms("EUR", 2, Rounding.UP), Decimal(7), 10)
    assert (up.net, up.tax) == (Decimal("0.35"), Decimal("0.03"))


@pytest.mark.parametrize(
    ("percent", "tax"),
    [("0", "0"), ("0.5", "0.01"), ("19", "0.19"), ("7.7", "0.08"), ("100", "1"), ("250", "2.5")],
)
def test_tax_of_one_euro(percent: str, tax: str) -> None:
    assert price(parse_tariff("0|0:=1"), CENTS, Decimal(percent), 5).tax == Decimal(tax)


def test_a_call_of_no_or_negative_length_costs_nothing() -> None:
    tariff = parse_tariff("5|0:=5")
    assert price(tariff, CENTS, Decimal(10), 0) == ZERO_CHARGE
    assert price(tariff, CENTS, Decimal(10), -1) == ZERO_CHARGE
    assert tariff.lines(0) == ()


AFFORDABLE = [
    # tariff              tax   money    limit   seconds
    ("0|0:0.10/60/60", "0", "1.00", 7200, 600),
    ("0|0:0.10/60/60", "0", "0.99", 7200, 540),
    ("0|0:0.10/60/60", "0", "0.0999", 7200, 0),
    ("0|0:0.10/60/1", "0", "0.05", 7200, 30),
    ("0|0:0.10/60/60", "10", "1.00", 7200, 540),  # 0.11 a minute
    ("0|0:0.10/60/60", "0", "1.00", 90, 90),
    ("0.50|0:0.10/60/60", "0", "0.55", 7200, 0),  # the fee leaves too little
    ("0.50|0:0.10/60/60", "0", "0.60", 7200, 60),
    ("0|0:=0.21;180:0.15/60/60", "0", "0.21", 7200, 180),
    ("0|0:=0.21;180:0.15/60/60", "0", "0.20", 7200, 0),
    ("0|0:0/60/60", "0", "0", 7200, 7200),  # free: as long as allowed
    ("0|0:0.10/60/60", "0", "-5", 7200, 0),
    ("0|0:0.10/60/60", "0", "1.00", 0, 0),
]


@pytest.mark.parametrize(("tiers", "tax", "money", "limit_s", "seconds"), AFFORDABLE)
def test_how_long_the_money_lasts(
    tiers: str, tax: str, money: str, limit_s: int, seconds: int
) -> None:
    lasts = affordable_s(parse_tariff(tiers), MICRO, Decimal(tax), Decimal(money), limit_s)
    assert lasts == seconds


HOLD_TIMES = [
    # talk time      threshold ms  seconds
    ("10.049", 50, 10),
    ("10.050", 50, 11),
    ("10.049999", 50, 10),
    ("10.050000", 50, 11),
    ("10.000", 50, 10),
    ("0.049", 50, 0),
    ("0.050", 50, 1),
    ("0", 50, 0),
    ("10.000001", 0, 11),  # threshold 0: every fraction counts
    ("10.000000", 0, 10),  # but a whole second has none
    ("10.000999", 1, 10),
    ("10.001", 1, 11),
    ("10.499", 500, 10),
    ("10.500", 500, 11),
    ("10.998999", 999, 10),
    ("10.999", 999, 11),
]


@pytest.mark.parametrize(("talked", "threshold_ms", "seconds"), HOLD_TIMES)
def test_hold_time_threshold(talked: str, threshold_ms: int, seconds: int) -> None:
    """Spec §2.8: a fraction of at least the threshold counts as a second."""
    assert hold_time_s(int(Decimal(talked) * 1_000_000), threshold_ms) == seconds
