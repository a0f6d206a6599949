"""What a posting is, in words, for the account that looks at it."""

from controller.domain.configuration import AccountKind
from controller.domain.ledger import PostingKind
from controller.services.views.accounts import PostingRow
from web.i18n import gettext as _
from web.i18n import lazy_gettext

_NEUTRAL = {
    PostingKind.OPENING: lazy_gettext("Opening balance"),
    PostingKind.PAYMENT: lazy_gettext("Payment"),
    PostingKind.WITHDRAWAL: lazy_gettext("Withdrawal"),
    PostingKind.MAKE_ZERO: lazy_gettext("Balance made zero"),
    PostingKind.TRANSFER: lazy_gettext("Transfer"),
    PostingKind.CALL_CHARGE: lazy_gettext("Charge for a call"),
    PostingKind.CALL_TAX: lazy_gettext("Tax on a call"),
    PostingKind.CALL_COST: lazy_gettext("Cost of a call"),
    PostingKind.GIFT: lazy_gettext("Gift money of a package"),
    PostingKind.PACKAGE_RENT: lazy_gettext("Package rent"),
    PostingKind.PACKAGE_MINIMUM: lazy_gettext("Package, minimum consumption"),
    PostingKind.PHONE_RENT: lazy_gettext("Phone rent"),
    PostingKind.PHONE_MINIMUM: lazy_gettext("Phone, minimum consumption"),
    PostingKind.ACCOUNT_MINIMUM: lazy_gettext("Account, minimum consumption"),
    PostingKind.CARD: lazy_gettext("Phone card"),
    PostingKind.CARD_STOCK: lazy_gettext("Phone cards made"),
    PostingKind.CARD_RETURN: lazy_gettext("Phone cards taken back"),
    PostingKind.CORRECTION: lazy_gettext("Correction"),
    PostingKind.REVERSAL: lazy_gettext("Reversal of another posting"),
}
_BY_ACCOUNT = {
    (AccountKind.CLEARING, PostingKind.PAYMENT, True): lazy_gettext("Payment to the vendor"),
    (AccountKind.CLEARING, PostingKind.PAYMENT, False): lazy_gettext(
        "Payment to the vendor, taken back"
    ),
    (AccountKind.CLEARING, PostingKind.CALL_COST, False): lazy_gettext("Termination of a call"),
    (AccountKind.ORDINARY, PostingKind.PAYMENT, True): lazy_gettext("Payment received"),
    (AccountKind.ORDINARY, PostingKind.PAYMENT, False): lazy_gettext("Payment taken back"),
    (AccountKind.PHONE_CARD, PostingKind.PAYMENT, True): lazy_gettext("Payment received"),
    (AccountKind.PHONE_CARD, PostingKind.PAYMENT, False): lazy_gettext("Payment taken back"),
}


def posting_words(posting: PostingRow, account_kind: str) -> str:
    """What happened, without the amount; a kind that is not known yet is shown as it is."""
    try:
        kind = PostingKind(posting.kind)
        account = AccountKind(account_kind)
    except ValueError:
        return posting.kind.replace("_", " ").capitalize()
    if kind is PostingKind.CORRECTION and posting.call_id is not None:
        return _("Correction of a call")
    return str(_BY_ACCOUNT.get((account, kind, posting.amount > 0)) or _NEUTRAL[kind])


def recurring_words(kind: str) -> str:
    """What rent or shortfall a recurring charge is: its posting has the same kind."""
    return str(_NEUTRAL[PostingKind(kind)])


def call_words(posting: PostingRow) -> str:
    """How the account's part of the call was counted: seconds, and what priced or carried it."""
    call = posting.call
    if call is None:
        return ""
    if posting.kind == PostingKind.CALL_COST:
        return _(
            "%(seconds)s s through %(gateway)s",
            seconds=call.duration_s,
            gateway=call.routing_gateway,
        )
    return _(
        "%(seconds)s s billed, prefix %(prefix)s",
        seconds=call.billed_s,
        prefix=call.rate_prefix,
    )
