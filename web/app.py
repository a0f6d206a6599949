"""The application, put together: settings, guard, CSRF protection, headers, pages."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from controller.services.views import WebServices
from web import (
    access,
    api,
    errors,
    formatting,
    i18n,
    pricing_words,
    security_headers,
    service_texts,
    user_words,
)
from web.config import WebConfig
from web.context import CONFIG, SERVICES, visitor
from web.forms.once import new_key
from web.navigation import navigation
from web.pages import (
    account_batches,
    account_forms,
    account_tabs,
    accounts,
    audit,
    cards,
    cdrs,
    coverage,
    dashboard,
    explain,
    gateways,
    health,
    live_calls,
    payments,
    phones,
    profile,
    rates,
    second_factor,
    sign_in,
    users,
)
from web.sessions import FormCookie

MAX_BODY = 64 * 1024
ACCOUNT_PARTS = (account_tabs, account_forms, account_batches)
"""Their pages are on the blueprint of `accounts`, where importing them puts them."""
PAGES = (
    dashboard.pages,
    live_calls.pages,
    cdrs.pages,
    accounts.pages,
    phones.pages,
    gateways.pages,
    payments.pages,
    cards.pages,
    rates.pages,
    explain.pages,
    coverage.pages,
    sign_in.pages,
    second_factor.pages,
    profile.pages,
    users.pages,
    audit.pages,
    health.pages,
)


def create_app(services: WebServices, config: WebConfig | None = None) -> Flask:
    """A WSGI application on these services. Raises RuntimeError if a page forgot its `@allow`."""
    config = config or WebConfig()
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=config.secret_key,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        MAX_FORM_PARTS=100,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session to which it is bound
    )
    app.extensions[SERVICES] = services
    app.extensions[CONFIG] = config
    app.session_interface = FormCookie()
    if config.trusted_proxies:
        hops = config.trusted_proxies
        proxied = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_prefix=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    app.before_request(access.guard)  # before CSRF protection, which needs the bound form cookie
    csrf = CSRFProtect(app)
    app.after_request(security_headers.add)
    errors.register(app)
    for pages in PAGES:
        app.register_blueprint(pages)
    api.register(app, csrf)
    i18n.register(app)
    service_texts.register(app)
    app.jinja_env.globals["form_key"] = new_key
    formatting.register(app)
    pricing_words.register(app)
    user_words.register(app)
    app.context_processor(lambda: {"visitor": visitor(), "navigation": navigation, "asset": _asset})
    access.require_declarations(app)
    return app


def _asset(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep it."""
    return url_for("static", filename=name, v=_version(name))


@lru_cache(maxsize=64)
def _version(name: str) -> str:
    content = (Path(__file__).parent / "static" / name).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]
