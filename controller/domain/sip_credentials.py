"""SIP passwords of phones: what may be one, and what of it is kept (docs/adr/0020). Pure.

Kept are the digests that registration compares (RFC 7616 §3.4.2: number, realm and password), by
MD5 as every phone does and by SHA-256 as newer ones do (RFC 8760). Both are made when the password
is set, for afterward nobody has it.
"""

import hashlib
from dataclasses import dataclass, field

REALM = "tollgate"
"""One for every installation: it names no domain, so nothing breaks when a domain changes."""

MIN_PASSWORD, MAX_PASSWORD = 12, 64
MIN_DIFFERENT = 6


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whoever has a digest can register as the phone: they are as secret as the password."""

    realm: str
    md5: str = field(repr=False)
    sha256: str = field(repr=False)


def credentials(number: str, password: str) -> Credentials:
    secret = f"{number}:{REALM}:{password}".encode("ascii")
    return Credentials(
        REALM,
        hashlib.md5(secret, usedforsecurity=False).hexdigest(),
        hashlib.sha256(secret).hexdigest(),
    )


def password_fault(password: str, number: str) -> str:
    """Why a password cannot be a phone's, in words; empty where it can.

    Guessed SIP passwords are paid for in calls, and many phones take ASCII only.
    """
    if not (MIN_PASSWORD <= len(password) <= MAX_PASSWORD):
        return f"a SIP password has {MIN_PASSWORD} to {MAX_PASSWORD} characters"
    if not all("!" <= character <= "~" for character in password):
        return "a SIP password has letters, digits and signs of ASCII, without spaces"
    if len(set(password)) < MIN_DIFFERENT:
        return f"a SIP password has at least {MIN_DIFFERENT} different characters"
    if number in password:
        return "a SIP password does not contain the phone's number"
    return ""
