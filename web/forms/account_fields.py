"""The fields of an account, as forms ask and explain them."""

from dataclasses import replace

from controller.domain.configuration import AccountKind
from controller.domain.rights import Right
from controller.services.config_as_code.contact import CARD_TYPES
from web.formatting import account_kind
from web.forms.fields import Choices, FormField, Group, Kind
from web.i18n import lazy_gettext as _

RIGHT_NAMES = {
    Right.ACCOUNTS: _("Accounts"),
    Right.PHONES: _("Phones"),
    Right.PHONE_CARDS: _("Phone cards"),
    Right.GATEWAYS: _("Gateways"),
    Right.GATEWAY_SETTINGS: _("Gateway settings"),
    Right.GATEWAY_CAPACITY: _("Gateway capacity"),
    Right.PAY_OWN: _("Pay into the own account"),
    Right.PAY_SUB: _("Pay into accounts below"),
}
RIGHT_WORDS = {
    Right.ACCOUNTS: _("make, change and remove accounts below"),
    Right.PHONES: _("make, change and remove phones of accounts below"),
    Right.PHONE_CARDS: _("make, change and remove phone cards"),
    Right.GATEWAYS: _("make and remove trunks"),
    Right.GATEWAY_SETTINGS: _("change a trunk's addresses, codecs and prefixes"),
    Right.GATEWAY_CAPACITY: _("raise and lower a trunk's lines"),
    Right.PAY_OWN: _("recharge the own account, and see its payments"),
    Right.PAY_SUB: _("recharge accounts below, and move money between them"),
}
PRESET_NAMES = {
    "retail": _("Retail"),
    "wholesale": _("Wholesale"),
    "calling_card": _("Calling cards"),
    "full": _("Everything"),
    "retail_reseller": _("Retail reseller"),
    "wholesale_agent": _("Wholesale agent"),
    "calling_card_agent": _("Calling-card agent"),
    "sip_trunk_provider": _("SIP trunk provider"),
    "multi_country": _("Several countries"),
}
_CARDS = {
    "id_card": _("Identity card"),
    "passport": _("Passport"),
    "officer_card": _("Officer's card"),
    "work_card": _("Work card"),
    "student_card": _("Student card"),
    "other": _("Other"),
}
_KINDS = (AccountKind.ORDINARY, AccountKind.PHONE_CARD, AccountKind.CLEARING)


def right_name(right: Right) -> str:
    return str(RIGHT_NAMES[right])


def _kinds() -> Choices:
    return [(str(kind), account_kind(kind)) for kind in _KINDS]


def _rights() -> Choices:
    return [(str(r), f"{RIGHT_NAMES[r]}: {RIGHT_WORDS[r]}") for r in Right]


def _cards() -> Choices:
    return [("", "–"), *((kind, str(_CARDS[kind])) for kind in CARD_TYPES)]


