"""What requests and answers say of users and tokens."""

from typing import Annotated

from pydantic import Field

from controller.services.api_scopes import ApiScope
from controller.services.sign_in import Role
from web.api.paging import PageOut, PageQuery
from web.api.values import Incoming, Line, MomentOut, Name, Outgoing, Revision

UserName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$")]
Email = Annotated[Line, Field(max_length=254)]


class UsersQuery(PageQuery):
    search: Annotated[Line, Field(max_length=64, description="A part of the name.")] = ""
    account: Name | None = None
    role: Role | None = None


class UserChange(Incoming):
    """Fields that are left out stay."""

    role: Role | None = None
    account: Annotated[Name | None, Field(description="Null for administrators.")] = None
    email: Email | None = None
    disabled: bool | None = None


class UserNew(UserChange):
    """A person who may sign in. The password is made, and changed at the first sign-in."""

    name: UserName
    role: Role


class PasswordReset(Incoming):
    second_factor_too: bool = False


class UserOut(Outgoing):
    name: str
    role: Role
    account: str
    email: str
    disabled: bool
    has_second_factor: bool
    must_change_password: bool
    created_at: MomentOut
    last_login_at: MomentOut | None
    revision: Revision


class UserPageOut(PageOut):
    items: list[UserOut]


class UserWithPassword(Outgoing):
    """`password` is told this once; an answer that is given again has null there."""

    user: UserOut
    password: str | None


class ProfileOut(Outgoing):
    """What somebody says of himself. Empty: as the browser asks, in UTC."""

    language: str
    time_zone: str
    email: str
    revision: Revision


class ProfileChange(Incoming):
    """Fields that are left out stay; null or empty puts them back to the default."""

    language: Annotated[Line, Field(max_length=16)] | None = None
    time_zone: Annotated[Line, Field(max_length=64, examples=["Europe/Madrid"])] | None = None
    email: Email | None = None


class SessionOut(Outgoing):
    """A session; `key` names it without opening it."""

    key: str
    created_at: MomentOut
    expires_at: MomentOut
    address: str
    browser: str


class SessionsOut(Outgoing):
    items: list[SessionOut]


class EndSessions(Incoming):
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{0,128}$", description="Empty: all of them.")] = ""


class Ended(Outgoing):
    ended: int


class TokenNew(Incoming):
    """A token of your own, with no more than the one that makes it."""

    name: Annotated[Line, Field(min_length=1, max_length=64)]
    scopes: Annotated[list[ApiScope], Field(min_length=1, max_length=len(ApiScope))]
    days: Annotated[
        int | None, Field(ge=1, le=366, description="Until it ends; null: until it is revoked.")
    ] = 90
    networks: Annotated[
        list[Annotated[str, Field(max_length=64, examples=["192.0.2.0/24"])]],
        Field(
            default_factory=list,
            max_length=32,
            description="From where it may be used; empty: from anywhere.",
        ),
    ]
    requests_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None


class TokenOut(Outgoing):
    """A token, without what opens anything."""

    token_id: int
    name: str
    scopes: list[ApiScope]
    networks: list[str]
    requests_per_minute: int | None
    created_at: MomentOut
    expires_at: MomentOut | None
    last_used_at: MomentOut | None
    revoked_at: MomentOut | None


class TokensOut(Outgoing):
    items: list[TokenOut]


class TokenMade(Outgoing):
    """`secret` is told this once; an answer that is given again has null there."""

    token: TokenOut
    secret: str | None
