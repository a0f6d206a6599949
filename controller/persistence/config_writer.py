"""Writes a configuration, or parts of one, in one transaction (configuration as code, decks).

An advisory lock keeps changes of the configuration one after the other. Within one, money and
lines are touched last and briefly: calls go on while prices and routes are rewritten.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import sqlalchemy as sa

from controller.domain.configuration import CallParameters
from controller.domain.decks import DeckRow
from controller.domain.errors import InvalidInput, StoreUnavailable, TollgateError
from controller.domain.ledger import SystemAccount
from controller.persistence import config_rating_sql as rating_sql
from controller.persistence import config_sql, deck_store, number_sql
from controller.persistence import schema as t
from controller.persistence.audit_store import write_audit
from controller.persistence.config_objects import parameters_to, read_state
from controller.persistence.config_rows import (
    row_of,
    rows_of_addresses,
    rows_of_agents,
    rows_of_groups,
    rows_of_parts,
)
from controller.persistence.database import transaction
from controller.persistence.number_rows import rows_of_numbers, rows_of_rules, rows_of_sections
from controller.services.audit import AuditLine
from controller.services.config_as_code.differences import Difference
from controller.services.config_as_code.model import (
    Opening,
    Section,
    State,
    StoredPosting,
)
from controller.services.config_as_code.specs import Spec
from controller.services.decks import DeckDifference, NumberedRow, Overlap

CONFIGURATION_LOCK = 7_018_604_012
"""Any constant: one change of the configuration at a time."""

_REMOVE_RATE_GROUPS = (
    # two that go may be each other's periods
    rating_sql.CLEAR_PERIOD_RATES,
    rating_sql.RELEASE_PERIOD_RATES,
    *config_sql.RELEASE_RATE_GROUPS,
    config_sql.REMOVE_RATE_GROUPS,
)
_REMOVALS = (
    (Section.PACKAGE_ORDERS, (rating_sql.REMOVE_PACKAGE_ORDERS,)),
    (Section.PACKAGES, rating_sql.REMOVE_PACKAGES),
    (Section.PHONES, (rating_sql.REMOVE_PHONES,)),
    (Section.RATE_GROUPS, _REMOVE_RATE_GROUPS),
    (Section.GATEWAY_GROUPS, (config_sql.REMOVE_GATEWAY_GROUPS,)),
    (Section.CALENDARS, (rating_sql.RELEASE_CALENDARS, rating_sql.REMOVE_CALENDARS)),
)

WAIT_S = 60
"""Longest wait for another change to end."""
ROW_WAIT_S = 10
_NO_TABLE = "42P01"


class PostgresConfigurationStore:
    """Implements `ConfigurationStore`."""

    def __init__(self, engine: sa.Engine, wait_s: float = WAIT_S) -> None:
        self._engine = engine
        self._wait_s = wait_s

    @contextmanager
    def begin(self) -> Iterator["PostgresConfigurationWork"]:
        """One transaction, rolled back unless committed.

        Raises StoreUnavailable where the database is away or another change takes too long,
        TollgateError where it refuses what was written, InvalidInput where it has no schema.
        """
        try:
            with transaction(self._engine) as connection:
                _take_lock(connection, self._wait_s)
                work = PostgresConfigurationWork(connection)
                yield work
                if not work.committed:
                    connection.rollback()
        except sa.exc.IntegrityError as error:
            raise TollgateError(f"the database refused the change: {_first_line(error)}") from error
        except sa.exc.ProgrammingError as error:
            if getattr(error.orig, "sqlstate", "") != _NO_TABLE:
                raise
            raise InvalidInput(
                "the database has no schema: 'tollgate db upgrade' makes it"
            ) from error


class PostgresConfigurationWork:
    """Implements `ConfigurationWork` on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.committed = False

    def commit(self) -> None:
        """Let the transaction take effect when it ends."""
        self.committed = True

    @property
    def connection(self) -> sa.Connection:
        """For changes of the configuration that have statements of their own (decks)."""
        return self._connection

    # -- read -----------------------------------------------------------------------------

    def state(self) -> State:
        return read_state(self._connection)

    def in_use(self, section: Section) -> frozenset[str]:
        return self._names(config_sql.IN_CALLS[section])

    def histories(self, section: Section, names: Sequence[str]) -> dict[str, str]:
        rows = self._execute(rating_sql.HISTORIES[section], names=list(names))
        return {row.name: row.history for row in rows}

    def with_postings(self, accounts: Sequence[str]) -> frozenset[str]:
        return self._names(config_sql.WITH_POSTINGS, names=list(accounts))

    def postings(self, ids: Sequence[str]) -> dict[str, StoredPosting]:
        if not ids:
            return {}
        rows = self._execute(config_sql.POSTINGS_BY_ID, ids=list(ids))
        return {row.id: StoredPosting(_opening(row), row.kind) for row in rows}

    def openings(self) -> list[Opening]:
        return [_opening(row) for row in self._execute(config_sql.OPENING_POSTINGS)]

    def timezone(self, group: str) -> str | None:
        groups = t.rate_groups
        query = sa.select(groups.c.timezone).where(groups.c.name == group)
        return self._connection.execute(query).scalar_one_or_none()

    def account_ids(self, names: Sequence[str]) -> Mapping[str, int]:
        rows = self._execute(config_sql.ACCOUNT_IDS, names=list(names))
        return {row.name: row.id for row in rows}

    def accounts_of_phones(self, numbers: Sequence[str]) -> Mapping[str, str]:
        rows = self._execute(config_sql.ACCOUNTS_OF_PHONES, numbers=list(numbers))
        return {row.number: row.account for row in rows}

    # -- decks ----------------------------------------------------------------------------

    def stage_deck(self, group: str, rows: Iterable[NumberedRow]) -> int:
        return deck_store.stage(self._connection, group, rows)

    def deck_difference(self, group: str, *, replace: bool) -> DeckDifference:
        return deck_store.difference(self._connection, group, replace=replace)

    def merge_deck(self, group: str, *, replace: bool) -> None:
        deck_store.merge(self._connection, group, replace=replace)

    def overlaps(self, group: str) -> list[Overlap]:
        return deck_store.overlaps(self._connection, group)

    def deck_rows(self, group: str) -> Iterator[DeckRow]:
        return deck_store.stored_rows(self._connection, group)

    def rates_count(self, group: str) -> int:
        return deck_store.count(self._connection, group)

    # -- write ----------------------------------------------------------------------------

    def audit(self, lines: Iterable[AuditLine]) -> None:
        write_audit(self._connection, lines)

    def bump_version(self) -> int:
        return self._new_version(None)

    def write(self, difference: Difference) -> int:
        """Carry out a difference; the new version. References exist when they are needed."""
        self._write_calendars(difference)
        self._write_rows(rating_sql.RATE_GROUPS, difference.written(Section.RATE_GROUPS))
        for group in difference.decks:
            self.merge_deck(group, replace=True)
        self._write_accounts(difference)
        self._write_parts_of_rate_groups(difference)
        self._write_phones(difference)
        self._write_packages(difference)
        self._write_rows(config_sql.GATEWAY_GROUPS, difference.written(Section.GATEWAY_GROUPS))
        self._write_mapping_gateways(difference)
        self._write_routing(difference)
        self._remove_what_others_needed(difference)
        self._insert(number_sql.DIDS, rows_of_numbers(difference.written(Section.PHONES)))
        version = self._new_version(difference.new_parameters)
        self._post(difference.openings)
        return version

    def _new_version(self, parameters: CallParameters | None) -> int:
        """`parameters` None: they stay."""
        text = orjson.dumps(parameters_to(parameters)).decode() if parameters else None
        return int(self._execute(config_sql.BUMP_VERSION, parameters=text).scalar_one())

    def _write_calendars(self, difference: Difference) -> None:
        calendars = difference.written(Section.CALENDARS)
        self._write_rows(rating_sql.CALENDARS, calendars)
        self._write_parts(
            rating_sql.CLEAR_CALENDAR_DAYS, rating_sql.CALENDAR_DAYS, calendars, "days"
        )

    def _write_parts_of_rate_groups(self, difference: Difference) -> None:
        """What names accounts and other rate groups: both are there by now."""
        groups = difference.written(Section.RATE_GROUPS)
        self._write_rows(rating_sql.OWNERS, groups)
        self._on_names(rating_sql.CLEAR_AGENTS, [group.name for group in groups])
        self._insert(rating_sql.AGENTS, rows_of_agents(groups))
        self._write_parts(
            rating_sql.CLEAR_PERIOD_RATES, rating_sql.PERIOD_RATES, groups, "period_rates"
        )

    def _write_phones(self, difference: Difference) -> None:
        """Their DIDs come when what is removed has given its numbers back."""
        phones = difference.written(Section.PHONES)
        self._on_names(number_sql.CLEAR_DIDS, [phone.name for phone in phones])
        self._write_rows(rating_sql.PHONES, phones)

    def _write_packages(self, difference: Difference) -> None:
        packages = difference.written(Section.PACKAGES)
        self._write_rows(rating_sql.PACKAGES, packages)
        self._write_parts(
            rating_sql.CLEAR_FREE_SECONDS, rating_sql.FREE_SECONDS, packages, "free_seconds"
        )
        self._write_parts(
            rating_sql.CLEAR_PACKAGE_PERIOD_RATES,
            rating_sql.PACKAGE_PERIOD_RATES,
            packages,
            "period_rates",
        )
        orders = difference.written(Section.PACKAGE_ORDERS)
        self._write_rows(rating_sql.PACKAGE_ORDERS, orders)

    def _write_accounts(self, difference: Difference) -> None:
        accounts = difference.written(Section.ACCOUNTS)
        self._execute(config_sql.NOTE_LIMITS)
        self._write_rows(config_sql.ACCOUNTS, accounts)
        self._write_rows(config_sql.PARENTS, accounts)
        self._on_names(number_sql.CLEAR_SECTIONS, [a.name for a in accounts])
        self._insert(number_sql.SECTIONS, rows_of_sections(accounts))
        self._on_names(number_sql.CLEAR_RULES, [a.name for a in accounts])
        self._insert(number_sql.RULES, rows_of_rules(accounts))
        self._on_names(config_sql.CLOSE_ACCOUNTS, difference.removed(Section.ACCOUNTS))
        self._execute(config_sql.SYSTEM_ACCOUNTS, names=[str(name) for name in SystemAccount])

    def _remove_what_others_needed(self, difference: Difference) -> None:
        """Each kind after those that refer to it."""
        for section, statements in _REMOVALS:
            if section is Section.PACKAGES:
                self._refuse_packages_in_order(difference.removed(section))
            for statement in statements:
                self._on_names(statement, difference.removed(section))

    def _refuse_packages_in_order(self, names: Sequence[str]) -> None:
        """Of orders that came since the difference was made."""
        self._on_names(rating_sql.LOCK_PACKAGES, names)
        if ordered := self._names(rating_sql.STILL_ORDERED, names=list(names)):
            raise TollgateError(f"ordered meanwhile: package {min(ordered)}")

    def _write_mapping_gateways(self, difference: Difference) -> None:
        gateways = difference.written(Section.MAPPING_GATEWAYS)
        removed = difference.removed(Section.MAPPING_GATEWAYS)
        self._on_names(config_sql.CLEAR_ADDRESSES, [g.name for g in gateways])
        self._on_names(config_sql.REMOVE_MAPPING_GATEWAYS, removed)
        self._write_rows(config_sql.MAPPING_GATEWAYS, gateways)
        self._insert(config_sql.ADDRESSES, rows_of_addresses(gateways))
        self._on_names(config_sql.CLEAR_MAPPING_GROUPS, [g.name for g in gateways])
        self._insert(config_sql.MAPPING_GROUPS, rows_of_groups(gateways))

    def _write_routing(self, difference: Difference) -> None:
        self._on_names(config_sql.REMOVE_ROUTES, difference.removed(Section.ROUTES))
        removed = difference.removed(Section.ROUTING_GATEWAYS)
        self._on_names(config_sql.REMOVE_ROUTING_GATEWAYS, removed)
        gateways = difference.written(Section.ROUTING_GATEWAYS)
        self._write_rows(config_sql.ROUTING_GATEWAYS, gateways)
        self._on_names(config_sql.CLEAR_ROUTING_GROUPS, [g.name for g in gateways])
        self._insert(config_sql.ROUTING_GROUPS, rows_of_groups(gateways))
        self._write_rows(config_sql.ROUTES, difference.written(Section.ROUTES))

    def _post(self, openings: Sequence[Opening]) -> None:
        """Postings and the balances that follow, as the last thing: calls wait for the lock."""
        if not openings:
            return
        rows = [
            {"id": o.posting_id, "account": o.account, "amount": str(o.amount), "memo": o.memo}
            for o in openings
        ]
        self._on_names(config_sql.LOCK_FUNDS, [o.account for o in openings])
        if self._insert(config_sql.OPENINGS, rows) != len(rows):
            raise TollgateError("an account of an opening posting has gone")
        self._insert(config_sql.ADD_TO_FUNDS, rows)

    # -- statements -----------------------------------------------------------------------

    def _write_rows(self, statement: str, specs: Sequence[Spec]) -> None:
        self._insert(statement, [row_of(spec) for spec in specs])

    def _write_parts(self, clear: str, insert: str, specs: Sequence[Spec], listed_in: str) -> None:
        """What objects list in a field, in place of what they listed before."""
        self._on_names(clear, [spec.name for spec in specs])
        self._insert(insert, rows_of_parts(specs, listed_in))

    def _insert(self, statement: str, rows: Sequence[dict[str, Any]]) -> int:
        """Rows that the statement wrote."""
        if not rows:
            return 0
        return int(self._execute(statement, rows=orjson.dumps(rows).decode()).rowcount)

    def _on_names(self, statement: str, names: Sequence[str]) -> None:
        if names:
            self._execute(statement, names=list(names))

    def _names(self, statement: str, **values: object) -> frozenset[str]:
        return frozenset(self._execute(statement, **values).scalars())

    def _execute(self, statement: str, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(statement), values)


def _take_lock(connection: sa.Connection, wait_s: float) -> None:
    connection.execute(sa.text(f"SET LOCAL lock_timeout = {int(wait_s * 1000)}"))
    try:
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": CONFIGURATION_LOCK}
        )
    except sa.exc.OperationalError as error:
        raise StoreUnavailable("another change of the configuration is under way") from error
    connection.execute(sa.text(f"SET LOCAL lock_timeout = {ROW_WAIT_S * 1000}"))


def _opening(row: sa.Row[Any]) -> Opening:
    return Opening(row.id, row.account, row.amount, row.memo)


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
