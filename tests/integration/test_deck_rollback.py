"""Taking a deck back: exactly the rates before it, once, and only if nothing else changed them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.persistence import schema as t
from tests.integration.command_line import settings_for
from tests.integration.deck_commands import HEAD, Decks

pytestmark = pytest.mark.postgres

LIVE = "prefix,area,rate_type,tiers,tax_percent,effective_from,effective_to,locked,sections\n" + (
    "39,Italy,international,0|0:0.05/60/60,22,,2090-06-01,,\n"
    "39,Italy,international,0|0:0.06/60/60,22,2090-06-01,,true,30:0.1\n"
    "393,Italy mobile,domestic,0|0:0.08/60/60,,,2091-01-01,,\n"
    "7,Russia,international,0|0:0.10/60/60,,,,,\n"
)
NEXT = HEAD + (
    "39,Italia,local,0|0:0.07/60/60,10,,,\n33,France,,0|0:0.03/60/1,,,,\n393,x,,0|0:0.08/60/60,,,,\n"
)


@pytest.fixture
def decks(database_url: str, engine: sa.Engine, tmp_path: Path) -> Decks:
    found = Decks(settings_for(database_url, tmp_path), engine, tmp_path / "deck.csv")
    found.add_group()
    ran = found.bring(LIVE)
    assert ran.status == 0, ran.err
    return found


WAYS = [
    ("--merge", ()),
    ("--replace", ()),
    ("--merge", ("--at", "2090-01-01")),
    ("--replace", ("--at", "2090-01-01")),
    ("--replace", ("--at", "2090-07-01")),
    ("--merge", ("--at", "now")),
]


@pytest.mark.parametrize(("mode", "options"), WAYS)
def test_the_rates_before_come_back_with_their_ids(
    decks: Decks, mode: str, options: tuple[str, ...]
) -> None:
    # a merge at once may not overlap the rate of 2030
    text = NEXT if options or mode == "--replace" else NEXT.replace("39,Italia", "34,Italia")
    before, version = decks.stored, decks.version
    deck = str(decks.stage(text, mode)["id"])
    assert decks.run("activate", deck, *options).status == 0
    assert decks.stored != before
    ran = decks.run("rollback", "sell", "--json")
    assert (ran.status, ran.json["applied"], ran.json["version"]) == (0, True, version + 2)
    assert decks.stored == before
    assert decks.run("show", deck, "--json").json["state"] == "rolled_back"


@pytest.mark.parametrize("options", [(), ("--replace",)])
def test_an_import_is_rolled_back_as_well(decks: Decks, options: tuple[str, ...]) -> None:
    before = decks.stored
    assert decks.bring(NEXT.replace("39,Italia", "34,Italia"), *options).status == 0
    ran = decks.run("rollback", "sell")
    assert ran.status == 0
    assert ran.out.startswith("deck 2 of sell is rolled back: 2 taken out, 1 changed back, ")
    assert decks.stored == before


def test_one_step_and_no_more(decks: Decks) -> None:
    decks.bring(NEXT, "--replace")
    assert decks.run("rollback", "sell").status == 0
    before = decks.stored
    again = decks.run("rollback", "sell")
    assert (again.status, decks.stored) == (1, before)
    assert "deck 2 was rolled back already" in again.err
    # a new deck is a new step
    decks.bring(NEXT, "--replace")
    assert decks.run("rollback", "sell").status == 0
    assert decks.stored == before


def test_an_import_that_changed_nothing_is_no_step(decks: Decks) -> None:
    before = decks.stored
    decks.bring(NEXT, "--replace")
    decks.bring(NEXT, "--replace")
    assert decks.run("rollback", "sell").status == 0
    assert decks.stored == before


def test_the_first_deck_goes_as_it_came(decks: Decks) -> None:
    assert decks.run("rollback", "sell").status == 0
    assert decks.stored == []


def test_nothing_to_roll_back(decks: Decks) -> None:
    decks.add_group("other")
    ran = decks.run("rollback", "other", "--json")
    assert (ran.status, ran.json["applied"], ran.json["deck"]) == (1, False, None)
    assert "no deck of other was activated" in ran.json["refused"]
    assert decks.run("rollback", "nobody").status == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE rates SET locked = true WHERE prefix = '33'", "prefixes 33 are not as it left"),
        ("DELETE FROM rates WHERE prefix = '393'", "prefixes 393 are not as it left"),
        (
            "INSERT INTO rates (rate_group_id, prefix, tiers)"
            " SELECT rate_group_id, '1', tiers FROM rates LIMIT 1",
            "rates that it did not touch",
        ),
        (
            "INSERT INTO rates (id, rate_group_id, prefix, tiers)"
            " SELECT c.rate_id, r.rate_group_id, '7', r.tiers"
            " FROM deck_changes c, rates r WHERE c.prefix = '7' AND c.kind = 'gone' LIMIT 1",
            "prefixes 7 are not as it left",
        ),
    ],
)
def test_what_was_changed_since_is_said_and_nothing_is_rolled_back(
    decks: Decks, change: str, said: str
) -> None:
    decks.bring(NEXT, "--replace")
    decks.execute(change)
    before, version = decks.stored, decks.version
    ran = decks.run("rollback", "sell")
    assert (ran.status, ran.out) == (1, "")
    assert "the rates of sell were changed otherwise since deck 2 was activated at" in ran.err
    assert said in ran.err
    assert (decks.stored, decks.version) == (before, version)


def test_a_rate_that_a_dated_deck_ended_was_opened_again(decks: Decks) -> None:
    deck = str(decks.stage(NEXT, "--replace")["id"])
    decks.run("activate", deck, "--at", "2090-01-01")
    decks.execute("UPDATE rates SET effective_to = NULL WHERE prefix = '7'")
    assert "prefixes 7 are not as it left" in decks.run("rollback", "sell").err


def test_changes_are_kept_of_the_two_newest_decks(decks: Decks) -> None:
    for cents in range(1, 6):
        decks.bring(HEAD + f"1,US,,0|0:0.0{cents}/60/1,,,,\n")
    with decks.engine.connect() as connection:
        kept = connection.execute(sa.select(t.deck_changes.c.deck_id).distinct()).scalars().all()
    assert sorted(kept) == [5, 6]
    assert decks.run("rollback", "sell").status == 0
    assert decks.valid("1", datetime(2026, 1, 1, tzinfo=UTC)) == "0|0:0.04/60/1"


def test_a_rollback_needs_the_whole_record(decks: Decks) -> None:
    decks.bring(NEXT, "--replace")
    decks.execute("DELETE FROM deck_changes WHERE prefix = '33'")
    ran = decks.run("rollback", "sell")
    assert (ran.status, "is no longer kept" in ran.err) == (1, True)
