"""The configuration from the database, compiled for decisions, and kept up to date."""

import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import sqlalchemy as sa

from controller.domain.configuration import (
    CallParameters,
    Configuration,
    MappingGateway,
    PrefixMode,
    Route,
    RoutingGateway,
    index_routes,
    index_sources,
)
from controller.domain.destinations import DestinationRules
from controller.domain.errors import InvalidConfiguration, TollgateError
from controller.domain.numbering import Rewrite
from controller.domain.plan import Media
from controller.domain.rates import RateType
from controller.persistence import schema as t
from controller.persistence.config_objects import parameters_from
from controller.persistence.database import driver_url
from controller.persistence.kept_parties import KeptTables, read_accounts, read_phones
from controller.persistence.number_rows import read_destination_rules
from controller.persistence.rate_loader import GroupLoader, RateGroups
from controller.persistence.rating_reader import read_packages, read_schedules

log = logging.getLogger(__name__)

POLL_S = 5.0
Row = sa.Row[Any]


def load_configuration(
    engine: sa.Engine, groups: GroupLoader | None = None, kept: KeptTables | None = None
) -> Configuration:
    """One consistent version of everything. Who loads again keeps `groups` and `kept` for the next
    time: then it reads what has changed.

    Raises StoreUnavailable where a large deck's index cannot be built, InvalidConfiguration for
    what only a hand in the database can have written.
    """
    kept = kept or KeptTables()
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        kept.reading.version(connection) as since,
    ):
        state = connection.execute(sa.select(t.configuration_state)).one()
        parameters = parameters_from(state.parameters)
        mapping = _mapping_gateways(connection)
        schedules = read_schedules(connection, _zone(parameters))
        return Configuration(
            version=state.version,
            accounts=read_accounts(connection, kept, since),
            rate_groups=(groups or RateGroups(None)).load(
                connection, schedules.of_groups, parameters
            ),
            mapping_gateways=mapping,
            routing_gateways=_routing_gateways(connection),
            routes=index_routes(_routes(connection)),
            sources=index_sources(mapping),
            phones=read_phones(connection, kept, since),
            packages=read_packages(connection, schedules),
            parameters=parameters,
            destination_rules={
                account_id: DestinationRules(rules)
                for account_id, rules in read_destination_rules(connection).items()
            },
        )


def configuration_version(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.select(t.configuration_state.c.version)).scalar_one())


class ConfigurationWatcher:
    """Implements `services.ports.ConfigurationSource`: the newest version, loaded off the path.

    A thread waits for the database's notification (and looks every few seconds all the same),
    compiles the new version and puts it in place whole. If the database is away, the version
    that is in place stays.
    """

    def __init__(
        self,
        engine: sa.Engine,
        url: str,
        groups: RateGroups | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._engine = engine
        self._url = driver_url(url)
        self._groups = groups or RateGroups(None)
        self._kept = KeptTables()
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="configuration", daemon=True)
        with _without_collector():
            self.current = load_configuration(engine, self._groups, self._kept)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute("LISTEN tollgate_configuration")
                    self._follow(connection)
            except (psycopg.Error, sa.exc.SQLAlchemyError, TollgateError) as error:
                log.error("configuration not refreshed", extra={"why": str(error).strip()})
                self._stop.wait(self._poll_s)

    def _follow(self, connection: psycopg.Connection[Any]) -> None:
        """For as long as the connection lives. A server that was away may have lost what it had
        said, so what was kept before is of no use afterwards."""
        self._kept.reading.forget()
        while not self._stop.is_set():
            if configuration_version(self._engine) != self.current.version:
                with _without_collector():
                    loaded = load_configuration(self._engine, self._groups, self._kept)
                connection.execute("SELECT")  # still the same server
                self.current = loaded
                log.info("configuration loaded", extra={"version": self.current.version})
            for _ in connection.notifies(timeout=self._poll_s, stop_after=1):
                pass


@contextmanager
def _without_collector() -> Iterator[None]:
    """Do something that makes very many objects that stay, and have them never looked at again.

    A full collection stops every thread: 170 ms where there are 100,000 accounts. What is alive
    at the end is set aside; reference counts free it when the next version takes its place.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _routes(connection: sa.Connection) -> list[Route]:
    return [
        Route(row.prefix, row.gateway_id, row.priority)
        for row in connection.execute(sa.select(t.routes))
    ]


def _zone(parameters: CallParameters) -> ZoneInfo:
    try:
        return parameters.zone
    except (ValueError, LookupError, OSError):
        message = f"the platform's timezone {parameters.timezone!r} is not an IANA time zone"
        raise InvalidConfiguration(message) from None


def _mapping_gateways(connection: sa.Connection) -> dict[int, MappingGateway]:
    addresses: dict[int, list[tuple[str, int | None]]] = {}
    for row in connection.execute(sa.select(t.mapping_gateway_addresses)):
        ip = str(row.ip).partition("/")[0]
        addresses.setdefault(row.gateway_id, []).append((ip, row.port or None))
    groups = _groups(connection, t.mapping_gateway_groups)
    return {
        row.id: MappingGateway(
            gateway_id=row.id,
            name=row.name,
            account_id=row.account_id,
            addresses=tuple(addresses.get(row.id, ())),
            locked=row.locked,
            capacity=row.capacity,
            authorization=RateType(row.authorization),
            media=_media(row),
            rewrite_callee=Rewrite(row.rewrite_callee),
            rewrite_caller=Rewrite(row.rewrite_caller),
            max_duration_s=row.max_duration_s,
            allow_phone_billing=row.allow_phone_billing,
            group_ids=groups.get(row.id, ()),
        )
        for row in connection.execute(sa.select(t.mapping_gateways))
    }


def _routing_gateways(connection: sa.Connection) -> dict[int, RoutingGateway]:
    groups = _groups(connection, t.routing_gateway_groups)
    return {
        row.id: _routing_gateway(row, groups.get(row.id, ()))
        for row in connection.execute(sa.select(t.routing_gateways))
    }


def _groups(connection: sa.Connection, members: sa.Table) -> dict[int, tuple[int, ...]]:
    """The groups of each gateway that belongs to any."""
    query = sa.select(members).order_by(members.c.gateway_id, members.c.group_id)
    rows = connection.execute(query).all()
    return {
        gateway_id: tuple(row.group_id for row in group)
        for gateway_id, group in groupby(rows, key=lambda row: row.gateway_id)
    }


def _routing_gateway(row: Row, group_ids: tuple[int, ...]) -> RoutingGateway:
    return RoutingGateway(
        gateway_id=row.id,
        name=row.name,
        clearing_account_id=row.clearing_account_id,
        host=row.host,
        port=row.port,
        transport=row.transport,
        locked=row.locked,
        capacity=row.capacity,
        prefix_mode=PrefixMode(row.prefix_mode),
        media=_media(row),
        rewrite_callee=Rewrite(row.rewrite_callee),
        rewrite_caller=Rewrite(row.rewrite_caller),
        ring_timeout_s=row.ring_timeout_s,
        progress_timeout_s=row.progress_timeout_s,
        prepaid=row.prepaid,
        bill_sent_number=row.bill_sent_number,
        calls_per_second=row.calls_per_second,
        group_ids=group_ids,
    )


def _media(row: Row) -> Media:
    return Media(tuple(row.codecs), row.t38)
