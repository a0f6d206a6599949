"""Switches, their owners and their open calls, for an operator. Read-only, beside the calls."""

import sqlalchemy as sa

from controller.persistence.lease_store import session_name
from controller.persistence.views.reading import reading
from controller.services.switches import HeldCall, Switch


class PostgresSwitches:
    """Implements `services.switches.SwitchView`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def switches(self) -> list[Switch]:
        with reading(self._engine) as connection:
            rows = connection.execute(sa.text(_SESSIONS))
            sessions = {row.application_name: row.controllers for row in rows}
            return [
                Switch(
                    row.switch_id,
                    row.epoch,
                    f"{row.owner_host} pid {row.owner_pid}" if row.owned else "",
                    row.remaining_s,
                    sessions.get(session_name(row.switch_id), 0),
                    row.open_calls,
                    row.oldest_call,
                    row.retired_at,
                )
                for row in connection.execute(sa.text(_SWITCHES))
            ]

    def held_calls(self, switch_id: str, limit: int) -> list[HeldCall]:
        with reading(self._engine) as connection:
            rows = connection.execute(sa.text(_HELD), {"switch": switch_id, "limit": limit})
            return [HeldCall(**row._asdict()) for row in rows]


_SESSIONS = """
SELECT application_name, count(*) AS controllers FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'tollgate-lease %'
GROUP BY application_name
"""
_SWITCHES = """
WITH open AS (
    SELECT switch_id, count(*) AS calls, min(offered_at) AS oldest FROM calls GROUP BY switch_id
), known AS (
    SELECT switch_id FROM switch_leases UNION SELECT switch_id FROM switches
    UNION SELECT switch_id FROM open
)
SELECT switch_id, coalesce(l.epoch, 0) AS epoch, l.owner_token IS NOT NULL AS owned,
    l.owner_host, l.owner_pid,
    coalesce(extract(epoch FROM l.expires_at - clock_timestamp()), 0)::float8 AS remaining_s,
    coalesce(open.calls, 0) AS open_calls, open.oldest AS oldest_call, l.retired_at
FROM known LEFT JOIN switch_leases l USING (switch_id) LEFT JOIN open USING (switch_id)
ORDER BY switch_id
"""
_HELD = """
SELECT c.call_id::text, a.name AS account, c.callee, c.offered_at, c.answered_at, c.granted_s,
    coalesce((SELECT sum(held) FROM unnest(c.payer_reserved) AS held), 0) AS held, a.currency
FROM calls c JOIN accounts a ON a.id = c.account_id
WHERE c.switch_id = :switch ORDER BY c.offered_at, c.call_id LIMIT :limit
"""
