"""What is kept from one version of the configuration to the next is what a whole reading finds."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.domain.configuration import Configuration
from controller.domain.errors import InvalidConfiguration
from controller.persistence import kept_rows
from controller.persistence.config_reader import load_configuration
from controller.persistence.kept_parties import KeptTables
from controller.persistence.kept_rows import Mark
from controller.persistence.rate_loader import RateGroups
from tests.integration.command_line import settings_for
from tests.integration.configured_operator import Operator

pytestmark = pytest.mark.postgres

TWO = """\
rate_groups: [{name: sell, currency: USD}]
accounts:
  - {name: agent, currency: USD, rate_group: sell}
  - {name: shop, currency: USD, parent: agent, rate_group: sell}
phones:
  - {number: 390210001, account: shop}
"""
CHANGES = (
    "UPDATE accounts SET locked = NOT locked WHERE id = {account}",
    "UPDATE accounts SET overdraft_limit = {n} WHERE id IN ({account}, {other})",
    "UPDATE accounts SET offline_calls = {n}, offline_minutes = 5, offline_money = 1"
    " WHERE id = {account}",
    "UPDATE accounts SET awaiting_approval = true, closed_at = now(), expires_at = now()"
    " WHERE id = {account}",
    "UPDATE accounts SET name = name || '-x' WHERE id = {account} AND length(name) < 40",
    # as if somebody had written what it was already
    "UPDATE accounts SET memo = memo",
    "INSERT INTO accounts (name, kind, currency, parent_id)"
    " VALUES ('new-{n}', 'ordinary', 'USD', {account}) ON CONFLICT DO NOTHING",
    "INSERT INTO phones (number, account_id) VALUES ('7{n}', {account}) ON CONFLICT DO NOTHING",
    "INSERT INTO phones (number, account_id) VALUES ('8{n}', {account}) ON CONFLICT DO NOTHING",
    "UPDATE phones SET locked = NOT locked, monthly_maximum = {n} WHERE mod(id, 3) = mod({n}, 3)",
    "UPDATE phones SET account_id = {account} WHERE mod(id, 5) = mod({n}, 5)",
    "UPDATE phones SET number = number || '1' WHERE mod(id, 7) = mod({n}, 7)"
    " AND length(number) < 15",
    "DELETE FROM phones WHERE mod(id, 4) = mod({n}, 4)",
    "DELETE FROM phones WHERE id = (SELECT max(id) FROM phones)",
    # as many as before, but others
    "WITH gone AS (DELETE FROM phones WHERE id = (SELECT min(id) FROM phones) RETURNING account_id)"
    " INSERT INTO phones (number, account_id) SELECT '9{n}', account_id FROM gone",
    "DELETE FROM accounts a WHERE id = (SELECT max(id) FROM accounts)"
    " AND NOT EXISTS (SELECT FROM phones p WHERE p.account_id = a.id)",
)


@pytest.fixture
def operator(engine: sa.Engine, database_url: str, tmp_path: Path) -> Operator:
    found = Operator(settings_for(database_url, tmp_path), engine, tmp_path)
    assert found.apply(TWO).status == 0
    found.execute(
        "INSERT INTO accounts (name, kind, currency, parent_id) SELECT 'a-' || n, 'ordinary',"
        " 'USD', id FROM accounts, generate_series(1, 40) n WHERE name = 'agent'"
    )
    found.execute(
        "INSERT INTO phones (number, account_id) SELECT '6' || id, id FROM accounts"
        " WHERE kind = 'ordinary'"
    )
    return found


class Follower:
    """Loads again and again, and keeps what it can."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.kept = KeptTables()
        self.groups = RateGroups(None)

    def load(self) -> Configuration:
        return load_configuration(self.engine, self.groups, self.kept)

    def check(self) -> Configuration:
        """The same as who reads everything."""
        kept, whole = self.load(), load_configuration(self.engine)
        assert kept.accounts == whole.accounts
        assert kept.phones == whole.phones
        assert kept.version == whole.version
        return kept


@contextmanager
def rows_read(engine: sa.Engine) -> Iterator[list[str]]:
    """Statements meanwhile."""
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def change(connection: sa.Connection, draw: random.Random) -> None:
    accounts = [
        row[0]
        for row in connection.execute(
            sa.text("SELECT id FROM accounts WHERE kind = 'ordinary' ORDER BY id")
        )
    ]
    statement = draw.choice(CHANGES).format(
        account=draw.choice(accounts), other=draw.choice(accounts), n=draw.randrange(10**6)
    )
    savepoint = connection.begin_nested() if draw.random() < 0.5 else None
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except sa.exc.IntegrityError:
        pass  # a foreign key, a number that is taken: as it may happen to people
    if savepoint is not None:
        if draw.random() < 0.3:
            savepoint.rollback()
        else:
            savepoint.commit()


