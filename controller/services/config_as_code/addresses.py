"""Texts that name a peer or a codec: addresses, hosts, codecs. Every reader raises InvalidInput."""

import ipaddress
import re
from dataclasses import dataclass

from controller.domain.errors import InvalidInput
from controller.services.config_as_code.problems import shown
from controller.services.config_as_code.values import hint, integer

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

_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_CODEC_OPTION = re.compile(r"(@[0-9]{1,6}[hikbc])*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a customer's signalling comes from; port 0 stands for any port."""

    ip: str
    port: int = 0

    def __str__(self) -> str:
        if not self.port:
            return self.ip
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


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
