"""What requests and answers say of phones."""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from controller.domain.rates import RateType
from controller.services.phones.records import PhoneSort
from web.api.paging import PageOut, PageQuery
from web.api.values import (
    AmountIn,
    AmountOut,
    FlagInQuery,
    Incoming,
    Line,
    Memo,
    MomentOut,
    Name,
    Outgoing,
    Revision,
)

MAX_BATCH = 1_000
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{1,32}$", examples=["8801700000"])]
Lines = Annotated[int, Field(ge=0, le=1_000_000)]
Destinations = Literal["net", "local", "domestic", "international"]
"""How far somebody may call (spec §2.2)."""


def _name_of(value: object) -> str:
    return value.name.lower() if isinstance(value, RateType) else str(value)


DestinationsOut = Annotated[
    str,
    PlainValidator(_name_of),
    WithJsonSchema({"type": "string", "enum": [rate_type.name.lower() for rate_type in RateType]}),
]


class PhonesQuery(PageQuery):
    """Which phones."""

    search: Annotated[Line, Field(max_length=40, description="How a number or DID begins.")] = ""
    account: Name | None = None
    locked: Annotated[
        FlagInQuery | None, Field(description="Only those that may not call, or that may.")
    ] = None
    sort: PhoneSort = PhoneSort.NUMBER
    descending: FlagInQuery = False


class PhoneChange(Incoming):
    """Fields that are left out stay; null puts one back to its default."""

    account: Annotated[Name | None, Field(description="Another one moves the phone.")] = None
    rate_group: Name | None = None
    authorization: Destinations | None = None
    dids: Annotated[list[Number] | None, Field(max_length=1_000)] = None
    locked: Annotated[bool | None, Field(description="May not call.")] = None
    locked_in: Annotated[bool | None, Field(description="May not be called.")] = None
    monthly_minimum: AmountIn | None = None
    monthly_maximum: AmountIn | None = None
    monthly_rent: AmountIn | None = None
    lines_in: Lines | None = None
    lines_out: Lines | None = None
    lines_total: Lines | None = None
    memo: Memo | None = None


SipPassword = Annotated[
    str | None,
    Field(max_length=128, description="Left out: a good one is made. Told in the answer, once."),
]


class PhoneNew(PhoneChange):
    """A new phone."""

    number: Number
    password: SipPassword = None
    new_account: Annotated[
        dict[str, str | bool | int | None] | None,
        Field(
            max_length=40,
            description="Make the phone's account too; its fields, called as the phone unless "
            "it has a `name`.",
        ),
    ] = None


class PhonesNew(Incoming):
    """All of them or none."""

    phones: Annotated[list[PhoneNew], Field(min_length=1, max_length=MAX_BATCH)]


class PhoneRangeNew(Incoming):
    """Every number from `first` to `last`, and what they share."""

    first: Number
    last: Number
    shared: PhoneChange


class PasswordNew(Incoming):
    password: SipPassword = None


class PhoneOut(Outgoing):
    """A phone, without its password, which nobody can read."""

    number: str
    account: str
    rate_group: str | None
    authorization: DestinationsOut
    dids: list[str]
    locked: bool
    locked_in: bool
    monthly_minimum: AmountOut
    monthly_maximum: AmountOut | None
    monthly_rent: AmountOut
    lines_in: int | None
    lines_out: int | None
    lines_total: int | None
    memo: str
    password_set_at: MomentOut | None
    created_at: MomentOut
    revision: Revision


class PhoneMade(Outgoing):
    """`password` is told this once; an answer that is given again has null there."""

    phone: PhoneOut
    password: str | None


class PhonesMade(Outgoing):
    phones: list[PhoneMade]


class PhoneRowOut(Outgoing):
    """A phone in a list."""

    number: str
    account: str
    currency: str
    authorization: str
    rate_group: str
    locked: bool
    locked_in: bool
    dids: int
    lines_total: int | None
    has_password: bool
    created_at: MomentOut
    memo: str


class PhonePageOut(PageOut):
    items: list[PhoneRowOut]
