"""Accounts in PostgreSQL. Implements `services.accounts.ports`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa

from controller.domain.destinations import DestinationRule
from controller.domain.errors import Conflict
from controller.domain.ledger import SystemAccount
from controller.domain.number_sections import NumberSection
from controller.domain.rights import Right, effective
from controller.persistence import account_sql, config_sql, number_sql
from controller.persistence import schema as t
from controller.persistence.config_objects import account_from, parameters_from
from controller.persistence.config_rows import row_of
from controller.persistence.number_rows import rows_of_rules, rows_of_sections
from controller.persistence.record_store import PostgresRecordWork, record_work
from controller.persistence.views.account_list import read_account_page
from controller.persistence.views.reading import reading
from controller.services.accounts.records import (
    AccountPage,
    AccountQuery,
    AccountRecord,
    RightView,
    TreeNode,
)
from controller.services.actors import Actor, Scope
from controller.services.config_as_code.specs import AccountSpec, PhoneSpec
from controller.services.records.locks import NO_LOCKS, Locks

Row = sa.Row[Any]

FEW_AGENTS = 500
"""So many are looked for one by one; more stand close enough along the names."""


class PostgresAccountStore:
    """Implements `AccountStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, actor: Actor) -> AbstractContextManager["PostgresAccountWork"]:
        return record_work(self._engine, PostgresAccountWork, actor)

    def page(self, scope: Scope, query: AccountQuery) -> AccountPage:
        with reading(self._engine) as connection:
            return read_account_page(connection, scope, query)

    def get(self, scope: Scope, name: str) -> AccountRecord | None:
        with reading(self._engine) as connection:
            return _named(connection, [name], scope).get(name)

    def name_of(self, account_id: int) -> str | None:
        names = sa.select(t.accounts.c.name).where(t.accounts.c.id == account_id)
        with reading(self._engine) as connection:
            return connection.scalar(names)

    def rights(self, account_id: int) -> tuple[RightView, ...]:
        with reading(self._engine) as connection:
            rows = connection.execute(sa.text(account_sql.RIGHTS), {"account_id": account_id})
            chain = [(row.name, frozenset(row.rights)) for row in rows]
        own, above = chain[0][1], chain[1:]
        return tuple(
            RightView(
                right, right in own, tuple(name for name, rights in above if right not in rights)
            )
            for right in Right
        )

    def tree(self, scope: Scope, under: int | None, after: str, most: int) -> list[TreeNode]:
        values: dict[str, Any] = {"place": under, "after": after, "most": most}
        place = account_sql.UNDER_THE_PLACE
        if under is None and scope.account_id is None:
            place = account_sql.AT_THE_TOP
        elif under is None:
            place, values["place"] = account_sql.OF_THE_PLACE, scope.account_id
        with reading(self._engine) as connection:
            agents = connection.scalars(sa.text(account_sql.AGENTS), {"most": FEW_AGENTS + 1})
            values["agents"] = list(agents)
            few = len(values["agents"]) <= FEW_AGENTS
            statement = sa.text(account_sql.tree(place, few=few))
            return [TreeNode(*row) for row in connection.execute(statement, values)]


class PostgresAccountWork(PostgresRecordWork):
    """Implements `AccountWork`."""

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection)
        self._coming: dict[str, AccountSpec] = {}

    # -- read -----------------------------------------------------------------------------

    def accounts(self, names: Sequence[str], scope: Scope) -> Mapping[str, AccountRecord]:
        return _named(self._connection, names, scope)

    def chain(self, account: str, scope: Scope) -> tuple[AccountSpec, ...]:
        coming = self._coming.get(account)
        if coming is None:
            return super().chain(account, scope)
        return (coming, *(self.chain(coming.parent, scope) if coming.parent else ()))

    def know(self, account: AccountSpec) -> None:
        self._coming[account.name] = account

    def name_of(self, account_id: int) -> str:
        names = sa.select(t.accounts.c.name).where(t.accounts.c.id == account_id)
        return str(self._connection.execute(names).scalar_one())

    def taken(self, names: Sequence[str]) -> frozenset[str]:
        known = sa.select(t.accounts.c.name).where(t.accounts.c.name.in_(names))
        return frozenset(self._connection.scalars(known))

    def children(self, account_id: int, most: int) -> tuple[tuple[str, ...], int]:
        rows = self._execute(account_sql.CHILDREN, account_id=account_id, most=most).all()
        return tuple(row.name for row in rows), rows[0].number if rows else 0

    def approval_needed(self) -> bool:
        stored = self._connection.execute(sa.select(t.configuration_state.c.parameters))
        return parameters_from(stored.scalar_one()).approve_sub_agents

    def is_fixed(self, account_id: int) -> bool:
        return bool(self._execute(account_sql.IS_FIXED, id=account_id).scalar_one())

    def history(self, account_id: int) -> str:
        return str(self._execute(account_sql.HISTORY, id=account_id).scalar_one())

    def ties(self, account_id: int) -> str:
        return str(self._execute(account_sql.TIES, id=account_id).scalar_one())

    def below(self, account_id: int) -> tuple[Sequence[AccountSpec], Sequence[PhoneSpec]]:
        rows = self._execute(account_sql.ACCOUNTS + account_sql.BELOW, account_id=account_id)
        phones = self._execute(account_sql.PHONES_BELOW, account_id=account_id)
        return [_spec(row) for row in rows], [
            PhoneSpec(p.number, p.account, p.rate_group, dids=tuple(sorted(p.dids))) for p in phones
        ]

    # -- write ----------------------------------------------------------------------------

    def write(self, accounts: Sequence[AccountSpec]) -> None:
        names = [account.name for account in accounts]
        rows = [row_of(account) for account in accounts]
        self._insert(config_sql.ACCOUNTS_BUT_LIMITS, rows)
        self._insert(config_sql.PARENTS, rows)
        self._execute(config_sql.SYSTEM_ACCOUNTS, names=[str(name) for name in SystemAccount])
        self._execute(number_sql.CLEAR_SECTIONS, names=names)
        self._insert(number_sql.SECTIONS, rows_of_sections(accounts))
        self._execute(number_sql.CLEAR_RULES, names=names)
        self._insert(number_sql.RULES, rows_of_rules(accounts))
        self._coming.clear()
        self.forget()

    def await_approval(self, names: Sequence[str]) -> None:
        self._execute(account_sql.AWAIT_APPROVAL, names=list(names))

    def approve(self, account_id: int) -> None:
        self._execute(account_sql.APPROVE, id=account_id)

    def unlock(self, account_id: int) -> None:
        self._execute(account_sql.UNLOCK, id=account_id)

    def close(self, account_id: int) -> None:
        self._execute(account_sql.CLOSE, id=account_id)

    def reopen(self, account_id: int) -> None:
        self._execute(account_sql.REOPEN, id=account_id)

    def delete(self, account_id: int) -> None:
        """Raises Conflict where something refers to it that `history` does not know of."""
        try:
            for statement in account_sql.DELETE:
                self._execute(statement, id=account_id)
        except sa.exc.IntegrityError as error:
            raise Conflict("the account is in use: close it instead") from error

    def _insert(self, statement: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._execute(statement, rows=orjson.dumps(rows).decode())


def _named(
    connection: sa.Connection, names: Sequence[str], scope: Scope
) -> dict[str, AccountRecord]:
    values = {
        "names": list(names),
        "account_id": scope.account_id,
        "subtree": scope.subtree,
    }
    rows = connection.execute(sa.text(account_sql.ACCOUNTS + account_sql.NAMED), values).all()
    return {row.name: _record(row, scope) for row in rows}


def _record(row: Row, scope: Scope) -> AccountRecord:
    """Who is above the scope's own account is not told."""
    spec = _spec(row)
    if row.id == scope.account_id:
        spec = replace(spec, parent=None)
    return AccountRecord(
        spec=spec,
        account_id=row.id,
        revision=row.revision,
        created_at=row.created_at,
        is_agent=row.is_agent,
        awaiting_approval=row.awaiting_approval,
        locked_for_balance_at=row.locked_for_balance_at,
        effective=effective(frozenset(map(Right, rights)) for rights in row.chain),
        locks=_locks(row),
    )


def _locks(row: Row) -> Locks:
    """One that a job set for want of money is nobody's."""
    if not row.locked or row.locked_for_balance_at is not None:
        return NO_LOCKS
    return {"locked": row.locked_by_account_id}


def _spec(row: Row) -> AccountSpec:
    return replace(
        account_from(row),
        number_sections=tuple(sorted(NumberSection(*pair) for pair in row.sections)),
        destination_rules=tuple(sorted(DestinationRule(*pair) for pair in row.rules)),
    )
