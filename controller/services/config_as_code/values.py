"""One text to one value: what each field of the file accepts. Every reader raises InvalidInput."""

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from controller.domain.decks import parse_moment
from controller.domain.errors import InvalidInput
from controller.domain.money import MAX_DECIMALS
from controller.domain.numbering import Rewrite, check_prefix
from controller.domain.texts import is_plain_text
from controller.services.config_as_code.problems import shown

T = TypeVar("T")

MAX_AMOUNT = Decimal(10) ** 12
MAX_REWRITE = 65_535
"""Characters of a list of rewrite rules (spec §7.1)."""
MAX_HOST = 253

CODECS = (
    "PCMA",
    "PCMU",
    "G722",
    "G729",
    "G723",
    "GSM",
    "iLBC",
    "OPUS",
    "AMR",
    "AMR-WB",
    "EVS",
    "SPEEX",
    "L16",
    "G726-16",
    "G726-24",
    "G726-32",
    "G726-40",
    "AAL2-G726-32",
    "G7221",
    "H264",
    "H263",
    "VP8",
)
"""Names as a switch spells them; a list of codecs is the whole offer of a leg."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_AMOUNT = re.compile(rf"[+-]?[0-9]{{1,13}}(\.[0-9]{{1,{MAX_DECIMALS}}})?", re.ASCII)
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_CODEC_OPTION = re.compile(r"(@[0-9]{1,6}[hikbc])*", re.ASCII)
_CAUSE = re.compile(r"[A-Z][A-Z0-9_]{1,62}", re.ASCII)
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a customer's signalling comes from; port 0 stands for any port."""

    ip: str
    port: int = 0

    def __str__(self) -> str:
        if not self.port:
            return self.ip
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


def name(text: str) -> str:
    """Names travel to the switch and into file names, so they are narrow."""
    if not _NAME.fullmatch(text):
        raise InvalidInput(
            f"{shown(text)} is not a name: 1 to 63 letters, digits, '_', '.', '-',"
            " the first a letter or digit"
        )
    return text


def currency(text: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise InvalidInput(f"{shown(text)} is not a currency of three capital letters (ISO 4217)")
    return text


def free_text(limit: int, *, lines: bool = False) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > limit or not is_plain_text(text, lines=lines):
            raise InvalidInput(f"longer than {limit} characters, or with control characters")
        return text

    return read


def flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise InvalidInput(f"{shown(text)} is neither true nor false")
    return _FLAGS[text.lower()]


def integer(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise InvalidInput(f"{shown(text)} is not a whole number from {low} to {high}")
        return int(text)

    return read


def amount(low: Decimal, high: Decimal = MAX_AMOUNT) -> Callable[[str], Decimal]:
    def read(text: str) -> Decimal:
        if not _AMOUNT.fullmatch(text) or not low <= Decimal(text) <= high:
            raise InvalidInput(
                f"{shown(text)} is not an amount from {low:,f} to {high:,f}"
                f" with at most {MAX_DECIMALS} decimals"
            )
        return Decimal(text)

    return read


def choice(by_name: dict[str, T]) -> Callable[[str], T]:
    def read(text: str) -> T:
        if text not in by_name:
            raise InvalidInput(
                f"{shown(text)} is none of {', '.join(by_name)}{hint(text, by_name)}"
            )
        return by_name[text]

    return read


def moment(text: str) -> datetime:
    """ISO 8601; a date, or a time without an offset, is UTC."""
    return parse_moment(text, UTC)


def timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, LookupError, OSError):
        raise InvalidInput(f"{shown(text)} is not an IANA time zone") from None
    return text


def prefix(text: str) -> str:
    return check_prefix(text)


def rewrite(text: str) -> str:
    if len(text) > MAX_REWRITE:
        raise InvalidInput(f"rewrite rules longer than {MAX_REWRITE} characters")
    return Rewrite(text).text


def host(text: str) -> str:
    """An IP address (IPv6 without brackets) or a host name."""
    if ":" in text or text.replace(".", "").isdigit():
        return _ip(text)
    labels = text.split(".")
    if len(text) > MAX_HOST or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise InvalidInput(f"{shown(text)} is not a host name or IP address")
    return text.lower()


def address(text: str) -> Address:
    """`ip`, `ip:port` or `[ipv6]:port`; one address, not a network."""
    ip, port = text, ""
    if text.startswith("["):
        ip, closing, port = text[1:].partition("]")
        if not closing or not port.startswith(":"):
            raise InvalidInput(f"{shown(text)}: expected '[ipv6]:port'")
        port = port[1:]
    elif text.count(":") == 1:
        ip, _, port = text.partition(":")
    if ip == text:
        return Address(_ip(ip))
    return Address(_ip(ip), integer(1, 65_535)(port))


def _ip(text: str) -> str:
    if "/" in text:
        raise InvalidInput(f"{shown(text)} is a network: write each address")
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidInput(f"{shown(text)} is not an IP address") from None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            raise InvalidInput(f"{shown(text)}: an address with a zone is not used here")
        ip = ip.ipv4_mapped or ip
    if ip.is_unspecified or ip.is_multicast:
        raise InvalidInput(f"{shown(text)} is not the address of a host")
    return str(ip)


def codec(text: str) -> str:
    """A codec's name, with options of the switch such as `@20i` (ms) or `@8000h`."""
    bare, at, options = text.partition("@")
    known = {codec_name.lower(): codec_name for codec_name in CODECS}
    if bare.lower() not in known:
        raise InvalidInput(f"{shown(text)} is not a known codec{hint(bare.upper(), CODECS)}")
    if not _CODEC_OPTION.fullmatch(at + options) or len(text) > 32:
        raise InvalidInput(f"{shown(text)}: options look like '@20i' or '@8000h@20i'")
    return known[bare.lower()] + at + options


def cause(text: str) -> str:
    if not _CAUSE.fullmatch(text):
        raise InvalidInput(f"{shown(text)} is not a hang-up cause such as USER_BUSY")
    return text


def hint(text: str, known: Iterable[str]) -> str:
    """The nearest known word, as the end of a message."""
    near = difflib.get_close_matches(text[:64], list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
