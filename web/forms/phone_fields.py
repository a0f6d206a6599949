"""The fields of a phone, as forms ask and explain them."""

from controller.domain.rates import RateType
from web.forms.fields import Choices, FormField, Group, Kind
from web.i18n import lazy_gettext as _

LEVELS = {
    RateType.NET: _("Within the network"),
    RateType.LOCAL: _("Local"),
    RateType.DOMESTIC: _("Domestic"),
    RateType.INTERNATIONAL: _("International"),
}


def level_choices() -> Choices:
    return [(level.name.lower(), str(LEVELS[level])) for level in RateType]


NUMBER = FormField(
    "number",
    _("Number"),
    _("The phone's own number, digits only; it must lie in the account's number sections."),
    needed=True,
    longest=32,
    example="8801700000001",
)
ACCOUNT = FormField(
    "account", _("Account"), _("Whose phone it is; it pays."), Kind.ACCOUNT, needed=True, longest=63
)
NEW_ACCOUNT = FormField(
    "new_account",
    _("Make the account too"),
    _("A new account of this phone's number is made, under the account above, in its currency."),
    Kind.FLAG,
)
PASSWORD = FormField(
    "password",
    _("SIP password"),
    _("With what the phone registers. Empty: a good one is made, and shown once."),
    Kind.PASSWORD,
    longest=128,
)
CALLING = Group(
    _("Calls"),
    (
        FormField(
            "authorization",
            _("May call"),
            _("The farthest destinations; each level has those before it."),
            Kind.CHOICE,
            choices=level_choices,
        ),
        FormField(
            "dids",
            _("Further numbers (DIDs)"),
            _("Numbers that ring this phone too, one on each line."),
            Kind.LINES,
        ),
        FormField("lines_out", _("Calls out at once"), _("Empty: no limit."), Kind.WHOLE),
        FormField("lines_in", _("Calls in at once"), _("Empty: no limit."), Kind.WHOLE),
        FormField("lines_total", _("Calls at once"), _("In and out together."), Kind.WHOLE),
        FormField("locked", _("May not call"), _("Calls from it are refused."), Kind.FLAG),
        FormField("locked_in", _("May not be called"), _("Calls to it are refused."), Kind.FLAG),
    ),
)
TERMS = Group(
    _("Prices"),
    (
        FormField(
            "rate_group",
            _("Private rate group"),
            _("Prices of its own, in place of the account's."),
            longest=63,
        ),
        FormField("monthly_rent", _("Monthly rent"), _("Charged each month."), Kind.AMOUNT),
        FormField(
            "monthly_minimum",
            _("Monthly minimum"),
            _("What its calls cost less than this is charged."),
            Kind.AMOUNT,
        ),
        FormField(
            "monthly_maximum",
            _("Monthly maximum"),
            _("When its calls have cost this, further ones are refused. Empty: no limit."),
            Kind.AMOUNT,
        ),
    ),
)
MEMO = Group(_("Memo"), (FormField("memo", _("Memo"), _("For yourself.")),), folded=True)
NEW = (Group(_("The phone"), (NUMBER, ACCOUNT, NEW_ACCOUNT, PASSWORD)), CALLING, TERMS, MEMO)
CHANGE = (Group(_("The phone"), (ACCOUNT,)), CALLING, TERMS, MEMO)
RANGE = (
    Group(
        _("The numbers"),
        (
            FormField("first", _("First number"), _("Digits only."), needed=True, longest=32),
            FormField(
                "last",
                _("Last number"),
                _("With as many digits. All are made, or none; at most 10,000."),
                needed=True,
                longest=32,
            ),
            ACCOUNT,
        ),
    ),
    Group(CALLING.title, tuple(f for f in CALLING.fields if f.name != "dids")),
    TERMS,
    MEMO,
)
NEW_PASSWORD = (Group(_("The password"), (PASSWORD,)),)
