"""Package orders of a file, brought beside those that are stored.

A file alone cannot say which instant a date is: that is the platform's zone, of which the file may
be silent. And an order that is over is over, however often a file names it.
"""

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from controller.domain.billing_periods import local_midnight
from controller.domain.errors import InvalidInput
from controller.domain.moments import parse_moment
from controller.services.config_as_code.model import Section, State, Wanted
from controller.services.config_as_code.problems import Problems
from controller.services.config_as_code.specs import PackageOrderSpec


def resolve_orders(wanted: Wanted, stored: State, problems: Problems) -> Wanted:
    """The file's orders with instants in UTC, and `ended` as stored; else as they are."""
    zone = (wanted.parameters or stored.parameters).zone
    orders = {
        order.key: _resolved(order, stored.package_orders.get(order.key), zone, wanted, problems)
        for order in wanted.state.package_orders.values()
    }
    return replace(wanted, state=replace(wanted.state, package_orders=orders))


def _resolved(
    order: PackageOrderSpec,
    stored: PackageOrderSpec | None,
    zone: ZoneInfo,
    wanted: Wanted,
    problems: Problems,
) -> PackageOrderSpec:
    def instant(field: str, moment: datetime) -> datetime:
        if moment.tzinfo is None and moment.time() == time():
            return local_midnight(moment.date(), zone)
        try:
            return parse_moment(moment.isoformat(), zone)
        except InvalidInput as error:
            line = wanted.lines.find((Section.PACKAGE_ORDERS, order.key, field))
            problems.add(line, f"{field}: {error}")
            return moment.replace(tzinfo=zone)

    start, end = order.available_from, order.expires_at
    start = instant("available_from", start)
    end = instant("expires_at", end) if end is not None else None
    if end is not None and end <= start:
        line = wanted.lines.find((Section.PACKAGE_ORDERS, order.key, "expires_at"))
        problems.add(line, "expires_at is not after available_from")
    ended = stored is not None and stored.ended
    return replace(order, available_from=start, expires_at=end, ended=ended)
