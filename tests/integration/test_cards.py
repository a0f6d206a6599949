"""Phone cards on PostgreSQL: stock, recharge, what agents pay, who may (spec §1.5, §1.7, §10)."""

import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from controller import bootstrap
from controller.bootstrap.foundations import SystemClock
from controller.domain.cards import CardState
from controller.domain.errors import (
    Conflict,
    InvalidFields,
    NotAllowed,
    NotFound,
    Stale,
    TollgateError,
    TooManyTries,
)
from controller.domain.ledger import SystemAccount
from controller.domain.rights import ALL_RIGHTS, NO_RIGHTS, Right
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.card_store import PostgresCards
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.movement_store import PostgresMovements
from controller.persistence.payment_store import PostgresPayments
from controller.services.actors import Actor
from controller.services.billing_run.run import BillingRun
from controller.services.cards import (
    BatchQuery,
    CardPayments,
    CardQuery,
    Cards,
    CardSeal,
    NewBatch,
    NewCard,
    Voided,
    expire_due,
    sheet,
)
from controller.services.movements.orders import Correction, Deposit, Reversal
from controller.services.movements.run import Movements
from controller.services.payments import PaymentKind, PaymentQuery, Payments
from tests.integration.account_office import ROOT, Office
from tests.integration.test_payments import balance, system
from tests.ledger_check import assert_books_balance

D = Decimal
WORTH = {"name": "spring", "face_value": "5", "count": 3, "currency": "USD"}
AGENTS = frozenset({Right.PHONE_CARDS})


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    made = Office(engine)
    made.hierarchy()
    made.make("spain", currency="EUR")
    return made


class Shop:
    """Cards, and recharging with them."""

    def __init__(self, office: Office) -> None:
        engine = self.engine = office.engine
        self.office = office
        self.billing = BillingRun(PostgresBilling(engine), SystemClock())
        store, seal, audit = PostgresCards(engine), CardSeal(b"a test"), PostgresAudit(engine)
        self.cards = Cards(store, seal, self.billing, audit)
        self.payments = CardPayments(store, seal, self.billing, audit)
        self.movements = Movements(PostgresMovements(engine))

    def pay(self, account: str, amount: str) -> None:
        order = Deposit(account=account, amount=D(amount), key=f"{account} {amount}")
        assert not hasattr(self.movements.move(order), "why")

    def make(self, actor: Actor = ROOT, key: str = "k", **values: Any) -> NewBatch:
        return self.cards.create(actor, {**WORTH, **values}, key)

    def use(self, card: NewCard, account: str = "customer-001", actor: Actor = ROOT) -> Any:
        return self.payments.recharge(actor, account, {"pin": card.pin, "password": card.password})

    def agent(self, name: str = "dhaka-retail") -> Actor:
        return self.office.agent(name, AGENTS)

    def is_clean(self) -> None:
        found = PostgresBooks(self.engine).verify(lambda _: None)
        assert found.differences == ()
        assert_books_balance(self.engine)

    def expire(self) -> list[Voided | Conflict]:
        return list(expire_due(PostgresCards(self.engine), self.billing))

    def state(self, batch: NewBatch) -> tuple[int, int, int, int]:
        row = self.cards.get(ROOT, batch.row.batch_id)
        return row.unused, row.used, row.voided, row.expired

    def pass_time(self, batch: NewBatch) -> None:
        """As if the cards had been sold long ago."""
        with self.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE card_batches DISABLE TRIGGER USER"))
            connection.execute(
                sa.text(
                    "UPDATE card_batches SET expires_at = now() - interval '1 s' WHERE id = :i"
                ),
                {"i": batch.row.batch_id},
            )
            connection.execute(sa.text("ALTER TABLE card_batches ENABLE TRIGGER USER"))


@pytest.fixture
def shop(office: Office) -> Shop:
    return Shop(office)


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


# -- the platform's cards --------------------------------------------------------------------


