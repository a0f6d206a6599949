"""Orders of batches and PINs as somebody typed them. Each fault is said by its field."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from controller.domain.cards import MAX_CARDS, PASSWORD_LENGTHS, PIN_LENGTHS, pin_fault
from controller.domain.errors import InvalidFields, InvalidInput
from controller.domain.moments import parse_moment
from controller.domain.money import plain
from controller.services.cards.records import MAX_TOTAL, USUAL_PIN_LENGTH, BatchSpec
from controller.services.movements.texts import parse_amount, parse_memo

Values = Mapping[str, object]
T = TypeVar("T")

FIELDS = (
    "name",
    "issuer",
    "currency",
    "face_value",
    "count",
    "pin_length",
    "prefix",
    "password_length",
    "expires_at",
    "memo",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,6}", re.ASCII)
_DIGITS = re.compile(r"[0-9]*", re.ASCII)
_SEPARATORS = re.compile(r"[ -]+")
_FIELD_BEFORE = re.compile(r"^[a-z_ ]+ '[^']*': |^[a-z_]+: ")
MAX_TYPED = 200
_NO_PIN = f"{PIN_LENGTHS.start} to {PIN_LENGTHS.stop - 1} digits"


def read_batch(values: Values) -> BatchSpec:
    """Without a look at the database. Raises InvalidFields."""
    errors: dict[str, str] = {name[:64]: "there is no such field" for name in _unknown(values)}

    def read(name: str, parse: Callable[[str], T], missing: T) -> T:
        try:
            return parse(_text(values, name))
        except InvalidInput as error:
            errors[name] = _FIELD_BEFORE.sub("", str(error))
            return missing

    spec = BatchSpec(
        name=read("name", _name, ""),
        issuer=read("issuer", _line, ""),
        currency=read("currency", _currency, ""),
        face_value=read("face_value", parse_amount, Decimal(0)),
        count=read("count", _count, 0),
        pin_length=read("pin_length", _pin_length, 0),
        prefix=read("prefix", _prefix, ""),
        password_length=read("password_length", _password_length, 0),
        expires_at=read("expires_at", _expiry, None),
        memo=read("memo", parse_memo, ""),
    )
    if not errors:
        errors |= _together(spec)
    if errors:
        raise InvalidFields(errors)
    return spec


def read_pin(values: Values) -> str:
    """The digits; people write them in groups. Raises InvalidFields."""
    pin = _SEPARATORS.sub("", _text(values, "pin"))
    if not pin:
        raise InvalidFields({"pin": "is missing"})
    if not _DIGITS.fullmatch(pin) or len(pin) not in PIN_LENGTHS:
        raise InvalidFields({"pin": _NO_PIN})
    return pin


def read_password(values: Values) -> str:
    """Raises InvalidFields."""
    password = _text(values, "password")
    if not _DIGITS.fullmatch(password) or len(password) not in PASSWORD_LENGTHS:
        raise InvalidFields({"password": "4 to 8 digits, or none"})
    return password


def _together(spec: BatchSpec) -> dict[str, str]:
    if fault := pin_fault(spec.pin_length, spec.prefix, spec.count):
        return {"prefix" if spec.prefix else "pin_length": fault}
    if spec.total > MAX_TOTAL:
        return {"count": f"all of them would be worth more than {plain(MAX_TOTAL)}"}
    return {}


def _unknown(values: Values) -> list[str]:
    return [str(name) for name in values if name not in FIELDS][:20]


def _text(values: Values, name: str) -> str:
    """A float is no amount: it is not exact."""
    value = values.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        if len(value) > 10 * MAX_TYPED:
            raise InvalidFields({name: "is too long"})
        return value.strip()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return plain(value) if value.is_finite() else "nothing"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**20 else "too much"
    raise InvalidFields({name: "write it as text"})


def _name(text: str) -> str:
    if not text:
        raise InvalidInput("is missing")
    if not _NAME.fullmatch(text):
        raise InvalidInput("1 to 40 letters, digits, dots, dashes and underscores")
    return text


def _line(text: str) -> str:
    if len(text) > MAX_TYPED or not text.isprintable():
        raise InvalidInput("the name of an account is expected")
    return text


def _currency(text: str) -> str:
    """Empty: the issuer's."""
    if text and not _CURRENCY.fullmatch(text):
        raise InvalidInput("three capital letters are expected, like USD")
    return text


def _count(text: str) -> int:
    return _whole(text, range(1, MAX_CARDS + 1), f"1 to {MAX_CARDS} cards")


def _pin_length(text: str) -> int:
    return _whole(text or str(USUAL_PIN_LENGTH), PIN_LENGTHS, _NO_PIN)


def _password_length(text: str) -> int:
    return _whole(text or "0", PASSWORD_LENGTHS, "4 to 8 digits, or 0 for none")


def _whole(text: str, allowed: range | tuple[int, ...], expected: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) not in allowed:
        raise InvalidInput(expected)
    return int(text)


def _prefix(text: str) -> str:
    if not _DIGITS.fullmatch(text) or len(text) >= PIN_LENGTHS.stop:
        raise InvalidInput("digits, or nothing")
    return text


def _expiry(text: str) -> datetime | None:
    return parse_moment(text, UTC) if text else None
