"""Judgments about the database server and its schema."""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.services.diagnosis.clock_and_disk import judge_clock
from controller.services.doctor import Finding, Status

OLDEST_POSTGRES = 14
FATAL_CLOCK_S = 60.0
"""Only the ledger's times come from the database; calls are timed by the switch."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """`version` is the server's number for it (180004 is 18.4), `clock_ahead_s` its clock less this
    host's, `controllers` how many are connected."""

    version: int
    version_text: str
    settings: dict[str, str]
    clock_ahead_s: float
    controllers: int


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """Names of missing monthly partitions, and how many records no month holds."""

    missing_now: tuple[str, ...]
    missing_next: tuple[str, ...]
    strays: dict[str, int]


def judge_database(facts: DatabaseFacts) -> Iterable[Finding]:
    name = "database version"
    if facts.version < OLDEST_POSTGRES * 10_000:
        detail = f"PostgreSQL {facts.version_text}"
        yield Finding(name, Status.FAIL, detail, f"upgrade to {OLDEST_POSTGRES} or newer")
    else:
        yield Finding(name, Status.OK, f"PostgreSQL {facts.version_text}")
    yield _durability(facts.settings)
    yield judge_clock("database clock", facts.clock_ahead_s, FATAL_CLOCK_S)
    if facts.controllers:
        yield Finding("controllers", Status.OK, f"{facts.controllers} connected")
    else:
        yield Finding(
            "controllers",
            Status.WARN,
            "none is connected to the database: calls are refused with 503",
            "start 'tollgate run' or 'tollgate controller'",
        )


def _durability(settings: dict[str, str]) -> Finding:
    name = "durable commits"
    off = [key for key in ("fsync", "synchronous_commit") if settings.get(key) == "off"]
    if off:
        why = f"{' and '.join(off)} off: a crash loses charges and reservations"
        return Finding(name, Status.FAIL, why, "set it to on in postgresql.conf")
    if settings.get("full_page_writes") == "off":
        why = "full_page_writes off: a crash can tear pages"
        remedy = "set it to on, unless the file system writes pages whole"
        return Finding(name, Status.WARN, why, remedy)
    return Finding(name, Status.OK, ", ".join(f"{k} {v}" for k, v in sorted(settings.items())))


def judge_schema(found: str | None, newest: str | None) -> Finding:
    if found == newest:
        return Finding("schema", Status.OK, f"revision {found}")
    detail = f"revision {found or 'none'}, this version needs {newest}"
    return Finding("schema", Status.FAIL, detail, "run 'tollgate db upgrade'")


def judge_partitions(facts: PartitionFacts) -> Iterable[Finding]:
    remedy = "run 'tollgate db upgrade' (the scheduler does it every night)"
    if facts.missing_now:
        yield Finding("partitions", Status.FAIL, f"missing: {', '.join(facts.missing_now)}", remedy)
    elif facts.missing_next:
        detail = f"next month's are missing: {', '.join(facts.missing_next)}"
        yield Finding("partitions", Status.WARN, detail, remedy)
    else:
        yield Finding("partitions", Status.OK, "this month and the next are there")
    strays = [f"{count} in {table}" for table, count in facts.strays.items() if count]
    if strays:
        yield Finding(
            "default partitions",
            Status.WARN,
            f"records that no month holds: {', '.join(strays)}",
            "move them into a partition of their month; a wrong clock may have put them there",
        )
    else:
        yield Finding("default partitions", Status.OK, "empty")
