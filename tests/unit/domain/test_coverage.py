"""Destinations of one list that another one does not reach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.coverage import missing, uncovered

PREFIXES = st.lists(st.text("12", max_size=4), max_size=12)


@pytest.mark.parametrize(
    ("destinations", "by", "lacking"),
    [
        (["39", "44"], ["39"], ["44"]),
        (["3906"], ["39"], []),
        (["39"], ["3906"], []),
        (["39"], ["38", "4"], ["39"]),
        (["39", "*"], ["*"], []),
        (["*"], ["39"], []),
        (["*", "1"], [], ["*", "1"]),
        (["39", "39"], [], ["39"]),
        ([], ["39"], []),
        (["3902"], ["39", "3901"], []),
        (["3902", "40"], ["390", "3901", "391"], ["40"]),
    ],
)
def test_uncovered_destinations(destinations: list[str], by: list[str], lacking: list[str]) -> None:
    assert uncovered(destinations, by) == lacking


@given(PREFIXES, PREFIXES)
def test_reached_from_above_or_below(destinations: list[str], by: list[str]) -> None:
    """In whatever order they come: the sorting is the function's own."""
    expected = {
        destination or "*"
        for destination in destinations
        if not any(destination.startswith(p) or p.startswith(destination) for p in by)
    }
    named = [prefix or "*" for prefix in destinations]
    assert uncovered(named, [prefix or "*" for prefix in by]) == sorted(expected)


def test_both_streams_are_read_once() -> None:
    wanted = iter(["1", "12", "3"])
    assert list(missing(wanted, iter(["12", "2"]))) == ["3"]
