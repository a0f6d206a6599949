"""Phones as records in PostgreSQL. Implements `services.phones.ports`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import orjson
import sqlalchemy as sa

from controller.domain.rates import RateType
from controller.domain.sip_credentials import Credentials
from controller.persistence import config_rating_sql, number_sql, phone_sql
from controller.persistence.account_store import PostgresAccountStore, PostgresAccountWork
from controller.persistence.config_rows import row_of
from controller.persistence.number_rows import rows_of_numbers
from controller.persistence.record_store import PostgresRecordWork, note_denials, record_work
from controller.persistence.views.phones import read_phone_page
from controller.persistence.views.reading import reading
from controller.services.accounts.ports import AccountStore
from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine
from controller.services.config_as_code.specs import PhoneSpec
from controller.services.phones.ports import NumberOwner
from controller.services.phones.records import PhonePage, PhoneQuery, PhoneRecord

Row = sa.Row[Any]


class PostgresPhones:
    """Implements `PhoneStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, actor: Actor) -> AbstractContextManager["PostgresPhoneWork"]:
        return record_work(self._engine, PostgresPhoneWork, actor)

    def page(self, scope: Scope, query: PhoneQuery) -> PhonePage:
        with reading(self._engine) as connection:
            return read_phone_page(connection, scope, query)

    def get(self, scope: Scope, number: str) -> PhoneRecord | None:
        with reading(self._engine) as connection:
            return _phones(connection, [number], scope).get(number)

    def deny(self, line: AuditLine) -> None:
        note_denials(self._engine, [line])


class PostgresPhoneWork(PostgresRecordWork):
    """Implements `PhoneWork`."""

    def phones(self, numbers: Sequence[str], scope: Scope) -> Mapping[str, PhoneRecord]:
        return _phones(self._connection, numbers, scope)

    def owners(self, numbers: Sequence[str]) -> Mapping[str, NumberOwner]:
        if not numbers:
            return {}
        rows = self._execute(phone_sql.OWNERS, numbers=list(numbers))
        return {row.number: NumberOwner(row.phone, row.account_id) for row in rows}

    def ties(self, number: str) -> str:
        key = self._execute(phone_sql.ORDERS, number=number).scalar_one_or_none()
        return "" if key is None else f"has the package order {key}: cancel it first"

    def history(self, number: str) -> str:
        row = self._execute(config_rating_sql.HISTORIES["phones"], names=[number]).one_or_none()
        if row is not None:
            return str(row.history)
        return self.ties(number)

    def write(self, phones: Sequence[PhoneSpec]) -> None:
        numbers = [phone.number for phone in phones]
        self._execute(number_sql.CLEAR_DIDS, names=numbers)
        self._insert(config_rating_sql.PHONES, [row_of(phone) for phone in phones])
        self._insert(number_sql.DIDS, rows_of_numbers(phones))

    def write_credentials(self, credentials: Mapping[str, Credentials]) -> None:
        rows = [
            {"number": number, "realm": c.realm, "md5": c.md5, "sha256": c.sha256}
            for number, c in credentials.items()
        ]
        self._insert(phone_sql.CREDENTIALS, rows)
        self._execute(phone_sql.NEXT_REVISION, numbers=list(credentials))

    def delete(self, number: str) -> None:
        self._execute(config_rating_sql.REMOVE_PHONES, names=[number])

    def account_store(self) -> AccountStore:
        return _AccountsOfPhones(self)

    @contextmanager
    def account_work(self) -> Iterator[PostgresAccountWork]:
        """A part of this transaction, which it neither commits nor ends."""
        work = PostgresAccountWork(self._connection)
        work.denials = self.denials
        yield work
        self.forget()

    def _insert(self, statement: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._execute(statement, rows=orjson.dumps(rows).decode())


class _AccountsOfPhones(PostgresAccountStore):
    """Accounts in the transaction of a phone's."""

    def __init__(self, work: PostgresPhoneWork) -> None:
        self._work = work

    def begin(self, _actor: Actor) -> AbstractContextManager[PostgresAccountWork]:
        return self._work.account_work()


def _phones(
    connection: sa.Connection, numbers: Sequence[str], scope: Scope
) -> dict[str, PhoneRecord]:
    values = {
        "numbers": list(numbers),
        "account_id": scope.account_id,
        "subtree": scope.subtree,
    }
    rows = connection.execute(sa.text(phone_sql.PHONES), values)
    return {row.number: _record(row) for row in rows}


def _record(row: Row) -> PhoneRecord:
    spec = PhoneSpec(
        number=row.number,
        account=row.account,
        rate_group=row.rate_group,
        authorization=RateType(row.authorization),
        dids=tuple(row.dids),
        locked=row.locked,
        locked_in=row.locked_in,
        monthly_minimum=row.monthly_minimum,
        monthly_maximum=row.monthly_maximum,
        monthly_rent=row.monthly_rent,
        lines_in=row.lines_in,
        lines_out=row.lines_out,
        lines_total=row.lines_total,
        memo=row.memo,
    )
    locks = {
        field: by
        for field, is_set, by in (
            ("locked", row.locked, row.locked_by_account_id),
            ("locked_in", row.locked_in, row.locked_in_by_account_id),
        )
        if is_set
    }
    return PhoneRecord(spec, row.account_id, row.revision, row.created_at, row.set_at, locks)
