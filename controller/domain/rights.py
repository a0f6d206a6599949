"""What an agent may do for itself and its accounts: eight rights (spec §1.5). Pure.

A right counts only where every agent above has it too: an agent that loses a right takes it from
all below it at once, and gives it back in the same way.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Right(StrEnum):
    """In the reference's order; each is independent of the others."""

    ACCOUNTS = "accounts"
    PHONES = "phones"
    PHONE_CARDS = "phone_cards"
    GATEWAYS = "gateways"
    GATEWAY_SETTINGS = "gateway_settings"
    GATEWAY_CAPACITY = "gateway_capacity"
    PAY_OWN = "pay_own"
    PAY_SUB = "pay_sub"


Rights = frozenset[Right]

NO_RIGHTS: Rights = frozenset()
ALL_RIGHTS: Rights = frozenset(Right)

_GATEWAYS = frozenset({Right.GATEWAYS, Right.GATEWAY_SETTINGS, Right.GATEWAY_CAPACITY})

PRESETS: Mapping[str, Rights] = MappingProxyType(
    {
        # the reference's templates (spec A3)
        "retail": frozenset({Right.ACCOUNTS, Right.PHONES, Right.PAY_SUB}),
        "wholesale": frozenset({Right.ACCOUNTS, *_GATEWAYS, Right.PAY_SUB}),
        "calling_card": frozenset({Right.ACCOUNTS, Right.PHONE_CARDS, Right.PAY_SUB}),
        "full": ALL_RIGHTS,
        # by type of agent (spec A1)
        "retail_reseller": frozenset({Right.ACCOUNTS, Right.PHONES, Right.PAY_OWN, Right.PAY_SUB}),
        "wholesale_agent": frozenset({Right.ACCOUNTS, *_GATEWAYS, Right.PAY_SUB}),
        "calling_card_agent": frozenset(
            {Right.ACCOUNTS, Right.PHONE_CARDS, Right.PAY_OWN, Right.PAY_SUB}
        ),
        "sip_trunk_provider": ALL_RIGHTS - {Right.PHONE_CARDS},
        # by scenario, where it differs from the types (spec A2)
        "multi_country": ALL_RIGHTS - {Right.PHONE_CARDS, Right.PAY_OWN},
    }
)


def in_order(rights: Iterable[Right]) -> tuple[Right, ...]:
    """Each once, in the reference's order."""
    given = set(rights)
    return tuple(right for right in Right if right in given)


def effective(chain: Iterable[Rights]) -> Rights:
    """The rights that count, of an account's own and those of every agent above it."""
    counting = ALL_RIGHTS
    for granted in chain:
        counting &= granted
    return counting
