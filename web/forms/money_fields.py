"""The fields of payments, as forms ask and explain them."""

from controller.domain.movements import LimitMode
from web.forms import card_fields
from web.forms.fields import Choices, FormField, Group, Kind
from web.i18n import LazyText
from web.i18n import lazy_gettext as _

_MODES = {
    LimitMode.SET: _("Set it to the amount"),
    LimitMode.RAISE: _("Raise it by the amount"),
    LimitMode.LOWER: _("Lower it by the amount"),
}


def _modes() -> Choices:
    return [(str(mode), str(_MODES[mode])) for mode in _MODES]


def _amount(about: LazyText) -> FormField:
    return FormField("amount", _("Amount"), about, Kind.AMOUNT, needed=True, longest=40)


MEMO = FormField("memo", _("Memo"), _("Stands on the receipt and in the history."), longest=200)
TO = FormField(
    "to", _("To account"), _("The id of the account that gets it."), Kind.ACCOUNT, needed=True
)
MODE = FormField(
    "mode", _("What to do"), _("With the overdraft limit."), Kind.CHOICE, choices=_modes
)
ORDER = _("The payment")
FIELDS: dict[str, tuple[Group, ...]] = {
    "payment": (Group(ORDER, (_amount(_("What the balance rises by.")), MEMO)),),
    "withdraw": (Group(ORDER, (_amount(_("What the balance falls by; it must be there.")), MEMO)),),
    "transfer": (Group(ORDER, (TO, _amount(_("What goes from one to the other.")), MEMO)),),
    "make-zero": (Group(ORDER, (MEMO,)),),
    "credit": (Group(ORDER, (MODE, _amount(_("Of the overdraft limit, not of money.")), MEMO)),),
    "card": card_fields.PAYMENT,
}
TITLES = {
    "payment": _("Payment"),
    "withdraw": _("Withdrawal"),
    "transfer": _("Transfer"),
    "make-zero": _("Make zero"),
    "credit": _("Credit"),
    "card": _("Phone card"),
}
WORDS = {
    "payment": _("The balance rises by the amount."),
    "withdraw": _("The balance falls by the amount."),
    "transfer": _("Money goes from this account to another one."),
    "make-zero": _("The balance becomes 0; the receipt tells what was there."),
    "credit": _("The overdraft limit changes; the balance stays."),
    "card": _("The balance rises by what the card is worth; the card is used then."),
}
