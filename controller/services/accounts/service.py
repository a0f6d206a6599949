"""Use cases of accounts, each with its right, its scope, its revision and its line of audit.

Seeing needs no right: everybody sees the accounts of his scope. Changing those below the own
account needs the right `accounts`; of the own account everybody may keep the contact data. Money
and overdraft limits are moved elsewhere (`services/payments`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from controller.domain.errors import Conflict, InvalidFields, NotAllowed, NotFound
from controller.domain.rights import Right
from controller.services.accounts.batches import MAX_BATCH, AccountSeries
from controller.services.accounts.checks import OWN_FIELDS, check_account
from controller.services.accounts.ports import AccountStore, AccountWork
from controller.services.accounts.records import (
    KIND,
    LISTS,
    MAX_LINES,
    AccountPage,
    AccountQuery,
    AccountRecord,
    RightView,
    TreeNode,
)
from controller.services.actors import EVERYTHING, Actor
from controller.services.audit import AuditLine, changed
from controller.services.config_as_code.sections.accounts import (
    ACCOUNT_FIELDS,
    OFFLINE,
    read_account,
)
from controller.services.config_as_code.specs import AccountSpec
from controller.services.records.locks import check_locks, check_removal
from controller.services.records.rows import RowErrors
from controller.services.records.values import Values, read_values, texts_of, values_of
from controller.services.records.work import check_revision, in_scope, not_found, note
from controller.services.sign_in import Role

MAX_NAMED = 20
"""Accounts that a message lists."""
MAX_TREE = 200
_OF_OTHERS = ("overdraft_limit", *OFFLINE)
"""Limits are movements of money, and what happens without the database is the configuration's."""
_KNOWN = tuple(name for name in ACCOUNT_FIELDS if name not in _OF_OTHERS)


