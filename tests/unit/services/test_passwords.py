"""Which chosen passwords are taken: long, varied, without the name, not what people choose."""

import time

import pytest

from controller.services.passwords import MAX_PASSWORD, generated_password, unfit

SHORTEST = 12


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 12 characters"),
        ("x" * (MAX_PASSWORD + 1), "at most 256"),
        ("ababababababab", "6 different"),
        ("i-am-Rahim-hello", "Leave your name out"),
        ("password1234", "among the first"),
        ("P@ssw0rd!P@ssw0rd!", "among the first"),
        ("qwertyuiop123", "among the first"),
        ("1q2w3e4r5t6y7u8i", "among the first"),
        ("abcdefghijkl", "among the first"),
        ("iloveyou2026", "among the first"),
        ("administrator1", "among the first"),
        ("123456789012345", "among the first"),
    ],
)
def test_what_is_not_taken(password: str, why: str) -> None:
    assert why in unfit(password, "rahim", SHORTEST)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "eine längere Zeile Text",
        "почти случайный пароль",
        "kx7!vQp2#mZd",
        "a very long sentence in which the name rahim stands somewhere",
    ],
)
def test_what_is_taken(password: str) -> None:
    assert unfit(password, "rahim", SHORTEST) == ""


def test_made_passwords_are_taken() -> None:
    assert {unfit(generated_password(), "admin", SHORTEST) for _ in range(20)} == {""}


def test_a_hostile_password_is_judged_quickly() -> None:
    for hostile in (
        "ab1!cd" * 42,
        "\x00\x01abcdef" * 30,
        "\U0001f600abcdefg" * 25,
        "password" * 32,
    ):
        began = time.perf_counter()
        unfit(hostile, "rahim", SHORTEST)
        assert time.perf_counter() - began < 1
