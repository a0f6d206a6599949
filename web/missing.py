"""What a page answers for an object that its visitor may not know of, or that does not exist."""

from typing import NoReturn

from flask import abort

from controller.services.views.denials import Kind
from web.context import actor, services


def not_found(kind: Kind, key: int | str) -> NoReturn:
    """The same page for both; the audit log knows which it was."""
    services().denials.note(actor(), kind, key)
    abort(404)
