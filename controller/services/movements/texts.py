"""Orders from texts of a command or a form: exact amounts only, each fault named."""

import re
import uuid
from decimal import Decimal

from controller.domain.errors import InvalidInput
from controller.domain.movements import MAX_AMOUNT
from controller.domain.texts import is_plain_text

MAX_KEY = 200
MAX_MEMO = 500
MAX_NAME = 200

KEYS_OF_THE_PLATFORM = ("recurring:", "phone-card:", "phone-cards:")
"""Keys that begin so are those of rents, minimums and cards, which must not find theirs taken."""

_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,10})?", re.ASCII)


def parse_amount(text: str, what: str = "amount") -> Decimal:
    """Above zero. Raises InvalidInput."""
    if not _AMOUNT.fullmatch(text) or not 0 < Decimal(text) <= MAX_AMOUNT:
        raise InvalidInput(
            f"{what} {text[:40]!r}: a positive number with at most 10 decimals is expected"
        )
    return Decimal(text)


def parse_signed(text: str) -> Decimal:
    """Any sign, but not zero. Raises InvalidInput."""
    size = text[1:] if text[:1] in ("-", "+") else text
    if not _AMOUNT.fullmatch(size) or not 0 < Decimal(size) <= MAX_AMOUNT:
        raise InvalidInput(
            f"amount {text[:40]!r}: a number other than 0 with at most 10 decimals is expected"
        )
    return Decimal(text)


def parse_limit(text: str) -> Decimal:
    """Zero or more. Raises InvalidInput."""
    if not _AMOUNT.fullmatch(text) or Decimal(text) > MAX_AMOUNT:
        raise InvalidInput(
            f"limit {text[:40]!r}: a number from 0 on with at most 10 decimals is expected"
        )
    return Decimal(text)


def parse_key(text: str) -> str:
    key = text.strip()
    if not key or len(key) > MAX_KEY or not is_plain_text(key):
        raise InvalidInput(f"key: 1 to {MAX_KEY} printable characters are expected")
    taken = next((prefix for prefix in KEYS_OF_THE_PLATFORM if key.startswith(prefix)), None)
    if taken is not None:
        raise InvalidInput(f"key: those that begin with {taken!r} are taken")
    return key


def parse_memo(text: str) -> str:
    if len(text) > MAX_MEMO or not is_plain_text(text):
        raise InvalidInput(f"memo: at most {MAX_MEMO} characters, on one line")
    return text


def parse_required_memo(text: str) -> str:
    if not text.strip():
        raise InvalidInput("memo: a correction needs one, for whoever reads the books")
    return parse_memo(text)


def parse_who(text: str) -> str:
    if len(text) > MAX_NAME or not is_plain_text(text):
        raise InvalidInput(f"who: at most {MAX_NAME} characters, on one line")
    return text


def parse_posting_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput(f"{text[:60]!r} is not the id of a posting (a UUID)") from None
