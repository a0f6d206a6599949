"""Every operation of the API, and what comes of it for whom: the table of its authorization matrix.

As for the pages (`tests/web/matrix.py`): who may come at all, which right is needed, whose object
the address names, and whether the own one may be used so. An operation without a row fails.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controller.domain.rights import Right
from controller.services.sign_in import Role
from tests.web.matrix import AGENTS, EVERYBODY, OPERATORS, Of


@dataclass(frozen=True, slots=True)
class Row:
    """`rights`: any of them is needed; `own_rights` for the own object, where others are."""

    roles: frozenset[Role] = EVERYBODY
    of: Of = Of.NOTHING
    rights: frozenset[Right] = frozenset()
    own: bool = True
    own_rights: frozenset[Right] | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    body: Mapping[str, Any] | None = None

    def rights_for(self, *, own: bool) -> frozenset[Right]:
        return self.own_rights if own and self.own_rights is not None else self.rights

    def sends(self, **body: Any) -> "Row":
        return replace(self, body=body)


def _needs(*rights: Right) -> frozenset[Right]:
    return frozenset(rights)


_OPEN = Row()
_ACCOUNT = Row(of=Of.ACCOUNT)
_DISPOSES = Row(AGENTS, Of.ACCOUNT, _needs(Right.ACCOUNTS), own=False)
_PAYS = Row(AGENTS, Of.ACCOUNT, _needs(Right.PAY_SUB), own_rights=_needs(Right.PAY_OWN))
_HAS_CARDS = Row(AGENTS, rights=_needs(Right.PHONE_CARDS))
_CARDS = Row(AGENTS, Of.CARDS, _needs(Right.PHONE_CARDS))
_MAKES_ACCOUNTS = Row(AGENTS, rights=_needs(Right.ACCOUNTS))
_MAKES_PHONES = Row(AGENTS, rights=_needs(Right.PHONES))
_CHANGES_PHONE = Row(AGENTS, Of.PHONE, _needs(Right.PHONES))
_USER = Row(AGENTS, Of.USER, _needs(Right.ACCOUNTS), own=False)
_OPERATORS = Row(OPERATORS)
_VENDOR = Row(OPERATORS, Of.VENDOR_TRUNK)

ROWS: Mapping[str, Row] = {
    "API_me": _OPEN,
    # accounts
    "Accounts_list_accounts": _OPEN,
    "Accounts_tree": _OPEN,
    "Accounts_show": _ACCOUNT,
    "Accounts_rights": _ACCOUNT,
    "Accounts_create": _MAKES_ACCOUNTS.sends(name="fresh", currency="USD"),
    "Accounts_create_batch": _MAKES_ACCOUNTS.sends(accounts=[{"name": "two", "currency": "USD"}]),
    "Accounts_create_series": _MAKES_ACCOUNTS.sends(first="s-1", count=1, currency="USD"),
    "Accounts_change": replace(_ACCOUNT, rights=_needs(Right.ACCOUNTS), own_rights=_needs()).sends(
        fax="1"
    ),
    "Accounts_close": _DISPOSES,
    "Accounts_reopen": _DISPOSES,
    "Accounts_delete": _DISPOSES,
    "Accounts_approve": Row(OPERATORS, Of.ACCOUNT),
    # money
    "Money_balance": _ACCOUNT,
    "Money_list_postings": _ACCOUNT,
    "Money_subscriptions": _ACCOUNT,
    "Money_list_payments": _OPEN,
    "Money_receipt": Row(of=Of.PAYMENT),
    "Money_pay": _PAYS.sends(amount="1"),
    "Money_withdraw": _PAYS.sends(amount="1"),
    "Money_make_zero": replace(_PAYS, own=False).sends(),
    "Money_credit": replace(_PAYS, own=False).sends(amount="1"),
    "Money_transfer": Row(AGENTS, Of.ACCOUNT, _needs(Right.PAY_SUB)).sends(amount="1", to="kiosk"),
    # phone cards
    "Cards_list_batches": _HAS_CARDS,
    "Cards_create": _HAS_CARDS.sends(name="fresh", face_value="1", count=1, currency="USD"),
    "Cards_show": _CARDS,
    "Cards_list_cards": _CARDS,
    "Cards_void": _CARDS,
    "Cards_void_card": replace(_CARDS, path={"number": "1"}),
    "Cards_lock": replace(_CARDS, path={"number": "2"}),
    "Cards_unlock": replace(_CARDS, path={"number": "2"}),
    "Cards_pay_by_card": _ACCOUNT.sends(pin="0123456789"),
    # phones
    "Phones_list_phones": _OPEN,
    "Phones_show": Row(of=Of.PHONE),
    "Phones_create": _MAKES_PHONES.sends(number="8801990", account="kiosk"),
    "Phones_create_batch": _MAKES_PHONES.sends(phones=[{"number": "8801991", "account": "kiosk"}]),
    "Phones_create_range": _MAKES_PHONES.sends(
        first="8801992", last="8801993", shared={"account": "kiosk"}
    ),
    "Phones_change": _CHANGES_PHONE.sends(memo="x"),
    "Phones_new_password": _CHANGES_PHONE.sends(),
    "Phones_delete": _CHANGES_PHONE,
    # trunks
    "Mapping_gateways_list_gateways": _OPEN,
    "Mapping_gateways_show": Row(of=Of.TRUNK),
    "Mapping_gateways_create": Row(AGENTS, rights=_needs(Right.GATEWAYS)).sends(
        name="fresh-in", account="kiosk"
    ),
    "Mapping_gateways_change": Row(AGENTS, Of.TRUNK, _needs(Right.GATEWAY_SETTINGS)).sends(
        memo="x"
    ),
    "Mapping_gateways_delete": Row(AGENTS, Of.TRUNK, _needs(Right.GATEWAYS)),
    "Routing_gateways_list_vendors": _OPERATORS,
    "Routing_gateways_show_vendor": _VENDOR,
    "Routing_gateways_create_vendor": _OPERATORS.sends(
        name="fresh-out", clearing_account="kestrel-carrier", host="192.0.2.1"
    ),
    "Routing_gateways_change_vendor": _VENDOR.sends(memo="x"),
    "Routing_gateways_delete_vendor": _VENDOR,
    # rates and prices
    "Rates_list_groups": _OPEN,
    "Rates_show_group": Row(of=Of.RATE_GROUP),
    "Rates_list_rates": Row(of=Of.RATE_GROUP),
    "Rates_matching": Row(of=Of.RATE_GROUP, query="number=39"),
    "Rates_explain_price": Row(query="number=39&account={own}"),
    "Rates_explain_call": Row(OPERATORS, query="gateway=shop-in&callee=39"),
    "Rates_coverage": _OPERATORS,
    "Rates_check_coverage": _OPERATORS,
    # calls
    "Call_records_list_records": _OPEN,
    "Call_records_show_record": Row(of=Of.CALL),
    "Call_records_export": _OPEN,
    "Calls_in_progress_list_live": _OPEN,
    "Calls_in_progress_figures": _OPEN,
    "Calls_in_progress_hang_up": Row(AGENTS, Of.LIVE_CALL, _needs(Right.ACCOUNTS)),
    # asked for just before
    "Calls_in_progress_show_hang_up": replace(
        Row(AGENTS, Of.LIVE_CALL, _needs(Right.ACCOUNTS)), path={"": "404"}
    ),
    # what administrators keep
    "Pending_movements_list_pending": _OPERATORS,
    "Pending_movements_hold": _OPERATORS.sends(account="shop", amount="1"),
    "Pending_movements_post": replace(_OPERATORS, path={"": "404"}).sends(movement="none"),
    "Pending_movements_void": replace(_OPERATORS, path={"": "404"}).sends(movement="none"),
    "Packages_list_packages": _OPERATORS,
    "Packages_list_orders": _OPERATORS,
    "Packages_list_active": _OPERATORS,
    "Packages_order": _OPERATORS.sends(package="none", account="shop"),
    "Packages_cancel": replace(_OPERATORS, path={"": "404"}).sends(key="none"),
    "Packages_end_active": replace(_OPERATORS, path={"number": "9", "": "404"}),
    "Rate_decks_list_decks": _OPERATORS,
    "Rate_decks_stage": replace(_OPERATORS, path={"": "404"}).sends(group="none", table="x"),
    "Rate_decks_show_deck": replace(_OPERATORS, path={"deck_id": "9", "": "404"}),
    "Rate_decks_activate": replace(_OPERATORS, path={"deck_id": "9", "": "404"}).sends(),
    "Rate_decks_discard": replace(_OPERATORS, path={"deck_id": "9", "": "404"}),
    "Rate_decks_roll_back": replace(_OPERATORS, path={"": "404"}).sends(group="none"),
    # people
    "Users_list_users": Row(AGENTS, rights=_needs(Right.ACCOUNTS)),
    "Users_create": Row(AGENTS, rights=_needs(Right.ACCOUNTS)).sends(
        name="fresh", role="customer", account="kiosk"
    ),
    "Users_show": replace(_USER, own=True),
    "Users_change": _USER.sends(email="a@example.net"),
    "Users_delete": _USER,
    "Users_reset_password": _USER.sends(),
    "Users_sessions": _USER,
    "Users_end_sessions": _USER.sends(),
    "Users_tokens_of": _USER,
    "Users_revoke_of": replace(_USER, path={"token_id": "999", "": "404"}),
    "Users_profile": _OPEN,
    "Users_change_profile": _OPEN.sends(language="es"),
    "Tokens_list_tokens": _OPEN,
    "Tokens_create_token": _OPEN.sends(name="n", scopes=["cdrs:read"]),
    "Tokens_revoke": Row(path={"token_id": "999", "": "404"}),
    "Audit_log_list_lines": _OPEN,
}
"""`path[""]`: nothing is there to be found, so that even who may gets that status."""
