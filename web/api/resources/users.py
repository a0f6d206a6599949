"""People who sign in, and one's own tokens."""

from controller.domain.errors import InvalidFields, NotAllowed
from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from controller.services.api_tokens import ApiToken
from controller.services.token_limits import beyond
from controller.services.users import NewUser, UserQuery, UserRecord
from web.api.handling import current_caller
from web.api.operations import PREFIX, Reply
from web.api.paging import cursor, links, text_place
from web.api.problems import Problems
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.resources.user_models import (
    Ended,
    EndSessions,
    PasswordReset,
    ProfileChange,
    ProfileOut,
    SessionOut,
    SessionsOut,
    TokenMade,
    TokenNew,
    TokenOut,
    TokensOut,
    UserChange,
    UserName,
    UserNew,
    UserOut,
    UserPageOut,
    UsersQuery,
    UserWithPassword,
)
from web.api.values import PositiveId, parts_of
from web.context import services

_READ = ApiScope.USERS_READ
_WRITE = ApiScope.USERS_WRITE
_PASSWORD = ("password",)

people = Resource(blueprint, "Users", "People who sign in, and what they may see.")
tokens = Resource(blueprint, "Tokens", "Your own tokens.")


@people.get("/users", _READ, is_paged=True)
def list_users(actor: Actor, query: UsersQuery) -> Reply[UserPageOut]:
    """Users.

    Those of your accounts. Right: `accounts`.
    """
    wanted = UserQuery(
        search=query.search,
        account=query.account or "",
        role=query.role,
        after=text_place(query),
        limit=query.limit,
    )
    page = services().users.page(actor, wanted)
    following = cursor(query, page.next_after) if page.next_after else None
    rows = [_out(user) for user in page.rows]
    return Reply(UserPageOut(items=rows, next=following), links=links(following))


@people.post("/users", _WRITE, status=201, has_etag=True, secret=_PASSWORD)
def create(actor: Actor, body: UserNew) -> Reply[UserWithPassword]:
    """Make a user.

    The password is in this answer and nowhere else; it is changed at the first sign-in.
    """
    made = services().users.create(actor, body.model_dump(exclude_unset=True))
    location = f"{PREFIX}/users/{made.record.spec.name}"
    return Reply(_with_password(made), 201, made.record.revision, location)


@people.get("/users/<user>", _READ, has_etag=True)
def show(actor: Actor, user: UserName) -> Reply[UserOut]:
    """A user."""
    found = services().users.get(actor, user)
    return Reply(_out(found), revision=found.revision)


@people.patch("/users/<user>", _WRITE, problems=(Problems.CONFLICT,))
def change(actor: Actor, user: UserName, revision: int | None, body: UserChange) -> Reply[UserOut]:
    """Change a user.

    A disabled user's sessions end, and its tokens are refused.
    """
    values = body.model_dump(exclude_unset=True)
    changed = services().users.change(actor, user, values, revision)
    return Reply(_out(changed), revision=changed.revision)


@people.delete("/users/<user>", _WRITE, problems=(Problems.CONFLICT,))
def delete(actor: Actor, user: UserName, revision: int | None) -> None:
    """Delete a user.

    Only one who never signed in: the audit log names the others, so they are disabled.
    """
    services().users.delete(actor, user, revision)


@people.post("/users/<user>/reset-password", _WRITE, secret=_PASSWORD)
def reset_password(actor: Actor, user: UserName, body: PasswordReset) -> UserWithPassword:
    """Give a user another password.

    Every session ends.
    """
    made = services().users.reset_password(actor, user, second_factor_too=body.second_factor_too)
    return _with_password(made)


@people.get("/users/<user>/sessions", _READ)
def sessions(actor: Actor, user: UserName) -> SessionsOut:
    """A user's sessions."""
    found = services().users.sessions(actor, user)
    return SessionsOut(items=[SessionOut.model_validate(each) for each in found])


@people.post("/users/<user>/end-sessions", _WRITE)
def end_sessions(actor: Actor, user: UserName, body: EndSessions) -> Ended:
    """End a user's sessions.

    One, or all of them.
    """
    return Ended(ended=services().users.end_sessions(actor, user, body.key))


@people.get("/users/<user>/tokens", _READ)
def tokens_of(actor: Actor, user: UserName) -> TokensOut:
    """A user's tokens.

    The newest first, the revoked ones too.
    """
    return TokensOut(items=[_token(token) for token in services().tokens.page(actor, user)])


@people.post("/users/<user>/tokens/<token_id>/revoke", _WRITE)
def revoke_of(actor: Actor, user: UserName, token_id: PositiveId) -> TokenOut:
    """Revoke a user's token.

    It is refused from now on.
    """
    return _token(services().tokens.revoke(actor, token_id, user))


@people.get("/me/profile", _READ, has_etag=True)
def profile(actor: Actor) -> Reply[ProfileOut]:
    """Your own profile."""
    found = services().users.profile(actor)
    return Reply(ProfileOut.model_validate(found), revision=found.revision)


@people.patch("/me/profile", _WRITE)
def change_profile(actor: Actor, revision: int | None, body: ProfileChange) -> Reply[ProfileOut]:
    """Change your own profile.

    Language and time zone are those of the pages.
    """
    values = body.model_dump(exclude_unset=True)
    changed = services().users.change_profile(actor, values, revision)
    return Reply(ProfileOut.model_validate(changed), revision=changed.revision)


@tokens.get("/tokens", ApiScope.TOKENS_READ)
def list_tokens(actor: Actor) -> TokensOut:
    """Your tokens.

    The newest first, the revoked ones too.
    """
    return TokensOut(items=[_token(token) for token in services().tokens.page(actor)])


@tokens.post("/tokens", ApiScope.TOKENS_WRITE, status=201, secret=("secret",))
def create_token(actor: Actor, body: TokenNew) -> TokenMade:
    """Make a token.

    With no more scopes, addresses and life than the one that makes it. It is in this answer and
    nowhere else.
    """
    _check(actor, body)
    made = services().tokens.create(
        actor,
        body.name,
        body.scopes,
        days=body.days,
        networks=body.networks,
        requests_per_minute=body.requests_per_minute,
    )
    return TokenMade(token=_token(made.token), secret=made.secret)


@tokens.post("/tokens/<token_id>/revoke", ApiScope.TOKENS_WRITE)
def revoke(actor: Actor, token_id: PositiveId) -> TokenOut:
    """Revoke a token.

    It is refused from now on.
    """
    return _token(services().tokens.revoke(actor, token_id))


def _check(actor: Actor, body: TokenNew) -> None:
    """Raises InvalidFields for what the token that asks does not have itself, NotAllowed."""
    used = current_caller().token_id
    maker = next((t for t in services().tokens.page(actor) if t.token_id == used), None)
    if maker is None:
        raise NotAllowed("only a token that the platform keeps makes tokens")
    errors = beyond(
        maker,
        services().clock.now(),
        body.scopes,
        body.days,
        body.networks,
        body.requests_per_minute,
    )
    if errors:
        raise InvalidFields(errors)


def _out(record: UserRecord) -> UserOut:
    return UserOut.model_validate(parts_of(record.spec, record))


def _with_password(user: NewUser) -> UserWithPassword:
    return UserWithPassword(user=_out(user.record), password=user.password)


def _token(token: ApiToken) -> TokenOut:
    return TokenOut.model_validate({**parts_of(token), "scopes": sorted(token.scopes)})
