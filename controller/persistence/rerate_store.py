"""Calls to be priced again, and their corrections. Implements `services.rerate.ports`.

Beside the call path: a piece's corrections take the same locks on accounts' funds, in the same
order, for as long as one statement takes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from controller.domain.cdr import ChargeLine
from controller.domain.configuration import Configuration
from controller.domain.errors import InvalidInput, StoreUnavailable, TollgateError
from controller.domain.packages import ActivePackage, shelve
from controller.domain.rerating import RatedCall
from controller.domain.sections import SectionMode
from controller.persistence import rerate_sql
from controller.persistence.audit_store import write_audit
from controller.persistence.call_rows import Fields, SystemAccounts, line_row, posting_row
from controller.persistence.call_sql import SYSTEM_ACCOUNTS
from controller.persistence.config_reader import load_configuration
from controller.persistence.database import transaction
from controller.persistence.ledger_store import LOCK_TIMEOUT
from controller.persistence.rating_reader import read_schedules
from controller.persistence.schema import calls, rate_groups, rerating_runs
from controller.services.actors import Actor
from controller.services.audit import AuditLine, changed
from controller.services.rerate.deck import GroupReading
from controller.services.rerate.ports import Applied, CallRange, Correction, Place

_FIRST_ID = "00000000-0000-0000-0000-000000000000"
_CALL_FIELDS = 7
_UNIQUE_VIOLATION = "23505"

Prices = tuple[Configuration, frozenset[int]]
"""A configuration with the packages of a range of calls, and those of them with a threshold."""


class PostgresRerate:
    """Each method is one transaction, and each piece of an application too."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def prices(self, since: datetime, until: datetime) -> Prices:
        """Today's configuration; of packages, the period rates of those active in the range.

        Their free seconds and gift money are left out: what calls used of them stays used.
        """
        configuration = load_configuration(self._engine)
        with transaction(self._engine) as connection:
            schedules = read_schedules(connection, configuration.parameters.zone).of_packages
            rows = connection.execute(
                sa.text(rerate_sql.PACKAGES), {"since": since, "until": until}
            ).all()
        packages = [
            ActivePackage(
                active_id=row.id,
                name=row.name,
                account_id=row.account_id,
                period_start=row.period_start,
                period_end=row.period_end,
                phone_id=row.phone_id,
                priority=row.priority,
                periods=schedules.get(row.package_id),
            )
            for row in rows
        ]
        conditional = frozenset(row.id for row in rows if row.conditional)
        return replace(configuration, packages=shelve(packages)), conditional

    def reading_of(self, group_id: int) -> GroupReading:
        """How a rate group reads a deck's times and sections."""
        wanted = sa.select(rate_groups.c.timezone, rate_groups.c.section_mode)
        with transaction(self._engine) as connection:
            zone, mode = connection.execute(wanted.where(rate_groups.c.id == group_id)).one()
        return GroupReading(ZoneInfo(zone), SectionMode(mode))

    def calls(self, wanted: CallRange, after: Place | None, limit: int) -> list[RatedCall]:
        values: Fields = {
            "from_at": after.started_at if after else wanted.since,
            "behind": after.call_id if after else _FIRST_ID,
            "until": wanted.until,
            "limit": limit,
        }
        conditions = ""
        if wanted.gateway:
            conditions += rerate_sql.OF_GATEWAY
            values["gateway"] = wanted.gateway
        if wanted.account_id is not None:
            conditions += rerate_sql.OF_ACCOUNT
            values["account_id"] = wanted.account_id
        with transaction(self._engine) as connection:
            for setting in rerate_sql.ALONG_THE_INDEX:
                connection.exec_driver_sql(setting)
            statement = sa.text(rerate_sql.CALLS.format(conditions=conditions))
            rows = connection.execute(statement, values).all()
        return list(_calls(rows))

    def in_progress(self, since: datetime, until: datetime) -> int:
        """Calls that began in the range and are not over: they have no line yet."""
        wanted = sa.select(sa.func.count()).select_from(calls)
        within = (calls.c.offered_at >= since, calls.c.offered_at < until)
        with transaction(self._engine) as connection:
            return int(connection.scalar(wanted.where(*within)) or 0)

    @contextmanager
    def begin(
        self,
        actor: Actor,
        key: str,
        wanted: dict[str, str],
        rates_at: datetime | None,
        at: datetime,
    ) -> Iterator["_Run"]:
        """Begin an application, or go on with one. `wanted` is what the key stands for.

        Raises InvalidInput where it stands for something else, TollgateError while another runs.
        """
        with _only_one(self._engine) as connection:
            with _writing(connection):
                runs = rerating_runs
                new = {"key": key, "wanted": wanted, "rates_at": rates_at, "began_at": at}
                begin = insert(runs).values(**new).on_conflict_do_nothing().returning(runs.c.key)
                if connection.execute(begin).first() is not None:
                    write_audit(connection, [_begun(actor, key, wanted)])
                known = connection.execute(sa.select(runs).where(runs.c.key == key)).one()
                system = {
                    (currency, name.partition(":")[0]): id_
                    for currency, name, id_ in connection.execute(sa.text(SYSTEM_ACCOUNTS))
                }
            if known.wanted != wanted:
                raise InvalidInput(f"--key {key}: {_other_wish(known.wanted, wanted)}")
            yield _Run(connection, key, known.rates_at, known.finished_at, system)


