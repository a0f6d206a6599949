"""For load balancers and supervisors. Says nothing but yes or no."""

import logging

from flask import Blueprint
from flask.typing import ResponseReturnValue

from controller.domain.errors import StoreUnavailable
from web.access import OPEN, allow
from web.context import services

log = logging.getLogger(__name__)

pages = Blueprint("health", __name__)
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@pages.get("/healthz")
@allow(OPEN)
def alive() -> ResponseReturnValue:
    """The process answers."""
    return "ok\n", 200, _TEXT


@pages.get("/readyz")
@allow(OPEN)
def ready() -> ResponseReturnValue:
    """The process and its database answer."""
    try:
        services().database.check()
    except StoreUnavailable as error:
        log.error("not ready", extra={"why": str(error)})
        return "the database is away\n", 503, _TEXT
    return "ok\n", 200, _TEXT