class Accounts:
    """Values are those of a form (`records.values`). Everything raises StoreUnavailable."""

    def __init__(self, store: AccountStore) -> None:
        self._store = store

    # -- see ------------------------------------------------------------------------------

    def page(self, actor: Actor, query: AccountQuery) -> AccountPage:
        """Raises InvalidFields for a limit or an `after` that cannot be; NotFound for `under`."""
        if not 1 <= query.limit <= MAX_LINES:
            raise InvalidFields({"limit": f"not 1 to {MAX_LINES}"})
        if query.under:
            self.get(actor, query.under)
        return self._store.page(actor.scope, query)

    def get(self, actor: Actor, name: str, action: str = "read") -> AccountRecord:
        """`action`: what it is looked at for; all but `read` are for who disposes of it.

        Raises NotFound, NotAllowed.
        """
        found = self._store.get(actor.scope, name)
        if found is not None and (action == "read" or disposes(actor, found)):
            return found
        with self._store.begin(actor) as work:
            found = _found(work, actor, name, action)
            if action != "read":
                _require_disposal(actor, found, action)
            return found

    def by_id(self, actor: Actor, account_id: int) -> AccountRecord:
        """As `get`, for addresses that have the number of an account. Raises NotFound."""
        name = self._store.name_of(account_id)
        try:
            if name is not None:
                return self.get(actor, name)
        except NotFound:
            pass  # the name of another's account is not told
        raise not_found(KIND, str(account_id))

    def rights(self, actor: Actor, name: str) -> tuple[RightView, ...]:
        """What the account may do, and why a right does not count. Raises NotFound.

        Who above the actor lacks a right is not told to him by name.
        """
        account = self.get(actor, name)
        if actor.is_operator:
            return self._store.rights(account.account_id)
        seen = {a.name for a in self._chain(actor, name)}
        return tuple(
            replace(
                view,
                lacking_above=tuple(
                    dict.fromkeys(n if n in seen else "an agent above" for n in view.lacking_above)
                ),
            )
            for view in self._store.rights(account.account_id)
        )

    def tree(self, actor: Actor, under: str = "", after: str = "") -> list[TreeNode]:
        """Agents directly below an account; without one, where the actor's tree begins.

        At most `MAX_TREE`, by name. Raises NotFound.
        """
        account_id = self.get(actor, under).account_id if under else None
        return self._store.tree(actor.scope, account_id, after, MAX_TREE)

    def _chain(self, actor: Actor, name: str) -> Sequence[AccountSpec]:
        with self._store.begin(actor) as work:
            return work.chain(name, actor.scope)

    # -- change ---------------------------------------------------------------------------

    def create(self, actor: Actor, values: Values) -> AccountRecord:
        """An account without money. An agent's goes below the agent, else right where it says.

        Raises InvalidFields, NotAllowed.
        """
        return self.create_many(actor, [values], one=True)[0]

    def create_many(
        self, actor: Actor, batch: AccountSeries | Sequence[Values], *, one: bool = False
    ) -> list[AccountRecord]:
        """All of them or none, parents before their children.

        Raises InvalidFields, whose fields are `ROW.field` unless it is about `one`; NotAllowed.
        """
        actor.require(Right.ACCOUNTS)
        rows = list(batch.rows() if isinstance(batch, AccountSeries) else batch)
        if not 1 <= len(rows) <= MAX_BATCH:
            raise InvalidFields({"": f"not 1 to {MAX_BATCH} accounts at once"})
        each = RowErrors(numbered=not one).each
        accounts: list[AccountSpec] = []
        with self._store.begin(actor) as work:
            each(rows, lambda row: accounts.append(_read(work, actor, row)))
            taken = set(work.taken([account.name for account in accounts]))
            made: list[AccountSpec] = []

            def make(account: AccountSpec) -> None:
                if account.name in taken:
                    raise InvalidFields({"name": f"the name {account.name} is taken"})
                check_account(work, actor, account, actor.rights)
                taken.add(account.name)
                made.append(account)
                work.know(account)

            each(accounts, make)
            _write_new(work, actor, made)
            written = work.accounts([account.name for account in made], actor.scope)
            return [written[account.name] for account in made]

    def change(
        self, actor: Actor, name: str, values: Values, revision: int | None = None
    ) -> AccountRecord:
        """The fields that `values` names; another `parent` moves the account with all below it.

        `revision`: the one that the change was made on. Raises NotFound, Stale, InvalidFields,
        NotAllowed.
        """
        with self._store.begin(actor) as work:
            before = _found(work, actor, name, "change")
            is_own = before.account_id == actor.account_id
            _may_change(actor, before, values, is_own=is_own)
            check_revision(work, actor, KIND, name, before.revision, revision)
            if before.spec.closed:
                raise Conflict(f"account {name} is closed: open it again first")
            given = {**_values(before.spec), **values}
            account = read_values(given, _KNOWN, read_account, lists=LISTS)
            kept: dict[str, Any] = {name: getattr(before.spec, name) for name in _OF_OTHERS}
            account = replace(account, **kept)
            if account.name != name:
                raise InvalidFields({"name": "an account keeps its name"})
            if is_own:
                # who is above it was not shown, and stays
                before = work.accounts([name], EVERYTHING)[name]
                account = replace(account, parent=before.spec.parent)
            else:
                check_account(work, actor, account, actor.rights, before)
            check_locks(work, actor, before.locks, account)
            if account != before.spec:
                _write_change(work, actor, before, account)
            return _found(work, actor, name, "change")

    def move(
        self, actor: Actor, name: str, parent: str | None, revision: int | None = None
    ) -> AccountRecord:
        """Below another account, with all that is below it. Raises as `change`."""
        return self.change(actor, name, {"parent": parent}, revision)

    def approve(self, actor: Actor, name: str) -> AccountRecord:
        """Let a new account go live (parameter `approve_sub_agents`). For operators."""
        with self._store.begin(actor) as work:
            before = _found(work, actor, name, "approve")
            if not actor.is_operator:
                raise NotAllowed("only an administrator approves accounts")
            if before.awaiting_approval:
                work.approve(before.account_id)
                waits = changed({"awaiting_approval": "true"}, {"awaiting_approval": "false"})
                note(work, actor, "approve", KIND, name, before.account_id, waits)
            return _found(work, actor, name, "approve")

    def close(self, actor: Actor, name: str, revision: int | None = None) -> AccountRecord:
        """No calls and no changes any more; its history stays.

        Raises Conflict, else as `change`.
        """
        with self._store.begin(actor) as work:
            before = self._own_below(work, actor, name, "close", revision)
            self._without_children(work, before, "close")
            if ties := work.ties(before.account_id):
                raise Conflict(f"account {name} {ties}")
            if not before.spec.closed:
                work.close(before.account_id)
                closed = changed({"closed": "false"}, {"closed": "true"})
                note(work, actor, "close", KIND, name, before.account_id, closed)
            return _found(work, actor, name, "close")

    def reopen(self, actor: Actor, name: str, revision: int | None = None) -> AccountRecord:
        """Raises as `change`, for what it stood on may be gone."""
        with self._store.begin(actor) as work:
            before = self._own_below(work, actor, name, "reopen", revision)
            if before.spec.closed:
                open_ = replace(before.spec, closed=False)
                check_account(work, actor, open_, actor.rights, before)
                work.reopen(before.account_id)
                opened = changed({"closed": "true"}, {"closed": "false"})
                note(work, actor, "reopen", KIND, name, before.account_id, opened)
            return _found(work, actor, name, "reopen")

    def delete(self, actor: Actor, name: str, revision: int | None = None) -> None:
        """Only an account that nothing ever happened to. Raises Conflict, else as `change`."""
        with self._store.begin(actor) as work:
            before = self._own_below(work, actor, name, "delete", revision)
            check_removal(work, actor, KIND, name, before.locks)
            self._without_children(work, before, "delete")
            if history := work.history(before.account_id):
                raise Conflict(f"account {name} {history}: close it instead")
            work.delete(before.account_id)
            gone = changed(texts_of(before.spec), {})
            note(work, actor, "delete", KIND, name, before.account_id, gone)

    def _own_below(
        self, work: AccountWork, actor: Actor, name: str, action: str, revision: int | None
    ) -> AccountRecord:
        """An account of which the actor may dispose."""
        before = _found(work, actor, name, action)
        _require_disposal(actor, before, action)
        check_revision(work, actor, KIND, name, before.revision, revision)
        return before

    def _without_children(self, work: AccountWork, account: AccountRecord, verb: str) -> None:
        names, count = work.children(account.account_id, MAX_NAMED)
        if count:
            more = f" and {count - len(names)} more" if count > len(names) else ""
            raise Conflict(
                f"account {account.spec.name} has {count} accounts below it:"
                f" move or {verb} them first: {', '.join(names)}{more}"
            )


