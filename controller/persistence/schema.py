"""Tables, as SQLAlchemy Core. The migrations create them; a check compares the two.

Money is numeric(24,10): ten digits after the point, the largest scale of a rate group.
`account_funds` is apart from `accounts` because calls write it all the time and people do not.
"""

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INET, UUID

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

Amount = Numeric(24, 10)
Moment = DateTime(timezone=True)
NOW = text("now()")
EMPTY = text("''")
ZERO = text("0")
FALSE = text("false")


def _identity() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=True)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=FALSE)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=EMPTY)


def _amount(name: str) -> Column[object]:
    return Column(name, Amount, nullable=False, server_default=ZERO)


configuration_state = Table(
    "configuration_state",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("version", BigInteger, nullable=False, server_default=ZERO),
    Column("parameters", JSON, nullable=False, server_default=text("'{}'")),
    CheckConstraint("singleton", name="one_row"),
)

rate_groups = Table(
    "rate_groups",
    metadata,
    _identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("currency", String(3), nullable=False),
    Column("decimals", SmallInteger, nullable=False, server_default=text("6")),
    Column("rounding", Text, nullable=False, server_default=text("'half_up'")),
    Column("timezone", Text, nullable=False, server_default=text("'UTC'")),
    _text("memo"),
    CheckConstraint("decimals BETWEEN 0 AND 10", name="decimals"),
)

rates = Table(
    "rates",
    metadata,
    _identity(),
    Column("rate_group_id", ForeignKey("rate_groups.id", ondelete="CASCADE"), nullable=False),
    Column("prefix", Text, nullable=False),
    _text("area"),
    Column("rate_type", SmallInteger, nullable=False, server_default=text("5")),
    Column("tiers", Text, nullable=False),
    Column("tax_percent", Numeric(7, 4), nullable=False, server_default=ZERO),
    Column("effective_from", Moment),
    Column("effective_to", Moment),
    _flag("locked"),
    # one prefix may come several times, for periods that do not overlap (checked at import)
    Index("rates_lookup_idx", "rate_group_id", "prefix", "effective_from", unique=True),
)

