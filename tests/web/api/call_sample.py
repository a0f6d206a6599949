"""One call that everybody above its customer has a line of."""

import uuid
from datetime import datetime

import sqlalchemy as sa

from controller.domain.cdr import VENDOR
from tests.integration.tenants import Tenants

_RECORD = """
INSERT INTO cdrs (call_id, started_at, switch_id, sip_call_id, answered_at, ended_at, talk_ms,
    duration_s, billed_s, source_ip, source_port, caller_received, callee_received, caller_rated,
    callee_rated, account_id, mapping_gateway, routing_gateway, attempts, rate_prefix, net, tax,
    currency, cost_account_id, cost_prefix, cost, cost_currency, reason, cause, q850, sip_status,
    ended_by, trace)
VALUES (:call, :at, 'sw-1', 'x@192.0.2.99', :at, :at, 60000, 60, 60, '192.0.2.99', 5060, '100',
    '880171', '100', '880171', :shop, 'shop-in', 'vendor-out', 1, '880', 0.1, 0, 'USD', :vendor,
    '880', 0.013, 'USD', 'answered', 'NORMAL_CLEARING', 16, 200, 'caller',
    '[["route", "kept", "vendor-out"]]')
"""

_LINE = """
INSERT INTO cdr_charges (call_id, started_at, party, revision, account_id, rate_group, prefix,
    rated_s, billed_s, raw, net, tax, currency)
VALUES (:call, :at, :party, 0, :account, 'group', '880', 60, 60, '1/10', :net, 0, 'USD')
"""


def plant_call(engine: sa.Engine, tenants: Tenants, at: datetime) -> str:
    """Its id. The parties are numbered from the customer up; the vendor is the last one."""
    call = str(uuid.uuid4())
    payers = {"shop": "0.1", "dhaka": "0.07", "bd": "0.05"}
    lines = [
        {"call": call, "at": at, "party": party, "account": tenants.id_of(name), "net": net}
        for party, (name, net) in enumerate(payers.items())
    ]
    lines.append(
        {
            "call": call,
            "at": at,
            "party": VENDOR,
            "account": tenants.id_of("vendor"),
            "net": "0.013",
        }
    )
    shop, vendor = tenants.id_of("shop"), tenants.id_of("vendor")
    with engine.begin() as connection:
        connection.execute(
            sa.text(_RECORD), {"call": call, "at": at, "shop": shop, "vendor": vendor}
        )
        connection.execute(sa.text(_LINE), lines)
    return call
