"""Calendars, period rates, phones, packages, recurring money, and each payer's part of a call."""

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from controller.persistence.schema.columns import (
    NO_ITEMS,
    NOW,
    ZERO,
    Amount,
    Moment,
    amount,
    flag,
    free_text,
    identity,
    metadata,
)

calendars = Table(
    "calendars",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    # ISO weekdays, 1 is Monday
    Column("working_weekdays", ARRAY(SmallInteger), nullable=False),
    free_text("memo"),
)

calendar_days = Table(
    "calendar_days",
    metadata,
    Column("calendar_id", ForeignKey("calendars.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("kind", Text, nullable=False),
    free_text("memo"),
    CheckConstraint("kind IN ('working','non_working','special')", name="kind"),
)

rate_group_agents = Table(
    "rate_group_agents",
    metadata,
    Column("rate_group_id", ForeignKey("rate_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
)

packages = Table(
    "packages",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("currency", String(3), nullable=False),
    amount("rent"),
    Column("period", Text, nullable=False),
    # how long a one-off package lasts
    Column("period_s", BigInteger),
    # calendar: whole days, weeks, months and years; anniversary: counted from the order's day
    Column("alignment", Text, nullable=False, server_default=text("'calendar'")),
    flag("allow_partial_first"),
    amount("gift_money"),
    amount("minimum_consumption"),
    # benefits begin after this much consumption in the period
    amount("effective_consumption"),
    Column("calendar_id", ForeignKey("calendars.id", ondelete="RESTRICT")),
    # no more orders; kept because orders and periods of the past name it
    Column("closed_at", Moment),
    free_text("memo"),
    CheckConstraint("period IN ('day','week','month','year','once')", name="period"),
    CheckConstraint("(period = 'once') = (period_s IS NOT NULL)", name="once"),
    CheckConstraint("alignment IN ('calendar','anniversary')", name="alignment"),
    CheckConstraint(
        "rent >= 0 AND gift_money >= 0 AND minimum_consumption >= 0 AND effective_consumption >= 0",
        name="amounts",
    ),
)

package_free_seconds = Table(
    "package_free_seconds",
    metadata,
    identity(),
    Column("package_id", ForeignKey("packages.id", ondelete="CASCADE"), nullable=False),
    Column("position", SmallInteger, nullable=False),
    # destination prefixes; `*` is any
    Column("prefixes", ARRAY(Text), nullable=False),
    # seconds of the local day; an end before the start is on the next day
    Column("start_s", Integer, nullable=False, server_default=ZERO),
    Column("end_s", Integer, nullable=False, server_default=text("86400")),
    Column("seconds", Integer, nullable=False),
    Column("cycle_s", Integer, nullable=False, server_default=text("60")),
    free_text("memo"),
    UniqueConstraint("package_id", "position"),
    CheckConstraint("seconds >= 0 AND cycle_s >= 1", name="seconds"),
    CheckConstraint("start_s BETWEEN 0 AND 86399 AND end_s BETWEEN 0 AND 86400", name="times"),
)

period_rates = Table(
    "period_rates",
    metadata,
    identity(),
    # of a rate group or of a package
    Column("rate_group_id", ForeignKey("rate_groups.id", ondelete="CASCADE")),
    Column("package_id", ForeignKey("packages.id", ondelete="CASCADE")),
    # the first that holds decides
    Column("position", SmallInteger, nullable=False),
    # `mon`…`sun`, `working`, `non_working`, `special`; empty: every day
    Column("days", ARRAY(Text), nullable=False, server_default=NO_ITEMS),
    Column("start_s", Integer, nullable=False, server_default=ZERO),
    Column("end_s", Integer, nullable=False, server_default=text("86400")),
    # either a factor on the normal price or a rate group with prices of its own
    Column("multiplier", Numeric(12, 6)),
    Column("own_rate_group_id", ForeignKey("rate_groups.id", ondelete="RESTRICT")),
    CheckConstraint("(rate_group_id IS NULL) <> (package_id IS NULL)", name="owner"),
    CheckConstraint("(multiplier IS NULL) <> (own_rate_group_id IS NULL)", name="price"),
    CheckConstraint("multiplier >= 0", name="multiplier"),
    CheckConstraint("start_s BETWEEN 0 AND 86399 AND end_s BETWEEN 0 AND 86400", name="times"),
    UniqueConstraint("rate_group_id", "package_id", "position", postgresql_nulls_not_distinct=True),
)

phones = Table(
    "phones",
    metadata,
    identity(),
    Column("number", Text, nullable=False, unique=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    # the private rate group
    Column("rate_group_id", ForeignKey("rate_groups.id", ondelete="RESTRICT")),
    Column("authorization", SmallInteger, nullable=False, server_default=text("5")),
    # may not call; may not be called
    flag("locked"),
    Column("locked_by_account_id", BigInteger),
    flag("locked_in"),
    Column("locked_in_by_account_id", BigInteger),
    amount("monthly_minimum"),
    Column("monthly_maximum", Amount),
    amount("monthly_rent"),
    # calls in progress: to it, from it, and both together
    Column("lines_in", Integer),
    Column("lines_out", Integer),
    Column("lines_total", Integer),
    # months that began until then are charged; none: since the phone was made
    Column("billed_until", Moment),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    free_text("memo"),
    # grows with every change that a person makes
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    CheckConstraint("monthly_minimum >= 0 AND monthly_rent >= 0", name="amounts"),
    CheckConstraint("monthly_maximum >= 0", name="maximum"),
    CheckConstraint("lines_in >= 0 AND lines_out >= 0 AND lines_total >= 0", name="lines"),
    Index("phones_account_idx", "account_id"),
    Index("phones_created_idx", "created_at", "id"),
    Index(
        "phones_monthly_idx",
        "billed_until",
        postgresql_where=text("monthly_rent > 0 OR monthly_minimum > 0"),
    ),
)

phone_months = Table(
    "phone_months",
    metadata,
    Column("phone_id", ForeignKey("phones.id", ondelete="CASCADE"), primary_key=True),
    # the first day, by the platform's time zone
    Column("month", Date, primary_key=True),
    amount("consumed"),
    amount("reserved"),
    CheckConstraint("reserved >= 0", name="reserved"),
)

package_orders = Table(
    "package_orders",
    metadata,
    identity(),
    # what a file or a form calls it: the same order is never placed twice
    Column("key", Text, nullable=False, unique=True),
    Column("package_id", ForeignKey("packages.id", ondelete="RESTRICT"), nullable=False),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    # set where the package is the phone's; account_id is then the phone's account
    Column("phone_id", ForeignKey("phones.id", ondelete="RESTRICT")),
    Column("available_from", Moment, nullable=False),
    Column("expires_at", Moment),
    # the smallest first; none is last
    Column("priority", Integer),
    Column("on_insufficient", Text, nullable=False, server_default=text("'wait_recharge'")),
    Column("rent_percent", Numeric(7, 4), nullable=False, server_default=text("100")),
    # the period that is to be opened next; none: the order is over
    Column("next_period_start", Moment),
    # since when its rent is not covered and it waits for a recharge
    Column("waiting_since", Moment),
    Column("ended_at", Moment),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    free_text("memo"),
    CheckConstraint(
        "on_insufficient IN ('wait_recharge','wait_period','delete')", name="on_insufficient"
    ),
    CheckConstraint("rent_percent BETWEEN 0 AND 100", name="rent_percent"),
    Index("package_orders_account_idx", "account_id"),
    Index("package_orders_package_idx", "package_id"),
    Index(
        "package_orders_due_idx",
        "next_period_start",
        postgresql_where=text("next_period_start IS NOT NULL"),
    ),
)

active_packages = Table(
    "active_packages",
    metadata,
    identity(),
    Column("order_id", ForeignKey("package_orders.id", ondelete="RESTRICT"), nullable=False),
    Column("package_id", ForeignKey("packages.id", ondelete="RESTRICT"), nullable=False),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("phone_id", ForeignKey("phones.id", ondelete="RESTRICT")),
    Column("priority", Integer),
    Column("period_start", Moment, nullable=False),
    Column("period_end", Moment, nullable=False),
    amount("rent_paid"),
    amount("gift_left"),
    amount("gift_reserved"),
    # what calls cost in this period, the part paid by gift money included
    amount("consumption"),
    amount("minimum_consumption"),
    amount("effective_consumption"),
    # the period's account is settled (its shortfall charged); none: it still runs or is due
    Column("closed_at", Moment),
    # the configuration's version was raised after this row came or changed
    flag("announced"),
    CheckConstraint("gift_left >= 0", name="gift_left"),
    CheckConstraint("gift_reserved BETWEEN 0 AND gift_left", name="gift_reserved"),
    UniqueConstraint("order_id", "period_start"),
    Index("active_packages_account_idx", "account_id"),
    Index("active_packages_due_idx", "period_end", postgresql_where=text("closed_at IS NULL")),
    Index("active_packages_news_idx", "id", postgresql_where=text("NOT announced")),
)

active_free_seconds = Table(
    "active_free_seconds",
    metadata,
    identity(),
    Column(
        "active_package_id", ForeignKey("active_packages.id", ondelete="CASCADE"), nullable=False
    ),
    Column("position", SmallInteger, nullable=False),
    Column("prefixes", ARRAY(Text), nullable=False),
    Column("start_s", Integer, nullable=False),
    Column("end_s", Integer, nullable=False),
    Column("cycle_s", Integer, nullable=False),
    Column("left_s", Integer, nullable=False),
    Column("reserved_s", Integer, nullable=False, server_default=ZERO),
    CheckConstraint("left_s >= 0", name="left"),
    CheckConstraint("reserved_s BETWEEN 0 AND left_s", name="reserved"),
    UniqueConstraint("active_package_id", "position"),
)

recurring_charges = Table(
    "recurring_charges",
    metadata,
    # one for each (kind, object, period), posted or not: what was done is not done again
    Column("kind", Text, primary_key=True),
    Column("object_id", BigInteger, primary_key=True, autoincrement=False),
    Column("period_start", Moment, primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("source", Text, nullable=False),
    amount("amount"),
    Column("currency", String(3), nullable=False),
    Column("balance_after", Amount, nullable=False),
    Column("posting_id", UUID(as_uuid=False)),
    Column("at", Moment, nullable=False),
    CheckConstraint(
        "kind IN ('package_rent','phone_rent','phone_minimum','package_minimum','account_minimum')",
        name="kind",
    ),
    Index("recurring_charges_account_idx", "account_id", "at"),
    Index("recurring_charges_at_idx", "at"),
)

cdr_charges = Table(
    "cdr_charges",
    metadata,
    Column("call_id", UUID(as_uuid=False), primary_key=True),
    Column("started_at", Moment, primary_key=True),
    # 0 the customer, 1 the agent above it, 2 the agent above that…; -1 the vendor
    Column("party", SmallInteger, primary_key=True),
    # 0 as charged at the call's end; 1… as corrected by re-rating
    Column("revision", SmallInteger, primary_key=True, server_default=ZERO),
    Column("account_id", BigInteger, nullable=False),
    free_text("rate_group"),
    free_text("prefix"),
    Column("billed_s", Integer, nullable=False),
    # what the price was asked for, free seconds included: re-rating asks for the same
    Column("rated_s", Integer, nullable=False, server_default=ZERO),
    # the exact amount before rounding, as numerator/denominator
    free_text("raw"),
    Column("net", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    Column("currency", String(3), nullable=False),
    # what packages paid of it
    Column("free_s", Integer, nullable=False, server_default=ZERO),
    amount("gift"),
    Column("package_ids", ARRAY(BigInteger), nullable=False, server_default=NO_ITEMS),
    Index("cdr_charges_account_idx", "account_id", "started_at"),
    postgresql_partition_by="RANGE (started_at)",
)

rerating_runs = Table(
    "rerating_runs",
    metadata,
    # what a person calls it: under one key, corrections are posted once
    Column("key", Text, primary_key=True),
    # the calls and prices that were asked for
    Column("wanted", JSON, nullable=False),
    # the moment whose rates count; none: each call's own
    Column("rates_at", Moment),
    Column("began_at", Moment, nullable=False),
    # none: it runs or was interrupted, and the same command goes on with it
    Column("finished_at", Moment),
    Column("corrected", BigInteger, nullable=False, server_default=ZERO),
)
