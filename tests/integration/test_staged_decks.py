"""A deck's way beside the live rates: staged, looked at, activated, discarded, through the
commands."""

import csv
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.domain.decks import DeckRow
from controller.domain.errors import InvalidInput
from controller.persistence import schema as t
from controller.services.decks.ports import DeckOrigin, NewDeck
from controller.services.decks.reading import DeckTable
from controller.services.decks.staging import Activation, activate_deck, stage_deck, staged_decks
from tests.integration.account_office import ROOT
from tests.integration.command_line import settings_for
from tests.integration.deck_commands import HEAD, Decks

pytestmark = pytest.mark.postgres

LIVE = HEAD + (
    "39,Italy,international,0|0:0.05/60/60,,,,\n"
    "393,Italy mobile,international,0|0:0.08/60/60,10,,,\n"
    "44,UK,international,0|0:0.02/60/1,,,,\n"
    "7,Russia,international,0|0:0.10/60/60,,,,true\n"
)
NEXT = HEAD + (
    "39,Italy,international,0|0:0.04/60/60,,,,\n"
    "393,Italy mobile,international,0|0:0.10/60/1,10,,,\n"
    "44,UK,international,0|0:0.02/60/1,,,,\n"
    "33,France,international,0|0:0.03/60/1,,,,\n"
)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def decks(database_url: str, engine: sa.Engine, tmp_path: Path) -> Decks:
    found = Decks(settings_for(database_url, tmp_path), engine, tmp_path / "deck.csv")
    found.add_group()
    assert found.bring(LIVE).status == 0
    return found


def stage_at(decks: Decks, text: str, effective_at: datetime | None, now: datetime = NOW) -> int:
    deck = NewDeck("sell", DeckOrigin.STAGED, "deck.csv", True, effective_at)
    table = DeckTable(text.splitlines(keepends=True))
    return stage_deck(ROOT, decks.store, deck, table, now).deck.deck_id


# -- staging and looking ------------------------------------------------------------------


def test_a_staged_deck_changes_nothing(decks: Decks) -> None:
    before, version = decks.stored, decks.version
    ran = decks.run("stage", "sell", decks.write(NEXT), "--replace")
    assert ran.status == 0
    assert ran.out.splitlines()[:2] == [
        "deck 2 of sell (deck.csv): staged, takes effect at once",
        "4 rows, replace: 1 new, 2 changed, 1 gone, 1 unchanged",
    ]
    assert (decks.stored, decks.version) == (before, version)


def test_the_difference_by_prefix(decks: Decks) -> None:
    shown = decks.stage(NEXT, "--replace")
    assert [
        (
            c["kind"],
            c["prefix"],
            c["price_per_minute"]["before"],
            c["price_per_minute"]["after"],
            c["percent"],
        )
        for c in shown["changes"]
    ] == [
        ("new", "33", None, "0.03", None),
        ("changed", "39", "0.05", "0.04", "-20"),
        ("changed", "393", "0.08", "0.1", "25"),
        ("gone", "7", "0.1", None, None),
    ]
    assert shown["changes"][2]["before"]["tiers"] == "0|0:0.08/60/60"
    assert shown["changes"][2]["after"]["tiers"] == "0|0:0.1/60/1"
    assert [c["prefix"] for c in shown["increases"]] == ["393"]
    assert [c["prefix"] for c in shown["decreases"]] == ["39"]
    assert (shown["errors"], shown["problems"], shown["warnings"]) == (0, [], [])


def test_pages_and_kinds(decks: Decks) -> None:
    deck = str(decks.stage(NEXT, "--replace")["id"])
    first = decks.run("show", deck, "--limit", "2", "--json").json["changes"]
    assert [c["prefix"] for c in first] == ["33", "39"]
    last = str(first[-1]["position"])
    rest = decks.run("show", deck, "--after", last, "--json").json["changes"]
    assert [c["prefix"] for c in rest] == ["393", "7"]
    gone = decks.run("show", deck, "--kind", "gone", "--json").json["changes"]
    assert [c["prefix"] for c in gone] == ["7"]


