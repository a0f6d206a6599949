"""`tollgate gateways`: customers' trunks (mapping) and vendors' trunks (routing) as records."""

from typing import Any

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.persistence.gateway_store import PostgresGateways
from controller.services.gateways import (
    GatewayQuery,
    MappingGateways,
    MappingRecord,
    RoutingGateways,
    RoutingRecord,
)
from controller.services.gateways.routing import route_texts
from controller.services.records.values import values_of

Kind = type[MappingGateways] | type[RoutingGateways]


@click.group("gateways")
def gateways_group() -> None:
    """Trunks of customers and of vendors (docs/phones.md)."""


def _group(name: str, kind: Kind, whose: str) -> click.Group:
    """The same commands for both kinds; what they do differently, their services do."""

    def gateways(settings: Settings) -> MappingGateways | RoutingGateways:
        return kind(PostgresGateways(bootstrap.engine(settings)))

    @click.group(name, help=f"Trunks of {whose}.")
    def group() -> None:
        pass

    @group.command("list")
    @records.SEARCH
    @records.ACCOUNT
    @records.LOCKED
    @records.DESCENDING
    @records.LIMIT
    @records.AFTER
    @records.JSON
    @click.pass_obj
    def list_command(settings: Settings, /, as_json: bool, **asked: Any) -> None:
        """List gateways by name."""
        with database_errors():
            page = gateways(settings).page(records.acting(), GatewayQuery(**asked))
        if as_json:
            show_json({"gateways": page.rows, "next_after": page.next_after})
            return
        show_table(
            ("gateway", "account", "addresses", ">lines", ">of", ">calls/s", "locked"),
            [
                (
                    row.name,
                    row.account,
                    ", ".join(row.addresses),
                    row.lines,
                    row.capacity,
                    row.calls_per_second,
                    "locked" if row.locked else "",
                )
                for row in page.rows
            ],
        )
        records.more(page.next_after)

    @group.command("show")
    @click.argument("gateway")
    @records.JSON
    @click.pass_obj
    def show_command(settings: Settings, gateway: str, as_json: bool) -> None:
        """Show every field of GATEWAY."""
        with database_errors():
            found = gateways(settings).get(records.acting(), gateway)
        records.show_record(_data(found), as_json=as_json)

    @group.command("add")
    @click.argument("gateway")
    @records.SET
    @records.JSON
    @click.pass_obj
    def add_command(
        settings: Settings, gateway: str, fields: tuple[str, ...], as_json: bool
    ) -> None:
        """Add GATEWAY with the fields that --set names."""
        values = {**records.values_from(fields), "name": gateway}
        with database_errors():
            made = gateways(settings).create(records.acting(), values)
        records.show_record(_data(made), as_json=as_json)

    @group.command("change")
    @click.argument("gateway")
    @records.SET
    @records.JSON
    @click.pass_obj
    def change_command(
        settings: Settings, gateway: str, fields: tuple[str, ...], as_json: bool
    ) -> None:
        """Change the fields that --set names; the others stay. An empty value takes one away."""
        values = records.values_from(fields)
        with database_errors():
            changed = gateways(settings).change(records.acting(), gateway, values)
        records.show_record(_data(changed), as_json=as_json)

    @group.command("delete")
    @click.argument("gateway")
    @records.YES
    @click.pass_obj
    def delete_command(settings: Settings, gateway: str, yes: bool) -> None:
        """Delete GATEWAY. Exit status 1: calls use it."""
        records.confirm(f"Delete the gateway {gateway}?", yes=yes)
        with database_errors():
            gateways(settings).delete(records.acting(), gateway)
        click.echo(f"deleted {gateway}")

    return group


gateways_group.add_command(_group("mapping", MappingGateways, "customers"))
gateways_group.add_command(_group("routing", RoutingGateways, "vendors"))


def _data(record: MappingRecord | RoutingRecord) -> dict[str, object]:
    routes = {}
    if isinstance(record, RoutingRecord):
        routes["routes"] = route_texts(record.routes)
    return {**values_of(record.spec), **routes, "revision": record.revision}
