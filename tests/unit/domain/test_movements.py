"""What a movement may do to two accounts: tables that a bookkeeper can read."""

from decimal import Decimal

import pytest

from controller.domain.holdings import Funds
from controller.domain.movements import (
    MAX_AMOUNT,
    MAX_BALANCE,
    Cover,
    LimitMode,
    NotMoved,
    Purse,
    change_limit,
    check_zero,
    hold,
    move,
    post_held,
    release,
)


def money(text: str) -> Decimal:
    return Decimal(text)


def purse(
    balance: str = "0",
    limit: str = "0",
    reserved: str = "0",
    *,
    number: int = 1,
    currency: str = "USD",
    closed: bool = False,
) -> Purse:
    funds = Funds(money(balance), money(limit), money(reserved), 0, None)
    return Purse(number, f"account-{number}", currency, closed, funds)


def cash(currency: str = "USD") -> Purse:
    return Purse(9, f"cash:{currency}", currency)


def figures(of: Purse) -> tuple[str, str, str]:
    """Balance, overdraft limit, reserved."""
    assert of.funds is not None
    funds = of.funds
    return (str(funds.balance), str(funds.overdraft_limit), str(funds.reserved))


# balance, limit, reserved, amount, and what is lacking (nothing: it is moved)
WITHDRAWALS = [
    ("10", "0", "0", "10", ""),
    ("10", "0", "0", "10.0000000001", "has 10 USD available"),
    ("10", "5", "0", "15", ""),
    ("10", "5", "0", "15.01", "has 15 USD available"),
    ("10", "0", "4", "6", ""),
    ("10", "0", "4", "6.01", "has 6 USD available"),
    ("-3", "5", "0", "2", ""),
    ("-3", "5", "0", "2.01", "has 2 USD available"),
    ("-3", "0", "0", "1", "has -3 USD available"),
]


@pytest.mark.parametrize(("balance", "limit", "reserved", "amount", "lacking"), WITHDRAWALS)
def test_what_is_taken_must_be_available(
    balance: str, limit: str, reserved: str, amount: str, lacking: str
) -> None:
    account = purse(balance, limit, reserved)
    done = move(account, cash(), money(amount), Cover.REQUIRED)
    if not lacking:
        assert done is None
        assert figures(account) == (str(money(balance) - money(amount)), limit, reserved)
        return
    assert isinstance(done, NotMoved)
    assert lacking in done.why
    assert done.may_be_forced
    assert figures(account) == (balance, limit, reserved)


@pytest.mark.parametrize(("balance", "limit", "reserved", "amount", "lacking"), WITHDRAWALS)
def test_whoever_waives_it_gets_it(
    balance: str, limit: str, reserved: str, amount: str, lacking: str
) -> None:
    account = purse(balance, limit, reserved)
    assert lacking is not None
    assert move(account, cash(), money(amount), Cover.WAIVED) is None
    assert figures(account) == (str(money(balance) - money(amount)), limit, reserved)


def test_a_transfer_moves_the_same_amount_out_and_in() -> None:
    agent, customer = purse("10", number=1), purse("1", "2", "1", number=2)
    assert move(agent, customer, money("4.5"), Cover.REQUIRED) is None
    assert (figures(agent), figures(customer)) == (("5.5", "0", "0"), ("5.5", "2", "1"))


def test_cash_has_no_bottom() -> None:
    account = purse("-5")
    assert move(cash(), account, money("7"), Cover.REQUIRED) is None
    assert figures(account) == ("2", "0", "0")


@pytest.mark.parametrize(
    ("debit", "credit", "why"),
    [
        (purse("9"), purse("9"), "cannot pay itself"),
        (purse("9"), purse("9", number=2, currency="EUR"), "money is not exchanged"),
        (purse("9"), cash("EUR"), "money is not exchanged"),
        (purse("9"), purse(number=2, closed=True), "account-2 is closed"),
        (purse("9"), purse(str(MAX_BALANCE), number=2), "beyond"),
        (cash(), purse(str(MAX_BALANCE)), "beyond"),
    ],
)
@pytest.mark.parametrize("cover", list(Cover))
def test_accounts_that_do_not_fit(debit: Purse, credit: Purse, why: str, cover: Cover) -> None:
    before = [purse.funds and figures(purse) for purse in (debit, credit)]
    done = move(debit, credit, money("1"), cover)
    assert isinstance(done, NotMoved)
    assert why in done.why
    assert not done.may_be_forced
    assert [purse.funds and figures(purse) for purse in (debit, credit)] == before