def disposes(actor: Actor, account: AccountRecord) -> bool:
    """Of an account in its scope: whether the actor may do with it what is not about contact."""
    return actor.may(Right.ACCOUNTS) and account.account_id != actor.account_id


def _require_disposal(actor: Actor, account: AccountRecord, action: str) -> None:
    """Raises NotAllowed."""
    actor.require(Right.ACCOUNTS)
    if not disposes(actor, account):
        raise NotAllowed(f"{action} your own account: ask who is above it")


def _may_change(actor: Actor, before: AccountRecord, values: Values, *, is_own: bool) -> None:
    """Raises NotAllowed, naming what is somebody else's to set."""
    if not is_own:
        actor.require(Right.ACCOUNTS)
        return
    foreign = sorted(
        str(name)
        for name, value in values.items()
        if name not in OWN_FIELDS and _differs(before, str(name), value)
    )
    if foreign:
        raise NotAllowed(f"of your own account somebody above sets {', '.join(foreign)}")


def _differs(before: AccountRecord, name: str, value: object) -> bool:
    """A form sends every field; what is as it was is no change."""
    stored = _values(before.spec).get(name)
    return (value or None) != (stored or None) and str(value) != str(stored)


def _read(work: AccountWork, actor: Actor, values: Values) -> AccountSpec:
    """A new account; where an agent says nothing it is right below the agent."""
    account = read_values(values, _KNOWN, read_account, lists=LISTS)
    if account.parent is None and not actor.is_operator and actor.account_id is not None:
        return replace(account, parent=work.name_of(actor.account_id))
    return account


def _values(account: AccountSpec) -> dict[str, object]:
    return {name: value for name, value in values_of(account).items() if name in _KNOWN}


def _write_new(work: AccountWork, actor: Actor, accounts: Sequence[AccountSpec]) -> None:
    work.write(accounts)
    if actor.role is Role.AGENT and work.approval_needed():
        work.await_approval([account.name for account in accounts])
    written = work.accounts([account.name for account in accounts], EVERYTHING)
    work.audit_all(
        [
            AuditLine(actor, "create", KIND, a.name, written[a.name].account_id, _changes(None, a))
            for a in accounts
        ]
    )
    work.bump()


def _write_change(
    work: AccountWork, actor: Actor, before: AccountRecord, account: AccountSpec
) -> None:
    work.write([account])
    if before.locked_for_balance_at is not None and not account.locked:
        work.unlock(before.account_id)
    action = "move" if account.parent != before.spec.parent else "change"
    differences = _changes(before.spec, account)
    note(work, actor, action, KIND, account.name, before.account_id, differences)


def _changes(before: AccountSpec | None, after: AccountSpec) -> dict[str, tuple[str, str]]:
    return changed(texts_of(before) if before else {}, texts_of(after))


def _found(work: AccountWork, actor: Actor, name: str, action: str) -> AccountRecord:
    """Raises NotFound."""
    return in_scope(
        work, actor, action, KIND, name, lambda scope: work.accounts([name], scope).get(name)
    )
