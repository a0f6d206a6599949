"""Number sections (spec §1.6, reading 1), compared with sets of all their numbers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import InvalidNumber
from controller.domain.number_sections import (
    ANY_NUMBER,
    NumberSection,
    NumberSections,
    is_number,
    limits,
    number_section,
    read_section,
)

Numbers = set[str]


def numbers_of(section: NumberSection) -> Numbers:
    """Every number, one by one."""
    length = len(section.first)
    return {f"{n:0{length}}" for n in range(int(section.first), int(section.last) + 1)}


@st.composite
def sections(draw: st.DrawFn) -> NumberSection:
    """Short numbers, so that they can all be listed; lengths differ."""
    length = draw(st.integers(1, 3))
    ends = sorted(draw(st.integers(0, 10**length - 1)) for _ in range(2))
    return number_section(*(f"{end:0{length}}" for end in ends))


several = st.lists(sections(), max_size=5)
numbers = st.integers(1, 4).flatmap(lambda n: st.integers(0, 10**n - 1).map(lambda v: f"{v:0{n}}"))


@given(several, numbers)
def test_a_number_is_in_the_union(drawn: list[NumberSection], number: str) -> None:
    model = set().union(*map(numbers_of, drawn))
    assert (number in NumberSections(drawn)) == (number in model)
    assert any(number in section for section in drawn) == (number in model)


@given(several, sections())
def test_covering_is_having_every_number(drawn: list[NumberSection], asked: NumberSection) -> None:
    model = set().union(*map(numbers_of, drawn))
    together = NumberSections(drawn)
    assert together.covers(asked) == (numbers_of(asked) <= model)
    lacking = together.lacking(asked)
    assert set().union(*map(numbers_of, lacking)) == numbers_of(asked) - model
    assert sum(part.size for part in lacking) == len(numbers_of(asked) - model)
    # each part ends where something that is there begins
    for before, after in pairwise(lacking):
        assert int(before.last) + 1 < int(after.first)


@given(several, several)
def test_the_order_does_not_matter(one: list[NumberSection], other: list[NumberSection]) -> None:
    forth, back = NumberSections([*one, *other]), NumberSections([*other, *one, *one])
    assert forth.sections == back.sections
    assert all(forth.covers(section) for section in one + other)


@given(sections())
def test_text_reads_as_itself(section: NumberSection) -> None:
    assert read_section(str(section)) == section
    assert section.size == len(numbers_of(section))


def test_a_section_across_a_seam() -> None:
    both = NumberSections([read_section("100-149"), read_section("150-199")])
    assert both.covers(read_section("140-160"))
    assert not both.covers(read_section("199-200"))
    assert [str(part) for part in both.lacking(read_section("090-210"))] == ["090-099", "200-210"]


def test_lengths_and_zeros_are_numbers_of_their_own() -> None:
    found = NumberSections([read_section("0100-0199")])
    assert "0150" in found
    assert "150" not in found
    assert "00150" not in found


def test_no_sections_limit_nothing() -> None:
    assert not ANY_NUMBER
    assert not limits(ANY_NUMBER, "123")
    assert limits(NumberSections([read_section("1-2")]), "3")
    assert not limits(NumberSections([read_section("1-2")]), "2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a number"),
        ("12a-12b", "is not a number"),
        ("1-2-3", "'2-3' is not a number"),
        ("+39-40", "is not a number"),
        ("١-٢", "is not a number"),
        ("1\n-2", None),
        ("1" * 33, "is not a number of 1 to 32 digits"),
        ("10-9", "10 has 2 digits, 9 has 1"),
        ("20-10", "begins with its smallest number: 10-20"),
        ("1 - 3", None),
        (" 7 ", None),
    ],
)
def test_texts_that_are_none(text: str, said: str | None) -> None:
    if said is None:
        assert isinstance(read_section(text), NumberSection)
        return
    with pytest.raises(InvalidNumber) as error:
        read_section(text)
    assert said in str(error.value)
    assert len(str(error.value)) < 200


def test_numbers_are_digits() -> None:
    assert is_number("0044")
    assert not any(map(is_number, ("", "+44", "4 4", "٤٤", "4\n", "4" * 33)))
