"""Opening postings: the one way in which a configuration file moves money.

A posting is named by a key of the file's author; its id follows from the key, so that applying
a file again posts nothing. An export knows the id only and names it.
"""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from controller.domain.errors import InvalidInput
from controller.domain.ledger import keyed_posting_id
from controller.services.config_as_code import values
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import Opening
from controller.services.config_as_code.problems import shown

MAX_MEMO = 255
OPENING = "opening"

_any_amount = values.amount(-values.MAX_AMOUNT)


def read_openings(
    account: Fields, name: str, lines: dict[tuple[str, ...], int]
) -> Iterator[Opening]:
    """The postings of one account; their places in the file go to `lines` by id."""
    for fields in account.objects("opening_postings", ("key", "id", "amount", "memo")):
        posting_id = _posting_id(fields)
        amount = fields.required("amount", _nonzero, Decimal(1))
        memo = fields.optional("memo", values.free_text(MAX_MEMO), "")
        if posting_id is None:
            continue
        if first := lines.get((OPENING, posting_id)):
            fields.problems.add(fields.line, f"this posting is in line {first} already")
            continue
        lines[OPENING, posting_id] = fields.line
        for key, line in fields.lines().items():
            lines[OPENING, posting_id, key] = line
        yield Opening(posting_id, name, amount, memo)


def _posting_id(fields: Fields) -> str | None:
    if ("key" in fields) == ("id" in fields):
        fields.problems.add(fields.line, "an opening posting needs a 'key' (or an exported 'id')")
        return None
    if "id" in fields:
        return fields.optional("id", _uuid, "") or None
    key = fields.optional("key", values.free_text(values.MAX_KEY), "")
    return keyed_posting_id(key) if key else None


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise InvalidInput(f"{shown(text)} is not a UUID") from None


def _nonzero(text: str) -> Decimal:
    amount = _any_amount(text)
    if not amount:
        raise InvalidInput("an opening posting of 0 moves nothing")
    return amount
