"""Arguments that several commands take, read strictly: what is wrong is said in one line."""

import re
import uuid
from datetime import UTC, datetime
from ipaddress import ip_address

from controller.domain.decks import parse_moment
from controller.domain.errors import InvalidInput
from controller.domain.tariff import MAX_SECONDS

_SECONDS = re.compile(r"[0-9]{1,8}", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
ANY_PORT = 5060


def moment(text: str | None, option: str) -> datetime | None:
    """ISO 8601; without an offset it is UTC."""
    if text is None:
        return None
    try:
        return parse_moment(text, UTC)
    except InvalidInput as error:
        raise InvalidInput(f"{option}: {error}") from None


def seconds(text: str, option: str) -> int:
    if not _SECONDS.fullmatch(text) or int(text) > MAX_SECONDS:
        raise InvalidInput(f"{option}: {text[:40]!r} is not 0 to {MAX_SECONDS} whole seconds")
    return int(text)


def source(text: str) -> tuple[str, int]:
    """`IP`, `IP:PORT` or `[IPv6]:PORT`; without a port it is SIP's."""
    host, port = text, ""
    if text.startswith("[") and "]" in text:
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest.startswith(":") else rest
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        address = str(ip_address(host))
    except ValueError:
        raise InvalidInput(f"--source: {text[:60]!r} is not IP[:PORT]") from None
    if port and not (_PORT.fullmatch(port) and 0 < int(port) < 65536):
        raise InvalidInput(f"--source: {text[:60]!r} has no port of 1 to 65535")
    return address, int(port or ANY_PORT)


def call_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput(f"{text[:60]!r} is not a call id (a UUID)") from None
