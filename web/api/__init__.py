"""The JSON API under /api/v1: the same services as the pages, for programs (docs/api.md).

operations   how an operation is declared: one typed function
resource     operations that belong together, put onto the blueprint
handling     the way of a request: admit, read, do once, answer
guard        HTTPS, token, requests per minute, scope
reading      path, query, body and headers as typed values
values       how amounts, moments and names stand in JSON
problems     every kind of problem (RFC 9457); failures makes problems of errors
paging       cursors
document     the OpenAPI document, made of the declarations
pages        the browsable reference, for people
resources/   the operations
"""

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from web.api import failures, guard
from web.api.pages import pages as api_pages
from web.api.rate_limits import RateLimits
from web.api.resources.blueprint import blueprint
from web.context import services


def register(app: Flask, csrf: CSRFProtect) -> None:
    """Put the API onto an application.

    It reads no cookie, so there is nothing that another site could have a browser send along.
    """
    app.extensions[guard.LIMITS] = RateLimits(lambda: services().clock.monotonic())
    csrf.exempt(blueprint)
    failures.register(app)
    app.register_blueprint(blueprint)
    app.register_blueprint(api_pages)