def test_a_card_of_the_platform_recharges_an_account(shop: Shop, office: Office) -> None:
    made = shop.make(password_length=4, expires_at=in_an_hour())
    assert system(office, "cash:USD") == 0  # paid for when it is used
    card = made.cards[1]
    assert (card.serial, len(card.pin), len(card.password)) == ("spring-000002", 12, 4)
    done = shop.use(card)
    assert (done.serial, done.account.balance) == ("spring-000002", D(5))
    assert (balance(office, "customer-001"), system(office, "cash:USD")) == (D(5), D(-5))
    assert shop.state(made) == (2, 1, 0, 0)
    used = shop.cards.cards(ROOT, made.row.batch_id, CardQuery(CardState.USED)).rows
    assert [(c.number, c.last_digits, c.account, c.payment_id, c.ended_by) for c in used] == [
        (2, card.pin[-4:], "customer-001", done.payment_id, "root")
    ]
    shop.is_clean()


def test_a_card_is_used_once(shop: Shop, office: Office) -> None:
    (card, *_) = shop.make().cards
    shop.use(card)
    for account in ("customer-001", "other-customer"):
        with pytest.raises(Conflict, match="card spring-000001 was used already"):
            shop.use(card, account)
    assert balance(office, "customer-001") == 5
    shop.is_clean()


def test_twenty_at_once_are_one(shop: Shop, office: Office) -> None:
    (card, *_) = shop.make().cards
    outcomes: list[str] = []
    start = threading.Barrier(20)

    def attempt(number: int) -> None:
        start.wait()
        try:
            shop.use(card, "customer-001" if number % 2 else "other-customer")
            outcomes.append("done")
        except TollgateError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["card spring-000001 was used already"] * 19 + ["done"]
    assert balance(office, "customer-001") + balance(office, "other-customer") == 5
    shop.is_clean()


def test_pins_in_groups_and_leading_zeros(shop: Shop) -> None:
    made = shop.make(prefix="007", count=1)
    (card,) = made.cards
    assert card.pin.startswith("007")
    typed = f"{card.pin[:4]} {card.pin[4:8]}-{card.pin[8:]} "
    assert shop.payments.recharge(ROOT, "customer-001", {"pin": typed}).serial == card.serial


def test_a_batch_is_made_once_for_its_key(shop: Shop) -> None:
    first = shop.make()
    again = shop.make()
    assert (again.recorded, again.cards) == (False, ())
    assert again.row.batch_id == first.row.batch_id
    with pytest.raises(Conflict, match="used for another batch of cards: count 3, not 4"):
        shop.make(count=4)
    with pytest.raises(InvalidFields, match="there is a batch 'spring' already"):
        shop.make(key="another")
    assert len(shop.cards.page(ROOT, BatchQuery()).rows) == 1


def test_ten_thousand_cards(shop: Shop) -> None:
    made = shop.make(count=10_000, password_length=8)
    assert len({card.pin for card in made.cards}) == 10_000
    walked, after = [], 0
    while True:
        page = shop.cards.cards(ROOT, made.row.batch_id, CardQuery(after=after, limit=500))
        walked += [card.serial for card in page.rows]
        if page.next_after is None:
            break
        after = page.next_after
    assert walked == [card.serial for card in made.cards]
    shop.use(made.cards[9_999])
    assert shop.cards.void(ROOT, made.row.batch_id).count == 9_999
    shop.is_clean()


def test_the_sheet_has_everything_once(shop: Shop) -> None:
    made = shop.make(count=2, password_length=5, expires_at="2099-01-31T00:00:00Z")
    first, second = made.cards
    assert sheet(made).splitlines() == [
        "serial,pin,password,value,currency,expires",
        f"{first.serial},{first.pin},{first.password},5,USD,2099-01-31T00:00:00Z",
        f"{second.serial},{second.pin},{second.password},5,USD,2099-01-31T00:00:00Z",
    ]
    assert first.pin not in repr(made)


