"""What every table is made of: types, defaults and the shapes of columns that come often."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    MetaData,
    Numeric,
    Text,
    text,
)

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
NO_ITEMS = text("'{}'")


def identity() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=True)


def flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=FALSE)


def free_text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=EMPTY)


def amount(name: str) -> Column[object]:
    return Column(name, Amount, nullable=False, server_default=ZERO)
