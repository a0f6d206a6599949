"""Upgrading a database that is in use: records, postings and a call in progress of version 0.1."""

import json
import uuid
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from controller.domain.call_record import RecordRules
from controller.domain.events import CallEnded
from controller.persistence import database
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.ledger_store import PostgresBooks
from controller.services.journal_entries import End, Settled
from tests.ledger_check import assert_books_balance

OFFERED_US = 1_772_452_800_000_000
OPEN_CALL = "c0000000-0000-4000-8000-000000000001"
OLD_CALL = "c0000000-0000-4000-8000-000000000002"

# one customer, one vendor, one record of before, and one call in progress; ids by hand
FOUNDATION = """
CREATE TABLE cdrs_2026_03 PARTITION OF cdrs
    FOR VALUES FROM ('2026-03-01T00:00Z') TO ('2026-04-01T00:00Z');
CREATE TABLE call_attempts_2026_03 PARTITION OF call_attempts
    FOR VALUES FROM ('2026-03-01T00:00Z') TO ('2026-04-01T00:00Z');
INSERT INTO accounts (id, name, kind, currency) VALUES
    (1, 'cash:USD', 'system', 'USD'), (2, 'revenue:USD', 'system', 'USD'),
    (3, 'tax:USD', 'system', 'USD'), (4, 'termination_cost:USD', 'system', 'USD');
INSERT INTO rate_groups (id, name, currency) VALUES (1, 'sell', 'USD');
INSERT INTO accounts (id, name, kind, currency, rate_group_id) VALUES
    (11, 'customer', 'ordinary', 'USD', 1), (12, 'vendor', 'clearing', 'USD', 1);
INSERT INTO mapping_gateways (id, name, account_id) VALUES (101, 'trunk', 11);
INSERT INTO routing_gateways (id, name, clearing_account_id, host) VALUES
    (201, 'vendor-trunk', 12, '192.0.2.1');
INSERT INTO postings
    (id, kind, debit_account_id, credit_account_id, amount, currency, at, call_id)
VALUES
    (gen_random_uuid(), 'payment', 1, 11, 10, 'USD', now(), NULL),
    (gen_random_uuid(), 'call_charge', 11, 2, 0.30, 'USD', now(), 'OLD'),
    (gen_random_uuid(), 'call_tax', 11, 3, 0.03, 'USD', now(), 'OLD'),
    (gen_random_uuid(), 'call_cost', 12, 4, 0.10, 'USD', now(), 'OLD');
INSERT INTO cdrs (call_id, started_at, switch_id, ended_at, talk_ms, duration_s, billed_s,
    source_port, account_id, attempts, rate_prefix, net, tax, currency, cost_account_id,
    cost_prefix, cost, cost_currency, reason, q850, sip_status, ended_by, trace)
VALUES ('OLD', '2026-03-02T11:00Z', 'fs1', '2026-03-02T11:01Z', 30000, 30, 60,
    5060, 11, 1, '39', 0.30, 0.03, 'USD', 12, '39', 0.10, 'USD', 'answered', 16, 200, 'caller',
    '[]');
UPDATE accounts SET overdraft_limit = 3 WHERE id = 11;
UPDATE account_funds SET balance = 9.67, reserved = 0.60, lines = 1 WHERE account_id = 11;
UPDATE account_funds SET balance = -0.10 WHERE account_id = 12;
UPDATE gateway_lines SET used = 1;
SELECT setval('accounts_id_seq', 100), setval('rate_groups_id_seq', 100);
""".replace("'OLD'", f"'{OLD_CALL}'")


