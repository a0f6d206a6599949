"""Accounts, their rights and their tree. Money is in `money`."""

from collections.abc import Mapping
from typing import Any

from controller.services.accounts.batches import AccountSeries
from controller.services.accounts.records import AccountPage, AccountQuery, AccountRecord
from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from web.api.operations import PREFIX, Reply
from web.api.paging import cursor, links, text_place
from web.api.problems import Problems
from web.api.resource import Resource
from web.api.resources.account_models import (
    AccountChange,
    AccountNew,
    AccountOut,
    AccountPageOut,
    AccountRowOut,
    AccountSeriesNew,
    AccountsMade,
    AccountsNew,
    AccountsQuery,
    RightOut,
    RightsOut,
    TreeNodeOut,
    TreeOut,
    TreeQuery,
)
from web.api.resources.blueprint import blueprint
from web.api.rows import faults_by_row
from web.api.values import Name, parts_of
from web.context import services

BATCH_BODY = 1024 * 1024
_READ = ApiScope.ACCOUNTS_READ
_WRITE = ApiScope.ACCOUNTS_WRITE

resource = Resource(blueprint, "Accounts", "Accounts, agents, rights, and who is below whom.")


@resource.get("/accounts", _READ, is_paged=True, problems=(Problems.NOT_FOUND,))
def list_accounts(actor: Actor, query: AccountsQuery) -> Reply[AccountPageOut]:
    """Accounts.

    Your own and those below it. `under` narrows it to one agent's.
    """
    wanted = AccountQuery(
        search=query.search,
        kind=query.kind or "",
        currency=query.currency or "",
        state=query.state,
        under=query.under or "",
        direct=query.direct,
        sort=query.sort,
        descending=query.descending,
        after=text_place(query),
        limit=query.limit,
    )
    return _page(query, services().account_records.page(actor, wanted))


@resource.post("/accounts", _WRITE, status=201, has_etag=True)
def create(actor: Actor, body: AccountNew) -> Reply[AccountOut]:
    """Make an account.

    An agent's account comes below the agent, right there unless `parent` says where. Where the
    platform wants it, an agent's new account waits for an administrator's approval.
    """
    made = services().account_records.create(actor, _given(body))
    location = f"{PREFIX}/accounts/{made.spec.name}"
    return Reply(_out(made), 201, made.revision, location)


@resource.post("/account-batches", _WRITE, status=201, max_body=BATCH_BODY)
def create_batch(actor: Actor, body: AccountsNew) -> AccountsMade:
    """Make many accounts.

    All of them or none. Parents come before their children.
    """
    rows = [_given(account) for account in body.accounts]
    with faults_by_row("accounts"):
        made = services().account_records.create_many(actor, rows)
    return AccountsMade(accounts=[_out(account) for account in made])


@resource.post("/account-series", _WRITE, status=201)
def create_series(actor: Actor, body: AccountSeriesNew) -> AccountsMade:
    """Make accounts whose names count up.

    All of them or none.
    """
    shared = {**_given(body.shared), "currency": body.currency, "kind": body.kind}
    series = AccountSeries(body.first, body.count, shared)
    made = services().account_records.create_many(actor, series)
    return AccountsMade(accounts=[_out(account) for account in made])


@resource.get("/account-tree", _READ, problems=(Problems.NOT_FOUND,))
def tree(actor: Actor, query: TreeQuery) -> TreeOut:
    """Agents directly below an agent.

    At most 200, by name; `after` goes on.
    """
    found = services().account_records.tree(actor, query.under or "", query.after)
    return TreeOut(items=[TreeNodeOut.model_validate(node) for node in found])


@resource.get("/accounts/<account>", _READ, has_etag=True)
def show(actor: Actor, account: Name) -> Reply[AccountOut]:
    """An account."""
    found = services().account_records.get(actor, account)
    return Reply(_out(found), revision=found.revision)


@resource.patch("/accounts/<account>", _WRITE, problems=(Problems.CONFLICT,))
def change(
    actor: Actor, account: Name, revision: int | None, body: AccountChange
) -> Reply[AccountOut]:
    """Change an account.

    Only the fields that are sent. Another `parent` moves it with all that is below it; `locked`
    locks it. Of your own account you keep the contact data; somebody above keeps the rest.
    """
    changed = services().account_records.change(actor, account, _given(body), revision)
    return Reply(_out(changed), revision=changed.revision)


@resource.delete("/accounts/<account>", _WRITE, problems=(Problems.CONFLICT,))
def delete(actor: Actor, account: Name, revision: int | None) -> None:
    """Delete an account.

    Only one that nothing ever happened to, and that has nobody below it. Else close it.
    """
    services().account_records.delete(actor, account, revision)


@resource.get("/accounts/<account>/rights", _READ)
def rights(actor: Actor, account: Name) -> RightsOut:
    """An account's rights.

    Each with who above lacks it, for such a right does not count.
    """
    found = services().account_records.rights(actor, account)
    return RightsOut(rights=[RightOut.model_validate(view) for view in found])


@resource.post("/accounts/<account>/close", _WRITE, problems=(Problems.CONFLICT,))
def close(actor: Actor, account: Name, revision: int | None) -> Reply[AccountOut]:
    """Close an account.

    No calls and no changes any more; its history stays.
    """
    closed = services().account_records.close(actor, account, revision)
    return Reply(_out(closed), revision=closed.revision)


@resource.post("/accounts/<account>/reopen", _WRITE, problems=(Problems.CONFLICT,))
def reopen(actor: Actor, account: Name, revision: int | None) -> Reply[AccountOut]:
    """Open a closed account again."""
    opened = services().account_records.reopen(actor, account, revision)
    return Reply(_out(opened), revision=opened.revision)


@resource.post("/accounts/<account>/approve", _WRITE)
def approve(actor: Actor, account: Name) -> Reply[AccountOut]:
    """Let a new account go live.

    For administrators, where an agent's new accounts wait for approval.
    """
    approved = services().account_records.approve(actor, account)
    return Reply(_out(approved), revision=approved.revision)


def _given(body: AccountChange) -> dict[str, object]:
    """Only what the request says: what it leaves out stays as it is."""
    return body.model_dump(exclude_unset=True)


def _out(record: AccountRecord) -> AccountOut:
    values: Mapping[str, Any] = parts_of(record.spec, record)
    return AccountOut.model_validate({**values, "effective_rights": sorted(record.effective)})


def _page(query: AccountsQuery, page: AccountPage) -> Reply[AccountPageOut]:
    following = cursor(query, page.next_after) if page.next_after else None
    rows = [AccountRowOut.model_validate(row) for row in page.rows]
    return Reply(AccountPageOut(items=rows, next=following), links=links(following))
