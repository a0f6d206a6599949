"""Destinations that an account and all below it may call (spec §1.6, reading 2; examples A6).

A rule allows or denies a prefix; of those that match a number, the longest decides. Where none
matches, an account that allows something allows nothing else, and one that only denies permits
the rest. A call must be permitted by the account and by every agent above it. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.domain.errors import InvalidNumber
from controller.domain.numbering import CATCH_ALL, MAX_NUMBER, PrefixIndex, check_prefix

ALLOW, DENY = "allow", "deny"


@dataclass(frozen=True, slots=True, order=True)
class DestinationRule:
    """`prefix` is digits, or `*` for every number."""

    prefix: str
    allowed: bool

    def __str__(self) -> str:
        return f"{ALLOW if self.allowed else DENY} {self.prefix}"


def read_rule(text: str) -> DestinationRule:
    """`allow 880` or `deny *`; a plus before the prefix is left out. Raises InvalidNumber."""
    action, _, prefix = text.strip().partition(" ")
    if action not in (ALLOW, DENY):
        shown = repr(text if len(text) <= MAX_NUMBER else f"{text[:MAX_NUMBER]}…")
        raise InvalidNumber(f"{shown} is not a rule such as 'allow 880' or 'deny *'")
    return DestinationRule(check_prefix(prefix.strip().removeprefix("+")), action == ALLOW)


def contradiction(rules: Iterable[DestinationRule]) -> str:
    """The first prefix that is both allowed and denied; empty where there is none."""
    seen: dict[str, bool] = {}
    for rule in rules:
        if seen.setdefault(rule.prefix, rule.allowed) != rule.allowed:
            return rule.prefix
    return ""


class DestinationRules:
    """The rules of one account, as an index. Immutable; empty is false and permits everything."""

    __slots__ = ("_allowed", "_otherwise", "rules")

    def __init__(self, rules: Iterable[DestinationRule] = ()) -> None:
        self.rules = tuple(sorted(set(rules)))
        self._allowed = PrefixIndex((rule.prefix, rule.allowed) for rule in self.rules)
        self._otherwise = not any(rule.allowed for rule in self.rules)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def permits(self, number: str) -> bool:
        """`number` without a plus. One dictionary probe for each length of prefix."""
        allowed = self._allowed.longest(number)
        return self._otherwise if allowed is None else allowed

    def deciding(self, number: str) -> DestinationRule | None:
        """The rule that decides; None where no prefix matches."""
        for prefix, allowed in self._allowed.matches(number):
            return DestinationRule(prefix, allowed)
        return None


def why_refused(name: str, rules: DestinationRules, number: str) -> str:
    """In words, for the record and for `explain call`."""
    rule = rules.deciding(number)
    if rule is None:
        return f"account {name} allows other destinations than {number} only"
    if rule.prefix == CATCH_ALL:
        return f"account {name} denies every destination that it does not allow: {number}"
    return f"account {name} denies {rule.prefix}: {number}"


def why_permitted(name: str, rules: DestinationRules, number: str) -> str:
    rule = rules.deciding(number)
    if rule is None:
        return f"account {name} denies others only"
    if rule.prefix == CATCH_ALL:
        return f"account {name} allows every destination that it does not deny"
    return f"account {name} allows {rule.prefix}"
