"""A second factor: codes of an authenticator (RFC 6238, TOTP), and recovery codes.

The secret is sealed with a key that is derived from the installation's secret, which is not in the
database. A code is taken once: its time step is stored, and neither it nor an older one is taken
again. Codes of one step before and after are taken too, for clocks differ.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Protocol

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from controller.services.ports import Clock

STEP_S = 30
ISSUER = "Tollgate"
RECOVERY_CODES = 10
_DRIFT = 1
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


class SecondFactorStore(Protocol):
    """Each method is one transaction; all raise StoreUnavailable."""

    def sealed(self, user_id: int) -> tuple[bytes | None, bool]:
        """The sealed secret, and whether it counts already."""

    def propose(self, user_id: int, sealed: bytes) -> None:
        """Keep a secret that does not count yet; nothing where one counts."""

    def take_step(self, user_id: int, step: int) -> bool:
        """Whether the step is later than every one before; then it is the last from now on."""

    def enable(self, user_id: int, step: int, code_hashes: tuple[bytes, ...]) -> bool:
        """The proposed secret counts from now on. False where one does already."""

    def disable(self, user_id: int) -> None: ...

    def keep_codes(self, user_id: int, code_hashes: tuple[bytes, ...]) -> None:
        """In place of those of before; nothing where no second factor counts."""

    def take_recovery(self, user_id: int, code_hash: bytes) -> bool:
        """Whether it was there; it is gone then."""


class Seal:
    """Seals secrets with a key of their own purpose."""

    def __init__(self, installation_secret: bytes, purpose: bytes = b"tollgate totp 1") -> None:
        derived = HKDF(SHA256(), 32, None, purpose).derive(installation_secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def close(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode("ascii"))

    def open(self, sealed: bytes) -> str | None:
        """None where it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed).decode("ascii")
        except InvalidToken:
            return None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator is told; `uri` as a picture, `secret` for typing."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


class SecondFactor:
    def __init__(self, store: SecondFactorStore, seal: Seal, clock: Clock) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock

    def begin(self, user_id: int, name: str) -> Enrolment | None:
        """A new secret to be confirmed by a code; None where the user has a second factor."""
        sealed, counts = self._store.sealed(user_id)
        if counts:
            return None
        secret = self._seal.open(sealed) if sealed else None
        if secret is None:
            secret = pyotp.random_base32()
            self._store.propose(user_id, self._seal.close(secret))
        uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
        return Enrolment(secret, uri)

    def confirm(self, user_id: int, code: str) -> tuple[str, ...] | None:
        """Recovery codes, shown once, where the code is right; else None."""
        sealed, counts = self._store.sealed(user_id)
        secret = self._seal.open(sealed) if sealed and not counts else None
        step = self._step(secret, code) if secret else None
        if step is None:
            return None
        codes = _recovery_codes()
        return codes if self._store.enable(user_id, step, _hashes(codes)) else None

    def renew_codes(self, user_id: int) -> tuple[str, ...]:
        """Recovery codes in place of those of before, shown once."""
        codes = _recovery_codes()
        self._store.keep_codes(user_id, _hashes(codes))
        return codes

    def check(self, user_id: int, code: str) -> bool:
        """Whether a code of the authenticator, or a recovery code, is right. It is used up."""
        if recovery := _as_recovery(code):
            return self._store.take_recovery(user_id, _hash(recovery))
        sealed, counts = self._store.sealed(user_id)
        secret = self._seal.open(sealed) if sealed and counts else None
        step = self._step(secret, code) if secret else None
        return step is not None and self._store.take_step(user_id, step)

    def disable(self, user_id: int) -> None:
        self._store.disable(user_id)

    def _step(self, secret: str, code: str) -> int | None:
        """The time step that a code belongs to."""
        code = code.replace(" ", "")
        if len(code) != 6 or not (code.isascii() and code.isdigit()):
            return None
        now = int(self._clock.now().timestamp()) // STEP_S
        totp = pyotp.TOTP(secret)
        for step in range(now - _DRIFT, now + _DRIFT + 1):
            if secrets.compare_digest(totp.at(step * STEP_S), code):
                return step
        return None


def _recovery_codes() -> tuple[str, ...]:
    return tuple(_recovery_code() for _ in range(RECOVERY_CODES))


def _recovery_code() -> str:
    """Some 50 bits: twice five letters and digits that nobody mixes up."""
    letters = [secrets.choice(_ALPHABET) for _ in range(10)]
    return f"{''.join(letters[:5])}-{''.join(letters[5:])}"


def _as_recovery(code: str) -> str:
    """A recovery code as it was shown; empty where it is none."""
    bare = code.strip().lower().replace("-", "").replace(" ", "")
    if len(bare) != 10 or any(letter not in _ALPHABET for letter in bare):
        return ""
    return f"{bare[:5]}-{bare[5:]}"


def _hashes(codes: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(map(_hash, codes))


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode("ascii")).digest()
