"""A token that makes a token gives away no more than it has itself: scopes, life, addresses. Pure.

Else whoever finds a narrow token would make a wide one of it.
"""

import ipaddress
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from controller.services.api_scopes import ApiScope
from controller.services.api_tokens import ApiToken


def beyond(
    maker: ApiToken,
    now: datetime,
    scopes: Collection[ApiScope],
    days: int | None,
    networks: Sequence[str],
    requests_per_minute: int | None,
) -> dict[str, str]:
    """What a token would have that its maker lacks, in a sentence for each field."""
    errors = {}
    if more := sorted(set(scopes) - maker.scopes):
        errors["scopes"] = f"this token itself lacks {', '.join(more)}"
    ends = maker.expires_at
    if ends is not None and (days is None or now + timedelta(days=days) > ends):
        errors["days"] = f"this token itself ends at {ends:%Y-%m-%d %H:%M} UTC"
    if maker.networks and not _within(networks, maker.networks):
        errors["networks"] = f"this token itself is limited to {', '.join(maker.networks)}"
    most = maker.requests_per_minute
    if most is not None and (requests_per_minute is None or requests_per_minute > most):
        errors["requests_per_minute"] = f"this token itself may send {most}"
    return errors


def _within(wanted: Sequence[str], allowed: Sequence[str]) -> bool:
    """Every network of `wanted` lies in one of `allowed`; none at all is everywhere."""
    if not wanted:
        return False
    outer = [ipaddress.ip_network(text) for text in allowed]
    for text in wanted:
        try:
            inner = ipaddress.ip_network(text.strip())
        except ValueError:
            return False
        if not any(_holds(network, inner) for network in outer):
            return False
    return True


def _holds(
    outer: ipaddress.IPv4Network | ipaddress.IPv6Network,
    inner: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> bool:
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
