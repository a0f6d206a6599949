"""PINs and passwords of cards: drawn at random, kept as keyed digests.

A PIN has few digits, so a plain digest of it could be turned back by trying them all. The key is
derived from the installation's secret, which is not in the database (as for second factors): who
has a copy of the database alone learns no PIN, and can make no card.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from controller.domain.cards import drawn_digits

Draw = Callable[[int], int]
"""A random number from 0 to below the given one."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is printed on one card beside its serial number."""

    pin: str = field(repr=False)
    password: str = field(repr=False)


class CardSeal:
    """Digests with a key of their own purpose."""

    def __init__(self, installation_secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, None, b"tollgate phone cards 1").derive(installation_secret)

    @property
    def seal_id(self) -> bytes:
        """Names the key, and tells nothing of it."""
        return self._digest("id")[:8]

    def pin(self, pin: str) -> bytes:
        return self._digest(f"pin:{pin}")

    def password(self, pin: str, password: str) -> bytes:
        """Another one for each card, for there are few passwords."""
        return self._digest(f"password:{pin}:{password}")

    def fits(self, kept: bytes, pin: str, password: str) -> bool:
        return hmac.compare_digest(kept, self.password(pin, password))

    def _digest(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode("utf-8"), hashlib.sha256).digest()


def drawn(
    pin_length: int, prefix: str, password_length: int, draw: Draw = secrets.randbelow
) -> Iterator[Secrets]:
    """Without end, no PIN twice."""
    digits, seen = drawn_digits(pin_length, prefix), set[str]()
    while True:
        pin = prefix + _digits(digits, draw)
        if pin not in seen:
            seen.add(pin)
            yield Secrets(pin, _digits(password_length, draw))


def _digits(length: int, draw: Draw) -> str:
    return str(draw(10**length)).zfill(length) if length else ""