accounts = Table(
    "accounts",
    metadata,
    _identity(),
    Column("name", Text, nullable=False, unique=True),
    _text("title"),
    Column("kind", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("parent_id", ForeignKey("accounts.id", ondelete="RESTRICT")),
    Column("rate_group_id", ForeignKey("rate_groups.id", ondelete="RESTRICT")),
    _amount("overdraft_limit"),
    Column("capacity", Integer),
    _flag("locked"),
    Column("expires_at", Moment),
    Column("closed_at", Moment),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    _text("memo"),
    CheckConstraint("kind IN ('ordinary','phone_card','clearing','system')", name="kind"),
    CheckConstraint("parent_id <> id", name="not_its_own_parent"),
    CheckConstraint("overdraft_limit >= 0", name="overdraft"),
    CheckConstraint("capacity >= 0", name="capacity"),
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
    _amount("balance"),
    _amount("reserved"),
    Column("lines", Integer, nullable=False, server_default=ZERO),
    CheckConstraint("reserved >= 0", name="reserved"),
    CheckConstraint("lines >= 0", name="lines"),
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
    _text("memo"),
    Column("recorded_at", Moment, nullable=False, server_default=NOW),
    CheckConstraint("amount > 0", name="positive"),
    CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
    Index("postings_debit_idx", "debit_account_id", "at"),
    Index("postings_credit_idx", "credit_account_id", "at"),
)

mapping_gateways = Table(
    "mapping_gateways",
    metadata,
    _identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    _flag("locked"),
    Column("capacity", Integer),
    Column("authorization", SmallInteger, nullable=False, server_default=text("5")),
    Column("codecs", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    _flag("t38"),
    _text("rewrite_callee"),
    _text("rewrite_caller"),
    Column("max_duration_s", Integer),
    _text("memo"),
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
    _identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("clearing_account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False, server_default=text("5060")),
    Column("transport", Text, nullable=False, server_default=text("'udp'")),
    _flag("locked"),
    _flag("prepaid"),
    Column("capacity", Integer),
    Column("prefix_mode", Text, nullable=False, server_default=text("'terminate'")),
    Column("codecs", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    _flag("t38"),
    _text("rewrite_callee"),
    _text("rewrite_caller"),
    Column("ring_timeout_s", Integer, nullable=False, server_default=text("120")),
    Column("progress_timeout_s", Integer, nullable=False, server_default=text("20")),
    _text("memo"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    CheckConstraint("transport IN ('udp','tcp','tls')", name="transport"),
    CheckConstraint("prefix_mode IN ('terminate','continue')", name="prefix_mode"),
)

routes = Table(
    "routes",
    metadata,
    _identity(),
    Column("prefix", Text, nullable=False),
    Column("gateway_id", ForeignKey("routing_gateways.id", ondelete="CASCADE"), nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("100")),
    UniqueConstraint("prefix", "gateway_id"),
)

gateway_lines = Table(
    "gateway_lines",
    metadata,
    # 'mapping' or 'routing'
    Column("side", Text, primary_key=True),
    Column("gateway_id", BigInteger, primary_key=True, autoincrement=False),
    Column("used", Integer, nullable=False, server_default=ZERO),
    CheckConstraint("used >= 0", name="used"),
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", UUID(as_uuid=False), primary_key=True),
    Column("switch_id", Text, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("mapping_gateway_id", BigInteger, nullable=False),
    Column("routing_gateway_ids", ARRAY(BigInteger), nullable=False),
    Column("reserved", Amount, nullable=False),
    Column("granted_s", Integer, nullable=False),
    Column("offered_at", Moment, nullable=False),
    Column("answered_at", Moment),
    _text("caller"),
    _text("callee"),
    Column("ticket", LargeBinary, nullable=False),
    Index("calls_switch_idx", "switch_id"),
)

cdrs = Table(
    "cdrs",
    metadata,
    Column("call_id", UUID(as_uuid=False), primary_key=True),
    Column("started_at", Moment, primary_key=True),
    Column("switch_id", Text, nullable=False),
    _text("sip_call_id"),
    Column("ringing_at", Moment),
    Column("answered_at", Moment),
    Column("ended_at", Moment, nullable=False),
    Column("pdd_ms", Integer),
    Column("talk_ms", BigInteger, nullable=False),
    Column("duration_s", Integer, nullable=False),
    Column("billed_s", Integer, nullable=False),
    _text("source_ip"),
    Column("source_port", Integer, nullable=False),
    _text("caller_received"),
    _text("callee_received"),
    _text("caller_rated"),
    _text("callee_rated"),
    _text("caller_sent"),
    _text("callee_sent"),
    Column("account_id", BigInteger),
    _text("mapping_gateway"),
    _text("routing_gateway"),
    Column("attempts", SmallInteger, nullable=False),
    _text("rate_prefix"),
    Column("net", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    _text("currency"),
    Column("cost_account_id", BigInteger),
    _text("cost_prefix"),
    Column("cost", Amount, nullable=False),
    _text("cost_currency"),
    Column("reason", Text, nullable=False),
    _text("cause"),
    Column("q850", SmallInteger, nullable=False),
    Column("sip_status", SmallInteger, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("trace", JSON, nullable=False),
    _text("review"),
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
    _text("caller_sent"),
    _text("callee_sent"),
    Column("ringing_at", Moment),
    Column("answered_at", Moment),
    Column("ended_at", Moment, nullable=False),
    Column("cause", Text, nullable=False),
    Column("q850", SmallInteger, nullable=False),
    Column("sip_status", SmallInteger, nullable=False),
    _flag("hangup_by_remote"),
    Index("call_attempts_call_idx", "call_id"),
    postgresql_partition_by="RANGE (started_at)",
)

users = Table(
    "users",
    metadata,
    _identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT")),
    Column("password_hash", Text, nullable=False),
    _flag("disabled"),
    Column("failed_logins", Integer, nullable=False, server_default=ZERO),
    Column("locked_until", Moment),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    Column("last_login_at", Moment),
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