NAME = FormField(
    "name",
    _("Account id"),
    _("How everybody calls the account; it cannot be changed later. Letters, digits, . _ -"),
    needed=True,
    longest=63,
    example="dhaka-retail",
)
PARENT = FormField(
    "parent",
    _("Agent"),
    _(
        "The account above, which pays for this one's calls at its own rates. Empty: directly"
        " under you, or under the platform."
    ),
    Kind.ACCOUNT,
    longest=63,
)
CURRENCY = FormField(
    "currency",
    _("Currency"),
    _("Three letters (ISO 4217). All of its money is in it; fixed after the first posting."),
    needed=True,
    longest=3,
    example="USD",
)
KIND = FormField(
    "kind",
    _("Kind"),
    _("A customer, a phone card, or a vendor whose calls are owed for (clearing)."),
    Kind.CHOICE,
    choices=_kinds,
)
TITLE = FormField("title", _("Name"), _("Of the person or company, as it reads in lists."))
SETTINGS = (
    Group(
        _("Prices"),
        (
            FormField(
                "rate_group",
                _("Rate group"),
                _("The prices of its calls. Without any, calls are refused."),
                longest=63,
            ),
            FormField(
                "private_rate_group",
                _("Private rate group"),
                _("Prices of its own that go before those of the rate group."),
                longest=63,
            ),
            FormField(
                "monthly_minimum",
                _("Monthly minimum"),
                _("At the month's end, what calls have cost less than this is charged."),
                Kind.AMOUNT,
            ),
        ),
    ),
    Group(
        _("Limits"),
        (
            FormField(
                "capacity",
                _("Lines"),
                _("Calls that the account may have at once. Empty: no limit."),
                Kind.WHOLE,
            ),
            FormField(
                "subtree_capacity",
                _("Lines with all below"),
                _("Calls at once of the account and of everything below it. Empty: no limit."),
                Kind.WHOLE,
            ),
            FormField(
                "expires_at",
                _("Expires"),
                _("From this time on its calls are refused. Empty: never."),
                Kind.MOMENT,
            ),
            FormField(
                "locked",
                _("Locked"),
                _("Its calls, and those of everything below it, are refused."),
                Kind.FLAG,
            ),
        ),
    ),
    Group(
        _("Low balance"),
        (
            FormField(
                "low_balance",
                _("Low balance"),
                _("When less than this is available, the account is shown as low."),
                Kind.AMOUNT,
            ),
            FormField(
                "low_balance_locks",
                _("Lock at low balance"),
                _("The account is locked by itself when it is low, and unlocked by a payment."),
                Kind.FLAG,
            ),
        ),
    ),
)
MEMO = FormField("memo", _("Memo"), _("For yourself; the account's users do not need it."))
RIGHTS = (
    Group(
        _("Rights"),
        (
            FormField(
                "rights",
                _("What its users may do"),
                _("A right counts only while every agent above has it too."),
                Kind.SEVERAL,
                choices=_rights,
            ),
        ),
    ),
)
NUMBERS = (
    Group(
        _("Numbers and destinations"),
        (
            FormField(
                "number_sections",
                _("Number sections"),
                _(
                    "Numbers that its phones may have: first and last of equally many digits, one"
                    " section on each line. They must lie within those of the agent above. Empty:"
                    " those of the agent above."
                ),
                Kind.LINES,
                example="8801700000000-8801799999999",
            ),
            FormField(
                "destination_rules",
                _("Destinations"),
                _(
                    "allow or deny with the beginning of a number, one rule on each line; the"
                    " longest that fits decides, * is everything. Each agent above must permit the"
                    " call too. Empty: everything."
                ),
                Kind.LINES,
                example="allow 880",
            ),
        ),
    ),
)
CONTACT = (
    Group(
        _("Contact"),
        (
            FormField("company", _("Company"), _("As it stands on receipts.")),
            FormField("contact_person", _("Contact person"), _("Whom to ask for.")),
            FormField("telephone", _("Telephone"), _("With the country's code.")),
            FormField("fax", _("Fax"), _("With the country's code.")),
            FormField("email", _("E-mail"), _("Where bills and warnings go."), Kind.EMAIL),
            FormField("email_cc", _("E-mail, copy"), _("Gets a copy of each."), Kind.EMAIL),
            FormField(
                "email_bcc", _("E-mail, blind copy"), _("Gets a copy unseen by others."), Kind.EMAIL
            ),
            FormField("address", _("Address"), _("Street, number and city.")),
            FormField("post_code", _("Post code"), _("As the country writes it.")),
            FormField("bank", _("Bank"), _("Name and number of the bank account.")),
            FormField(
                "card_type",
                _("Identity document"),
                _("What the holder was identified by."),
                Kind.CHOICE,
                choices=_cards,
            ),
            FormField("card_number", _("Document number"), _("As it stands on the document.")),
        ),
    ),
)
NEW = (
    Group(_("The account"), (NAME, TITLE, PARENT, CURRENCY, KIND, MEMO)),
    *SETTINGS,
    *RIGHTS,
    *(replace(group, folded=True) for group in (*NUMBERS, *CONTACT)),
)
CHANGE = (Group(_("The account"), (TITLE, CURRENCY, KIND, MEMO)), *SETTINGS)
MOVE = (Group(_("Agent"), (PARENT,)),)
SERIES = (
    Group(
        _("The series"),
        (
            FormField(
                "first",
                _("First account id"),
                _("Ends in digits, which are counted up: shop-001, shop-002, …"),
                needed=True,
                longest=63,
                example="shop-001",
            ),
            FormField(
                "count",
                _("How many"),
                _("All of them are made, or none. At most 10,000."),
                Kind.WHOLE,
                needed=True,
                longest=6,
            ),
        ),
    ),
    Group(_("What they have in common"), (PARENT, CURRENCY, KIND)),
    *SETTINGS,
)
