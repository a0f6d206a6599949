"""The fields of phone cards, as forms ask and explain them."""

from controller.domain.cards import PASSWORD_LENGTHS, PIN_LENGTHS
from web.forms.fields import Choices, FormField, Group, Kind
from web.i18n import gettext
from web.i18n import lazy_gettext as _


def _pin_lengths() -> Choices:
    return [(str(length), str(length)) for length in PIN_LENGTHS]


def _password_lengths() -> Choices:
    return [
        (str(length), str(length) if length else gettext("none")) for length in PASSWORD_LENGTHS
    ]


_NAME = FormField(
    "name",
    _("Name"),
    _("Begins the serial number of each card: letters, digits, dots and dashes."),
    needed=True,
    longest=40,
)
_ISSUER = FormField(
    "issuer",
    _("Agent"),
    _("Who sells the cards, and pays for them now. Empty: the platform."),
    Kind.ACCOUNT,
)
_CURRENCY = FormField(
    "currency",
    _("Currency"),
    _("Of the platform's cards; an agent's are in the agent's own."),
    longest=3,
    example="USD",
)
_VALUE = FormField(
    "face_value", _("Face value"), _("What a card is worth."), Kind.AMOUNT, needed=True, longest=40
)
_COUNT = FormField(
    "count",
    _("Cards"),
    _("How many; 10000 at most."),
    Kind.WHOLE,
    needed=True,
    longest=6,
)
_EXPIRES = FormField(
    "expires_at", _("Expires"), _("Nobody can use them afterwards. Empty: never."), Kind.MOMENT
)
_MEMO = FormField("memo", _("Memo"), _("For yourself; it is not on the cards."), longest=200)
_PINS = Group(
    _("PINs"),
    (
        FormField(
            "pin_length",
            _("Digits of a PIN"),
            _("With the prefix."),
            Kind.CHOICE,
            choices=_pin_lengths,
        ),
        FormField(
            "prefix", _("Prefix"), _("Digits with which each PIN begins; or none."), longest=16
        ),
        FormField(
            "password_length",
            _("Digits of a password"),
            _("Asked for beside the PIN."),
            Kind.CHOICE,
            choices=_password_lengths,
        ),
    ),
)
_CARDS = _("The cards")
NEW = (Group(_CARDS, (_NAME, _ISSUER, _CURRENCY, _VALUE, _COUNT, _EXPIRES, _MEMO)), _PINS)
NEW_OF_AGENT = (Group(_CARDS, (_NAME, _VALUE, _COUNT, _EXPIRES, _MEMO)), _PINS)
"""An agent's cards are its own account's, in its currency."""
PAYMENT = (
    Group(
        _("The card"),
        (
            FormField(
                "pin",
                _("PIN"),
                _("The digits under the field that is scratched off."),
                needed=True,
                longest=40,
            ),
            FormField("password", _("Password"), _("Where the card has one."), longest=20),
        ),
    ),
)
