"""Configuration, accounts, the ledger, calls in progress, call records, users.

`account_funds` is apart from `accounts` because calls write it all the time and people do not.
"""

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INET, UUID

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

configuration_state = Table(
    "configuration_state",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("version", BigInteger, nullable=False, server_default=ZERO),
    Column("parameters", JSON, nullable=False, server_default=NO_ITEMS),
    CheckConstraint("singleton", name="one_row"),
)

rate_groups = Table(
    "rate_groups",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("currency", String(3), nullable=False),
    # none: the platform's fee precision
    Column("decimals", SmallInteger, server_default=text("6")),
    Column("rounding", Text, nullable=False, server_default=text("'half_up'")),
    Column("timezone", Text, nullable=False, server_default=text("'UTC'")),
    Column("section_mode", Text, nullable=False, server_default=text("'increment'")),
    Column("boundary", Text, nullable=False, server_default=text("'answer'")),
    Column("calendar_id", ForeignKey("calendars.id", ondelete="RESTRICT")),
    # an agent's private group; none: the operator's
    Column(
        "owner_account_id",
        ForeignKey(
            "accounts.id",
            ondelete="RESTRICT",
            name="rate_groups_owner_account_id_fkey",
            use_alter=True,
        ),
    ),
    # grows with every change of the group's rates: compiled indexes are kept by it
    Column("rates_version", BigInteger, nullable=False, server_default=ZERO),
    # kept by the same triggers: counting a million takes longer than a page may
    Column("rate_count", BigInteger, nullable=False, server_default=ZERO),
    free_text("memo"),
    CheckConstraint("decimals BETWEEN 0 AND 10", name="decimals"),
    CheckConstraint(
        "section_mode IN ('increment','cumulative_step','cumulative_regular')",
        name="section_mode",
    ),
    CheckConstraint("boundary IN ('answer','split')", name="boundary"),
)

rates = Table(
    "rates",
    metadata,
    identity(),
    Column("rate_group_id", ForeignKey("rate_groups.id", ondelete="CASCADE"), nullable=False),
    Column("prefix", Text, nullable=False),
    free_text("area"),
    Column("rate_type", SmallInteger, nullable=False, server_default=text("5")),
    Column("tiers", Text, nullable=False),
    # section rates as `seconds:fee;…`, read as the group's section_mode says; often empty
    free_text("sections"),
    Column("tax_percent", Numeric(7, 4), nullable=False, server_default=ZERO),
    Column("effective_from", Moment),
    Column("effective_to", Moment),
    flag("locked"),
    # one prefix may come several times, for periods that do not overlap (checked at import)
    Index("rates_lookup_idx", "rate_group_id", "prefix", "effective_from", unique=True),
)