def test_nothing_secret_is_kept(shop: Shop, office: Office) -> None:
    made = shop.make(password_length=8, pin_length=16)
    shop.use(made.cards[0])
    with pytest.raises(InvalidFields):
        shop.payments.recharge(ROOT, "customer-001", {"pin": made.cards[1].pin, "password": "1234"})
    kept = ""
    for table in ("card_batches", "cards", "movements", "postings", "audit_log", "card_tries"):
        (row,) = office.rows(f"SELECT json_agg(t)::text AS kept FROM {table} t")  # noqa: S608
        kept += row["kept"]
    for card in made.cards:
        assert card.pin not in kept
        assert card.password not in kept
    assert {row["l"] for row in office.rows("SELECT length(pin_digest) AS l FROM cards")} == {32}


def test_another_secret_makes_no_cards_beside_those_of_this_one(shop: Shop, office: Office) -> None:
    """A machine that lacks the file would make cards that the others do not know."""
    made = shop.make()
    store, audit = PostgresCards(office.engine), PostgresAudit(office.engine)
    other = Cards(store, CardSeal(b"another"), shop.billing, audit)
    with pytest.raises(Conflict, match="spring were made with another web_secret"):
        other.create(ROOT, {**WORTH, "name": "summer"}, "k2")
    with pytest.raises(Conflict, match="ask the administrator") as raised:
        other.create(office.agent("other-agent"), {**WORTH, "name": "summer"}, "k2")
    assert "spring" not in str(raised.value)
    shop.cards.void(ROOT, made.row.batch_id)
    assert other.create(ROOT, {**WORTH, "name": "summer"}, "k2").recorded


# -- what does not pay -----------------------------------------------------------------------


def test_wrong_pins_and_passwords_are_one_and_the_same(shop: Shop, office: Office) -> None:
    made = shop.make(password_length=4)
    card = made.cards[0]
    wrong = "0000" if card.password != "0000" else "1111"
    said = set()
    for pin, password in (("9" * 12, card.password), (card.pin, wrong), (card.pin, "")):
        with pytest.raises(InvalidFields) as raised:
            shop.payments.recharge(ROOT, "customer-001", {"pin": pin, "password": password})
        said.add(str(raised.value))
    assert said == {"pin: there is no such card"}
    lines = office.log(denied_only=True)
    assert {(line.action, line.kind, line.name) for line in lines} == {
        ("wrong card", "card", "(unknown)")
    }
    assert len(lines) == 3
    assert balance(office, "customer-001") == 0


def test_who_guesses_waits(shop: Shop, office: Office) -> None:
    made = shop.make()
    customer = office.customer("customer-001")
    for number in range(10):
        with pytest.raises(InvalidFields):
            shop.payments.recharge(customer, "customer-001", {"pin": f"{number:012d}"})
    with pytest.raises(TooManyTries, match="wait 60 minutes") as raised:
        shop.use(made.cards[0], actor=customer)
    assert 3_500 < raised.value.wait_s <= 3_600
    # the account waits too, whoever tries for it; other accounts do not
    with pytest.raises(TooManyTries):
        shop.use(made.cards[0])
    shop.use(made.cards[0], "other-customer")
    with office.engine.begin() as connection:
        connection.execute(sa.text("UPDATE card_tries SET first_at = now() - interval '61 min'"))
    shop.use(made.cards[1], actor=customer)
    assert PostgresCards(office.engine).forget_tries(datetime.now(UTC)) == 2


def test_guesses_at_once_are_counted_one_by_one(shop: Shop, office: Office) -> None:
    start, outcomes = threading.Barrier(16), list[str]()

    def attempt(number: int) -> None:
        start.wait()
        try:
            shop.payments.recharge(ROOT, "customer-001", {"pin": f"{number:012d}"})
        except TollgateError as error:
            outcomes.append(error.error_id)

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["invalid_fields"] * 10 + ["too_many_tries"] * 6
    (tries,) = office.rows("SELECT max(tries) AS most FROM card_tries")
    assert tries["most"] == 10


