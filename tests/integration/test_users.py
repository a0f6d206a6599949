"""Users, second factors and tokens: who may do what to whom (spec §9.6; issue of tenants)."""

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import pyotp
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from controller.domain.errors import Conflict, InvalidFields, NotAllowed, NotFound, Stale
from controller.domain.rights import ALL_RIGHTS, Right
from controller.persistence.second_factor_store import PostgresSecondFactors
from controller.persistence.token_store import PostgresTokens
from controller.persistence.user_store import PostgresUserDirectory
from controller.persistence.users import PostgresUsers
from controller.services.actors import Actor, Source
from controller.services.api_callers import ApiCaller, Refusal
from controller.services.api_scopes import ApiScope
from controller.services.api_tokens import ApiTokens, NewToken
from controller.services.passwords import Argon2Passwords
from controller.services.second_factor import Seal, SecondFactor
from controller.services.sign_in import (
    Role,
    SignedIn,
    SignIn,
    SignInSettings,
    Throttled,
    UnfitPassword,
    Visitor,
    WrongCredentials,
)
from controller.services.users import UserQuery, Users
from tests.integration.account_office import ROOT, Office

ADDRESS = "192.0.2.5"


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Desk(Office):
    """The office, with the people who sign in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.watch = Watch()
        self.passwords = Argon2Passwords(PasswordHasher(1, 8, 1))
        self.users = Users(PostgresUserDirectory(self.engine), self.passwords)
        self.factors = SecondFactor(
            PostgresSecondFactors(self.engine), Seal(b"installation"), self.watch
        )
        self.door = SignIn(
            PostgresUsers(self.engine),
            self.passwords,
            self.watch,
            SignInSettings(name_failures=3),
            second_factor=self.factors,
        )
        self.tokens = ApiTokens(PostgresTokens(self.engine), self.users, self.watch)

    def enter(self, name: str, password: str) -> SignedIn:
        outcome = self.door.sign_in(name, password, ADDRESS)
        assert isinstance(outcome, SignedIn)
        return outcome

    def visitor(self, token: str) -> Visitor:
        found = self.door.visitor(token, active=True)
        assert found is not None
        return found

    def actor(self, name: str, password: str) -> Actor:
        return self.users.actor(self.visitor(self.enter(name, password).token), Source.WEB, ADDRESS)


@pytest.fixture
def desk(engine: sa.Engine) -> Desk:
    made = Desk(engine)
    made.hierarchy()
    return made


def user(desk: Desk, name: str, account: str, role: str = "agent") -> str:
    return desk.users.create(ROOT, {"name": name, "role": role, "account": account}).password


# -- who looks after whom --------------------------------------------------------------------


def test_a_new_user_signs_in_and_must_change_the_password(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    visitor = desk.visitor(desk.enter("rahim", password).token)
    assert (visitor.role, visitor.must_change_password) == (Role.AGENT, True)
    changed = desk.door.change_password(visitor, password, "correct horse battery")
    assert isinstance(changed, SignedIn)
    assert not desk.visitor(changed.token).must_change_password
    (line,) = desk.log(kind="user")
    assert (line.action, line.name, line.changes["account"]) == (
        "create",
        "rahim",
        ("", "dhaka-retail"),
    )


def test_an_agent_looks_after_the_users_below(desk: Desk) -> None:
    agent = desk.agent("dhaka-retail")
    made = desk.users.create(agent, {"name": "shop", "role": "customer", "account": "customer-001"})
    assert made.record.spec.account == "customer-001"
    assert desk.users.change(agent, "shop", {"disabled": "true"}).spec.disabled
    assert not desk.users.change(agent, "shop", {"disabled": ""}).spec.disabled
    assert desk.users.reset_password(agent, "shop").password != made.password


@pytest.mark.parametrize(
    "account", ["dhaka-retail", "bd-wholesale", "other-customer", "nobody", ""]
)
def test_and_no_others(desk: Desk, account: str) -> None:
    agent = desk.agent("dhaka-retail", ALL_RIGHTS)
    with pytest.raises(InvalidFields) as raised:
        desk.users.create(agent, {"name": "x", "role": "agent", "account": account})
    assert list(raised.value.errors) == ["account"]


def test_no_agent_makes_or_finds_an_administrator(desk: Desk) -> None:
    desk.users.create(ROOT, {"name": "boss", "role": "administrator"})
    user(desk, "above", "bd-wholesale")
    user(desk, "beside", "other-agent")
    user(desk, "peer", "dhaka-retail")
    agent = desk.agent("dhaka-retail", ALL_RIGHTS)
    for account in ("", "customer-001"):
        with pytest.raises((NotAllowed, InvalidFields)):
            desk.users.create(agent, {"name": "x", "role": "administrator", "account": account})
    for name in ("boss", "above", "beside", "nobody"):
        for use in (
            desk.users.get,
            partial(desk.users.change, values={"disabled": "1"}),
            desk.users.reset_password,
            desk.users.end_sessions,
            desk.users.sessions,
        ):
            with pytest.raises(NotFound, match=f"there is no user '{name}'"):
                use(agent, name)
    for change in (
        lambda: desk.users.change(agent, "peer", {"disabled": "1"}),
        lambda: desk.users.reset_password(agent, "peer"),
    ):
        with pytest.raises(NotAllowed, match="your own account"):
            change()
    denied = {line.name for line in desk.log(denied_only=True)}
    assert denied == {"boss", "above", "beside", "peer"}
    assert [row.spec.name for row in desk.users.page(agent, UserQuery()).rows] == ["peer"]


def test_without_the_right_nobody_is_seen(desk: Desk) -> None:
    for actor in (
        desk.agent("dhaka-retail", ALL_RIGHTS - {Right.ACCOUNTS}),
        desk.customer("customer-001"),
    ):
        with pytest.raises(NotAllowed):
            desk.users.page(actor, UserQuery())
        with pytest.raises(NotAllowed):
            desk.users.create(actor, {"name": "x", "role": "customer", "account": "customer-001"})


def test_the_last_administrator_stays(desk: Desk) -> None:
    desk.users.create(ROOT, {"name": "first", "role": "administrator"})
    desk.users.create(ROOT, {"name": "second", "role": "administrator"})
    desk.users.change(ROOT, "second", {"disabled": "true"})
    for values in ({"disabled": "true"}, {"role": "agent", "account": "dhaka-retail"}):
        with pytest.raises(Conflict, match="first is the last administrator"):
            desk.users.change(ROOT, "first", values)


def test_two_forms_at_once(desk: Desk) -> None:
    user(desk, "rahim", "dhaka-retail")
    shown = desk.users.get(ROOT, "rahim").revision
    desk.users.change(ROOT, "rahim", {"email": "r@example.com"}, shown)
    with pytest.raises(Stale, match=r"changed by root .*email"):
        desk.users.change(ROOT, "rahim", {"email": "x@example.com"}, shown)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "<script>"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "rahim"}, "name"),
        ({"name": 5}, "name"),
        ({"role": "god"}, "role"),
        ({"email": "none"}, "email"),
        ({"surprise": "1"}, "surprise"),
        ({"role": "administrator", "account": "dhaka-retail"}, "account"),
    ],
)
def test_bad_input(desk: Desk, values: dict[str, object], field: str) -> None:
    user(desk, "rahim", "dhaka-retail")
    good = {"name": "new", "role": "agent", "account": "dhaka-retail"}
    with pytest.raises(InvalidFields) as raised:
        desk.users.create(ROOT, {**good, **values})
    assert list(raised.value.errors) == [field]


# -- sessions --------------------------------------------------------------------------------


def test_a_right_that_is_lost_is_lost_at_the_next_request(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    token = desk.enter("rahim", password).token
    before = desk.users.actor(desk.visitor(token), Source.WEB, ADDRESS)
    assert Right.PHONES in before.rights
    desk.accounts.change(ROOT, "bd-wholesale", {"rights": ["accounts"]})
    after = desk.users.actor(desk.visitor(token), Source.WEB, ADDRESS)
    assert after.rights == {Right.ACCOUNTS}


def test_sessions_are_listed_and_ended(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    tokens = [
        desk.door.sign_in("rahim", password, ADDRESS, browser=f"Browser {n}\n") for n in (1, 2)
    ]
    first, second = (t.token for t in tokens if isinstance(t, SignedIn))
    me = desk.users.actor(desk.visitor(first), Source.WEB, ADDRESS)
    # the database's clock lists them: the hand-set one is behind it
    desk.execute("UPDATE web_sessions SET expires_at = now() + interval '1 hour'")
    shown = desk.users.sessions(me, "rahim")
    assert {(s.address, s.browser) for s in shown} == {
        (ADDRESS, "Browser 1"),
        (ADDRESS, "Browser 2"),
    }
    other = desk.visitor(second).session_key
    assert desk.users.end_sessions(me, "rahim", other) == 1
    assert desk.door.visitor(second, active=True) is None
    assert desk.door.visitor(first, active=True) is not None
    desk.users.change(ROOT, "rahim", {"disabled": "true"})
    assert desk.door.visitor(first, active=True) is None
    assert isinstance(desk.door.sign_in("rahim", password, ADDRESS), WrongCredentials)


def test_passwords_that_are_not_taken(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    visitor = desk.visitor(desk.enter("rahim", password).token)

    def change(current: str, new: str) -> object:
        return desk.door.change_password(visitor, current, new)

    for unfit in ("short", "aaaaaaaaaaaaaaa", "my-rahim-2026!", password, "x" * 300):
        assert isinstance(change(password, unfit), UnfitPassword), unfit
    assert isinstance(change(password, "correct horse battery"), SignedIn)
    assert isinstance(change("correct horse battery", "another good one"), SignedIn)
    again = change("another good one", "correct horse battery")
    assert isinstance(again, UnfitPassword)
    assert "before" in again.why


# -- the second factor -----------------------------------------------------------------------


def enrol(desk: Desk, name: str, password: str) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    visitor = desk.visitor(desk.enter(name, password).token)
    offer = desk.factors.begin(visitor.user_id, name)
    assert offer is not None
    assert "issuer=Tollgate" in offer.uri
    totp = pyotp.TOTP(offer.secret)
    assert desk.factors.confirm(visitor.user_id, "000000") is None
    codes = desk.factors.confirm(visitor.user_id, code(desk, totp))
    assert codes is not None
    assert desk.factors.begin(visitor.user_id, name) is None
    return totp, codes


def code(desk: Desk, totp: pyotp.TOTP, steps: int = 0) -> str:
    return totp.at(desk.watch.now() + timedelta(seconds=30 * steps))


def test_two_steps_to_a_session(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    totp, _ = enrol(desk, "rahim", password)
    desk.watch.wait(60)
    half = desk.enter("rahim", password)
    assert half.half
    assert desk.door.visitor(half.token, active=True) is None
    assert desk.door.halfway(half.token) == "rahim"
    assert isinstance(desk.door.second_step(half.token, "123456", ADDRESS), WrongCredentials)
    whole = desk.door.second_step(half.token, code(desk, totp), ADDRESS)
    assert isinstance(whole, SignedIn)
    assert whole.token != half.token
    assert desk.visitor(whole.token).has_second_factor
    # what was half a session is nothing any more
    assert desk.door.halfway(half.token) == ""
    assert isinstance(
        desk.door.second_step(half.token, code(desk, totp), ADDRESS), WrongCredentials
    )


def test_a_code_is_taken_once_and_none_before_it(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    totp, _ = enrol(desk, "rahim", password)
    user_id = desk.users.get(ROOT, "rahim").user_id
    assert not desk.factors.check(user_id, code(desk, totp))  # it confirmed
    desk.watch.wait(60)
    ahead = code(desk, totp, 1)
    assert desk.factors.check(user_id, ahead)  # a clock that is ahead by one step
    assert not desk.factors.check(user_id, ahead)
    assert not desk.factors.check(user_id, code(desk, totp))
    desk.watch.wait(90)
    assert desk.factors.check(user_id, code(desk, totp, -1))  # behind by one
    assert not desk.factors.check(user_id, code(desk, totp, 2))
    assert not desk.factors.check(user_id, "')--")
    assert not desk.factors.check(user_id, "١٢٣٤٥٦")


def test_recovery_codes_open_once(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    _, codes = enrol(desk, "rahim", password)
    user_id = desk.users.get(ROOT, "rahim").user_id
    assert len(set(codes)) == 10
    assert desk.factors.check(user_id, codes[0].upper().replace("-", " "))
    assert not desk.factors.check(user_id, codes[0])
    assert desk.factors.check(user_id, codes[1])


def test_guesses_of_codes_are_counted_apart_from_passwords(desk: Desk) -> None:
    """A right password makes no room for more codes."""
    password = user(desk, "rahim", "dhaka-retail")
    totp, _ = enrol(desk, "rahim", password)
    desk.watch.wait(60)
    for _ in range(3):
        half = desk.enter("rahim", password)
        assert isinstance(desk.door.second_step(half.token, "000000", ADDRESS), WrongCredentials)
    half = desk.enter("rahim", password)
    locked = desk.door.second_step(half.token, code(desk, totp), ADDRESS)
    assert isinstance(locked, Throttled)


def test_half_a_session_ends_soon(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    totp, _ = enrol(desk, "rahim", password)
    half = desk.enter("rahim", password)
    desk.watch.wait(301)
    assert isinstance(
        desk.door.second_step(half.token, code(desk, totp), ADDRESS), WrongCredentials
    )


def test_the_secret_is_not_in_the_database(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    totp, codes = enrol(desk, "rahim", password)
    (row,) = desk.rows("SELECT totp_secret FROM users WHERE name = 'rahim'")
    stored = bytes(row["totp_secret"])
    assert totp.secret.encode() not in stored
    assert Seal(b"installation").open(stored) == totp.secret
    assert Seal(b"another one").open(stored) is None
    hashes = [bytes(r["code_hash"]) for r in desk.rows("SELECT code_hash FROM recovery_codes")]
    assert not any(code.encode() in hashed for code in codes for hashed in hashes)


def test_a_reset_may_take_the_second_factor_away(desk: Desk) -> None:
    password = user(desk, "rahim", "dhaka-retail")
    enrol(desk, "rahim", password)
    kept = desk.users.reset_password(ROOT, "rahim")
    assert desk.enter("rahim", kept.password).half
    gone = desk.users.reset_password(ROOT, "rahim", second_factor_too=True)
    assert not desk.enter("rahim", gone.password).half
    assert desk.log(name="rahim")[0].changes["second_factor"] == ("on", "off")


# -- tokens ----------------------------------------------------------------------------------


def token_of(desk: Desk, **wanted: object) -> tuple[Actor, NewToken]:
    me = desk.actor("rahim", user(desk, "rahim", "dhaka-retail"))
    return me, desk.tokens.create(me, "billing", ["accounts:read"], **wanted)  # type: ignore[arg-type]


def test_a_token_is_its_user_as_far_as_its_scopes_go(desk: Desk) -> None:
    me, made = token_of(desk, requests_per_minute=30)
    caller = desk.tokens.caller(made.secret, ADDRESS)
    assert isinstance(caller, ApiCaller)
    assert (caller.actor.name, caller.actor.account_id) == ("rahim", me.account_id)
    assert (caller.actor.source, caller.actor.rights) == (Source.API, me.rights)
    assert caller.scopes == frozenset({ApiScope.ACCOUNTS_READ})
    assert caller.requests_per_minute == 30
    (listed,) = desk.tokens.page(me)
    assert listed.last_used_at == desk.watch.now()
    assert made.secret not in repr(made) + str(desk.rows("SELECT * FROM api_tokens"))


def test_what_is_not_taken(desk: Desk) -> None:
    me, made = token_of(desk, days=1)
    for wrong in ("", "tg_", made.secret + "x", made.secret[:-1], "Bearer", "tg_\ud800"):
        assert desk.tokens.caller(wrong, ADDRESS) is Refusal.INVALID
    assert isinstance(desk.tokens.caller(made.secret, ADDRESS), ApiCaller)
    desk.users.change(ROOT, "rahim", {"disabled": "true"})
    assert desk.tokens.caller(made.secret, ADDRESS) is Refusal.INVALID
    desk.users.change(ROOT, "rahim", {"disabled": ""})
    desk.watch.wait(86_400)
    assert desk.tokens.caller(made.secret, ADDRESS) is Refusal.INVALID
    fresh = desk.tokens.create(me, "second", ["cdrs:read"], days=None)
    assert isinstance(desk.tokens.caller(fresh.secret, ADDRESS), ApiCaller)
    desk.tokens.revoke(me, fresh.token.token_id)
    assert desk.tokens.caller(fresh.secret, ADDRESS) is Refusal.INVALID


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("192.0.2.200", True),
        ("::ffff:192.0.2.200", True),
        ("2001:db8::7", True),
        ("198.51.100.1", False),
        ("", False),
        ("garbage", False),
    ],
)
def test_only_from_its_addresses(desk: Desk, address: str, taken: bool) -> None:
    _, made = token_of(desk, networks=["192.0.2.0/24", "2001:db8::7"])
    outcome = desk.tokens.caller(made.secret, address)
    assert isinstance(outcome, ApiCaller) is taken
    if not taken:
        assert outcome is Refusal.ADDRESS


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
        ({"networks": ["192.0.2.1/24"]}, "networks"),
        ({"networks": ["everywhere"]}, "networks"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
    ],
)
def test_bad_tokens(desk: Desk, wanted: dict[str, object], field: str) -> None:
    me = desk.actor("rahim", user(desk, "rahim", "dhaka-retail"))
    values: dict[str, object] = {"name": "x", "scopes": ["cdrs:read"], **wanted}
    with pytest.raises(InvalidFields) as raised:
        desk.tokens.create(me, **values)  # type: ignore[arg-type]
    assert list(raised.value.errors) == [field]


def test_of_others_there_is_no_token(desk: Desk) -> None:
    _, made = token_of(desk)
    other = desk.actor("other", user(desk, "other", "other-agent"))
    assert desk.tokens.page(other) == []
    with pytest.raises(NotFound):
        desk.tokens.revoke(other, made.token.token_id)
    with pytest.raises(NotAllowed):
        desk.tokens.create(ROOT, "x", ["cdrs:read"])  # the command line is nobody who signed in


def test_no_secret_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    password = user(desk, "rahim", "dhaka-retail")
    totp, codes = enrol(desk, "rahim", password)
    desk.watch.wait(60)
    half = desk.enter("rahim", password)
    whole = desk.door.second_step(half.token, codes[0], ADDRESS)
    assert isinstance(whole, SignedIn)
    me = desk.users.actor(desk.visitor(whole.token), Source.WEB, ADDRESS)
    made = desk.tokens.create(me, "billing", ["accounts:read"])
    desk.tokens.caller(made.secret, ADDRESS)
    said = "".join(str(vars(record)) for record in caplog.records) + str(
        desk.rows("SELECT * FROM audit_log")
    )
    for secret in (password, totp.secret, codes[0], half.token, whole.token, made.secret):
        assert secret not in said
