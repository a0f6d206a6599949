"""Every page, and the operations of the API by which a program does the same.

A page that is not here fails the test: name its operations, and where there are none, add them.
`ONLY_PAGES` are those that no program needs, each with its reason.
"""

from collections.abc import Mapping

_LIST_ACCOUNTS = "Accounts_list_accounts"
_MANY_ACCOUNTS = ("Accounts_create_batch",)
_SERIES = ("Accounts_create_series",)
_CHANGE_ACCOUNT = ("Accounts_show", "Accounts_change")
_DISPOSE = (
    "Accounts_change",  # lock and unlock
    "Accounts_close",
    "Accounts_reopen",
    "Accounts_approve",
    "Accounts_delete",
)
_PAY = (
    "Money_pay",
    "Money_withdraw",
    "Money_transfer",
    "Money_make_zero",
    "Money_credit",
    "Cards_pay_by_card",
)
_FIGURES = ("Calls_in_progress_figures", "Calls_in_progress_list_live")
_HANG_UP = ("Calls_in_progress_hang_up", "Calls_in_progress_show_hang_up")
_BATCH = "Cards_show"
_VOID_BATCH = (_BATCH, "Cards_void")
_CARD = ("Cards_lock", "Cards_unlock", "Cards_void_card")
_PHONE = "Phones_show"
_MANY_PHONES = ("Phones_create_range",)
_TRUNK = ("Mapping_gateways_show", "Routing_gateways_show_vendor")
_TRUNKS = ("Mapping_gateways_list_gateways", "Routing_gateways_list_vendors")
_MAKE_TRUNK = ("Mapping_gateways_create", "Routing_gateways_create_vendor")
_CHANGE_TRUNK = ("Mapping_gateways_change", "Routing_gateways_change_vendor")
_DELETE_TRUNK = ("Mapping_gateways_delete", "Routing_gateways_delete_vendor")
_MAKE_USER = ("Users_create",)
_CHANGE_USER = ("Users_show", "Users_change")
_RESET = ("Users_reset_password",)
_REVOKE = ("Users_tokens_of", "Users_revoke_of")
_DELETE_USER = ("Users_delete",)
_PROFILE = ("Users_profile", "Users_change_profile")
_MAKE_TOKEN = ("Tokens_create_token",)
_REVOKE_OWN = ("Tokens_list_tokens", "Tokens_revoke")

