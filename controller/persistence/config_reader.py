"""The configuration from the database, compiled for decisions, and kept up to date."""

import logging
import threading
from typing import Any

import psycopg
import sqlalchemy as sa

from controller.domain.configuration import (
    Account,
    AccountKind,
    Configuration,
    MappingGateway,
    PrefixMode,
    Rate,
    RateGroup,
    RateType,
    Route,
    RoutingGateway,
    index_rates,
    index_routes,
    index_sources,
)
from controller.domain.money import Rounding
from controller.domain.numbering import Rewrite
from controller.domain.plan import Media
from controller.domain.tariff import Terms, parse_tariff
from controller.persistence import schema as t
from controller.persistence.config_objects import parameters_from
from controller.persistence.database import driver_url

log = logging.getLogger(__name__)

POLL_S = 5.0
Row = sa.Row[Any]


def load_configuration(engine: sa.Engine) -> Configuration:
    """One consistent version of everything."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        state = connection.execute(sa.select(t.configuration_state)).one()
        accounts = {row.id: _account(row) for row in connection.execute(sa.select(t.accounts))}
        mapping = _mapping_gateways(connection)
        routing = {
            row.id: _routing_gateway(row)
            for row in connection.execute(sa.select(t.routing_gateways))
        }
        routes = [
            Route(row.prefix, row.gateway_id, row.priority)
            for row in connection.execute(sa.select(t.routes))
        ]
        groups = _rate_groups(connection)
    return Configuration(
        version=state.version,
        accounts=accounts,
        rate_groups=groups,
        mapping_gateways=mapping,
        routing_gateways=routing,
        routes=index_routes(routes),
        sources=index_sources(mapping),
        parameters=parameters_from(state.parameters),
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

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self._engine = engine
        self._url = driver_url(url)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="configuration", daemon=True)
        self.current = load_configuration(engine)

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
            except (psycopg.Error, sa.exc.SQLAlchemyError) as error:
                log.error("configuration not refreshed", extra={"why": str(error).strip()})
                self._stop.wait(POLL_S)

    def _follow(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stop.is_set():
            if configuration_version(self._engine) != self.current.version:
                self.current = load_configuration(self._engine)
                log.info("configuration loaded", extra={"version": self.current.version})
            for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                pass


def _account(row: Row) -> Account:
    return Account(
        account_id=row.id,
        name=row.name,
        kind=AccountKind(row.kind),
        currency=row.currency,
        rate_group_id=row.rate_group_id,
        overdraft_limit=row.overdraft_limit,
        capacity=row.capacity,
        locked=row.locked,
        closed=row.closed_at is not None,
        expires_at=row.expires_at,
    )


def _mapping_gateways(connection: sa.Connection) -> dict[int, MappingGateway]:
    addresses: dict[int, list[tuple[str, int | None]]] = {}
    for row in connection.execute(sa.select(t.mapping_gateway_addresses)):
        ip = str(row.ip).partition("/")[0]
        addresses.setdefault(row.gateway_id, []).append((ip, row.port or None))
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
        )
        for row in connection.execute(sa.select(t.mapping_gateways))
    }


def _routing_gateway(row: Row) -> RoutingGateway:
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
    )


def _media(row: Row) -> Media:
    return Media(tuple(row.codecs), row.t38)


def _rate_groups(connection: sa.Connection) -> dict[int, RateGroup]:
    by_group: dict[int, list[Rate]] = {}
    rates = sa.select(t.rates).order_by(t.rates.c.rate_group_id, t.rates.c.effective_from)
    for row in connection.execution_options(yield_per=10_000).execute(rates):
        by_group.setdefault(row.rate_group_id, []).append(_rate(row))
    return {
        row.id: RateGroup(
            row.id,
            row.name,
            Terms(row.currency, row.decimals, Rounding(row.rounding)),
            index_rates(by_group.get(row.id, [])),
        )
        for row in connection.execute(sa.select(t.rate_groups))
    }


def _rate(row: Row) -> Rate:
    return Rate(
        prefix=row.prefix,
        tariff=parse_tariff(row.tiers),
        tax_percent=row.tax_percent,
        area=row.area,
        rate_type=RateType(row.rate_type),
        locked=row.locked,
        valid_from=row.effective_from,
        valid_until=row.effective_to,
    )
