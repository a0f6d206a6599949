"""What somebody may ask of a list."""

from controller.domain.errors import InvalidFields, InvalidInput
from controller.domain.texts import is_plain_text
from controller.services.config_as_code.values import name

MAX_ROWS = 500
"""Of one page."""
MAX_TEXT = 200


def is_name(text: str) -> bool:
    """What the name of an account or a gateway may be; anything else is there nowhere."""
    try:
        name(text)
    except InvalidInput:
        return False
    return True


def check_query(limit: int, **texts: str) -> None:
    """Raises InvalidFields."""
    errors = {} if 1 <= limit <= MAX_ROWS else {"limit": f"not 1 to {MAX_ROWS}"}
    for field, text in texts.items():
        if len(text) > MAX_TEXT or not is_plain_text(text):
            errors[field] = f"longer than {MAX_TEXT} characters, or with control characters"
    if errors:
        raise InvalidFields(errors)
