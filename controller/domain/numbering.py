"""Numbers: what may be dialed, the longest-prefix index, and number rewriting.

A number from SIP is hostile until `dialable` has accepted it. Only accepted text can reach a
dial string. Prefix rules: spec §2.3. Rewrite rules: spec §7.1.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from controller.domain.errors import InvalidNumber

T = TypeVar("T")

MAX_NUMBER = 32
CATCH_ALL = "*"
_DIALED = re.compile(rf"\+?[0-9*#]{{1,{MAX_NUMBER}}}", re.ASCII)
_SENT = re.compile(rf"\+?[0-9A-Za-z*#]{{1,{MAX_NUMBER}}}", re.ASCII)
_PREFIX = re.compile(rf"[0-9]{{1,{MAX_NUMBER}}}|\*", re.ASCII)
_PATTERN = re.compile(r"\+?[0-9A-Za-z#?]*\*?", re.ASCII)
_TARGET = re.compile(r"\+?[0-9A-Za-z#$]*\*?[0-9#]*", re.ASCII)


def dialable(text: str) -> bool:
    """True for digits, `*`, `#` and one leading `+`: nothing that a switch could interpret."""
    return _DIALED.fullmatch(text) is not None


def sendable(text: str) -> bool:
    """As `dialable`, and letters too: technical prefixes put on by our own rewrite rules."""
    return _SENT.fullmatch(text) is not None


def check_prefix(text: str) -> str:
    """The prefix, if it is digits or the catch-all `*` (spec §2.2); else InvalidNumber."""
    if not _PREFIX.fullmatch(text):
        raise InvalidNumber(f"{text!r} is neither digits nor '*'")
    return text


def rated_number(number: str, route_prefixes: tuple[str, ...]) -> str:
    """The number that rates are looked up for: without `+` and technical prefixes (spec §2.3)."""
    for prefix in route_prefixes:
        if number.startswith(prefix) and len(number) > len(prefix):
            number = number[len(prefix) :]
            break
    return number.removeprefix("+")


def listed(number: str, patterns: tuple[str, ...]) -> bool:
    """Whether a number is in a list of numbers, of which `*` at the end stands for any tail."""
    return any(
        number.startswith(pattern[:-1]) if pattern.endswith(CATCH_ALL) else number == pattern
        for pattern in patterns
    )


class PrefixIndex(Generic[T]):
    """Longest-prefix match by one dictionary probe for each length that occurs.

    Immutable once built. `*` stands for the empty prefix.
    """

    __slots__ = ("_by_prefix", "_lengths")

    def __init__(self, items: Iterable[tuple[str, T]]) -> None:
        self._by_prefix = {("" if prefix == CATCH_ALL else prefix): v for prefix, v in items}
        self._lengths = tuple(sorted({len(p) for p in self._by_prefix}, reverse=True))

    def __len__(self) -> int:
        return len(self._by_prefix)

    def prefixes(self) -> Iterator[str]:
        """Every prefix; the catch-all is the empty one."""
        return iter(self._by_prefix)

    def longest(self, number: str) -> T | None:
        """The value of the longest prefix of `number`, or None."""
        by_prefix = self._by_prefix
        for length in self._lengths:
            value = by_prefix.get(number[:length])
            if value is not None:
                return value
        return None

    def matches(self, number: str) -> Iterator[tuple[str, T]]:
        """Every match from the longest prefix to the shortest."""
        for length in self._lengths:
            if (
                length <= len(number)
                and (value := self._by_prefix.get(number[:length])) is not None
            ):
                yield number[:length] or CATCH_ALL, value


@dataclass(frozen=True, slots=True)
class RewriteRule:
    """`original:target` (spec §7.1): `*` keeps the tail, `?` one digit, `$` keeps the digit there.

    Without `*`, the matched original is replaced and what follows it is kept, so `00:` strips
    `00` and `123:45` turns 1239 into 459.
    """

    original: str
    target: str

    @property
    def head(self) -> str:
        return self.original.rstrip("*")

    def matches(self, number: str) -> bool:
        head = self.head
        return len(number) >= len(head) and all(
            wanted in ("?", digit) for wanted, digit in zip(head, number, strict=False)
        )

    def apply(self, number: str) -> str:
        if "$" in self.target:
            return self._keep_positions(number)
        tail = number[len(self.head) :]
        if CATCH_ALL in self.target:
            return self.target.replace(CATCH_ALL, tail, 1)
        return self.target + ("" if self.original.endswith(CATCH_ALL) else tail)

    def _keep_positions(self, number: str) -> str:
        kept = (number[i : i + 1] if c == "$" else c for i, c in enumerate(self.target))
        return "".join(kept)


class Rewrite:
    """A list of rules; the one with the longest matching original applies (spec §7.1)."""

    __slots__ = ("rules", "text")

    def __init__(self, text: str = "") -> None:
        self.text = text.strip()
        pairs = [part.strip() for part in self.text.split(",") if part.strip()]
        rules = [_rule(pair) for pair in pairs]
        self.rules = tuple(sorted(rules, key=lambda rule: len(rule.head), reverse=True))

    def __call__(self, number: str) -> str:
        for rule in self.rules:
            if rule.matches(number):
                return rule.apply(number)
        return number


def _rule(pair: str) -> RewriteRule:
    original, colon, target = pair.partition(":")
    if not colon or not _PATTERN.fullmatch(original) or not _TARGET.fullmatch(target):
        raise InvalidNumber(f"rewrite rule {pair!r}: expected 'original:target'")
    return RewriteRule(original, target)