def test_a_closed_account_can_be_paid_out() -> None:
    account = purse("3", closed=True)
    assert move(account, cash(), money("3"), Cover.REQUIRED) is None
    assert figures(account) == ("0", "0", "0")


@pytest.mark.parametrize(
    ("balance", "limit", "reserved", "possible"),
    [
        ("10", "0", "0", True),
        ("-10", "0", "0", True),
        ("0", "0", "0", True),
        ("0", "0", "3", True),  # nothing becomes less
        ("10", "0", "0.01", False),
        ("10", "2", "2", True),  # the limit covers what is reserved
        ("10", "2", "2.01", False),
        ("-1", "0", "3", True),  # a debt that goes makes nobody poorer
    ],
)
def test_a_balance_is_made_zero_unless_calls_count_on_it(
    balance: str, limit: str, reserved: str, possible: bool
) -> None:
    refused = check_zero(purse(balance, limit, reserved))
    assert (refused is None) == possible
    if refused:
        assert "reserved for calls in progress and pending movements" in refused.why
        assert not refused.may_be_forced


@pytest.mark.parametrize(
    ("balance", "limit", "reserved", "mode", "amount", "after"),
    [
        ("0", "0", "0", LimitMode.RAISE, "50", "50"),
        ("-20", "20", "0", LimitMode.RAISE, "5", "25"),
        ("-30", "20", "0", LimitMode.RAISE, "5", "25"),  # still too little, but more than before
        ("0", "50", "0", LimitMode.LOWER, "50", "0"),
        ("-20", "50", "5", LimitMode.LOWER, "25", "25"),
        ("-20", "50", "5", LimitMode.LOWER, "25.01", "no new calls"),
        ("0", "50", "0", LimitMode.LOWER, "50.01", "cannot be lowered by"),
        ("0", "50", "0", LimitMode.SET, "0", "0"),
        ("0", "50", "1", LimitMode.SET, "0", "no new calls"),
        ("-5", "3", "0", LimitMode.SET, "3", "3"),  # nothing changes
        ("0", "1", "0", LimitMode.RAISE, str(MAX_AMOUNT), "no limit is above"),
    ],
)
def test_a_limit_covers_what_is_owed_and_reserved(
    balance: str, limit: str, reserved: str, mode: LimitMode, amount: str, after: str
) -> None:
    account = purse(balance, limit, reserved)
    done = change_limit(account, mode, money(amount), Cover.REQUIRED)
    if isinstance(done, Decimal):
        assert (str(done), figures(account)) == (after, (balance, after, reserved))
        return
    assert after in done.why
    assert figures(account) == (balance, limit, reserved)
    assert done.may_be_forced == (after == "no new calls")
    forced = change_limit(account, mode, money(amount), Cover.WAIVED)
    assert isinstance(forced, Decimal) == done.may_be_forced


def test_the_limit_of_a_closed_account_only_falls() -> None:
    account = purse(limit="5", closed=True)
    assert isinstance(change_limit(account, LimitMode.RAISE, money("1"), Cover.WAIVED), NotMoved)
    assert change_limit(account, LimitMode.SET, money("0"), Cover.REQUIRED) == 0


def test_a_hold_is_reserved_and_posted_in_part() -> None:
    agent, customer = purse("10", number=1), purse(number=2)
    assert hold(agent, customer, money("6")) is None
    assert figures(agent) == ("10", "0", "6")
    short = hold(agent, customer, money("4.01"))
    assert isinstance(short, NotMoved)
    assert not short.may_be_forced
    assert post_held(agent, customer, money("6"), money("2.5")) is None
    assert (figures(agent), figures(customer)) == (("7.5", "0", "0"), ("2.5", "0", "0"))


def test_a_hold_is_given_back() -> None:
    account = purse("10")
    assert hold(account, cash(), money("6")) is None
    release(account, money("6"))
    assert figures(account) == ("10", "0", "0")


def test_a_hold_for_an_account_that_was_closed_meanwhile_stays() -> None:
    agent, customer = purse("10", number=1), purse(number=2)
    assert hold(agent, customer, money("6")) is None
    customer.closed = True
    assert isinstance(post_held(agent, customer, money("6"), money("6")), NotMoved)
    assert (figures(agent), figures(customer)) == (("10", "0", "6"), ("0", "0", "0"))


def test_what_is_held_can_be_posted_whatever_became_of_the_limit() -> None:
    account = purse("0", "10")
    assert hold(account, cash(), money("6")) is None
    assert change_limit(account, LimitMode.SET, money("0"), Cover.WAIVED) == 0
    assert post_held(account, cash(), money("6"), money("6")) is None
    assert figures(account) == ("-6", "0", "0")
