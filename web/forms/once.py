"""A form that is sent twice is carried out once: its key is kept with where its answer led.

Two clicks, a reload or the way back in a browser end where the first one ended. A form that was
refused keeps nothing, so that it can be mended and sent again.
"""

import hashlib
import secrets
from collections.abc import Callable

from flask import Response, make_response, redirect, request
from flask.typing import ResponseReturnValue

from controller.domain.errors import NotFound
from controller.services.api_callers import Begun, KeptReply, Running
from web.context import services, signed_in
from web.errors import page
from web.i18n import gettext as _

KEY = "form_key"
MAX_KEY = 64


def new_key() -> str:
    return secrets.token_urlsafe(18)


def sent_key() -> str:
    """The key of the form that was sent; a new one where it has none that could be."""
    key = request.form.get(KEY, "")
    return key if 8 <= len(key) <= MAX_KEY and key.isascii() else new_key()


def once(do: Callable[[], ResponseReturnValue], afterwards: str = "") -> ResponseReturnValue:
    """Do what a form asks, unless its key says that it was done.

    `afterwards`: where a second one is led if the first showed something that is shown once.
    """
    store, owner, key = services().api_replies, f"form:{signed_in().user_id}", sent_key()
    digest = hashlib.sha256(request.path.encode()).digest()
    found = store.begin(owner, key, digest, services().clock.now())
    if isinstance(found, KeptReply):
        return redirect(dict(found.headers)["Location"], 303)
    if isinstance(found, Running):
        return page(409, _("Already at it"), _("This form was sent a moment ago. Look again soon."))
    if not isinstance(found, Begun):
        return page(
            400, _("This form is too old"), _("Go back, reload the page and send it again.")
        )
    kept = False
    try:
        response = make_response(do())
        location = _location(response, afterwards)
        if location:
            reply = KeptReply(303, (("Location", location),), b"")
            store.finish(owner, key, found.run, reply)
            kept = True
        return response
    finally:
        if not kept:
            store.release(owner, key, found.run)


def _location(response: Response, afterwards: str) -> str:
    """Empty where the form was not carried out."""
    if 300 <= response.status_code < 400:
        return response.headers["Location"]
    return afterwards if response.status_code == 200 else ""


def gone(error: NotFound) -> ResponseReturnValue:
    """Of two clicks that delete something, the second finds nothing: it ends like the first."""

    def refuse() -> ResponseReturnValue:
        raise error

    return once(refuse)