def test_the_whole_difference_as_csv(decks: Decks, tmp_path: Path) -> None:
    deck = str(decks.stage(NEXT.replace("France", "=1+1"), "--replace")["id"])
    target = tmp_path / "difference.csv"
    assert decks.run("show", deck, "--csv", target).status == 0
    with target.open(encoding="utf-8", newline="") as file:
        found = {row["prefix"]: row for row in csv.DictReader(file)}
    assert list(found) == ["33", "39", "393", "7"]
    assert found["393"]["price_per_minute_before"] == "0.08"
    assert found["393"]["price_per_minute_after"] == "0.1"
    assert (found["393"]["percent"], found["393"]["row"]) == ("25", "3")
    assert found["393"]["tiers_after"] == "0|0:0.1/60/1"
    assert found["7"]["locked_before"] == "true"
    assert found["33"]["area_after"] == "'=1+1"


def test_the_difference_follows_the_live_rates(decks: Decks) -> None:
    deck = str(decks.stage(NEXT, "--replace")["id"])
    decks.bring(HEAD + "39,Italy,international,0|0:0.04/60/60,,,,\n1,US,,0|0:0.01/60/6,,,,\n")
    shown = decks.run("show", deck, "--json").json
    assert (shown["new"], shown["changed"], shown["gone"], shown["unchanged"]) == (1, 1, 2, 2)


def test_a_merge_leaves_what_the_deck_does_not_name(decks: Decks) -> None:
    shown = decks.stage(NEXT)
    assert (shown["mode"], shown["gone"]) == ("merge", 0)
    assert decks.run("activate", str(shown["id"])).status == 0
    assert [row.prefix for row in decks.live] == ["33", "39", "393", "44", "7"]


def test_sections_are_part_of_the_difference(decks: Decks) -> None:
    head, row = "prefix,area,tiers,sections\n", "44,UK,0|0:0.02/60/1,{}\n"
    decks.bring(head + row.format("30:0.01;60:0.02"))
    shown = decks.stage(head + row.format("30:0.01;60:0.03"))
    (change,) = shown["changes"]
    # 30 s for 0.01, then the second row, entered
    assert change["price_per_minute"] == {"before": "0.03", "after": "0.04"}
    assert change["before"]["sections"] == "30:0.01;60:0.02"
    decks.run("activate", str(shown["id"]))
    assert [row.sections for row in decks.live if row.prefix == "44"] == ["30:0.01;60:0.03"]


# -- errors -------------------------------------------------------------------------------


def test_a_deck_with_errors_can_be_looked_at_and_never_activated(decks: Decks) -> None:
    before = decks.stored
    text = NEXT + "x,,,0|0:1/60/1,,,,\n39,again,,0|0:1/60/1,,,,\n5,,,0|0:-1/60/1,101,,,\n"
    ran = decks.run("stage", "sell", decks.write(text), "--replace", "--json")
    assert ran.status == 1
    assert [(p["row"], p["message"]) for p in ran.json["problems"]] == [
        (6, "prefix: 'x' is neither digits nor '*'"),
        (7, "prefix 39: the validity overlaps that of row 2"),
        (8, "0:-1/60/1: '-1' is not a price (digits, at most 10 decimals)"),
        (8, "tax_percent: '101' is not 0 to 100 with at most 4 decimals"),
    ]
    assert (ran.json["rows"], ran.json["errors"], ran.json["changed"]) == (4, 4, 2)
    refused = decks.run("activate", str(ran.json["id"]), "--accept-warnings")
    assert (refused.status, refused.out) == (1, "")
    assert "errors in the deck: 4" in refused.err
    assert decks.stored == before


def test_a_row_that_overlaps_a_live_rate_that_stays_is_an_error(decks: Decks) -> None:
    text = HEAD + "39,Italy,,0|0:0.04/60/60,,2027-01-01,,\n"
    shown = decks.stage(text)
    assert (shown["errors"], shown["problems"]) == (
        1,
        [
            {
                "row": 2,
                "message": "prefix 39: the validity overlaps a stored rate's (always to ever)",
            }
        ],
    )
    assert decks.run("activate", str(shown["id"])).status == 1
    # a date says how the one follows the other; and so does a deck that replaces everything
    assert decks.stage(text, "--effective", "2090-01-01")["errors"] == 0
    assert decks.stage(text, "--replace")["errors"] == 0


