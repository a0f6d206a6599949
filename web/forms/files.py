"""Text files that people upload. What is no text, or too long, is said at the field."""

from flask import request

from controller.domain.errors import InvalidFields
from web.i18n import gettext as _

MAX_FILE = 5 * 1024 * 1024
"""Bytes of a form with its file; more is refused before it is read."""


def uploaded_text(name: str) -> str:
    """A file of a form, as UTF-8. Raises InvalidFields."""
    file = request.files.get(name)
    if file is None or not file.filename:
        raise InvalidFields({"": _("Choose a file first.")})
    content = file.stream.read(MAX_FILE + 1)
    if not content.strip():
        raise InvalidFields({"": _("The file is empty.")})
    if b"\x00" in content[:4096]:
        raise InvalidFields({"": _("This is no text file. Save the table as CSV (UTF-8) first.")})
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidFields(
            {"": _("The file is not UTF-8. Save the table as CSV (UTF-8) first.")}
        ) from None