def test_right_cards_are_no_guesses(shop: Shop) -> None:
    made = shop.make(count=20)
    for card in made.cards:
        shop.use(card)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "pin"),
        ({"pin": "123"}, "pin"),
        ({"pin": "1" * 17}, "pin"),
        ({"pin": "12345678901a"}, "pin"),
        ({"pin": "١٢٣٤٥٦٧٨٩٠١٢"}, "pin"),
        ({"pin": "1" * 5000}, "pin"),
        ({"pin": 1.5}, "pin"),
        ({"pin": ["1"]}, "pin"),
        ({"pin": "1" * 12, "password": "abc"}, "password"),
        ({"pin": "1" * 12, "password": "1" * 9}, "password"),
    ],
)
def test_what_can_be_no_card_is_no_guess(
    shop: Shop, office: Office, values: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidFields) as raised:
        shop.payments.recharge(ROOT, "customer-001", values)
    assert list(raised.value.errors) == [field]
    assert office.rows("SELECT FROM card_tries") == []


def test_void_locked_expired(shop: Shop, office: Office) -> None:
    made = shop.make(expires_at=in_an_hour())
    batch, (first, second, third) = made.row.batch_id, made.cards
    shop.cards.set_locked(ROOT, batch, 1, locked=True)
    with pytest.raises(Conflict, match="card spring-000001 is locked"):
        shop.use(first)
    shop.cards.set_locked(ROOT, batch, 1, locked=False)
    shop.use(first)
    shop.cards.void_card(ROOT, batch, 2)
    with pytest.raises(Conflict, match="card spring-000002 is void"):
        shop.use(second)
    for number, why in ((1, "was used already"), (2, "is void")):
        with pytest.raises(Conflict, match=why):
            shop.cards.void_card(ROOT, batch, number)
    shop.pass_time(made)
    with pytest.raises(Conflict, match="card spring-000003 has expired"):
        shop.use(third)
    (expired,) = shop.expire()
    assert isinstance(expired, Voided)
    assert (expired.count, expired.returned) == (1, D(0))
    assert shop.state(made) == (0, 1, 1, 1)
    assert shop.expire() == []
    assert balance(office, "customer-001") == 5
    shop.is_clean()


def test_the_timed_job(shop: Shop, office: Office) -> None:
    shop.pay("dhaka-retail", "15")
    made = shop.make(shop.agent(), expires_at=in_an_hour())
    with pytest.raises(InvalidFields):
        shop.payments.recharge(ROOT, "customer-001", {"pin": "9" * 12})
    bootstrap.expire_cards(office.engine)
    assert shop.state(made) == (3, 0, 0, 0)
    shop.pass_time(made)
    with office.engine.begin() as connection:
        connection.execute(sa.text("UPDATE card_tries SET first_at = now() - interval '61 min'"))
    bootstrap.expire_cards(office.engine)
    assert shop.state(made) == (0, 0, 0, 3)
    assert balance(office, "dhaka-retail") == 15
    assert office.rows("SELECT FROM card_tries") == []
    (line,) = office.log(action="expire")
    assert (line.actor, line.changes["returned"]) == ("scheduler", ("", "15"))


def test_other_currencies_vendors_and_closed_accounts(shop: Shop, office: Office) -> None:
    (card, *_) = shop.make().cards
    office.make("vendor", kind="clearing")
    with pytest.raises(Conflict, match="is in USD, spain in EUR"):
        shop.use(card, "spain")
    with pytest.raises(Conflict, match="vendor is a vendor's"):
        shop.use(card, "vendor")
    office.accounts.close(ROOT, "other-customer")
    with pytest.raises(Conflict, match="account other-customer is closed"):
        shop.use(card, "other-customer")
    shop.use(card)
    shop.is_clean()


# -- agents' cards ---------------------------------------------------------------------------