def test_only_so_many_errors_are_kept_and_all_are_counted(
    decks: Decks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.services.decks.staging.MAX_KEPT_PROBLEMS", 3)
    shown = decks.stage(NEXT + "x,,,,,,,\n" * 10)
    assert (shown["errors"], len(shown["problems"])) == (20, 3)


@pytest.mark.parametrize(
    ("text", "options", "complaint"),
    [
        (HEAD, (), "the deck has no rates"),
        (NEXT, ("--effective", "2020-01-01"), "2020-01-01T00:00:00Z is past"),
        (NEXT, ("--effective", "soon"), "--effective: 'soon' is not an ISO 8601"),
        (NEXT, ("--max-price", "-1"), "--max-price: '-1' is not a number"),
        (NEXT, ("--map", "prefix"), "--map: 'prefix' is not NAME=…"),
        (NEXT, ("--map", "prfx=a"), "--map: 'prfx' is none of prefix"),
        (NEXT, ("--delimiter", "x"), "--delimiter: delimiter 'x' is none of"),
        (NEXT, ("--header-row", "0"), "--header-row: header_row: '0' is not 1 to 1000"),
        (NEXT, ("--mapping", "nowhere.yaml"), "nowhere.yaml: No such file"),
    ],
)
def test_what_is_not_even_staged(
    decks: Decks, text: str, options: tuple[str, ...], complaint: str
) -> None:
    ran = decks.run("stage", "sell", decks.write(text), *options)
    assert (ran.status, ran.out) == (2, "")
    assert complaint in ran.err
    assert decks.count(t.staged_decks) == 1
    assert decks.count(t.staged_deck_rows) == 0


def test_only_so_many_decks_wait(decks: Decks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.services.decks.staging.MAX_STAGED", 2)
    decks.stage(NEXT)
    second = decks.stage(NEXT)["id"]
    refused = decks.run("stage", "sell", decks.file)
    assert (refused.status, "2 decks are staged for sell" in refused.err) == (2, True)
    assert decks.run("discard", str(second)).status == 0
    decks.stage(NEXT)


# -- warnings -----------------------------------------------------------------------------


def test_absurd_prices_must_be_accepted(decks: Decks) -> None:
    decks.bring(HEAD + "888,Free,,0|0:0/60/60,,,,\n")
    text = HEAD + (
        "1,Absurd,,0|0:101/60/1,,,,\n"
        "2,Just not,,0|0:100/60/1,,,,\n"
        "39,Much dearer,,0|0:0.2001/60/60,,,,\n"
        "393,Just not,,0|0:0.32/60/60,10,,,\n"
        "44,Nothing,,0|0:0/60/1,,,,\n"
        "45,Locked,,0|0:0/60/1,,,,true\n"
        "888,No longer free,,0|0:0.01/60/60,,,,\n"
    )
    shown = decks.stage(text)
    assert [
        (w["kind"], w["count"], [c["prefix"] for c in w["examples"]]) for w in shown["warnings"]
    ] == [
        ("above_limit", 1, ["1"]),
        ("zero", 1, ["44"]),
        ("change", 1, ["39"]),
        ("from_zero", 1, ["888"]),
    ]
    deck = str(shown["id"])
    refused = decks.run("activate", deck)
    assert refused.status == 1
    assert "prices to be looked at: 4" in refused.err
    assert "dearer than 100 a minute: 1 (row 2 prefix 1 (101))" in refused.err
    assert decks.run("activate", deck, "--accept-warnings").status == 0


def test_a_price_that_stays_is_not_absurd_again(decks: Decks) -> None:
    decks.bring(HEAD + "44,UK,,0|0:0/60/1,,,,\n")
    shown = decks.stage(HEAD + "44,United Kingdom,,0|0:0/60/1,,,,\n")
    assert (shown["changed"], shown["warnings"]) == (1, [])


def test_limits_are_a_choice(decks: Decks) -> None:
    shown = decks.stage(NEXT, "--max-price", "0.09", "--max-change", "20")
    assert {w["kind"]: w["count"] for w in shown["warnings"]} == {"above_limit": 1, "change": 1}


def test_an_import_says_what_is_absurd_and_may_refuse_it(decks: Decks) -> None:
    before = decks.stored
    absurd = HEAD + "39,Italy,,0|0:500/60/60,,,,\n"
    strict = decks.bring(absurd, "--strict")
    assert (strict.status, decks.stored) == (1, before)
    assert "warning: dearer than 100 a minute: 1 (row 2 prefix 39 (0.05 → 500))" in strict.err
    dry = decks.bring(absurd, "--dry-run", "--json")
    assert (dry.status, dry.json["applied"], decks.stored) == (0, False, before)
    assert [w["kind"] for w in dry.json["warnings"]] == ["above_limit", "change"]
    assert decks.bring(absurd).status == 0


# -- activation ---------------------------------------------------------------------------


def test_an_activation_is_what_the_difference_said(decks: Decks) -> None:
    deck = str(decks.stage(NEXT, "--replace")["id"])
    version = decks.version
    ran = decks.run("activate", deck, "--json")
    assert (ran.status, ran.json["applied"], ran.json["version"]) == (0, True, version + 1)
    assert [(row.prefix, row.tiers) for row in decks.live] == [
        ("33", "0|0:0.03/60/1"),
        ("39", "0|0:0.04/60/60"),
        ("393", "0|0:0.1/60/1"),
        ("44", "0|0:0.02/60/1"),
    ]
    assert decks.run("show", deck, "--json").json["state"] == "active"
    again = decks.run("activate", deck)
    assert (again.status, "is active, not staged" in again.err) == (1, True)
    assert decks.count(t.staged_deck_rows) == 0


def test_a_deck_without_a_difference_is_discarded(decks: Decks) -> None:
    deck = str(decks.stage(LIVE, "--replace")["id"])
    version = decks.version
    ran = decks.run("activate", deck)
    assert (ran.status, decks.version) == (0, version)
    assert ran.out.splitlines()[-1] == "no changes; the deck is discarded"


def test_a_deck_is_activated_once_however_many_try(decks: Decks) -> None:
    deck = decks.stage(NEXT, "--replace")["id"]
    version = decks.version
    done: list[Activation] = []

    def activate() -> None:
        done.append(activate_deck(ROOT, decks.store, deck, datetime.now(UTC)))

    threads = [threading.Thread(target=activate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bool(a.refused) for a in done) == [False, True, True, True]
    assert decks.version == version + 1


def test_discarded_decks_are_gone(decks: Decks) -> None:
    deck = str(decks.stage(NEXT, "--replace")["id"])
    assert decks.run("discard", deck).out == f"discarded: deck {deck} of sell\n"
    assert decks.count(t.staged_deck_rows) == 0
    assert decks.run("discard", deck).status == 2
    assert decks.run("activate", deck).status == 1
    assert decks.run("show", "99").status == 2
    assert decks.run("show", "x").status == 2


def test_decks_in_a_list(decks: Decks) -> None:
    decks.add_group("other")
    decks.stage(NEXT, "--replace")
    decks.stage(NEXT, group="other")
    listed = decks.run("staged", "--json").json["decks"]
    assert [(d["id"], d["rate_group"], d["state"], d["origin"]) for d in listed] == [
        (3, "other", "staged", "staged"),
        (2, "sell", "staged", "staged"),
        (1, "sell", "active", "import"),
    ]
    assert len(decks.run("staged", "sell", "--json").json["decks"]) == 2
    assert "deck.csv" in decks.run("staged", "sell").out
    assert decks.run("staged", "nobody").status == 2


def test_a_group_takes_its_decks_with_it(decks: Decks) -> None:
    decks.stage(NEXT, "--replace")
    assert decks.run("delete", "sell").status == 0
    for table in (t.staged_decks, t.staged_deck_rows, t.deck_changes, t.rates):
        assert decks.count(table) == 0


# -- dates --------------------------------------------------------------------------------


def test_a_deck_takes_effect_at_its_date(decks: Decks) -> None:
    """Until the date the old rates; from then on the deck's; what is the same stays one rate."""
    date = NOW + timedelta(days=10)
    deck = stage_at(decks, NEXT, date)
    assert activate_deck(ROOT, decks.store, deck, NOW).refused == ()
    assert [(r.prefix, r.tiers, r.effective_from, r.effective_to) for r in decks.live] == [
        ("33", "0|0:0.03/60/1", date, None),
        ("39", "0|0:0.05/60/60", None, date),
        ("39", "0|0:0.04/60/60", date, None),
        ("393", "0|0:0.08/60/60", None, date),
        ("393", "0|0:0.1/60/1", date, None),
        ("44", "0|0:0.02/60/1", None, None),
        ("7", "0|0:0.1/60/60", None, date),
    ]


def test_rows_may_begin_and_end_later_than_the_deck(decks: Decks) -> None:
    """A rate goes on until the deck's first one for its prefix begins: no destination is without
    a price between."""
    decks.bring(HEAD + "49,Germany,,0|0:0.01/60/1,,,2026-12-15,\n", "--replace")
    decks.bring(HEAD + "49,Germany,,0|0:0.03/60/1,,2026-12-15,,\n")
    date = datetime(2026, 12, 1, tzinfo=UTC)
    text = HEAD + (
        "49,Germany,,0|0:0.04/60/1,,2026-12-10,2027-01-01,\n"
        "49,Germany,,0|0:0.05/60/1,,2027-01-01,,\n"
        "31,NL,,0|0:0.02/60/1,,2026-01-01,2026-11-30,\n"
    )
    deck = stage_at(decks, text, date)
    done = activate_deck(ROOT, decks.store, deck, NOW)
    assert (done.refused, done.deck.ended_before) == ((), 1)
    assert [(r.tiers, r.effective_from, r.effective_to) for r in decks.live] == [
        ("0|0:0.01/60/1", None, datetime(2026, 12, 10, tzinfo=UTC)),
        (
            "0|0:0.04/60/1",
            datetime(2026, 12, 10, tzinfo=UTC),
            datetime(2027, 1, 1, tzinfo=UTC),
        ),
        ("0|0:0.05/60/1", datetime(2027, 1, 1, tzinfo=UTC), None),
    ]


def test_a_date_may_be_given_at_the_activation(decks: Decks) -> None:
    deck = str(decks.stage(NEXT, "--replace")["id"])
    ran = decks.run("activate", deck, "--at", "2091-01-01", "--json")
    assert ran.json["deck"]["effective_at"] == "2091-01-01T00:00:00Z"
    before, after = datetime(2090, 12, 31, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC)
    assert (decks.valid("39", before), decks.valid("39", after)) == (
        "0|0:0.05/60/60",
        "0|0:0.04/60/60",
    )
    assert decks.run("activate", deck, "--at", "2001-01-01").status == 2


def test_from_now_on_keeps_what_was_before(decks: Decks) -> None:
    deck = str(decks.stage(NEXT, "--replace")["id"])
    started = datetime.now(UTC)
    assert decks.run("activate", deck, "--at", "now").status == 0
    assert decks.valid("39", started - timedelta(days=1)) == "0|0:0.05/60/60"
    assert decks.valid("39", datetime.now(UTC)) == "0|0:0.04/60/60"


def test_a_date_that_has_passed_by_then_must_be_given_anew(decks: Decks) -> None:
    deck = stage_at(decks, NEXT, NOW + timedelta(hours=1))
    later = NOW + timedelta(hours=2)
    refused = activate_deck(ROOT, decks.store, deck, later)
    assert refused.refused == ("its date 2026-11-20T13:00:00Z has passed: name another one",)
    with pytest.raises(InvalidInput, match="is past"):
        activate_deck(ROOT, decks.store, deck, later, at=NOW)
    assert activate_deck(ROOT, decks.store, deck, later, at=later).refused == ()
    assert decks.valid("39", later) == "0|0:0.04/60/60"


def test_a_refused_activation_does_not_move_the_date(decks: Decks) -> None:
    date = NOW + timedelta(days=10)
    deck = stage_at(decks, HEAD + "1,,,0|0:500/60/1,,,,\n", date)
    assert activate_deck(ROOT, decks.store, deck, NOW, at=NOW + timedelta(days=20)).refused
    assert staged_decks(decks.store)[0].effective_at == date


# -- the group's reading ------------------------------------------------------------------


def test_a_deck_is_void_when_its_group_reads_sections_otherwise(decks: Decks) -> None:
    deck = str(decks.stage("prefix,tiers,sections\n44,0|0:0.02/60/1,60:0.2;90:0.1\n")["id"])
    decks.execute("UPDATE rate_groups SET section_mode = 'cumulative_step'")
    refused = decks.run("activate", deck)
    assert refused.status == 1
    assert "reads section rates in another mode now" in refused.err
    staged = decks.run("stage", "sell", decks.file)
    assert (staged.status, "the price would fall" in staged.out) == (1, True)


def test_times_without_an_offset_are_the_groups(decks: Decks) -> None:
    decks.add_group("rome", timezone="Europe/Rome")
    decks.bring("prefix,tiers,effective_from\n39,0|0:1/60/1,2026-07-01\n", group="rome")
    assert decks.rows_of("rome") == [
        DeckRow("39", "0|0:1/60/1", effective_from=datetime(2026, 6, 30, 22, tzinfo=UTC))
    ]


def test_money_is_exact(decks: Decks) -> None:
    shown = decks.stage(HEAD + "39,Italy,,0|0:0.0000000001/60/60,,,,\n")
    assert shown["changes"][0]["price_per_minute"]["after"] == "0.0000000001"
    assert Decimal(shown["changes"][0]["percent"]) == Decimal("-100")
