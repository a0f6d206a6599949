"""Password hashes: Argon2id, made anew when the parameters change.

A verification without a hash (an unknown name) does the same work as one with a hash.
"""

import secrets
import threading
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MAX_PASSWORD = 256
MAX_HASHES_AT_ONCE = 4
"""Each verification takes the hash's memory (64 MiB by default); more than these wait."""

_UNAMBIGUOUS = "abcdefghjkmnpqrstuvwxyz23456789"


class Passwords(Protocol):
    def hash(self, password: str) -> str: ...

    def verify(self, password_hash: str | None, password: str) -> bool:
        """False without a hash too, after as much work as with one."""

    def outdated(self, password_hash: str) -> bool:
        """True if new hashes are made with other parameters."""


class Argon2Passwords:
    """Argon2id (RFC 9106, the library's profile for servers unless another is given)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._seats = threading.BoundedSemaphore(MAX_HASHES_AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        with self._seats:
            return self._hasher.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        with self._seats:
            try:
                self._hasher.verify(password_hash or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)


def generated_password() -> str:
    """Twenty characters without look-alikes, in groups: 99 bits."""
    letters = [secrets.choice(_UNAMBIGUOUS) for _ in range(20)]
    return "-".join("".join(letters[i : i + 5]) for i in range(0, 20, 5))