def test_an_agent_pays_when_the_cards_are_made(shop: Shop, office: Office) -> None:
    agent = shop.agent()
    with pytest.raises(Conflict, match=r"3 cards cannot be paid for: dhaka-retail has 0 USD"):
        shop.make(agent)
    assert office.rows("SELECT FROM card_batches") == []
    shop.pay("dhaka-retail", "20")
    made = shop.make(agent)
    assert made.row.issuer == "dhaka-retail"
    assert (balance(office, "dhaka-retail"), system(office, "cards:USD")) == (D(5), D(15))
    shop.use(made.cards[0], actor=office.customer("customer-001"))
    assert (balance(office, "customer-001"), system(office, "cards:USD")) == (D(5), D(10))
    assert system(office, "cash:USD") == -20
    shop.is_clean()
    voided = shop.cards.void(agent, made.row.batch_id)
    assert (voided.count, voided.returned) == (2, D(10))
    assert (balance(office, "dhaka-retail"), system(office, "cards:USD")) == (D(15), D(0))
    assert shop.cards.void(agent, made.row.batch_id).count == 0
    assert balance(office, "dhaka-retail") == 15
    shop.is_clean()


class WatchingSeal(CardSeal):
    """Sees whether anybody's money is locked while PINs are digested."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(b"a test")
        self.engine, self.looked = engine, 0

    def pin(self, pin: str) -> bytes:
        with self.engine.begin() as connection:
            connection.execute(sa.text("SELECT FROM account_funds FOR UPDATE NOWAIT"))
        self.looked += 1
        return super().pin(pin)


def test_calls_do_not_wait_while_cards_are_drawn(shop: Shop, office: Office) -> None:
    """The agent's money is locked at the very end: every call below needs it."""
    shop.pay("dhaka-retail", "15")
    seal = WatchingSeal(office.engine)
    audit = PostgresAudit(office.engine)
    Cards(PostgresCards(office.engine), seal, shop.billing, audit).create(shop.agent(), WORTH, "k")
    assert seal.looked == 3
    assert balance(office, "dhaka-retail") == 0


def test_an_agent_may_spend_its_overdraft_and_no_more(shop: Shop, office: Office) -> None:
    with office.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE accounts SET overdraft_limit = 15 WHERE name = 'dhaka-retail'")
        )
    shop.make(shop.agent())
    assert balance(office, "dhaka-retail") == -15
    with pytest.raises(Conflict, match="cannot be paid for"):
        shop.make(shop.agent(), key="k2", name="more", count=1)
    shop.is_clean()


def test_cards_one_by_one_and_expiry_give_back_each_once(shop: Shop, office: Office) -> None:
    agent = shop.agent()
    shop.pay("dhaka-retail", "15")
    made = shop.make(agent, expires_at=in_an_hour())
    assert shop.cards.void_card(agent, made.row.batch_id, 3).returned == 5
    shop.pass_time(made)
    (expired,) = shop.expire()
    assert isinstance(expired, Voided)
    assert (expired.count, expired.returned) == (2, D(10))
    assert (balance(office, "dhaka-retail"), system(office, "cards:USD")) == (D(15), D(0))
    told = [
        (row.kind, row.amount, row.memo)
        for row in Payments(
            shop.movements,
            shop.billing,
            PostgresPayments(office.engine),
            PostgresAudit(office.engine),
        )
        .page(agent, PaymentQuery())
        .rows
    ]
    assert told == [
        (PaymentKind.CARD_RETURN, D(10), "spring: 2 x 5"),
        (PaymentKind.CARD_RETURN, D(5), "spring: 1 x 5"),
        (PaymentKind.CARD_STOCK, D(-15), "spring: 3 x 5"),
        (PaymentKind.PAYMENT, D(15), ""),
    ]
    shop.is_clean()


def test_void_and_use_at_once(shop: Shop, office: Office) -> None:
    """Whoever comes first has the card; its money goes one way."""
    shop.pay("dhaka-retail", "100")
    made = shop.make(shop.agent(), count=20)
    start = threading.Barrier(9)

    def use(cards: tuple[NewCard, ...]) -> None:
        start.wait()
        for card in cards:
            with contextlib.suppress(Conflict):
                shop.use(card)

    def void() -> None:
        start.wait()
        shop.cards.void(ROOT, made.row.batch_id)

    threads = [threading.Thread(target=use, args=(made.cards[n::8],)) for n in range(8)]
    threads.append(threading.Thread(target=void))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    unused, used, voided, _ = shop.state(made)
    assert (unused, used + voided) == (0, 20)
    assert balance(office, "customer-001") == 5 * used
    assert balance(office, "dhaka-retail") == 5 * voided
    shop.is_clean()


