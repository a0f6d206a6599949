"""The fields of trunks, as forms ask and explain them."""

from controller.domain.configuration import PrefixMode
from web.forms.fields import Choices, FormField, Group, Kind
from web.forms.phone_fields import level_choices
from web.i18n import lazy_gettext as _

_MODES = {
    PrefixMode.TERMINATE: _("Try the longest prefix only"),
    PrefixMode.CONTINUE: _("Go on with shorter prefixes"),
}


def _prefix_modes() -> Choices:
    return [(str(mode), str(_MODES.get(mode, mode))) for mode in PrefixMode]


def _transports() -> Choices:
    return [(name, name.upper()) for name in ("udp", "tcp", "tls")]


NAME = FormField(
    "name",
    _("Gateway id"),
    _("How everybody calls the trunk; it cannot be changed later. Letters, digits, . _ -"),
    needed=True,
    longest=63,
)
_CAPACITY = (
    FormField("capacity", _("Lines"), _("Calls at once. Empty: no limit."), Kind.WHOLE),
    FormField(
        "calls_per_second",
        _("Calls a second"),
        _("New calls that are taken in a second. Empty: no limit."),
        Kind.WHOLE,
        unit=_("calls a second"),
    ),
    FormField(
        "groups",
        _("Gateway groups"),
        _("Groups whose lines it shares, one on each line. For administrators."),
        Kind.LINES,
    ),
)
_MEDIA = (
    FormField(
        "codecs",
        _("Codecs"),
        _("In the order of preference, one on each line. Empty: what both sides offer."),
        Kind.LINES,
        example="PCMA",
    ),
    FormField("t38", _("Fax by T.38"), _("The trunk can take a fax over to T.38."), Kind.FLAG),
)
_REWRITING = (
    FormField(
        "rewrite_callee",
        _("Rewrite called numbers"),
        _("A rule is PATTERN:REPLACEMENT, with commas between rules; * stands for the rest."),
        longest=65_535,
    ),
    FormField(
        "rewrite_caller",
        _("Rewrite calling numbers"),
        _("In the same way, for the number that calls."),
        longest=65_535,
    ),
)
_LOCKED = FormField("locked", _("Locked"), _("Calls through it are refused."), Kind.FLAG)
_MEMO = Group(_("Memo"), (FormField("memo", _("Memo"), _("For yourself.")),), folded=True)

MAPPING_CHANGE = (
    Group(
        _("The trunk"),
        (
            FormField(
                "account", _("Account"), _("Who pays for its calls."), Kind.ACCOUNT, needed=True
            ),
            FormField(
                "addresses",
                _("Addresses"),
                _("Where its calls come from: IP address, or with :port, one on each line."),
                Kind.LINES,
                example="203.0.113.7",
            ),
            _LOCKED,
        ),
    ),
    Group(_("Capacity"), _CAPACITY),
    Group(
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
                "max_duration_s",
                _("Longest call"),
                _("Calls are ended then. Empty: the platform's."),
                Kind.WHOLE,
                unit=_("seconds"),
            ),
            FormField(
                "allow_phone_billing",
                _("Bill phones behind it"),
                _("A calling number that is a phone of ours pays. For administrators."),
                Kind.FLAG,
            ),
        ),
    ),
    Group(_("Media"), _MEDIA, folded=True),
    Group(_("Numbers"), _REWRITING, folded=True),
    _MEMO,
)
MAPPING_NEW = (Group(_("Name"), (NAME,)), *MAPPING_CHANGE)
ROUTING_CHANGE = (
    Group(
        _("The trunk"),
        (
            FormField(
                "clearing_account",
                _("Clearing account"),
                _("The vendor's account, which is owed for its calls."),
                Kind.ACCOUNT,
                needed=True,
            ),
            FormField("host", _("Host"), _("IP address or name."), needed=True),
            FormField("port", _("Port"), _("5060 where nobody says otherwise."), Kind.WHOLE),
            FormField(
                "transport",
                _("Transport"),
                _("As the vendor wants it."),
                Kind.CHOICE,
                choices=_transports,
            ),
            _LOCKED,
        ),
    ),
    Group(
        _("Routing"),
        (
            FormField(
                "routes",
                _("Routes"),
                _(
                    "Beginnings of numbers that go here, one on each line; PREFIX=PRIORITY where"
                    " the order matters, smaller first, 100 otherwise."
                ),
                Kind.LINES,
                example="39=100",
            ),
            FormField(
                "prefix_mode",
                _("After a failure"),
                _("What is tried when this prefix's gateways have failed."),
                Kind.CHOICE,
                choices=_prefix_modes,
            ),
            FormField(
                "ring_timeout_s",
                _("Ringing at most"),
                _("Then the next vendor is tried, or the call ends."),
                Kind.WHOLE,
                unit=_("seconds"),
            ),
            FormField(
                "progress_timeout_s",
                _("First sign within"),
                _("Without any sign of ringing the next vendor is tried."),
                Kind.WHOLE,
                unit=_("seconds"),
            ),
        ),
    ),
    Group(_("Capacity"), _CAPACITY),
    Group(
        _("Money"),
        (
            FormField(
                "prepaid",
                _("Prepaid"),
                _("Used only while the clearing account has money left."),
                Kind.FLAG,
            ),
            FormField(
                "bill_sent_number",
                _("Cost by the number sent"),
                _("The vendor's rates are for numbers as they are sent, after rewriting."),
                Kind.FLAG,
            ),
        ),
    ),
    Group(_("Media"), _MEDIA, folded=True),
    Group(_("Numbers"), _REWRITING, folded=True),
    _MEMO,
)
ROUTING_NEW = (Group(_("Name"), (NAME,)), *ROUTING_CHANGE)
