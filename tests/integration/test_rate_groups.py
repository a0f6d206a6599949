"""Rate groups in a list, who uses them, who may see them, and taking one away."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.persistence import schema as t
from controller.persistence.rate_group_store import PostgresRateGroups
from controller.services.rate_groups import visible_rate_groups
from tests.integration.command_line import settings_for
from tests.integration.deck_commands import Decks

pytestmark = pytest.mark.postgres


@pytest.fixture
def decks(database_url: str, engine: sa.Engine, tmp_path: Path) -> Decks:
    found = Decks(settings_for(database_url, tmp_path), engine, tmp_path / "deck.csv")
    found.add_group("sell", memo="everybody")
    found.add_group("private")
    return found


def add(decks: Decks, table: sa.Table, **values: Any) -> int:
    with decks.engine.begin() as connection:
        added = connection.execute(table.insert().values(**values).returning(table.c.id))
        return int(added.scalar_one())


def group_id(decks: Decks, name: str) -> int:
    with decks.engine.connect() as connection:
        query = sa.select(t.rate_groups.c.id).where(t.rate_groups.c.name == name)
        return int(connection.execute(query).scalar_one())


def account(decks: Decks, name: str, **values: Any) -> int:
    columns = {"kind": "ordinary", "currency": "USD", **values}
    return add(decks, t.accounts, name=name, **columns)


@pytest.fixture
def used(decks: Decks) -> Decks:
    """`sell` in every use that there is; the closed account's does not count."""
    sell, private = group_id(decks, "sell"), group_id(decks, "private")
    customer = account(decks, "customer", rate_group_id=sell)
    account(decks, "friend", private_rate_group_id=sell)
    closed = account(decks, "gone", rate_group_id=sell, closed_at=sa.func.now())
    add(decks, t.phones, number="39061", account_id=customer, rate_group_id=sell)
    add(decks, t.phones, number="39062", account_id=closed, rate_group_id=sell)
    package = add(decks, t.packages, name="night", currency="USD", period="month")
    for owner in ({"rate_group_id": private}, {"package_id": package}, {"rate_group_id": sell}):
        add(decks, t.period_rates, position=1, own_rate_group_id=sell, **owner)
    decks.bring("prefix,tiers\n39,0|0:1/60/1\n44,0|0:1/60/1\n")
    decks.stage("prefix,tiers\n39,0|0:2/60/1\n")
    return decks


def test_rate_groups_with_their_figures(used: Decks) -> None:
    agent = account(used, "agent")
    used.execute("UPDATE rate_groups SET owner_account_id = :id WHERE name = 'private'", id=agent)
    used.run("authorize", "sell", "--agent", "agent")
    listed = used.run("groups", "--json").json["rate_groups"]
    assert listed == [
        {
            "name": "private",
            "currency": "USD",
            "memo": "",
            "rates": 0,
            "accounts": 0,
            "private_accounts": 0,
            "phones": 0,
            "periods": 0,
            "staged_decks": 0,
            "owner": "agent",
            "agents": [],
            "uses": 0,
        },
        {
            "name": "sell",
            "currency": "USD",
            "memo": "everybody",
            "rates": 2,
            "accounts": 1,
            "private_accounts": 1,
            "phones": 1,
            "periods": 2,
            "staged_decks": 1,
            "owner": None,
            "agents": ["agent"],
            "uses": 5,
        },
    ]
    assert used.run("groups").out.splitlines()[2].split()[:4] == ["sell", "USD", "2", "5"]


def test_a_group_in_use_is_not_deleted_and_who_uses_it_is_named(used: Decks) -> None:
    refused = used.run("delete", "sell")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.splitlines() == [
        "tollgate: sell: account customer uses it",
        "tollgate: sell: account friend has it as its private rate group",
        "tollgate: sell: phone 39061 has it as its private rate group",
        "tollgate: sell: hours of rate group private have its prices",
        "tollgate: sell: hours of package night have its prices",
    ]
    assert used.count(t.rates) == 2


def test_force_takes_it_from_accounts_and_phones_but_not_from_hours(used: Decks) -> None:
    refused = used.run("delete", "sell", "--force", "--json")
    assert (refused.status, refused.json["deleted"]) == (1, False)
    assert [use["name"] for use in refused.json["in_use_by"]] == ["private", "night"]
    used.execute("DELETE FROM period_rates WHERE rate_group_id = :p", p=group_id(used, "private"))
    used.execute("UPDATE packages SET closed_at = now()")
    version = used.version
    ran = used.run("delete", "sell", "--force")
    assert ran.status == 0, ran.err
    assert ran.out.splitlines() == [
        "detached: account customer uses it",
        "detached: account friend has it as its private rate group",
        "detached: phone 39061 has it as its private rate group",
        "deleted: sell with 2 rates",
    ]
    assert used.version == version + 1
    assert used.count(t.rates) == used.count(t.staged_deck_rows) == 0
    with used.engine.connect() as connection:
        left = connection.execute(sa.select(t.accounts.c.rate_group_id).distinct()).scalars().all()
    assert left == [None]


def test_an_unused_group_is_deleted(decks: Decks) -> None:
    decks.bring("prefix,tiers\n39,0|0:1/60/1\n")
    ran = decks.run("delete", "sell", "--json")
    assert (ran.status, ran.json["deleted"], ran.json["rates"]) == (0, True, 1)
    assert decks.run("delete", "sell").status == 2


def test_an_agent_sees_its_own_groups_and_those_it_is_authorized_for(decks: Decks) -> None:
    decks.add_group("own")
    agent = account(decks, "agent")
    account(decks, "below", parent_id=agent)
    decks.execute("UPDATE rate_groups SET owner_account_id = :id WHERE name = 'own'", id=agent)
    assert decks.run("authorize", "sell", "--agent", "agent").out == "agent may see sell\n"
    again = decks.run("authorize", "sell", "--agent", "agent")
    assert (again.status, again.out) == (0, "it was authorized before\n")
    groups = PostgresRateGroups(decks.engine)
    assert visible_rate_groups(groups, "agent") == ["own", "sell"]
    # nothing is inherited
    assert visible_rate_groups(groups, "below") == []
    listed = decks.run("groups", "--agent", "agent", "--json").json["rate_groups"]
    assert [group["name"] for group in listed] == ["own", "sell"]
    revoked = decks.run("authorize", "sell", "--agent", "agent", "--revoke")
    assert revoked.out == "agent may see sell no longer\n"
    assert decks.run("authorize", "sell", "--agent", "agent", "--revoke").status == 0
    assert visible_rate_groups(groups, "agent") == ["own"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("authorize", "nothing", "--agent", "agent"), "no rate group is named 'nothing'"),
        (("authorize", "sell", "--agent", "nobody"), "no account is named 'nobody'"),
        (("authorize", "sell", "--agent", "vendor"), "vendor is a clearing account"),
        (("authorize", "sell", "--agent", "gone"), "gone is closed"),
        (("groups", "--agent", "nobody"), "no account is named 'nobody'"),
        (("delete", "nothing"), "no rate group is named 'nothing'"),
    ],
)
def test_what_is_refused(decks: Decks, arguments: tuple[str, ...], complaint: str) -> None:
    account(decks, "agent")
    account(decks, "vendor", kind="clearing")
    account(decks, "gone", closed_at=sa.func.now())
    ran = decks.run(*arguments)
    assert ran.status == 2
    assert complaint in ran.err
