"""Packages, and their orders."""

from decimal import Decimal

from controller.domain.billing_periods import Alignment, PackagePeriod
from controller.domain.subscriptions import OnInsufficient
from controller.services.config_as_code import values
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import Section
from controller.services.config_as_code.sections.rate_groups import read_hours, read_period_rates
from controller.services.config_as_code.sections.reader import (
    ZERO,
    Reader,
    memo,
    money,
    optional_integer,
    optional_name,
)
from controller.services.config_as_code.specs import (
    FreeSecondsSpec,
    PackageOrderSpec,
    PackageSpec,
)

MAX_PERIOD_S = 10 * 366 * values.DAY_S
MAX_FREE_S = 100_000_000
MAX_FREE_ROWS = 100
MAX_FREE_PREFIXES = 1_000
MAX_ROW_MEMO = 255
MAX_PRIORITY = 999_999_999
HUNDRED = Decimal(100)

_PERIODS = {str(period): period for period in PackagePeriod}
_ALIGNMENTS = {str(alignment): alignment for alignment in Alignment}
_FAILURES = {str(mode): mode for mode in OnInsufficient}
_NO_TIME = values.local_moment("2000-01-01")


def read_packages(reader: Reader, top: Fields) -> None:
    for fields in top.objects(Section.PACKAGES, PackageSpec.__dataclass_fields__):
        period_rates = read_period_rates(fields)
        package = PackageSpec(
            name=fields.required("name", values.name, ""),
            currency=fields.required("currency", values.currency, ""),
            period=fields.required("period", values.choice(_PERIODS), PackagePeriod.MONTH),
            period_s=optional_integer(fields, "period_s", values.integer(60, MAX_PERIOD_S)),
            rent=fields.optional("rent", money, ZERO),
            alignment=fields.optional("alignment", values.choice(_ALIGNMENTS), Alignment.CALENDAR),
            allow_partial_first=fields.optional("allow_partial_first", values.flag, False),
            gift_money=fields.optional("gift_money", money, ZERO),
            minimum_consumption=fields.optional("minimum_consumption", money, ZERO),
            effective_consumption=fields.optional("effective_consumption", money, ZERO),
            calendar=optional_name(fields, "calendar"),
            free_seconds=_free_seconds(fields),
            period_rates=tuple(rate for _, rate in period_rates),
            memo=fields.optional("memo", memo, ""),
        )
        if (package.period is PackagePeriod.ONCE) != ("period_s" in fields):
            message = "period_s belongs to a package with 'period: once', and only there"
            reader.problems.add(fields.line_of("period_s"), message)
        reader.keep(Section.PACKAGES, package, fields)
        reader.keep_rows(Section.PACKAGES, package.name, "period_rates", period_rates)


def _free_seconds(package: Fields) -> tuple[FreeSecondsSpec, ...]:
    found = []
    for fields in package.objects(
        "free_seconds", FreeSecondsSpec.__dataclass_fields__, MAX_FREE_ROWS
    ):
        start, end = read_hours(fields)
        row = FreeSecondsSpec(
            prefixes=fields.many("prefixes", values.prefix, MAX_FREE_PREFIXES),
            seconds=fields.required("seconds", values.integer(1, MAX_FREE_S), MAX_FREE_S),
            start=start,
            end=end,
            cycle_s=fields.optional("cycle_s", values.integer(1, values.DAY_S), 60),
            memo=fields.optional("memo", values.free_text(MAX_ROW_MEMO), ""),
        )
        if "prefixes" not in fields:
            fields.problems.add(fields.line, 'prefixes is missing (["*"] is any destination)')
        if row.cycle_s > row.seconds:
            fields.problems.add(
                fields.line_of("cycle_s"), "cycle_s is longer than the free seconds"
            )
        found.append(row)
    return tuple(found)


def read_package_orders(reader: Reader, top: Fields) -> None:
    known = (f for f in PackageOrderSpec.__dataclass_fields__ if f != "ended")
    for fields in top.objects(Section.PACKAGE_ORDERS, known):
        order = PackageOrderSpec(
            key=fields.required("key", values.key, ""),
            package=fields.required("package", values.name, ""),
            account=optional_name(fields, "account"),
            phone=fields.optional("phone", values.phone_number, "") or None,
            available_from=fields.required("available_from", values.local_moment, _NO_TIME),
            expires_at=fields.optional("expires_at", values.local_moment, None),
            priority=optional_integer(fields, "priority", values.integer(0, MAX_PRIORITY)),
            on_insufficient=fields.optional(
                "on_insufficient", values.choice(_FAILURES), OnInsufficient.WAIT_RECHARGE
            ),
            rent_percent=fields.optional("rent_percent", values.percent, HUNDRED),
            memo=fields.optional("memo", memo, ""),
        )
        if ("account" in fields) == ("phone" in fields):
            reader.problems.add(fields.line, "an order needs either 'account' or 'phone'")
        reader.keep(Section.PACKAGE_ORDERS, order, fields, "key")
