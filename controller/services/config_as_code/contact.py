"""Contact data of accounts (spec §1.1): text of people, checked as far as it must be usable."""

import re
from collections.abc import Callable

from controller.domain.errors import InvalidInput
from controller.services.config_as_code import values

MAX_LINE = 255
CARD_TYPES = ("id_card", "passport", "officer_card", "work_card", "student_card", "other")
"""The reference's kinds of identity cards, in its order."""

_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,190}")


def contact_line(name: str) -> Callable[[str], str]:
    """The reader of a field."""
    if name == "card_type":
        return values.choice({kind: kind for kind in CARD_TYPES})
    return _email if name.startswith("email") else values.free_text(MAX_LINE)


def _email(text: str) -> str:
    """One address. Whether somebody reads it cannot be told from its form."""
    if text and not _EMAIL.fullmatch(text):
        raise InvalidInput(f"{text[:64]!r} is not an e-mail address")
    return values.free_text(MAX_LINE)(text)
