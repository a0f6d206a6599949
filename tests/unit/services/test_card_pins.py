"""PINs and passwords of phone cards: drawn, digested, never shown by accident."""

import random
from decimal import Decimal
from itertools import islice

import pytest

from controller.services.cards import CardSeal, NewCard
from controller.services.cards.pins import Secrets, drawn
from controller.services.cards.reading import read_batch


def test_as_many_digits_as_ordered() -> None:
    for pin_length in range(10, 17):
        for password_length in (0, 4, 8):
            for card in islice(drawn(pin_length, "07", password_length), 50):
                assert (len(card.pin), len(card.password)) == (pin_length, password_length)
                assert card.pin.startswith("07")
                assert (card.pin + card.password).isdigit()


def test_no_pin_twice() -> None:
    """Even where chance gives the same number again and again."""
    numbers = iter([7, 7, 7, 8, 7, 9])
    cards = list(islice(drawn(10, "", 0, lambda _below: next(numbers)), 3))
    assert [card.pin for card in cards] == ["0000000007", "0000000008", "0000000009"]


def test_every_number_can_be_drawn() -> None:
    """None is left out for its leading zeros."""
    chance = random.Random(1)
    asked: list[int] = []

    def draw(below: int) -> int:
        asked.append(below)
        return chance.randrange(below)

    first_digits = {card.pin[0] for card in islice(drawn(10, "", 4, draw), 200)}
    assert first_digits == set("0123456789")
    assert set(asked) == {10**10, 10**4}


def test_digests_depend_on_the_installation() -> None:
    one, other = CardSeal(b"one"), CardSeal(b"other")
    assert one.pin("1234567890") == CardSeal(b"one").pin("1234567890")
    assert one.pin("1234567890") != other.pin("1234567890")
    assert len(one.pin("1234567890")) == 32


def test_the_same_password_of_two_cards_is_kept_differently() -> None:
    seal = CardSeal(b"one")
    kept = seal.password("1234567890", "1111")
    assert kept != seal.password("1234567891", "1111")
    assert seal.fits(kept, "1234567890", "1111")
    for pin, password in (("1234567890", "1112"), ("1234567891", "1111"), ("1234567890", "")):
        assert not seal.fits(kept, pin, password)
    # no PIN is anything's password
    assert seal.pin("1234567890") != seal.password("", "1234567890")


def test_nothing_secret_in_a_traceback() -> None:
    shown = repr([NewCard("spring-000001", "1234567890", "4321"), Secrets("1234567890", "4321")])
    assert "spring-000001" in shown
    assert "1234567890" not in shown
    assert "4321" not in shown


@pytest.mark.parametrize(
    ("pin_length", "prefix", "count", "fits"),
    [
        (10, "", 10_000, True),
        (10, "1", 1_000, True),
        (10, "1", 1_001, False),
        (10, "12", 100, True),
        (10, "12", 101, False),
        (10, "123", 1, False),
        (16, "12345678", 100, True),
        (16, "123456", 10_000, True),
        (16, "1234567", 10_000, False),
    ],
)
def test_one_pin_in_a_million_at_most(pin_length: int, prefix: str, count: int, fits: bool) -> None:
    order = {
        "name": "b",
        "currency": "USD",
        "face_value": "1",
        "count": count,
        "pin_length": pin_length,
        "prefix": prefix,
    }
    if fits:
        assert read_batch(order).total == Decimal(count)
        return
    with pytest.raises(ValueError, match="digits"):
        read_batch(order)
