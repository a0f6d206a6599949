"""What a card pays, in every state; whom it pays; which PINs cannot be guessed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from controller.domain.cards import (
    MAX_CARDS,
    PIN_LENGTHS,
    CardState,
    Face,
    not_for,
    not_paid,
    pin_fault,
    serial_number,
)
from controller.domain.configuration import AccountKind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("expires_at", [None, NOW + SECOND, NOW, NOW - SECOND])
@pytest.mark.parametrize("state", CardState)
def test_a_card_pays_while_it_is_unused_open_and_in_time(
    state: CardState, expires_at: datetime | None, locked: bool
) -> None:
    face = Face(Decimal(5), "USD", expires_at)
    refused = not_paid("spring-000001", state, face, locked=locked, now=NOW)
    in_time = expires_at is None or expires_at > NOW
    assert (refused is None) == (state is CardState.UNUSED and in_time and not locked)
    if refused is not None:
        assert "spring-000001" in refused.why


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (CardState.USED, "was used already"),
        (CardState.VOIDED, "is void"),
        (CardState.EXPIRED, "has expired"),
    ],
)
def test_what_became_of_it_is_said_before_all_else(state: CardState, why: str) -> None:
    face = Face(Decimal(5), "USD", NOW - SECOND)
    refused = not_paid("spring-000001", state, face, locked=True, now=NOW)
    assert refused is not None
    assert why in refused.why


@pytest.mark.parametrize(
    ("currency", "kind", "fits"),
    [
        ("USD", AccountKind.ORDINARY, True),
        ("USD", AccountKind.PHONE_CARD, True),
        ("USD", AccountKind.CLEARING, False),
        ("EUR", AccountKind.ORDINARY, False),
    ],
)
def test_whom_it_pays(currency: str, kind: AccountKind, fits: bool) -> None:
    face = Face(Decimal(5), "USD")
    assert (not_for("spring-000001", face, "shop", currency, kind) is None) == fits


def test_every_batch_without_a_prefix_is_possible() -> None:
    for length in PIN_LENGTHS:
        for count in (1, 100, MAX_CARDS):
            assert pin_fault(length, "", count) == ""


def test_serial_numbers_sort_as_text() -> None:
    serials = [serial_number("spring", number) for number in (1, 2, 10, 9_999, MAX_CARDS)]
    assert serials[0] == "spring-000001"
    assert serials == sorted(serials)
