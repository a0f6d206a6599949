"""What requests and answers say of accounts."""

from typing import Annotated, Literal

from pydantic import Field

from controller.domain.configuration import AccountKind
from controller.domain.rights import Right
from controller.services.accounts.records import AccountSort, AccountState
from web.api.paging import PageOut, PageQuery
from web.api.values import (
    AmountIn,
    AmountOut,
    FlagInQuery,
    Incoming,
    Line,
    Memo,
    MomentIn,
    MomentOut,
    Name,
    Outgoing,
    Revision,
    SignedIn,
    Text,
)

MAX_BATCH = 1_000
Contact = Annotated[Line, Field(max_length=255)]
Capacity = Annotated[int, Field(ge=0, le=1_000_000)]
Kind = Literal["ordinary", "phone_card", "clearing"]
Section = Annotated[str, Field(max_length=70, examples=["8801700000-8801799999"])]
Rule = Annotated[str, Field(max_length=60, examples=["allow 880", "deny *"])]


class AccountsQuery(PageQuery):
    """Which accounts."""

    search: Annotated[Line, Field(max_length=64, description="A part of name or title.")] = ""
    kind: AccountKind | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    state: AccountState | None = None
    under: Annotated[Name | None, Field(description="Accounts below this one.")] = None
    direct: Annotated[
        FlagInQuery, Field(description="With `under`: only those directly below.")
    ] = False
    sort: AccountSort = AccountSort.NAME
    descending: FlagInQuery = False


class AccountChange(Incoming):
    """Fields that are left out stay; null puts one back to its default."""

    title: Annotated[Line, Field(max_length=255)] | None = None
    parent: Annotated[Name | None, Field(description="The agent above; another one moves it.")] = (
        None
    )
    rate_group: Name | None = None
    private_rate_group: Name | None = None
    monthly_minimum: AmountIn | None = None
    capacity: Capacity | None = None
    subtree_capacity: Capacity | None = None
    locked: bool | None = None
    expires_at: MomentIn | None = None
    number_sections: Annotated[list[Section] | None, Field(max_length=1_000)] = None
    destination_rules: Annotated[list[Rule] | None, Field(max_length=5_000)] = None
    rights: Annotated[list[Right] | None, Field(max_length=8)] = None
    low_balance: SignedIn | None = None
    low_balance_locks: bool | None = None
    company: Contact | None = None
    contact_person: Contact | None = None
    telephone: Contact | None = None
    fax: Contact | None = None
    email: Contact | None = None
    email_cc: Contact | None = None
    email_bcc: Contact | None = None
    address: Contact | None = None
    post_code: Contact | None = None
    bank: Contact | None = None
    card_type: Contact | None = None
    card_number: Contact | None = None
    memo: Memo | None = None


class AccountNew(AccountChange):
    """A new account; it has no money yet."""

    name: Annotated[Name, Field(max_length=63)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"])]
    kind: Kind | None = None


class AccountsNew(Incoming):
    """All of them or none, parents before their children."""

    accounts: Annotated[list[AccountNew], Field(min_length=1, max_length=MAX_BATCH)]


class AccountSeriesNew(Incoming):
    """Accounts whose names count up: `shop-001`, `shop-002` …, and what they share."""

    first: Annotated[Name, Field(max_length=63, examples=["shop-001"])]
    count: Annotated[int, Field(ge=1, le=MAX_BATCH)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"])]
    kind: Kind | None = None
    shared: AccountChange = AccountChange()


class AccountOut(Outgoing):
    """An account, without its money (`/accounts/{account}/balance`)."""

    name: str
    title: str
    kind: AccountKind
    currency: str
    parent: str | None
    is_agent: bool = Field(description="Somebody is below it; nobody sets this.")
    rate_group: str | None
    private_rate_group: str | None
    overdraft_limit: AmountOut = Field(description="Changed by `/accounts/{account}/credit`.")
    monthly_minimum: AmountOut
    capacity: int | None
    subtree_capacity: int | None
    locked: bool
    expires_at: MomentOut | None
    number_sections: list[Text]
    destination_rules: list[Text]
    rights: list[Right]
    effective_rights: list[Right] = Field(description="Those that every agent above has too.")
    low_balance: AmountOut | None
    low_balance_locks: bool
    locked_for_balance_at: MomentOut | None
    awaiting_approval: bool
    company: str
    contact_person: str
    telephone: str
    fax: str
    email: str
    email_cc: str
    email_bcc: str
    address: str
    post_code: str
    bank: str
    card_type: str
    card_number: str
    memo: str
    closed: bool
    created_at: MomentOut
    revision: Revision


class AccountRowOut(Outgoing):
    """An account in a list, with its money as it is now."""

    name: str
    title: str
    kind: AccountKind
    currency: str
    parent: str
    rate_group: str
    locked: bool
    expires_at: MomentOut | None
    closed_at: MomentOut | None
    awaiting_approval: bool
    created_at: MomentOut
    children: int
    balance: AmountOut
    overdraft_limit: AmountOut
    reserved: AmountOut
    available: AmountOut
    low_balance: AmountOut | None
    is_low: bool
    lines: int = Field(description="Calls in progress.")


class AccountPageOut(PageOut):
    items: list[AccountRowOut]


class AccountsMade(Outgoing):
    """Those that were made, in the order of the request."""

    accounts: list[AccountOut]


class RightOut(Outgoing):
    """A right, and why it does not count where it was given."""

    right: Right
    given: bool
    counts: bool
    lacking_above: list[str]


class RightsOut(Outgoing):
    rights: list[RightOut]


class TreeQuery(Incoming):
    under: Annotated[Name | None, Field(description="Empty: where your tree begins.")] = None
    after: Annotated[
        str, Field(max_length=200, description="The last name of the page before.")
    ] = ""


class TreeNodeOut(Outgoing):
    """An agent; `agents` are those directly below it, `accounts` all accounts directly below."""

    name: str
    title: str
    agents: int
    accounts: int


class TreeOut(Outgoing):
    items: list[TreeNodeOut]
