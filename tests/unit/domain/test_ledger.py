"""Postings: positive, immutable, and the same id for the same charge."""

from dataclasses import FrozenInstanceError
from decimal import Decimal
from uuid import UUID

import pytest

from controller.domain.ledger import (
    Posting,
    PostingKind,
    SystemAccount,
    call_posting_id,
    keyed_posting_id,
)
from tests.unit.domain.builders import CUSTOMER, NOW, call_id


def posting(amount: str) -> Posting:
    return Posting(
        "id",
        PostingKind.CALL_CHARGE,
        CUSTOMER,
        SystemAccount.REVENUE,
        Decimal(amount),
        "EUR",
        NOW,
    )


@pytest.mark.parametrize("amount", ["0", "-0.01", "-1000", "0E-10"])
def test_only_a_positive_amount_is_moved(amount: str) -> None:
    with pytest.raises(ValueError, match="positive"):
        posting(amount)


def test_a_posting_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        posting("1").amount = Decimal(2)  # type: ignore[misc]


def test_ids_follow_from_what_is_charged() -> None:
    charge = call_posting_id(call_id(), PostingKind.CALL_CHARGE, CUSTOMER)
    assert charge == call_posting_id(call_id().upper(), PostingKind.CALL_CHARGE, CUSTOMER)
    assert charge == "7e6c8456-5d59-53d8-b75a-0c7110f3e03a"
    others = {
        call_posting_id(call_id(2), PostingKind.CALL_CHARGE, CUSTOMER),
        call_posting_id(call_id(), PostingKind.CALL_TAX, CUSTOMER),
        call_posting_id(call_id(), PostingKind.CALL_CHARGE, CUSTOMER + 1),
    }
    assert len(others | {charge}) == 4
    assert all(UUID(one) for one in others)


def test_a_named_movement_has_one_id() -> None:
    assert keyed_posting_id("opening-customer") == keyed_posting_id("opening-customer")
    assert keyed_posting_id("opening-customer") != keyed_posting_id("opening-vendor")
