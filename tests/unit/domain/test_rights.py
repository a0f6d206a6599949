"""The reference's matrices of rights as tables, and what counts along a chain (spec §1.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.rights import ALL_RIGHTS, NO_RIGHTS, PRESETS, Right, effective, in_order

# one column for each right in the reference's order:
#   accounts, phones, cards, add/delete gateways, their settings, their capacity, pay own, pay sub
A1_TYPES = {
    "retail_reseller": "++----++",
    "wholesale_agent": "+--+++-+",
    "calling_card_agent": "+-+---++",
    "sip_trunk_provider": "++-+++++",
}
A2_SCENARIOS = {
    "retail_reseller": "++----++",
    "wholesale_agent": "+--+++-+",
    "calling_card_agent": "+-+---++",
    "multi_country": "++-+++-+",
}
A3_TEMPLATES = {
    "retail": "++-----+",
    "wholesale": "+--+++-+",
    "calling_card": "+-+----+",
    "full": "++++++++",
}
ROWS = [*A1_TYPES.items(), *A2_SCENARIOS.items(), *A3_TEMPLATES.items()]
CHAINS = st.lists(st.frozensets(st.sampled_from(Right)), max_size=6)


@pytest.mark.parametrize(("preset", "row"), ROWS)
def test_a_preset_is_as_the_reference_has_it(preset: str, row: str) -> None:
    shown = "".join("+" if right in PRESETS[preset] else "-" for right in Right)
    assert shown == row


def test_there_is_no_other_preset() -> None:
    assert set(PRESETS) == {name for name, _ in ROWS}


@given(CHAINS)
def test_what_counts_is_what_everybody_above_has_too(chain: list[frozenset[Right]]) -> None:
    counting = effective(chain)
    assert all(counting <= granted for granted in chain)
    assert all(right in counting for right in Right if all(right in granted for granted in chain))


@given(CHAINS, st.frozensets(st.sampled_from(Right)))
def test_one_more_above_never_adds(chain: list[frozenset[Right]], top: frozenset[Right]) -> None:
    assert effective([top, *chain]) <= effective(chain)


def test_one_link_without_a_right_takes_it_from_all_below() -> None:
    without = ALL_RIGHTS - {Right.PAY_SUB}
    assert Right.PAY_SUB not in effective([ALL_RIGHTS, without, ALL_RIGHTS])
    assert effective([ALL_RIGHTS, NO_RIGHTS, ALL_RIGHTS]) == NO_RIGHTS
    assert effective([]) == ALL_RIGHTS


def test_the_order_is_the_references() -> None:
    shuffled = [Right.PAY_SUB, Right.PHONES, Right.PAY_SUB, Right.ACCOUNTS]
    assert in_order(shuffled) == (Right.ACCOUNTS, Right.PHONES, Right.PAY_SUB)