def test_only_accounts_below_the_issuer(shop: Shop, office: Office) -> None:
    shop.pay("dhaka-retail", "100")
    made = shop.make(shop.agent())
    for account in ("other-customer", "bd-wholesale", "dhaka-retail"):
        with pytest.raises(InvalidFields, match="there is no such card"):
            shop.use(made.cards[0], account)
    office.make("deep", "customer-001")
    shop.use(made.cards[0], "deep")
    shop.is_clean()


def test_an_operator_makes_cards_for_an_agent(shop: Shop, office: Office) -> None:
    shop.pay("dhaka-retail", "15")
    made = shop.make(ROOT, issuer="dhaka-retail", currency="")
    assert (made.row.issuer, made.row.currency) == ("dhaka-retail", "USD")
    seen = shop.cards.get(shop.agent(), made.row.batch_id)
    assert seen.created_by == ""  # not the agent's business
    with pytest.raises(InvalidFields, match="dhaka-retail is in USD"):
        shop.make(ROOT, key="k2", name="n2", issuer="dhaka-retail", currency="EUR")
    office.make("vendor", kind="clearing")
    with pytest.raises(InvalidFields, match="is a vendor's account"):
        shop.make(ROOT, key="k2", name="n2", issuer="vendor")
    with pytest.raises(InvalidFields, match="no account is in XTS"):
        shop.make(ROOT, key="k2", name="n2", currency="XTS")


def test_an_agent_is_not_closed_while_its_cards_are_out(shop: Shop, office: Office) -> None:
    office.make("seller", rights=[Right.PHONE_CARDS.value])
    shop.pay("seller", "15")
    made = shop.make(shop.agent("seller"))
    with pytest.raises(Conflict, match="has phone cards that nobody has used"):
        office.accounts.close(ROOT, "seller")
    shop.cards.void(ROOT, made.row.batch_id)
    office.accounts.close(ROOT, "seller")


def test_what_cannot_go_back_stays(shop: Shop, office: Office) -> None:
    """A file closed the agent meanwhile: the money waits with the cards."""
    shop.pay("dhaka-retail", "15")
    made = shop.make(shop.agent(), expires_at=in_an_hour())
    shop.pass_time(made)
    with office.engine.begin() as connection:
        close = "UPDATE accounts SET closed_at = now() WHERE name = 'dhaka-retail'"
        connection.execute(sa.text(close))
    (refused,) = shop.expire()
    assert "account dhaka-retail is closed" in str(refused)
    assert (shop.state(made), system(office, "cards:USD")) == ((3, 0, 0, 0), D(15))
    shop.is_clean()


# -- who may ---------------------------------------------------------------------------------


def test_making_needs_the_right(shop: Shop, office: Office) -> None:
    shop.pay("dhaka-retail", "15")
    made = shop.make(shop.agent())
    without = office.agent("dhaka-retail", ALL_RIGHTS - AGENTS)
    batch = made.row.batch_id
    lists: list[Callable[[], object]] = [
        lambda: shop.make(without, key="k2"),
        lambda: shop.cards.page(without, BatchQuery()),
        lambda: shop.cards.named(without, "spring"),
    ]
    objects: list[Callable[[], object]] = [
        lambda: shop.cards.get(without, batch),
        lambda: shop.cards.cards(without, batch, CardQuery()),
        lambda: shop.cards.void(without, batch),
        lambda: shop.cards.void_card(without, batch, 1),
        lambda: shop.cards.set_locked(without, batch, 1, locked=True),
    ]
    for use in lists + objects:
        with pytest.raises(NotAllowed, match="lacks the right phone_cards"):
            use()
    denied = [(line.action, line.name) for line in office.log(denied_only=True)]
    assert denied == [(what, "spring") for what in ("lock", "void", "void", "read", "read")]
    assert shop.state(made) == (3, 0, 0, 0)


