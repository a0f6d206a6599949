"""Password hashes: Argon2id, made anew when the parameters change.

A verification without a hash (an unknown name) does the same work as one with a hash.
"""

import secrets
import threading
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # it has no types

MAX_PASSWORD = 256
MIN_DIFFERENT = 6
MAX_HASHES_AT_ONCE = 4
"""Each verification takes the hash's memory (64 MiB by default); more than these wait."""

_ESTIMATED = 72
"""Characters that are looked at: the estimate takes longer the more there are."""
_STRONG = 3

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


def unfit(password: str, name: str, shortest: int) -> str:
    """Why a chosen password is not taken, for the person; empty where it is."""
    if len(password) < shortest:
        return f"Use at least {shortest} characters."
    if len(password) > MAX_PASSWORD:
        return f"Use at most {MAX_PASSWORD} characters."
    if len(set(password)) < MIN_DIFFERENT:
        return f"Use at least {MIN_DIFFERENT} different characters."
    if name.casefold() in password.casefold() and len(password) < 2 * shortest:
        return "Leave your name out of the password."
    if _is_easy(password, name):
        return "This password is among the first that are tried. Choose another one."
    return ""


def _is_easy(password: str, name: str) -> bool:
    """Somebody who tries what people usually choose finds it soon: fewer than 10^8 guesses.

    Common passwords, keyboard rows, dates and names are recognized, with the usual replacements
    of letters.
    """
    guess = zxcvbn(password[:_ESTIMATED], user_inputs=[name, "tollgate"])
    return int(guess["score"]) < _STRONG


def generated_password() -> str:
    """Twenty characters without look-alikes, in groups: 99 bits."""
    letters = [secrets.choice(_UNAMBIGUOUS) for _ in range(20)]
    return "-".join("".join(letters[i : i + 5]) for i in range(0, 20, 5))
