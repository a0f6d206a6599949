"""What a request handler reaches for: the services, the settings, the visitor."""

from typing import cast

from flask import current_app, g, request

from controller.services.actors import Actor, Source
from controller.services.sign_in import Visitor
from controller.services.views import WebServices
from web.config import WebConfig

SERVICES = "tollgate_services"
CONFIG = "tollgate_config"


def services() -> WebServices:
    return cast(WebServices, current_app.extensions[SERVICES])


def config() -> WebConfig:
    return cast(WebConfig, current_app.extensions[CONFIG])


def visitor() -> Visitor | None:
    """Who is signed in; None on pages that look at no session."""
    return cast("Visitor | None", g.get("visitor"))


def signed_in() -> Visitor:
    """The visitor of a page that only signed-in people reach."""
    found = visitor()
    if found is None:
        raise RuntimeError("this page must not be reached without signing in")
    return found


def actor() -> Actor:
    """Who does what this request asks, with the rights that count as of now."""
    if "actor" not in g:
        address = request.remote_addr or ""
        g.actor = services().users.actor(signed_in(), Source.WEB, address)
    return cast(Actor, g.actor)