def old_ticket() -> bytes:
    """As version 0.1 wrote it: one payer, no name of a rate group."""
    price = [11, "39", "0|0:0.60/60/1", "USD", 6, "half_up", "10"]
    cost = [12, "39", "0|0:0.30/60/1", "USD", 6, "half_up", "0"]
    leg = "1e900000-0000-4000-8000-000000000001"
    return json.dumps(
        {
            "call_id": OPEN_CALL,
            "switch_id": "fs1",
            "offered_us": OFFERED_US,
            "account_id": 11,
            "account": "customer",
            "mapping_gateway_id": 101,
            "mapping_gateway": "trunk",
            "caller": "0612345678",
            "callee": "390212345678",
            "sale": price,
            "attempts": [[leg, 201, "vendor-trunk", "0612345678", "390212345678", cost]],
            "max_duration_s": 7200,
            "trace": [["identify", "found", "trunk"]],
        }
    ).encode()


@pytest.fixture
def before(server_url: str) -> Iterator[str]:
    """The URL of a database of the foundation's schema, with traffic."""
    name = f"t_{uuid.uuid4().hex}"
    url = server_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        engine = database.make_engine(url)
        with engine.connect() as to_old:
            command.upgrade(database._config(to_old), "0001")
            to_old.commit()
        with psycopg.connect(url, autocommit=True) as traffic:
            traffic.execute(FOUNDATION)
            traffic.execute(
                "INSERT INTO calls (call_id, switch_id, account_id, mapping_gateway_id,"
                " routing_gateway_ids, reserved, granted_s, offered_at, answered_at, ticket)"
                " VALUES (%s, 'fs1', 11, 101, '{201}', 0.66, 60, '2026-03-02T12:00Z',"
                " '2026-03-02T12:00:02Z', %s)",
                (OPEN_CALL, old_ticket()),
            )
            traffic.execute("UPDATE account_funds SET reserved = 0.66 WHERE account_id = 11")
        engine.dispose()
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_live_data_is_carried_over_and_the_call_is_settled_once(before: str) -> None:
    engine = database.make_engine(before)
    database.upgrade(engine)
    assert database.schema_differences(engine) == []
    books = PostgresBooks(engine)
    assert books.verify(lambda _: None).differences == ()
    assert_books_balance(engine)

    store = PostgresCallStore(before)
    end = End(ended(), None, None, RecordRules())
    first, second = (store.commit([end])[0] for _ in range(2))
    assert isinstance(first, Settled)
    assert first.settlement is not None
    assert (first.settlement.cdr.net, first.settlement.cdr.tax) == (
        Decimal("0.30"),
        Decimal("0.03"),
    )
    assert second == Settled(None)
    assert books.verify(lambda _: None).differences == ()
    with engine.connect() as connection:
        lines = connection.execute(
            sa.text(
                "SELECT call_id::text, party, net, tableoid::regclass::text FROM cdr_charges"
                " ORDER BY started_at, party"
            )
        ).all()
    assert [tuple(line) for line in lines] == [
        (OLD_CALL, -1, Decimal("0.10"), "cdr_charges_2026_03"),
        (OLD_CALL, 0, Decimal("0.30"), "cdr_charges_2026_03"),
        (OPEN_CALL, -1, Decimal("0.15"), "cdr_charges_2026_03"),
        (OPEN_CALL, 0, Decimal("0.30"), "cdr_charges_2026_03"),
    ]
    engine.dispose()


def ended() -> CallEnded:
    """After 30 s of talk."""
    return CallEnded(
        switch_id="fs1",
        call_id=OPEN_CALL,
        offered_us=OFFERED_US,
        ringing_us=OFFERED_US + 1_000_000,
        answered_us=OFFERED_US + 2_000_000,
        ended_us=OFFERED_US + 32_000_000,
        cause="NORMAL_CLEARING",
        q850=16,
        sip_status=200,
        hangup_by_caller=True,
        platform_reason="",
        connected_leg="1e900000-0000-4000-8000-000000000001",
        attempted_legs=("1e900000-0000-4000-8000-000000000001",),
        source_ip="192.0.2.10",
        source_port=5060,
        caller="0612345678",
        caller_name="",
        callee="390212345678",
        sip_call_id="abc@192.0.2.10",
    )