def test_recharging_needs_none(shop: Shop, office: Office) -> None:
    made = shop.make()
    shop.use(made.cards[0], actor=office.customer("customer-001"))
    shop.use(made.cards[1], actor=office.agent("dhaka-retail", NO_RIGHTS))
    assert balance(office, "customer-001") == 10


@pytest.mark.parametrize("name", ["bd-wholesale", "other-customer", "nobody", "cash:USD"])
def test_accounts_outside_are_not_found(shop: Shop, office: Office, name: str) -> None:
    (card, *_) = shop.make().cards
    agent = office.agent("dhaka-retail", ALL_RIGHTS)
    with pytest.raises(NotFound, match=f"there is no account '{name}'"):
        shop.use(card, name, agent)
    denied = [(line.action, line.name) for line in office.log(denied_only=True)]
    real = name in ("bd-wholesale", "other-customer")
    assert denied == ([("recharge by card", name)] if real else [])
    assert office.rows("SELECT FROM card_tries") == []


def test_batches_outside_are_not_found(shop: Shop, office: Office) -> None:
    shop.pay("other-agent", "15")
    theirs = shop.make(office.agent("other-agent"), key="k1")
    platforms = shop.make()
    agent = shop.agent()
    for made in (theirs, platforms):
        batch = made.row.batch_id
        for use in (
            lambda batch=batch: shop.cards.get(agent, batch),
            lambda batch=batch: shop.cards.cards(agent, batch, CardQuery()),
            lambda batch=batch: shop.cards.void(agent, batch),
            lambda batch=batch: shop.cards.void_card(agent, batch, 1),
            lambda batch=batch: shop.cards.set_locked(agent, batch, 1, locked=True),
        ):
            with pytest.raises(NotFound, match=f"there is no card batch '{batch}'"):
                use()
    assert {(line.kind, line.name) for line in office.log(denied_only=True)} == {
        ("card batch", "spring")
    }
    assert shop.cards.page(agent, BatchQuery()).rows == ()
    with pytest.raises(NotFound):
        shop.cards.named(agent, "spring")
    with pytest.raises(InvalidFields, match="issued by your own account"):
        shop.make(agent, key="k9", issuer="customer-001")
    with pytest.raises(NotFound):
        shop.make(agent, key="k9", issuer="other-agent")
    with pytest.raises(Conflict, match="several have a batch 'spring': other-agent, the platform"):
        shop.cards.named(ROOT, "spring")
    assert shop.cards.named(ROOT, "spring", "other-agent").batch_id == theirs.row.batch_id


def test_an_agent_above_sees_and_voids(shop: Shop, office: Office) -> None:
    shop.pay("dhaka-retail", "15")
    made = shop.make(shop.agent())
    above = shop.agent("bd-wholesale")
    assert [row.batch_id for row in shop.cards.page(above, BatchQuery()).rows] == [
        made.row.batch_id
    ]
    assert shop.cards.void(above, made.row.batch_id).returned == 15
    assert balance(office, "dhaka-retail") == 15


def test_keys_of_two_agents_never_meet(shop: Shop, office: Office) -> None:
    for name in ("dhaka-retail", "other-agent"):
        shop.pay(name, "15")
        assert shop.make(office.agent(name, AGENTS), key="same").recorded


# -- changes that meet -----------------------------------------------------------------------


def test_changes_that_meet(shop: Shop) -> None:
    made = shop.make()
    batch = made.row.batch_id
    shop.cards.set_locked(ROOT, batch, 1, locked=True, revision=1)
    with pytest.raises(Stale, match="card spring-000001 was changed by root at"):
        shop.cards.void_card(ROOT, batch, 1, revision=1)
    shop.cards.void_card(ROOT, batch, 1, revision=2)
    with pytest.raises(Stale, match="card batch spring was changed by root at"):
        shop.cards.void(ROOT, batch, revision=1)
    assert shop.cards.void(ROOT, batch, revision=2).count == 2
    with pytest.raises(NotFound, match="spring-000099"):
        shop.cards.void_card(ROOT, batch, 99)


