"""The fields of users, of one's own profile and of API tokens, as forms ask and explain them."""

from dataclasses import replace

from controller.services.sign_in import Role
from web.forms.fields import FormField, Group, Kind
from web.i18n import language_name, languages, zone_names
from web.i18n import lazy_gettext as _
from web.user_words import role_choices, scope_choices

MAX_NAME = 64
MAX_PASSWORD = 256

# -- users -----------------------------------------------------------------------------------

NAME = FormField(
    "name",
    _("Name"),
    _("With what the person signs in: letters, digits and . _ @ + -. It cannot be changed."),
    needed=True,
    longest=MAX_NAME,
    example="rahim",
)
ROLE = FormField(
    "role",
    _("Role"),
    _("Agents look after the accounts below theirs; customers see their own."),
    Kind.CHOICE,
    choices=lambda: role_choices(Role.AGENT, Role.CUSTOMER),
)
ANY_ROLE = replace(
    ROLE,
    about=_(
        "Administrators may do everything; agents look after the accounts below theirs; customers "
        "see their own."
    ),
    choices=lambda: role_choices(Role.AGENT, Role.CUSTOMER, Role.ADMINISTRATOR),
)
ACCOUNT = FormField(
    "account",
    _("Account"),
    _("Whose user it is: what belongs to this account can be seen."),
    Kind.ACCOUNT,
    longest=63,
)
ANY_ACCOUNT = replace(
    ACCOUNT,
    about=_("Whose user it is: what belongs to this account can be seen. None for administrators."),
)
EMAIL = FormField(
    "email", _("E-mail"), _("For you to reach the person; nothing is sent."), Kind.EMAIL
)
DISABLED = FormField(
    "disabled",
    _("Disabled"),
    _("Sessions end, tokens are refused, and nobody signs in with this name."),
    Kind.FLAG,
)


def new_user(*, operator: bool) -> tuple[Group, ...]:
    return (Group(_("User"), (NAME, *_place(operator=operator), EMAIL)),)


def changed_user(*, operator: bool) -> tuple[Group, ...]:
    return (Group(_("User"), (*_place(operator=operator), EMAIL, DISABLED)),)


def _place(*, operator: bool) -> tuple[FormField, FormField]:
    return (ANY_ROLE, ANY_ACCOUNT) if operator else (ROLE, ACCOUNT)


RESET = (
    Group(
        _("New password"),
        (
            FormField(
                "second_factor_too",
                _("Take the second factor away too"),
                _("For somebody who has lost the authenticator and the recovery codes."),
                Kind.FLAG,
            ),
        ),
    ),
)

# -- one's own profile -----------------------------------------------------------------------

PROFILE = (
    Group(
        _("How you see the pages"),
        (
            FormField(
                "language",
                _("Language"),
                _("Of pages and messages, and of how numbers are written."),
                Kind.CHOICE,
                choices=lambda: [
                    ("", str(_("As the browser asks"))),
                    *((name, language_name(name)) for name in languages()),
                ],
            ),
            FormField(
                "time_zone",
                _("Time zone"),
                _("In which times are shown, and read from forms."),
                Kind.CHOICE,
                choices=lambda: [("", "UTC"), *((name, name) for name in zone_names()[1:])],
            ),
        ),
    ),
    Group(
        _("How you are reached"),
        (FormField("email", _("E-mail"), _("Who looks after your account sees it."), Kind.EMAIL),),
    ),
)

# -- API tokens ------------------------------------------------------------------------------

TOKEN = (
    Group(
        _("Token"),
        (
            FormField(
                "name",
                _("Name"),
                _("What it is for, so that you know later which one to revoke."),
                needed=True,
                longest=MAX_NAME,
                example="billing portal",
            ),
            FormField(
                "days",
                _("Days"),
                _("After so many days it is refused, 366 at most. Empty: until it is revoked."),
                Kind.WHOLE,
                longest=3,
            ),
            FormField(
                "scopes",
                _("May be used to"),
                _("No more than the program needs. It may never do what you may not."),
                Kind.SEVERAL,
                needed=True,
                choices=scope_choices,
            ),
        ),
    ),
    Group(
        _("From where, and how often"),
        (
            FormField(
                "networks",
                _("Addresses"),
                _("One address or network on a line; from others it is refused. Empty: any."),
                Kind.LINES,
                example="192.0.2.0/24",
            ),
            FormField(
                "requests_per_minute",
                _("Requests a minute"),
                _("Empty: what the platform allows every token."),
                Kind.WHOLE,
                longest=6,
            ),
        ),
        folded=True,
    ),
    Group(
        _("To be sure that it is you"),
        (
            FormField(
                "password",
                _("Your password"),
                _("A token opens your account for long: an open browser must not be enough."),
                Kind.PASSWORD,
                needed=True,
                longest=MAX_PASSWORD,
            ),
        ),
    ),
)
