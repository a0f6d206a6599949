"""What `tollgate switch` needs."""

from collections.abc import Callable

from controller.bootstrap.foundations import database_url, engine
from controller.bootstrap.process_identity import own_identity
from controller.config import Settings
from controller.domain.errors import Fenced
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.cdr_store import PostgresRecords
from controller.persistence.database import driver_url
from controller.persistence.lease_store import PostgresLeaseStore
from controller.persistence.switch_list import PostgresSwitches
from controller.services.actors import Actor
from controller.services.audit import AuditLine
from controller.services.switches import retire_calls

RETIREMENT_S = 60.0
"""The lease that a retirement takes; it is given back at its end."""


def switch_view(settings: Settings) -> PostgresSwitches:
    return PostgresSwitches(engine(settings))


async def retire_switch(
    actor: Actor, settings: Settings, switch_id: str, tell: Callable[[str], None]
) -> int:
    """Take the switch, close its calls, give it back for good; how many calls were closed.

    What fails half way is done again by the same command, which then leaves the audit log's line.
    Raises Fenced where a controller was quicker, StoreUnavailable.
    """
    url = driver_url(database_url(settings))
    leases = PostgresLeaseStore(url, switch_id, attempt_s=10)
    try:
        await leases.look(switch_id)
        lease = await leases.take(switch_id, own_identity(), RETIREMENT_S, None)
        if lease is None:
            raise Fenced(f"a controller has just taken {switch_id}")
        store = PostgresCallStore(url, lease=lease)
        try:
            rules = PostgresRecords(engine(settings)).record_rules()
            closed = retire_calls(store, switch_id, rules, lambda n: tell(f"{n} calls"))
            what = {"open calls": (str(closed), "0")}
            line = AuditLine(actor, "retire", "switch", switch_id, changes=what)
            PostgresAudit(engine(settings)).note(line)
        finally:
            store.close()
            await leases.retire(lease)
        return closed
    finally:
        leases.close()