OPERATIONS_OF: Mapping[str, tuple[str, ...]] = {
    "dashboard.index": _FIGURES,
    "dashboard.figures": _FIGURES,
    "live_calls.index": ("Calls_in_progress_list_live",),
    "live_calls.rows": ("Calls_in_progress_list_live",),
    "live_calls.hang_up_form": _HANG_UP,
    "live_calls.hang_up": _HANG_UP,
    "cdrs.index": ("Call_records_list_records",),
    "cdrs.export": ("Call_records_export",),
    "cdrs.detail": ("Call_records_show_record",),
    "rates.index": ("Rates_list_groups",),
    "rates.group": ("Rates_show_group", "Rates_list_rates", "Rates_matching"),
    "explain.rate": ("Rates_explain_price",),
    "explain.call": ("Rates_explain_call",),
    "coverage.index": ("Rates_coverage",),
    "coverage.again": ("Rates_check_coverage",),
    # accounts
    "accounts.index": (_LIST_ACCOUNTS,),
    "accounts.export": (_LIST_ACCOUNTS,),
    "accounts.names": (_LIST_ACCOUNTS,),
    "accounts.tree": ("Accounts_tree",),
    "accounts.detail": ("Money_balance", "Money_list_postings", "Money_subscriptions"),
    "accounts.phones": ("Phones_list_phones",),
    "accounts.gateways": _TRUNKS,
    "accounts.rights": ("Accounts_rights",),
    "accounts.numbers": ("Accounts_show",),
    "accounts.contact": ("Accounts_show",),
    "accounts.history": ("Audit_log_list_lines",),
    "accounts.new": ("Accounts_create",),
    "accounts.create_new": ("Accounts_create",),
    "accounts.series": _SERIES,
    "accounts.create_series": _SERIES,
    "accounts.upload": _MANY_ACCOUNTS,
    "accounts.create_uploaded": _MANY_ACCOUNTS,
    "accounts.change_form": _CHANGE_ACCOUNT,
    "accounts.change_account": _CHANGE_ACCOUNT,
    "accounts.act": _DISPOSE,
    "accounts.carry_out": _DISPOSE,
    # money
    "payments.index": ("Money_list_payments",),
    "payments.export": ("Money_list_payments",),
    "payments.receipt": ("Money_receipt",),
    "payments.form": _PAY,
    "payments.order": _PAY,
    # phone cards
    "cards.index": ("Cards_list_batches",),
    "cards.new": ("Cards_create",),
    "cards.create_new": ("Cards_create",),
    "cards.batch": (_BATCH, "Cards_list_cards"),
    "cards.void_form": _VOID_BATCH,
    "cards.void": _VOID_BATCH,
    "cards.act": _CARD,
    "cards.carry_out": _CARD,
    # phones
    "phones.index": ("Phones_list_phones",),
    "phones.export": ("Phones_list_phones",),
    "phones.detail": (_PHONE,),
    "phones.new": ("Phones_create",),
    "phones.create_new": ("Phones_create",),
    "phones.many": _MANY_PHONES,
    "phones.create_many": _MANY_PHONES,
    "phones.upload": ("Phones_create_batch",),
    "phones.create_uploaded": ("Phones_create_batch",),
    "phones.change_form": (_PHONE, "Phones_change"),
    "phones.change_phone": (_PHONE, "Phones_change"),
    "phones.password_form": ("Phones_new_password",),
    "phones.set_password": ("Phones_new_password",),
    "phones.delete_form": ("Phones_delete",),
    "phones.delete": ("Phones_delete",),
    # trunks
    "gateways.index": _TRUNKS,
    "gateways.detail": _TRUNK,
    "gateways.new": _MAKE_TRUNK,
    "gateways.create_new": _MAKE_TRUNK,
    "gateways.change_form": (*_TRUNK, *_CHANGE_TRUNK),
    "gateways.change_gateway": (*_TRUNK, *_CHANGE_TRUNK),
    "gateways.delete_form": _DELETE_TRUNK,
    "gateways.delete": _DELETE_TRUNK,
    # people and the log of changes
    "audit.index": ("Audit_log_list_lines",),
    "audit.export": ("Audit_log_list_lines",),
    "users.index": ("Users_list_users",),
    "users.export": ("Users_list_users",),
    "users.new": _MAKE_USER,
    "users.create_new": _MAKE_USER,
    "users.detail": ("Users_show", "Users_sessions", "Users_tokens_of"),
    "users.change_form": _CHANGE_USER,
    "users.change_user": _CHANGE_USER,
    "users.reset_form": _RESET,
    "users.reset": _RESET,
    "users.end_sessions": ("Users_end_sessions",),
    "users.revoke_form": _REVOKE,
    "users.revoke": _REVOKE,
    "users.delete_form": _DELETE_USER,
    "users.delete": _DELETE_USER,
    # one's own
    "profile.index": ("Users_profile", "Users_sessions", "Tokens_list_tokens"),
    "profile.change_form": _PROFILE,
    "profile.change": _PROFILE,
    "profile.new_token": _MAKE_TOKEN,
    "profile.create_token": _MAKE_TOKEN,
    "profile.revoke_form": _REVOKE_OWN,
    "profile.revoke": _REVOKE_OWN,
    "profile.end_session": ("Users_end_sessions",),
}

_FILES = "a file of the pages"
_SIGNS_IN = "a browser's session; programs have tokens"
_PROVES = "a person proves the password or a code: whoever has a token must not take over the user"

ONLY_PAGES: Mapping[str, str] = {
    "static": _FILES,
    "api_pages.reference": _FILES,
    "api_pages.problems": _FILES,
    "api_pages.swagger_file": _FILES,
    "health.alive": "for supervisors on the machine; the API has its own at /api/v1/health",
    "health.ready": "for supervisors on the machine; the API has its own at /api/v1/health",
    "sign_in.form": _SIGNS_IN,
    "sign_in.sign_in": _SIGNS_IN,
    "sign_in.code": _SIGNS_IN,
    "sign_in.second_step": _SIGNS_IN,
    "sign_in.sign_out": _SIGNS_IN,
    "sign_in.password": _PROVES,
    "sign_in.change_password": _PROVES,
    "second_factor.offer": _PROVES,
    "second_factor.turn_on": _PROVES,
    "second_factor.off_form": _PROVES,
    "second_factor.turn_off": _PROVES,
    "second_factor.codes_form": _PROVES,
    "second_factor.renew_codes": _PROVES,
}
