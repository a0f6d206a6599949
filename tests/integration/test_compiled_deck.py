"""A compiled deck finds what a dictionary finds, for every number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.rates import RateGroup
from controller.domain.sections import SectionMode
from controller.domain.tariff import Terms
from controller.persistence.rate_index import index
from controller.persistence.rate_index.deck import dictionary, gather
from controller.persistence.rate_index.index import CompiledIndex
from controller.persistence.rate_index.layout import Identity, pack
from controller.persistence.rate_index.stored import StoredRate
from tests.integration.rate_decks import BY_MINUTE, NOW

IDENTITY = Identity("here", 1, 1, SectionMode.INCREMENT, "all")

digits = st.text("0129", min_size=1, max_size=17)
prefixes = digits | st.just("*")
numbers = st.text("0129", max_size=20) | st.text("0129a*#+_ ٣", max_size=8)
instants = st.none() | st.integers(0, 4).map(lambda year: str(1_700_000_000 + year * 31_536_000))


@st.composite
def stored_rates(draw: st.DrawFn) -> StoredRate:
    cents = draw(st.integers(1, 5))
    area = draw(st.sampled_from(["", "Côte d’Ivoire", "東京", 'a "b" \\ c']))
    locked = draw(st.booleans())
    columns = [area, 5, f"0|0:0.0{cents}/60/1", "", "19.0000", draw(instants), None, locked]
    return StoredRate(columns, draw(st.lists(prefixes, min_size=1, max_size=8)))


def compiled(rates: list[StoredRate], identity: Identity = IDENTITY) -> CompiledIndex:
    return CompiledIndex(b"".join(pack(gather(rates, identity.mode), identity)), identity)


@given(st.lists(stored_rates(), max_size=12), st.lists(numbers, max_size=30))
def test_every_number_finds_the_same_rates(rates: list[StoredRate], dialed: list[str]) -> None:
    by_hand, by_file = dictionary(gather(rates, IDENTITY.mode)), compiled(rates)
    assert len(by_file) == len(by_hand)
    assert sorted(by_file.prefixes()) == sorted(by_hand.prefixes())
    stored = [prefix.replace("*", "") for rate in rates for prefix in rate.prefixes]
    for number in [*dialed, *stored, *(prefix + "01" for prefix in stored)]:
        assert list(by_file.matches(number)) == list(by_hand.matches(number)), number
        assert by_file.rate_for(number, NOW) == by_hand.rate_for(number, NOW), number


@given(st.lists(stored_rates(), max_size=12), numbers)
def test_every_number_has_the_same_usable_rate(rates: list[StoredRate], number: str) -> None:
    terms = Terms("EUR")
    by_hand = RateGroup(1, "deck", terms, dictionary(gather(rates, IDENTITY.mode)))
    by_file = RateGroup(1, "deck", terms, compiled(rates))
    assert by_file.rate_for(number, NOW) == by_hand.rate_for(number, NOW)


def test_prefixes_longer_than_a_number_of_e164_are_found_too() -> None:
    long, longer = "1234567890123456", "12345678901234567890"
    rates = [StoredRate(["", 5, BY_MINUTE, "", "0", None, None, False], ["12", long, longer])]
    found = [prefix for prefix, _ in compiled(rates).matches(longer + "1")]
    assert found == [longer, long, "12"]


def test_more_rates_than_are_kept_as_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_KEPT", 3)
    rates = [
        StoredRate(["", 5, f"0|0:0.0{n}/60/1", "", "0", None, None, False], [str(n)])
        for n in range(1, 10)
    ]
    by_file = compiled(rates)
    for n in [*range(1, 10), *range(9, 0, -1)]:
        matched = by_file.rate_for(f"{n}55", NOW)
        assert matched is not None
        assert str(matched.rate.tariff) == f"0|0:0.0{n}/60/1"


def test_an_empty_deck_matches_nothing() -> None:
    empty = compiled([])
    assert len(empty) == 0
    assert list(empty.prefixes()) == []
    assert empty.rate_for("39", NOW) is None
    assert list(empty.matches("39")) == []
