"""Which right an agent needs for which field of a customer's trunk (spec §1.5). One table.

Each field belongs to exactly one right. Whoever makes a gateway needs the right of each field that
is not left at its default; without the right to capacity it begins with no lines at all.
"""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

from controller.domain.errors import NotAllowed
from controller.domain.rights import Right
from controller.services.actors import Actor
from controller.services.config_as_code.specs import MappingGatewaySpec

FIELD_RIGHTS: Mapping[str, Right] = MappingProxyType(
    {
        # 4: whose it is; moving takes it from one account and adds it to another
        "name": Right.GATEWAYS,
        "account": Right.GATEWAYS,
        # 5: what it is
        "addresses": Right.GATEWAY_SETTINGS,
        "authorization": Right.GATEWAY_SETTINGS,
        "allow_phone_billing": Right.GATEWAY_SETTINGS,
        "codecs": Right.GATEWAY_SETTINGS,
        "t38": Right.GATEWAY_SETTINGS,
        "rewrite_callee": Right.GATEWAY_SETTINGS,
        "rewrite_caller": Right.GATEWAY_SETTINGS,
        "max_duration_s": Right.GATEWAY_SETTINGS,
        "locked": Right.GATEWAY_SETTINGS,
        "memo": Right.GATEWAY_SETTINGS,
        # 6: how much it may carry
        "capacity": Right.GATEWAY_CAPACITY,
        "calls_per_second": Right.GATEWAY_CAPACITY,
        "groups": Right.GATEWAY_CAPACITY,
    }
)

OPERATOR_ONLY: Mapping[str, str] = MappingProxyType(
    {
        "groups": "groups of gateways share lines across accounts",
        "allow_phone_billing": "it would bill phones of any account by the caller's number",
    }
)
"""Fields that reach beyond an agent's accounts, with the reason. An agent sees them."""


def changed_fields(before: MappingGatewaySpec, after: MappingGatewaySpec) -> list[str]:
    return [
        f.name
        for f in fields(MappingGatewaySpec)
        if getattr(before, f.name) != getattr(after, f.name)
    ]


def check_rights(actor: Actor, names: list[str]) -> None:
    """Raises NotAllowed, naming the first field that the actor may not change."""
    for name in names:
        if not actor.may(FIELD_RIGHTS[name]):
            right = FIELD_RIGHTS[name]
            raise NotAllowed(f"{actor.name} lacks the right {right}, which {name} needs", right)
        if name in OPERATOR_ONLY and not actor.is_operator:
            raise NotAllowed(f"only an operator sets {name}: {OPERATOR_ONLY[name]}")
