"""Roles, scopes of tokens, and what the audit log speaks of, in words."""

from flask import Flask

from controller.services.api_scopes import ApiScope
from controller.services.sign_in import Role
from web.i18n import lazy_gettext as _

ROLE_NAMES = {
    Role.ADMINISTRATOR: _("Administrator"),
    Role.AGENT: _("Agent"),
    Role.CUSTOMER: _("Customer"),
}
SCOPE_WORDS = {
    ApiScope.ACCOUNTS_READ: _("see accounts"),
    ApiScope.ACCOUNTS_WRITE: _("change accounts"),
    ApiScope.MONEY_READ: _("see balances and payments"),
    ApiScope.MONEY_WRITE: _("move money"),
    ApiScope.RATES_READ: _("see rates"),
    ApiScope.RATES_WRITE: _("change rates"),
    ApiScope.PACKAGES_READ: _("see packages"),
    ApiScope.PACKAGES_WRITE: _("order and cancel packages"),
    ApiScope.PHONES_READ: _("see phones"),
    ApiScope.PHONES_WRITE: _("change phones"),
    ApiScope.GATEWAYS_READ: _("see gateways"),
    ApiScope.GATEWAYS_WRITE: _("change gateways"),
    ApiScope.CDRS_READ: _("see call records"),
    ApiScope.CALLS_READ: _("see live calls"),
    ApiScope.CALLS_WRITE: _("hang up live calls"),
    ApiScope.REPORTS_READ: _("see reports"),
    ApiScope.USERS_READ: _("see users"),
    ApiScope.USERS_WRITE: _("change users"),
    ApiScope.TOKENS_READ: _("see tokens"),
    ApiScope.TOKENS_WRITE: _("make and revoke tokens"),
    ApiScope.AUDIT_READ: _("see the audit log"),
}
KIND_NAMES = {
    "account": _("Account"),
    "active package": _("Active package"),
    "api token": _("API token"),
    "call": _("Call"),
    "mapping gateway": _("Customer's gateway"),
    "package order": _("Package order"),
    "parameters": _("Parameters"),
    "phone": _("Phone"),
    "rate deck": _("Rate deck"),
    "rate group": _("Rate group"),
    "routing gateway": _("Vendor's gateway"),
    "second factor": _("Second factor"),
    "sign-in": _("Sign-in"),
    "user": _("User"),
}


def scope_choices() -> list[tuple[str, str]]:
    """As a form shows them: what it may do, and the name that the API knows."""
    return [(str(scope), f"{words} ({scope})") for scope, words in SCOPE_WORDS.items()]


def role_choices(*roles: Role) -> list[tuple[str, str]]:
    return [(str(role), str(ROLE_NAMES[role])) for role in roles]


def register(app: Flask) -> None:
    app.jinja_env.globals["role_names"] = ROLE_NAMES
