"""What a posting is, in words, for the account that looks at it."""

from controller.domain.configuration import AccountKind
from controller.domain.ledger import PostingKind
from controller.services.views.accounts import PostingRow

_NEUTRAL = {
    PostingKind.OPENING: "Opening balance",
    PostingKind.PAYMENT: "Payment",
    PostingKind.WITHDRAWAL: "Withdrawal",
    PostingKind.MAKE_ZERO: "Balance made zero",
    PostingKind.TRANSFER: "Transfer",
    PostingKind.CALL_CHARGE: "Charge for a call",
    PostingKind.CALL_TAX: "Tax on a call",
    PostingKind.CALL_COST: "Cost of a call",
    PostingKind.GIFT: "Gift money of a package",
    PostingKind.PACKAGE_RENT: "Package rent",
    PostingKind.PACKAGE_MINIMUM: "Package, minimum consumption",
    PostingKind.PHONE_RENT: "Phone rent",
    PostingKind.PHONE_MINIMUM: "Phone, minimum consumption",
    PostingKind.ACCOUNT_MINIMUM: "Account, minimum consumption",
    PostingKind.CORRECTION: "Correction",
    PostingKind.REVERSAL: "Reversal of another posting",
}
_BY_ACCOUNT = {
    (AccountKind.CLEARING, PostingKind.PAYMENT, True): "Payment to the vendor",
    (AccountKind.CLEARING, PostingKind.PAYMENT, False): "Payment to the vendor, taken back",
    (AccountKind.CLEARING, PostingKind.CALL_COST, False): "Termination of a call",
    (AccountKind.ORDINARY, PostingKind.PAYMENT, True): "Payment received",
    (AccountKind.ORDINARY, PostingKind.PAYMENT, False): "Payment taken back",
    (AccountKind.PHONE_CARD, PostingKind.PAYMENT, True): "Payment received",
    (AccountKind.PHONE_CARD, PostingKind.PAYMENT, False): "Payment taken back",
}


def posting_words(posting: PostingRow, account_kind: str) -> str:
    """What happened, without the amount; a kind that is not known yet is shown as it is."""
    try:
        kind = PostingKind(posting.kind)
        account = AccountKind(account_kind)
    except ValueError:
        return posting.kind.replace("_", " ").capitalize()
    if kind is PostingKind.CORRECTION and posting.call_id is not None:
        return "Correction of a call"
    return _BY_ACCOUNT.get((account, kind, posting.amount > 0)) or _NEUTRAL[kind]


def recurring_words(kind: str) -> str:
    """What rent or shortfall a recurring charge is: its posting has the same kind."""
    return _NEUTRAL[PostingKind(kind)]


def call_words(posting: PostingRow) -> str:
    """How the account's part of the call was counted: seconds, and what priced or carried it."""
    call = posting.call
    if call is None:
        return ""
    if posting.kind == PostingKind.CALL_COST:
        return f"{call.duration_s} s through {call.routing_gateway}"
    return f"{call.billed_s} s billed, prefix {call.rate_prefix}"