@pytest.mark.parametrize("seed", range(12))
def test_after_random_changes_it_is_what_a_whole_reading_finds(
    operator: Operator, seed: int
) -> None:
    """Beside short transactions a long one, whose parts of them are done at several times; it is
    committed, or not, when the others have been read."""
    draw = random.Random(seed)
    follower = Follower(operator.engine)
    follower.check()
    long = operator.engine.connect()
    long.exec_driver_sql("SET lock_timeout = '200ms'")
    long.commit()
    for _ in range(25):
        if draw.random() < 0.4:
            _try(long, draw)
        if draw.random() < 0.3:
            long.commit() if draw.random() < 0.7 else long.rollback()
        with operator.engine.connect() as short:
            short.exec_driver_sql("SET lock_timeout = '20ms'")
            for _ in range(draw.randrange(4)):
                _try(short, draw)
            short.commit() if draw.random() < 0.8 else short.rollback()
        if draw.random() < 0.1:
            operator.execute("UPDATE configuration_state SET version = version + 1")
        if draw.random() < 0.8:
            follower.check()
    long.commit()
    long.close()
    follower.check()


def _try(connection: sa.Connection, draw: random.Random) -> None:
    try:
        change(connection, draw)
    except sa.exc.OperationalError:
        connection.rollback()  # the other one has the row


def test_only_what_has_changed_is_made_anew(operator: Operator) -> None:
    follower = Follower(operator.engine)
    before = follower.load()
    operator.execute("UPDATE accounts SET locked = true WHERE name = 'shop'")
    after = follower.check()
    same = {id_ for id_, account in after.accounts.items() if account is before.accounts[id_]}
    (shop,) = before.accounts.keys() - same
    assert (before.accounts[shop].locked, after.accounts[shop].locked) == (False, True)
    assert all(phone is before.phones[number] for number, phone in after.phones.items())
    # nothing at all: the very same
    assert follower.check().accounts is after.accounts


def test_a_transaction_that_was_under_way_is_seen_when_it_commits(operator: Operator) -> None:
    """Its row was written in a subtransaction, which snapshots do not list."""
    follower = Follower(operator.engine)
    with operator.engine.connect() as slow:
        slow.exec_driver_sql("UPDATE accounts SET memo = 'first' WHERE name = 'agent'")
        with slow.begin_nested():
            slow.exec_driver_sql("UPDATE accounts SET locked = true WHERE name = 'shop'")
        operator.execute("UPDATE accounts SET memo = 'x' WHERE name = 'a-1'")
        before = follower.check()
        assert not any(account.locked for account in before.accounts.values())
        slow.commit()
    after = follower.check()
    assert [account.name for account in after.accounts.values() if account.locked] == ["shop"]


def test_what_was_frozen_or_moved_is_what_it_was(operator: Operator) -> None:
    follower = Follower(operator.engine)
    follower.check()
    with operator.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in ("VACUUM FREEZE accounts", "VACUUM FULL phones"):
            connection.exec_driver_sql(statement)
    operator.execute("UPDATE phones SET locked = true WHERE number = '390210001'")
    assert follower.check().phones["390210001"].locked


def test_what_fails_leaves_nothing_to_go_on_from(operator: Operator) -> None:
    follower = Follower(operator.engine)
    follower.check()
    operator.execute("ALTER TABLE accounts DISABLE TRIGGER USER")
    circle = "UPDATE accounts SET parent_id = {} WHERE name = 'agent'"
    operator.execute(circle.format("(SELECT id FROM accounts WHERE name = 'shop')"))
    for _ in range(2):
        with pytest.raises(InvalidConfiguration, match="form a circle"):
            follower.load()
    operator.execute(circle.format("NULL"))
    with rows_read(operator.engine) as said:
        follower.load()
    assert not any("xmin" in s for s in said if "FROM accounts" in s)
    follower.check()


MINE = ("2026-03-01", 5)


@pytest.mark.parametrize(
    ("before", "now", "since"),
    [
        (None, Mark(MINE, 900, 905), None),
        (Mark(MINE, 700, 705), Mark(MINE, 900, 905), 700),
        # another server, or the same one started anew, counts otherwise
        (Mark(("2026-03-02", 5), 700, 705), Mark(MINE, 900, 905), None),
        (Mark(("2026-03-01", 6), 700, 705), Mark(MINE, 900, 905), None),
        # put back from a backup
        (Mark(MINE, 1000, 1005), Mark(MINE, 900, 905), None),
        # so long ago that rows cannot tell any more
        (Mark(MINE, 700, 705), Mark(MINE, 2**30, 2**30 + 700), None),
        (Mark(MINE, 700, 705), Mark(MINE, 2**30, 2**30 + 699), 700),
    ],
)
def test_from_when_on_rows_may_be_new(before: Mark | None, now: Mark, since: int | None) -> None:
    assert kept_rows.TOO_LONG_AGO == 2**30
    assert now.since(before) == since