class _Run:
    """Implements `RerateRun`, on the connection that keeps others from beginning."""

    def __init__(
        self,
        connection: sa.Connection,
        key: str,
        rates_at: datetime | None,
        finished_at: datetime | None,
        system: SystemAccounts,
    ) -> None:
        self._connection = connection
        self.key = key
        self._system = system
        self.rates_at = rates_at
        self.finished_at = finished_at

    def correct(self, corrections: Sequence[Correction]) -> Applied:
        with _writing(self._connection):
            self._connection.execute(LOCK_TIMEOUT)
            ids = sorted({c.line.account_id for c in corrections})
            self._connection.execute(sa.text(rerate_sql.LOCK_FUNDS), {"ids": ids})
            new = self._not_made_before(corrections)
            if new:
                self._write(new)
        postings = sum(len(c.postings) for c in new)
        return Applied(len(new), postings, len(corrections) - len(new))

    def finish(self) -> None:
        runs = rerating_runs
        done = runs.update().where(runs.c.key == self.key, runs.c.finished_at.is_(None))
        with _writing(self._connection):
            self._connection.execute(done.values(finished_at=sa.func.clock_timestamp()))

    def _not_made_before(self, corrections: Sequence[Correction]) -> list[Correction]:
        """A line is corrected once under a key, also where prices changed between two attempts."""
        ids = [p.posting_id for c in corrections for p in c.postings]
        found = self._connection.scalars(sa.text(rerate_sql.KNOWN_POSTINGS), {"ids": ids})
        known = set(found)
        return [c for c in corrections if known.isdisjoint(p.posting_id for p in c.postings)]

    def _write(self, corrections: list[Correction]) -> None:
        postings = [p for c in corrections for p in c.postings]
        values = {
            "charges": _json([line_row(c.line) for c in corrections]),
            "postings": _json([{**posting_row(p, self._system), "memo": p.memo} for p in postings]),
            "funds": _json(_funds(corrections)),
            "lines": len(corrections),
            "key": self.key,
        }
        self._connection.execute(sa.text(rerate_sql.CORRECT), values)


def _begun(actor: Actor, key: str, wanted: dict[str, str]) -> AuditLine:
    """Corrections name the key: what came of it is in the ledger."""
    return AuditLine(actor, "rerate", "calls", key, changes=changed({}, wanted))


def _funds(corrections: Sequence[Correction]) -> list[Fields]:
    """By how much each account's balance moves; system accounts keep none."""
    moved: dict[int, Decimal] = {}
    for correction in corrections:
        account_id = correction.line.account_id
        for posting in correction.postings:
            amount = posting.amount if posting.credit == account_id else -posting.amount
            moved[account_id] = moved.get(account_id, Decimal(0)) + amount
    return [{"account_id": id_, "amount": str(amount)} for id_, amount in sorted(moved.items())]


@contextmanager
def _only_one(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that nobody else has for an application; it ends with the connection."""
    try:
        with engine.connect() as connection:
            if not connection.scalar(sa.text(rerate_sql.LOCK)):
                raise TollgateError("another re-rating is being applied; try again when it is done")
            connection.commit()
            try:
                yield connection
            finally:
                _unlock(connection)
    except sa.exc.OperationalError as error:
        raise StoreUnavailable(str(error.orig).strip()) from error


def _unlock(connection: sa.Connection) -> None:
    """Before the connection goes back to the pool; a lost one holds nothing any more."""
    if connection.invalidated:
        return
    connection.rollback()
    connection.execute(sa.text(rerate_sql.UNLOCK))
    connection.commit()


@contextmanager
def _writing(connection: sa.Connection) -> Iterator[None]:
    try:
        with connection.begin():
            yield
    except sa.exc.IntegrityError as error:
        if getattr(error.orig, "sqlstate", "") != _UNIQUE_VIOLATION:
            raise
        raise TollgateError("calls were re-rated by somebody else meanwhile; try again") from error


def _other_wish(known: dict[str, str], wanted: dict[str, str]) -> str:
    names = sorted(n for n in known.keys() | wanted.keys() if known.get(n) != wanted.get(n))
    said = ", ".join(f"{name} was {known.get(name) or 'not given'}" for name in names)
    return f"it stands for another re-rating ({said})"


def _calls(rows: Sequence[sa.Row[Any]]) -> Iterator[RatedCall]:
    """One call for the rows of its lines; a call without lines has one row, of nulls."""
    for _, same in groupby(rows, key=itemgetter(0)):
        of_call = list(same)
        call_id, started_at, answered_at, rated, sent, phone, gateway = of_call[0][:_CALL_FIELDS]
        lines = tuple(
            _line(call_id, started_at, row[_CALL_FIELDS:])
            for row in of_call
            if row[_CALL_FIELDS] is not None
        )
        yield RatedCall(call_id, started_at, answered_at, rated, sent, phone, gateway, lines)


def _line(call_id: str, started_at: datetime, values: Sequence[Any]) -> ChargeLine:
    (
        party,
        revision,
        account_id,
        rate_group,
        prefix,
        billed_s,
        raw,
        net,
        tax,
        currency,
        free_s,
        gift,
        package_ids,
        rated_s,
    ) = values
    return ChargeLine(
        call_id,
        started_at,
        party,
        account_id,
        rate_group,
        prefix,
        billed_s,
        raw,
        net,
        tax,
        currency,
        free_s,
        gift,
        tuple(package_ids),
        revision,
        rated_s,
    )


def _json(rows: list[Fields]) -> str:
    return orjson.dumps(rows).decode()
