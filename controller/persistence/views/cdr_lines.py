"""The parties' lines of calls: of one, for its page, and of a period, for an export."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import cdr_charges
from controller.services.actors import Scope
from controller.services.views.cdr_lines import NO_PARTS, CallLine, Parts, PartyLine
from controller.services.views.visibility import parts_of

FETCHED_AT_ONCE = 2_000
_CALL_COLUMNS = 8

_COLUMNS = """l.party, l.revision, l.account_id, coalesce(a.name, '') AS account, l.rate_group,
    l.prefix, l.rated_s, l.billed_s, l.free_s, l.raw, l.net, l.tax, l.currency, l.gift,
    CASE WHEN l.package_ids = '{}' THEN '{}' ELSE ARRAY(
        SELECT p.name FROM unnest(l.package_ids) WITH ORDINALITY AS used(id, place)
        JOIN active_packages ap ON ap.id = used.id JOIN packages p ON p.id = ap.package_id
        ORDER BY used.place) END AS packages"""

_OF_CALL = f"""
SELECT {_COLUMNS}
FROM cdr_charges l LEFT JOIN accounts a ON a.id = l.account_id
WHERE l.call_id = :call_id AND l.started_at = :started_at
ORDER BY l.party = -1, l.party, l.revision
"""  # noqa: S608 - only our own columns

# the last revision of each; the call's own order is the index's
_OF_PERIOD = f"""
SELECT c.call_id::text, c.started_at, c.answered_at, c.caller_rated, c.callee_rated,
    c.mapping_gateway, c.routing_gateway, c.duration_s, {_COLUMNS}
FROM cdrs c
JOIN LATERAL (
    SELECT DISTINCT ON (party) * FROM cdr_charges
    WHERE call_id = c.call_id AND started_at = c.started_at
    ORDER BY party, revision DESC
) l ON true
LEFT JOIN accounts a ON a.id = l.account_id
WHERE c.started_at >= :since AND c.started_at < :until
ORDER BY c.started_at, c.call_id, l.party = -1, l.party
"""  # noqa: S608 - only our own columns


def lines_of(
    connection: sa.Connection, call_id: str, started_at: datetime
) -> tuple[PartyLine, ...]:
    """Every revision: the customer's, the agents' from below, the vendor's."""
    rows = connection.execute(sa.text(_OF_CALL), {"call_id": call_id, "started_at": started_at})
    return tuple(_line(row) for row in rows)


def parts_of_calls(
    connection: sa.Connection, scope: Scope, places: Mapping[str, Sequence[Any]]
) -> Mapping[str, Parts]:
    """By call: its money for the scope. `places` has the calls' `ids` and times (`ats`)."""
    lines: defaultdict[str, list[_Figures]] = defaultdict(list)
    for call_id, *figures in connection.execute(_FIGURES, dict(places)):
        lines[call_id].append(_Figures(*figures))
    return defaultdict(lambda: NO_PARTS, {c: parts_of(scope, found) for c, found in lines.items()})


def standing_lines(
    connection: sa.Connection, since: datetime, until: datetime
) -> Iterator[CallLine]:
    """Each party's last revision, of the calls of a period, the oldest first. Streams."""
    cursor = connection.execution_options(yield_per=FETCHED_AT_ONCE)
    for row in cursor.execute(sa.text(_OF_PERIOD), {"since": since, "until": until}):
        values: list[Any] = [*row[:_CALL_COLUMNS], _line(row[_CALL_COLUMNS:])]
        yield CallLine(*values)


def _line(row: Sequence[Any]) -> PartyLine:
    values: list[Any] = [*row[:-1], tuple(row[-1])]
    return PartyLine(*values)


@dataclass(frozen=True, slots=True)
class _Figures:
    """A line as far as a list shows it (`views.cdr_lines.Line`)."""

    party: int
    revision: int
    account_id: int
    net: Decimal
    tax: Decimal
    currency: str
    billed_s: int
    prefix: str


_c = cdr_charges.c
_FIGURES = sa.select(
    _c.call_id,
    _c.party,
    _c.revision,
    _c.account_id,
    _c.net,
    _c.tax,
    _c.currency,
    _c.billed_s,
    _c.prefix,
).where(
    _c.started_at == sa.any_(sa.bindparam("ats", type_=sa.ARRAY(_c.started_at.type))),
    _c.call_id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(_c.call_id.type))),
)
