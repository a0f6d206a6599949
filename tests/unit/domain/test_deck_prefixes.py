"""Prefixes as vendors write them, and the prefixes that they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.deck_prefixes import MAX_EXPANDED, expand_prefixes
from controller.domain.errors import InvalidNumber


@pytest.mark.parametrize(
    ("cells", "prefixes"),
    [
        (["39"], ["39"]),
        (["+39"], ["39"]),
        ([" 1 242 "], ["1242"]),
        (["1\u00a0242"], ["1242"]),
        (["39", ""], ["39"]),
        (["39", "320"], ["39320"]),
        (["+39", "320"], ["39320"]),
        (["39", "320, 328-330"], ["39320", "39328", "39329", "39330"]),
        (["39320;39328–39330"], ["39320", "39328", "39329", "39330"]),
        (["39320\n39328"], ["39320", "39328"]),
        (["39", "08-11"], ["3908", "3909", "3910", "3911"]),
        (["44,"], ["44"]),
        (["*"], ["*"]),
        ([""], [""]),
        (["x-y"], ["x-y"]),
    ],
)
def test_prefixes(cells: list[str], prefixes: list[str]) -> None:
    assert list(expand_prefixes(cells)) == prefixes


@pytest.mark.parametrize(
    ("cell", "dropped", "prefixes"),
    [
        ("0039", ["00"], ["39"]),
        ("0039,0044", ["00"], ["39", "44"]),
        ("000039", ["00"], ["0039"]),
        ("8839", ["99", "88"], ["39"]),
        ("39", ["00"], ["39"]),
    ],
)
def test_a_beginning_is_dropped_once(cell: str, dropped: list[str], prefixes: list[str]) -> None:
    assert list(expand_prefixes([cell], dropped)) == prefixes


@pytest.mark.parametrize("cell", ["39330-39328", "39328-30", "1-22"])
def test_a_range_that_is_none(cell: str) -> None:
    with pytest.raises(InvalidNumber, match="equally many digits"):
        expand_prefixes([cell])


@pytest.mark.parametrize("cell", ["1000-2000", "1-9,1000-1995", "0" * 32 + "-" + "9" * 32])
def test_a_row_stands_for_so_many_prefixes_at_most(cell: str) -> None:
    with pytest.raises(InvalidNumber, match=f"more than {MAX_EXPANDED}"):
        expand_prefixes([cell])


@given(st.integers(0, 10**12), st.integers(0, MAX_EXPANDED - 1))
def test_a_range_is_every_number_between_its_ends(first: int, more: int) -> None:
    width = len(str(first + more))
    ends = f"{str(first).zfill(width)}-{first + more}"
    found = expand_prefixes([ends])
    assert [int(prefix) for prefix in found] == list(range(first, first + more + 1))
    assert {len(prefix) for prefix in found} == {width}
