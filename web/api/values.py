"""Types of fields: how amounts, moments and names stand in JSON and in addresses.

Money and other exact numbers are strings in both directions, so that no reader makes floats of
them. What comes in is as narrow as what the services accept, or narrower.
"""

import re
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from controller.domain.errors import InvalidInput
from controller.domain.moments import moment_text, parse_moment
from controller.domain.money import plain
from controller.domain.texts import is_plain_text

AMOUNT = r"^-?[0-9]{1,13}(\.[0-9]{1,10})?$"
POSITIVE = r"^[0-9]{1,13}(\.[0-9]{1,10})?$"
NAME = r"^[A-Za-z0-9_.:@-]{1,200}$"
MAX_MEMO = 500


class Incoming(BaseModel):
    """What a request says. Unknown fields are refused, and no type is turned into another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Outgoing(BaseModel):
    """What an answer says, read from the services' dataclasses."""

    model_config = ConfigDict(from_attributes=True)


def _decimal(pattern: str) -> Any:
    expression = re.compile(pattern, re.ASCII)

    def read(value: object) -> Decimal:
        if not isinstance(value, str):
            raise ValueError('Write the number as a string, like "12.50".')
        if not expression.fullmatch(value):
            raise ValueError('A number of at most 13 digits and 10 decimals, like "12.50".')
        return Decimal(value)

    return read


def _amount(value: object) -> Decimal:
    if not isinstance(value, Decimal):
        raise ValueError("not an exact number")
    return value


_DECIMAL_TEXT = {"type": "string", "examples": ["12.5"]}

AmountIn = Annotated[
    Decimal,
    PlainValidator(_decimal(POSITIVE)),
    WithJsonSchema({**_DECIMAL_TEXT, "pattern": POSITIVE}),
]
"""Zero or more."""
SignedIn = Annotated[
    Decimal, PlainValidator(_decimal(AMOUNT)), WithJsonSchema({**_DECIMAL_TEXT, "pattern": AMOUNT})
]
AmountOut = Annotated[
    Decimal,
    PlainValidator(_amount),
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["12.5"]}),
]


def _moment_in(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError('Write the time as a string, like "2026-01-31T23:59:00Z".')
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError('Expected a time, like "2026-01-31T23:59:00Z".') from None
    if moment.tzinfo is None:
        raise ValueError("Name the zone: end with Z, or with an offset like +02:00.")
    try:
        return parse_moment(value, UTC)
    except InvalidInput as error:
        raise ValueError(str(error)) from None


MomentIn = Annotated[
    datetime,
    PlainValidator(_moment_in),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-31T23:59:00Z"]}),
]
MomentOut = Annotated[
    datetime,
    PlainSerializer(moment_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _line(value: str) -> str:
    if not is_plain_text(value):
        raise ValueError("No control characters or line ends.")
    return value


Line = Annotated[str, AfterValidator(_line)]
"""Text of one line; each use says how long."""
Name = Annotated[str, Field(pattern=NAME)]
"""The name of an account, gateway, rate group …: what stands in addresses."""
Memo = Annotated[Line, Field(max_length=MAX_MEMO)]
NumberPrefix = Annotated[str, Field(pattern=r"^\+?[0-9A-Za-z*#]{1,32}$")]


def _flag(value: object) -> object:
    """In addresses everything is text."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


FlagInQuery = Annotated[bool, BeforeValidator(_flag)]


def _whole(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
        return int(value)
    return value


WholeInQuery = Annotated[int, BeforeValidator(_whole)]
PositiveId = Annotated[WholeInQuery, Field(ge=1, le=2**63 - 1)]


Text = Annotated[str, BeforeValidator(str)]
"""What has a text form: a section of numbers, an address, a rule."""

Revision = Annotated[int, Field(description="Counts changes; also the ETag.")]


def parts_of(*sources: Any) -> dict[str, Any]:
    """The fields of some dataclasses side by side, for one model."""
    return {
        field.name: getattr(source, field.name) for source in sources for field in fields(source)
    }