accounts = Table(
    "accounts",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    free_text("title"),
    Column("kind", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("parent_id", ForeignKey("accounts.id", ondelete="RESTRICT")),
    Column("rate_group_id", ForeignKey("rate_groups.id", ondelete="RESTRICT")),
    Column("private_rate_group_id", ForeignKey("rate_groups.id", ondelete="RESTRICT")),
    amount("monthly_minimum"),
    # months that began until then are charged; none: since the account was made
    Column("billed_until", Moment),
    amount("overdraft_limit"),
    # calls of its own in progress, and those of all accounts below it together
    Column("capacity", Integer),
    Column("subtree_capacity", Integer),
    # what it may do while the database is away; none: nothing
    Column("offline_calls", Integer),
    Column("offline_minutes", Integer),
    Column("offline_money", Amount),
    flag("locked"),
    # whose people set the lock; none: the platform. Kept by a trigger, and not for a foreign key:
    # an account that is gone is above nobody
    Column("locked_by_account_id", BigInteger),
    Column("expires_at", Moment),
    Column("closed_at", Moment),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    free_text("memo"),
    # what its users may do, as far as every agent above may (domain/rights.py)
    Column("rights", ARRAY(Text), nullable=False, server_default=NO_ITEMS),
    Column("contact", JSON, nullable=False, server_default=NO_ITEMS),
    # below it the account is told, and locked if it wants that; none: nobody looks
    Column("low_balance", Amount),
    flag("low_balance_locks"),
    Column("locked_for_balance_at", Moment),
    flag("awaiting_approval"),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    CheckConstraint("kind IN ('ordinary','phone_card','clearing','system')", name="kind"),
    CheckConstraint(
        "rights <@ ARRAY['accounts','phones','phone_cards',"
        "'gateways','gateway_settings','gateway_capacity','pay_own','pay_sub']::text[]",
        name="rights",
    ),
    Index("accounts_created_idx", "created_at", "id"),
    Index("accounts_top_idx", "name", postgresql_where=text("parent_id IS NULL")),
    Index("accounts_low_balance_idx", "id", postgresql_where=text("low_balance_locks")),
    CheckConstraint("parent_id <> id", name="not_its_own_parent"),
    CheckConstraint("overdraft_limit >= 0", name="overdraft"),
    CheckConstraint("monthly_minimum >= 0", name="monthly_minimum"),
    Index("accounts_monthly_idx", "billed_until", postgresql_where=text("monthly_minimum > 0")),
    CheckConstraint("capacity >= 0", name="capacity"),
    CheckConstraint("subtree_capacity >= 0", name="subtree_capacity"),
    CheckConstraint(
        "num_nulls(offline_calls, offline_minutes, offline_money) IN (0, 3) AND "
        "offline_calls >= 1 AND offline_minutes BETWEEN 1 AND 60 AND offline_money > 0",
        name="offline",
    ),
    Index("accounts_parent_idx", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
)

account_funds = Table(
    "account_funds",
    metadata,
    Column(
        "account_id",
        ForeignKey("accounts.id", ondelete="RESTRICT"),
        primary_key=True,
        autoincrement=False,
    ),
    amount("balance"),
    amount("reserved"),
    Column("lines", Integer, nullable=False, server_default=ZERO),
    # of the account and of all that are below it
    Column("subtree_lines", Integer, nullable=False, server_default=ZERO),
    CheckConstraint("reserved >= 0", name="reserved"),
    CheckConstraint("lines >= 0", name="lines"),
    CheckConstraint("subtree_lines >= 0", name="subtree_lines"),
)

postings = Table(
    "postings",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("debit_account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("credit_account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("amount", Amount, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("at", Moment, nullable=False),
    Column("call_id", UUID(as_uuid=False)),
    free_text("memo"),
    # while the accounts' funds are locked: an account's postings in their true order
    Column("recorded_at", Moment, nullable=False, server_default=text("clock_timestamp()")),
    CheckConstraint("amount > 0", name="positive"),
    CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
    Index("postings_debit_idx", "debit_account_id", "at"),
    Index("postings_credit_idx", "credit_account_id", "at"),
    # found by their call: its other postings have ids that follow from it
    Index("postings_corrections_idx", "call_id", postgresql_where=text("kind = 'correction'")),
)

mapping_gateways = Table(
    "mapping_gateways",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    flag("locked"),
    Column("locked_by_account_id", BigInteger),
    Column("capacity", Integer),
    Column("calls_per_second", Integer),
    Column("authorization", SmallInteger, nullable=False, server_default=text("5")),
    Column("codecs", ARRAY(Text), nullable=False, server_default=NO_ITEMS),
    flag("t38"),
    free_text("rewrite_callee"),
    free_text("rewrite_caller"),
    Column("max_duration_s", Integer),
    # a caller number that is a phone of ours is billed to the phone's account
    flag("allow_phone_billing"),
    free_text("memo"),
    # grows with every change
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    CheckConstraint("calls_per_second >= 1", name="calls_per_second"),
)

mapping_gateway_addresses = Table(
    "mapping_gateway_addresses",
    metadata,
    Column("gateway_id", ForeignKey("mapping_gateways.id", ondelete="CASCADE"), nullable=False),
    Column("ip", INET, nullable=False),
    # 0: any port
    Column("port", Integer, nullable=False, server_default=ZERO),
    UniqueConstraint("ip", "port"),
    CheckConstraint("port BETWEEN 0 AND 65535", name="port"),
)

routing_gateways = Table(
    "routing_gateways",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("clearing_account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False, server_default=text("5060")),
    Column("transport", Text, nullable=False, server_default=text("'udp'")),
    flag("locked"),
    flag("prepaid"),
    # the vendor is paid for the number as sent to it, not for the one before its rewrite
    flag("bill_sent_number"),
    Column("capacity", Integer),
    Column("calls_per_second", Integer),
    Column("prefix_mode", Text, nullable=False, server_default=text("'terminate'")),
    Column("codecs", ARRAY(Text), nullable=False, server_default=NO_ITEMS),
    flag("t38"),
    free_text("rewrite_callee"),
    free_text("rewrite_caller"),
    Column("ring_timeout_s", Integer, nullable=False, server_default=text("120")),
    Column("progress_timeout_s", Integer, nullable=False, server_default=text("20")),
    free_text("memo"),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    CheckConstraint("transport IN ('udp','tcp','tls')", name="transport"),
    CheckConstraint("prefix_mode IN ('terminate','continue')", name="prefix_mode"),
    CheckConstraint("calls_per_second >= 1", name="calls_per_second"),
)

routes = Table(
    "routes",
    metadata,
    identity(),
    Column("prefix", Text, nullable=False),
    Column("gateway_id", ForeignKey("routing_gateways.id", ondelete="CASCADE"), nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("100")),
    UniqueConstraint("prefix", "gateway_id"),
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", UUID(as_uuid=False), primary_key=True),
    Column("switch_id", Text, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("mapping_gateway_id", BigInteger, nullable=False),
    # the vendors and the groups of gateways in which the call has a line
    Column("routing_gateway_ids", ARRAY(BigInteger), nullable=False),
    Column("group_ids", ARRAY(BigInteger), nullable=False, server_default=NO_ITEMS),
    # money held at the clearing accounts of prepaid vendors
    Column("vendor_ids", ARRAY(BigInteger), nullable=False, server_default=NO_ITEMS),
    Column("vendor_reserved", ARRAY(Amount), nullable=False, server_default=NO_ITEMS),
    # money held at each payer, the customer first, then the agents above it
    Column("payer_ids", ARRAY(BigInteger), nullable=False),
    Column("payer_reserved", ARRAY(Amount), nullable=False),
    # free seconds and gift money held at packages
    Column("free_ids", ARRAY(BigInteger), nullable=False, server_default=NO_ITEMS),
    Column("free_reserved", ARRAY(Integer), nullable=False, server_default=NO_ITEMS),
    Column("gift_ids", ARRAY(BigInteger), nullable=False, server_default=NO_ITEMS),
    Column("gift_reserved", ARRAY(Amount), nullable=False, server_default=NO_ITEMS),
    # the phone whose monthly consumption the call counts in, and that month
    Column("phone_id", BigInteger),
    Column("phone_month", Date),
    amount("month_reserved"),
    Column("granted_s", Integer, nullable=False),
    Column("offered_at", Moment, nullable=False),
    Column("answered_at", Moment),
    free_text("caller"),
    free_text("callee"),
    Column("ticket", LargeBinary, nullable=False),
    Index("calls_switch_idx", "switch_id"),
)

cdrs = Table(
    "cdrs",
    metadata,
    Column("call_id", UUID(as_uuid=False), primary_key=True),
    Column("started_at", Moment, primary_key=True),
    Column("switch_id", Text, nullable=False),
    free_text("sip_call_id"),
    Column("ringing_at", Moment),
    Column("answered_at", Moment),
    Column("ended_at", Moment, nullable=False),
    Column("pdd_ms", Integer),
    Column("talk_ms", BigInteger, nullable=False),
    Column("duration_s", Integer, nullable=False),
    Column("billed_s", Integer, nullable=False),
    free_text("source_ip"),
    Column("source_port", Integer, nullable=False),
    free_text("caller_received"),
    free_text("callee_received"),
    free_text("caller_rated"),
    free_text("callee_rated"),
    free_text("caller_sent"),
    free_text("callee_sent"),
    Column("account_id", BigInteger),
    free_text("mapping_gateway"),
    free_text("phone"),
    free_text("routing_gateway"),
    Column("attempts", SmallInteger, nullable=False),
    free_text("rate_prefix"),
    Column("net", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    free_text("currency"),
    Column("cost_account_id", BigInteger),
    free_text("cost_prefix"),
    Column("cost", Amount, nullable=False),
    free_text("cost_currency"),
    Column("reason", Text, nullable=False),
    free_text("cause"),
    Column("q850", SmallInteger, nullable=False),
    Column("sip_status", SmallInteger, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("trace", JSON, nullable=False),
    free_text("review"),
    Index("cdrs_started_idx", "started_at"),
    Index("cdrs_account_idx", "account_id", "started_at"),
    postgresql_partition_by="RANGE (started_at)",
)

call_attempts = Table(
    "call_attempts",
    metadata,
    Column("leg_id", UUID(as_uuid=False), primary_key=True),
    Column("started_at", Moment, primary_key=True),
    Column("call_id", UUID(as_uuid=False), nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("gateway", Text, nullable=False),
    free_text("caller_sent"),
    free_text("callee_sent"),
    Column("ringing_at", Moment),
    Column("answered_at", Moment),
    Column("ended_at", Moment, nullable=False),
    Column("cause", Text, nullable=False),
    Column("q850", SmallInteger, nullable=False),
    Column("sip_status", SmallInteger, nullable=False),
    flag("hangup_by_remote"),
    Index("call_attempts_call_idx", "call_id"),
    postgresql_partition_by="RANGE (started_at)",
)

users = Table(
    "users",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT")),
    Column("password_hash", Text, nullable=False),
    flag("disabled"),
    Column("disabled_by_account_id", BigInteger),
    Column("failed_logins", Integer, nullable=False, server_default=ZERO),
    Column("locked_until", Moment),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    Column("last_login_at", Moment),
    free_text("email"),
    # of the pages; empty: as the browser asks, and UTC
    free_text("language"),
    free_text("time_zone"),
    flag("must_change_password"),
    # sealed with the installation's secret (services/second_factor.py)
    Column("totp_secret", LargeBinary),
    Column("totp_enabled_at", Moment),
    # the last time step whose code was taken: none is taken twice
    Column("totp_step", BigInteger),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    Index("users_account_idx", "account_id"),
    CheckConstraint("role IN ('administrator','agent','customer')", name="role"),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    # the SHA-256 of the cookie's token: a stolen database opens no session
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    Column("expires_at", Moment, nullable=False),
    # the password was right, and a second factor is still to come: it opens nothing else
    flag("half"),
    free_text("address"),
    free_text("browser"),
    Index("web_sessions_user_idx", "user_id"),
)

login_failures = Table(
    "login_failures",
    metadata,
    # a name or an address that failed to sign in, whether or not it exists
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("first_at", Moment, nullable=False, server_default=NOW),
)

switches = Table(
    "switches",
    metadata,
    Column("switch_id", Text, primary_key=True),
    # the Core-UUID last seen: another one means that the switch restarted
    Column("instance", Text, nullable=False),
    Column("seen_at", Moment, nullable=False, server_default=NOW),
)
