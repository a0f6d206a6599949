"""Statements about leases. Every time in them is the database's; each is a transaction of its own.

`clock_timestamp()`, not `now()`: a statement may have waited for a lock.
"""

KNOW = "INSERT INTO switch_leases (switch_id) VALUES (%(switch)s) ON CONFLICT DO NOTHING"

LOOK = """
SELECT epoch, owner_token::text, owner_host, owner_pid, owner_mark,
    extract(epoch FROM expires_at - clock_timestamp())::float8
FROM switch_leases WHERE switch_id = %(switch)s
"""

TAKE = """
WITH free AS (
    SELECT switch_id FROM switch_leases
    WHERE switch_id = %(switch)s AND (owner_token IS NULL OR expires_at <= clock_timestamp()
        OR owner_token = %(dead)s::uuid)
    FOR UPDATE
)
UPDATE switch_leases l SET epoch = l.epoch + 1, owner_token = %(token)s, owner_host = %(host)s,
    owner_pid = %(pid)s, owner_mark = %(mark)s, taken_at = clock_timestamp(),
    renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => %(lapse_s)s), retired_at = NULL
FROM free WHERE l.switch_id = free.switch_id
RETURNING l.epoch
"""
"""FOR UPDATE waits for every commit that has passed `switch_fence`, and holds up those that come:
they find the new epoch. An UPDATE alone would not, for it changes no key."""

RENEW = """
UPDATE switch_leases SET renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => %(lapse_s)s)
WHERE switch_id = %(switch)s AND epoch = %(epoch)s AND owner_token = %(token)s
"""

RELEASE = """
UPDATE switch_leases SET owner_token = NULL, expires_at = clock_timestamp()
WHERE switch_id = %(switch)s AND epoch = %(epoch)s AND owner_token = %(token)s
"""

RETIRE = """
UPDATE switch_leases SET owner_token = NULL, expires_at = clock_timestamp(),
    retired_at = clock_timestamp()
WHERE switch_id = %(switch)s AND epoch = %(epoch)s AND owner_token = %(token)s
"""

FENCE = "SELECT switch_fence(%s, %s, %s)"
"""First in every transaction of the call path (migration 0004)."""

FENCED = "TG001"
"""The SQLSTATE with which `switch_fence` refuses."""
