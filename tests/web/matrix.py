"""Every route of the pages, and what comes of it for whom: the table of the authorization matrix.

A row says who may come to the route at all, which of the eight rights is needed, whose object the
address names, and whether the own one may be used so. What is out of scope is "not found" for
everybody, whatever the right. A route without a row fails the test: add it here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from controller.domain.rights import Right
from controller.services.sign_in import Role


class Of(StrEnum):
    """What the address names."""

    NOTHING = "nothing"
    ACCOUNT = "account"
    CALL = "call"
    LIVE_CALL = "live call"
    RATE_GROUP = "rate group"
    PHONE = "phone"
    TRUNK = "mapping gateway"
    VENDOR_TRUNK = "routing gateway"
    PAYMENT = "payment"
    CARDS = "card batch"
    USER = "user"
    TOKEN = "token"


EVERYBODY = frozenset(Role)
AGENTS = frozenset({Role.ADMINISTRATOR, Role.AGENT})
OPERATORS = frozenset({Role.ADMINISTRATOR})


@dataclass(frozen=True, slots=True)
class Row:
    """`roles` may come; others get 403. `rights`: any of them is needed, of agents; operators have
    all, customers none. `own`: the own object may be used so, else 403. `values` are further
    parts of the address; `fields` and `files` what is posted, good enough to be done; `also` are
    answers that mean that it was let through."""

    roles: frozenset[Role] = EVERYBODY
    of: Of = Of.NOTHING
    rights: frozenset[Right] = frozenset()
    own: bool = True
    own_rights: frozenset[Right] | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    also: frozenset[int] = frozenset()

    def rights_for(self, *, own: bool) -> frozenset[Right]:
        return self.own_rights if own and self.own_rights is not None else self.rights


def _needs(*rights: Right) -> frozenset[Right]:
    return frozenset(rights)


_BY_ACCOUNT = Row(of=Of.ACCOUNT)
_MAKES_ACCOUNTS = Row(AGENTS, rights=_needs(Right.ACCOUNTS))
_CHANGES_ACCOUNT = Row(of=Of.ACCOUNT, rights=_needs(Right.ACCOUNTS), own=False)
_DISPOSES = Row(AGENTS, Of.ACCOUNT, _needs(Right.ACCOUNTS), own=False)
_CONTACT = Row(
    of=Of.ACCOUNT,
    rights=_needs(Right.ACCOUNTS),
    own_rights=_needs(),
    values={"section": "contact"},
)
_PAYS = Row(of=Of.ACCOUNT, rights=_needs(Right.PAY_SUB), own_rights=_needs(Right.PAY_OWN))
_HAS_CARDS = Row(AGENTS, rights=_needs(Right.PHONE_CARDS))
_CARDS = Row(AGENTS, Of.CARDS, _needs(Right.PHONE_CARDS))
_HANGS_UP = Row(AGENTS, Of.LIVE_CALL, _needs(Right.ACCOUNTS))
_MAKES_PHONES = Row(AGENTS, rights=_needs(Right.PHONES))
_CHANGES_PHONE = Row(AGENTS, Of.PHONE, _needs(Right.PHONES))
_TRUNK_RIGHTS = _needs(Right.GATEWAYS, Right.GATEWAY_SETTINGS, Right.GATEWAY_CAPACITY)
_TRUNK_LIST = {"kind": "mapping"}
_VENDOR_LIST = {"kind": "routing"}
_MAKES_TRUNKS = Row(AGENTS, rights=_needs(Right.GATEWAYS), values=_TRUNK_LIST)
_CHANGES_TRUNK = Row(AGENTS, Of.TRUNK, _TRUNK_RIGHTS)
_DELETES_TRUNK = Row(AGENTS, Of.TRUNK, _needs(Right.GATEWAYS))
_NEW_ACCOUNT = {"name": "made-here", "kind": "ordinary", "currency": "USD"}
_NEW_ACCOUNTS = {**_NEW_ACCOUNT, "name": "", "first": "row-01", "count": "2"}
_NEW_CARDS = {"name": "made-here", "currency": "USD", "face_value": "1", "count": "2"}
_NEW_PHONE = {"number": "88022001", "account": "dhaka", "authorization": "international"}
_NEW_PHONES = {**_NEW_PHONE, "number": "", "first": "88022101", "last": "88022102"}


_LOOKS_AFTER_USERS = Row(AGENTS, rights=_needs(Right.ACCOUNTS))
_SEES_USER = Row(AGENTS, Of.USER, _needs(Right.ACCOUNTS))
_CHANGES_USER = replace(_SEES_USER, own=False)
_NEW_USER = {"name": "made-here", "role": "customer", "account": "shop"}
_NO_TOKEN = {"token_id": "999999"}
_GONE = frozenset({404})
_OF_NO_TOKEN = replace(_CHANGES_USER, values=_NO_TOKEN, also=_GONE)


def _sends(row: Row, fields: Mapping[str, str] | None = None, file: str = "") -> Row:
    return replace(row, fields=fields or {}, files={"file": file} if file else {})


def _with(row: Row, **values: str) -> Row:
    return replace(row, values={**row.values, **values})


ROWS: tuple[tuple[str, str, Row], ...] = (
    ("static", "GET", Row(values={"filename": "mark.svg"})),
    ("health.alive", "GET", Row()),
    ("health.ready", "GET", Row()),
    ("api_pages.reference", "GET", Row()),
    ("api_pages.problems", "GET", Row()),
    ("api_pages.swagger_file", "GET", Row(values={"name": "swagger-ui.css"})),
    ("sign_in.form", "GET", Row()),
    ("sign_in.sign_out", "POST", Row()),
    # what everybody sees, each of it what is in its scope
    ("dashboard.index", "GET", Row()),
    ("dashboard.figures", "GET", Row()),
    ("live_calls.index", "GET", Row()),
    ("live_calls.rows", "GET", Row()),
    ("live_calls.hang_up_form", "GET", _HANGS_UP),
    ("live_calls.hang_up", "POST", _HANGS_UP),
    ("cdrs.index", "GET", Row()),
    ("cdrs.export", "GET", Row()),
    ("cdrs.detail", "GET", Row(of=Of.CALL)),
    ("rates.index", "GET", Row()),
    ("rates.group", "GET", Row(of=Of.RATE_GROUP)),
    ("explain.rate", "GET", Row()),
    # what tells of vendors and costs
    ("explain.call", "GET", Row(OPERATORS)),
    ("coverage.index", "GET", Row(OPERATORS)),
    ("coverage.again", "POST", Row(OPERATORS)),
    # accounts
    ("accounts.index", "GET", Row()),
    ("accounts.export", "GET", Row()),
    ("accounts.names", "GET", Row()),
    ("accounts.tree", "GET", Row(AGENTS)),
    ("accounts.detail", "GET", _BY_ACCOUNT),
    ("accounts.phones", "GET", _BY_ACCOUNT),
    ("accounts.gateways", "GET", _BY_ACCOUNT),
    ("accounts.rights", "GET", _BY_ACCOUNT),
    ("accounts.numbers", "GET", _BY_ACCOUNT),
    ("accounts.contact", "GET", _BY_ACCOUNT),
    ("accounts.history", "GET", _BY_ACCOUNT),
    ("accounts.new", "GET", _MAKES_ACCOUNTS),
    ("accounts.create_new", "POST", _sends(_MAKES_ACCOUNTS, _NEW_ACCOUNT)),
    ("accounts.series", "GET", _MAKES_ACCOUNTS),
    ("accounts.create_series", "POST", _sends(_MAKES_ACCOUNTS, _NEW_ACCOUNTS)),
    ("accounts.upload", "GET", _MAKES_ACCOUNTS),
    (
        "accounts.create_uploaded",
        "POST",
        _sends(_MAKES_ACCOUNTS, file="name,currency\nfrom-file,USD\n"),
    ),
    ("accounts.change_form", "GET", _with(_CHANGES_ACCOUNT, section="settings")),
    ("accounts.change_form", "GET", _with(_CHANGES_ACCOUNT, section="rights")),
    ("accounts.change_form", "GET", _CONTACT),
    ("accounts.change_account", "POST", _with(_CHANGES_ACCOUNT, section="settings")),
    ("accounts.change_account", "POST", _with(_CHANGES_ACCOUNT, section="rights")),
    ("accounts.change_account", "POST", _CONTACT),
    *(
        (endpoint, method, _with(_DISPOSES, action=action))
        for action in ("lock", "unlock", "close", "reopen", "delete")
        for endpoint, method in (("accounts.act", "GET"), ("accounts.carry_out", "POST"))
    ),
    # money
    ("payments.index", "GET", Row()),
    ("payments.export", "GET", Row()),
    ("payments.receipt", "GET", Row(of=Of.PAYMENT)),
    ("payments.form", "GET", _with(_PAYS, kind="payment")),
    ("payments.order", "POST", _with(_PAYS, kind="payment")),
    ("payments.form", "GET", _with(_BY_ACCOUNT, kind="card")),
    (
        "payments.order",
        "POST",
        replace(_BY_ACCOUNT, values={"kind": "card"}, fields={"pin": "012345678901"}),
    ),
    # phone cards
    ("cards.index", "GET", _HAS_CARDS),
    ("cards.new", "GET", _HAS_CARDS),
    ("cards.create_new", "POST", _sends(_HAS_CARDS, _NEW_CARDS)),
    ("cards.batch", "GET", _CARDS),
    ("cards.void_form", "GET", _CARDS),
    ("cards.void", "POST", _CARDS),
    *(
        (endpoint, method, _with(_CARDS, number="1", action=action))
        for action in ("lock", "unlock", "void")
        for endpoint, method in (("cards.act", "GET"), ("cards.carry_out", "POST"))
    ),
    # phones
    ("phones.index", "GET", Row()),
    ("phones.export", "GET", Row()),
    ("phones.detail", "GET", Row(of=Of.PHONE)),
    ("phones.new", "GET", _MAKES_PHONES),
    ("phones.create_new", "POST", _sends(_MAKES_PHONES, _NEW_PHONE)),
    ("phones.many", "GET", _MAKES_PHONES),
    ("phones.create_many", "POST", _sends(_MAKES_PHONES, _NEW_PHONES)),
    ("phones.upload", "GET", _MAKES_PHONES),
    (
        "phones.create_uploaded",
        "POST",
        _sends(_MAKES_PHONES, file="number,account\n88022009,dhaka\n"),
    ),
    ("phones.change_form", "GET", _CHANGES_PHONE),
    ("phones.change_phone", "POST", _CHANGES_PHONE),
    ("phones.password_form", "GET", _CHANGES_PHONE),
    ("phones.set_password", "POST", _CHANGES_PHONE),
    ("phones.delete_form", "GET", _CHANGES_PHONE),
    ("phones.delete", "POST", _CHANGES_PHONE),
    # trunks of customers; those of vendors are the operator's
    ("gateways.index", "GET", Row(values=_TRUNK_LIST)),
    ("gateways.detail", "GET", Row(of=Of.TRUNK)),
    ("gateways.new", "GET", _MAKES_TRUNKS),
    ("gateways.create_new", "POST", _MAKES_TRUNKS),
    ("gateways.change_form", "GET", _CHANGES_TRUNK),
    ("gateways.change_gateway", "POST", _CHANGES_TRUNK),
    ("gateways.delete_form", "GET", _DELETES_TRUNK),
    ("gateways.delete", "POST", _DELETES_TRUNK),
    # people and the log of changes
    ("audit.index", "GET", Row(AGENTS)),
    ("audit.export", "GET", Row(AGENTS)),
    ("users.index", "GET", _LOOKS_AFTER_USERS),
    ("users.export", "GET", _LOOKS_AFTER_USERS),
    ("users.new", "GET", _LOOKS_AFTER_USERS),
    ("users.create_new", "POST", _sends(_LOOKS_AFTER_USERS, _NEW_USER)),
    ("users.detail", "GET", _SEES_USER),
    ("users.change_form", "GET", _CHANGES_USER),
    ("users.change_user", "POST", _CHANGES_USER),
    ("users.reset_form", "GET", _CHANGES_USER),
    ("users.reset", "POST", _CHANGES_USER),
    ("users.end_sessions", "POST", _CHANGES_USER),
    ("users.revoke_form", "GET", _OF_NO_TOKEN),
    ("users.revoke", "POST", _OF_NO_TOKEN),
    ("users.delete_form", "GET", _CHANGES_USER),
    ("users.delete", "POST", _CHANGES_USER),
    # the visitor's own
    ("profile.index", "GET", Row()),
    ("profile.change_form", "GET", Row()),
    ("profile.change", "POST", Row()),
    ("profile.new_token", "GET", Row()),
    ("profile.create_token", "POST", Row()),
    ("profile.revoke_form", "GET", Row(values=_NO_TOKEN, also=_GONE)),
    ("profile.revoke", "POST", Row(values=_NO_TOKEN, also=_GONE)),
    ("profile.end_session", "POST", Row(also=_GONE)),
    ("second_factor.offer", "GET", Row()),
    ("second_factor.turn_on", "POST", Row()),
    ("second_factor.off_form", "GET", Row(also=_GONE)),
    ("second_factor.turn_off", "POST", Row(also=_GONE)),
    ("second_factor.codes_form", "GET", Row(also=_GONE)),
    ("second_factor.renew_codes", "POST", Row(also=_GONE)),
    ("sign_in.sign_in", "POST", Row(also=frozenset({401}))),
    ("sign_in.code", "GET", Row()),
    ("sign_in.second_step", "POST", Row()),
    ("sign_in.password", "GET", Row()),
    ("sign_in.change_password", "POST", Row()),
)