def test_every_change_has_its_line(shop: Shop, office: Office) -> None:
    shop.pay("dhaka-retail", "15")
    made = shop.make(shop.agent())
    shop.cards.set_locked(ROOT, made.row.batch_id, 1, locked=True)
    shop.use(made.cards[1])
    shop.cards.void(ROOT, made.row.batch_id)
    told = [
        (line.action, line.kind, line.name)
        for line in reversed(office.log())
        if line.kind.startswith("card")
    ]
    assert told == [
        ("create", "card batch", "spring"),
        ("lock", "card", "spring-000001"),
        ("use", "card", "spring-000002"),
        ("void", "card batch", "spring"),
    ]
    (paid,) = [line for line in office.log(name="customer-001") if line.action == "card"]
    assert paid.changes["card"] == ("", "spring-000002")


# -- the books -------------------------------------------------------------------------------


def test_postings_of_cards_are_not_moved_otherwise(shop: Shop) -> None:
    shop.pay("dhaka-retail", "15")
    made = shop.make(shop.agent())
    done = shop.use(made.cards[0])
    refused = shop.movements.move(Reversal(of=done.payment_id, key="back"))
    assert "is of phone cards" in getattr(refused, "why", "")
    order = Correction(account="customer-001", amount=D(5), key="c", against=SystemAccount.CARDS)
    refused = shop.movements.move(order)
    assert "moved by cards alone" in getattr(refused, "why", "")
    shop.is_clean()


def test_verification_finds_what_does_not_add_up(shop: Shop, office: Office) -> None:
    shop.pay("dhaka-retail", "15")
    made = shop.make(shop.agent())
    with office.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE cards SET state = 'voided', ended_at = now() WHERE batch_id = :id"),
            {"id": made.row.batch_id},
        )
    found = PostgresBooks(office.engine).verify(lambda _: None).differences
    assert [(d.check, d.subject, d.stored, d.expected) for d in found] == [
        ("phone cards", "cards:USD", "15", "0")
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE card_batches SET face_value = 6",
        "DELETE FROM card_batches",
        "TRUNCATE card_batches CASCADE",
        "UPDATE cards SET number = 9 WHERE number = 1",
        "UPDATE cards SET pin_digest = 'x' WHERE number = 1",
        "UPDATE cards SET state = 'unused', ended_at = NULL, used_account_id = NULL,"
        " movement_id = NULL WHERE state = 'used'",
        "UPDATE cards SET ended_by = 'x' WHERE state = 'used'",
        "DELETE FROM cards",
        "TRUNCATE cards",
    ],
)
def test_what_was_sold_stays(shop: Shop, statement: str) -> None:
    made = shop.make()
    shop.use(made.cards[1])
    with (
        psycopg.connect(
            shop.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        ) as connection,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"name": "<b>"}, "name"),
        ({"face_value": "0"}, "face_value"),
        ({"face_value": "-1"}, "face_value"),
        ({"face_value": "1e3"}, "face_value"),
        ({"face_value": 1.5}, "face_value"),
        ({"face_value": "1.00000000001"}, "face_value"),
        ({"count": 0}, "count"),
        ({"count": 10_001}, "count"),
        ({"count": "many"}, "count"),
        ({"count": True}, "count"),
        ({"count": 10_000, "face_value": "1000000000"}, "count"),
        ({"pin_length": 9}, "pin_length"),
        ({"pin_length": 17}, "pin_length"),
        ({"prefix": "12a"}, "prefix"),
        ({"prefix": "12345"}, "prefix"),
        ({"prefix": "123", "count": 10_000}, "prefix"),
        ({"password_length": 3}, "password_length"),
        ({"password_length": 9}, "password_length"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"currency": "usd"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"memo": "a\nb"}, "memo"),
        ({"memo": "x" * 501}, "memo"),
        ({"issuer": "x" * 300}, "issuer"),
        ({"surprise": "1"}, "surprise"),
    ],
)
def test_bad_orders(shop: Shop, office: Office, values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFields) as raised:
        shop.make(**values)
    assert list(raised.value.errors) == [field]
    assert office.rows("SELECT FROM card_batches") == []
