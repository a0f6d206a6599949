"""What a posting is, in words, for the account that looks at it."""

from controller.domain.configuration import AccountKind
from controller.domain.ledger import PostingKind
from controller.services.views.accounts import PostingRow

_NEUTRAL = {
    PostingKind.OPENING: "Opening balance",
    PostingKind.PAYMENT: "Payment",
    PostingKind.CALL_CHARGE: "Charge for a call",
    PostingKind.CALL_TAX: "Tax on a call",
    PostingKind.CALL_COST: "Cost of a call",
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
    return _BY_ACCOUNT.get((account, kind, posting.amount > 0), _NEUTRAL[kind])


def call_words(posting: PostingRow) -> str:
    """How the call was counted: seconds, and what priced or carried it."""
    call = posting.call
    if call is None:
        return ""
    if posting.kind == PostingKind.CALL_COST:
        return f"{call.duration_s} s through {call.routing_gateway}"
    return f"{call.billed_s} s billed, prefix {call.rate_prefix}"
