"""What holds for every deck: its difference carried out is what the deck says, a rollback is exact,
and what is imported is exported and imported again as the same."""

import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.domain.decks import DeckRow, canonical_tiers
from controller.domain.rates import RateType
from controller.persistence.deck_tables import open_table, write_workbook
from controller.services.decks import export_deck, import_deck, write_deck
from controller.services.decks.importing import write_csv
from controller.services.decks.layout import FileFormat
from controller.services.decks.ports import DeckOrigin, NewDeck
from controller.services.decks.reading import DeckTable
from controller.services.decks.staging import activate_deck, roll_back, stage_deck
from tests.integration.account_office import ROOT
from tests.integration.command_line import settings_for
from tests.integration.deck_commands import Decks

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAYS = [NOW + timedelta(days=n) for n in range(-3, 8)]
PROBES = [day + timedelta(hours=1) for day in (NOW - timedelta(days=30), *DAYS)]

bound_by = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

prices = st.sampled_from(["0|0:0.05/60/60", "0|0:0.1/60/1", "0.2|0:0.05/60/6"])
spans = st.lists(st.sampled_from(DAYS), unique=True, max_size=4).map(sorted)


@st.composite
def rows_of_prefix(draw: st.DrawFn, prefix: str) -> list[DeckRow]:
    """Some rates of one prefix that follow each other, with or without gaps."""
    cuts: list[datetime | None] = [None, *draw(spans), None]
    rows = []
    for start, end in pairwise(cuts):
        if start is None and end is None and not draw(st.booleans()):
            continue
        if draw(st.booleans()):
            rows.append(DeckRow(prefix, draw(prices), "A", effective_from=start, effective_to=end))
    return rows


@st.composite
def decks_of_few(draw: st.DrawFn) -> list[DeckRow]:
    found: list[DeckRow] = []
    for prefix in ("1", "39", "44"):
        found += draw(rows_of_prefix(prefix))
    return found


@pytest.fixture
def decks(database_url: str, engine: sa.Engine, tmp_path: Path) -> Decks:
    return Decks(settings_for(database_url, tmp_path), engine, tmp_path / "deck.csv")


def table_of(rows: Iterable[DeckRow]) -> DeckTable:
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
        write_deck(file, rows)
        file.seek(0)
        return DeckTable(file.readlines())


def price_at(rows: list[DeckRow], prefix: str, when: datetime) -> str | None:
    return next(
        (
            row.tiers
            for row in rows
            if row.prefix == prefix
            and (row.effective_from is None or row.effective_from <= when)
            and (row.effective_to is None or when < row.effective_to)
        ),
        None,
    )


def start_over(decks: Decks, live: list[DeckRow]) -> None:
    decks.execute("DELETE FROM rate_groups")
    decks.add_group()
    if live:
        deck = NewDeck("sell", DeckOrigin.IMPORT, "", replace=True)
        assert import_deck(ROOT, decks.store, deck, table_of(live), NOW).problems == ()


@bound_by
@given(
    decks_of_few(),
    decks_of_few().filter(bool),
    st.booleans(),
    st.sampled_from([None, NOW, NOW + timedelta(days=2)]),
)
def test_a_deck_carried_out_is_what_it_says_and_taken_back_what_was(
    decks: Decks, live: list[DeckRow], staged: list[DeckRow], replace: bool, at: datetime | None
) -> None:
    start_over(decks, live)
    before, before_rows = decks.stored, decks.live
    deck = NewDeck("sell", DeckOrigin.STAGED, "", replace, at)
    report = stage_deck(ROOT, decks.store, deck, table_of(staged), NOW)
    assert report.deck.ended_before >= 0
    done = activate_deck(ROOT, decks.store, report.deck.deck_id, NOW, accept_warnings=True)
    if report.deck.wrong:
        assert not replace
        assert at is None
        assert done.refused
        assert decks.stored == before
        return
    assert done.refused == ()
    for prefix in ("1", "39", "44"):
        mine = [row for row in staged if row.prefix == prefix]
        for when in PROBES:
            found = decks.valid(prefix, when)
            assert found == expected(before_rows, mine, prefix, when, replace, at), (prefix, when)
    if done.version is not None:
        assert roll_back(ROOT, decks.store, "sell", NOW).refused == ""
    assert decks.stored == before


def expected(
    live: list[DeckRow],
    mine: list[DeckRow],
    prefix: str,
    when: datetime,
    replace: bool,
    at: datetime | None,
) -> str | None:
    """The price that a prefix must have at a moment, by the words of docs/decks.md."""
    if at is None:
        if replace:
            return price_at(mine, prefix, when)
        begins = {row.effective_from for row in mine}
        stay = [r for r in live if r.prefix == prefix and r.effective_from not in begins]
        return price_at([*mine, *stay], prefix, when)
    left = [row for row in mine if row.effective_to is None or row.effective_to > at]
    if not left:
        old = not replace or when < at
        return price_at(live, prefix, when) if old else None
    switch = max(at, min(row.effective_from or at for row in left))
    return price_at(live, prefix, when) if when < switch else price_at(left, prefix, when)


@bound_by
@given(decks_of_few().filter(bool), st.sampled_from([None, NOW + timedelta(days=2)]))
def test_the_same_deck_again_changes_nothing(
    decks: Decks, rows: list[DeckRow], at: datetime | None
) -> None:
    start_over(decks, [])
    for expected_version in (True, False):
        deck = NewDeck("sell", DeckOrigin.STAGED, "", True, at)
        report = stage_deck(ROOT, decks.store, deck, table_of(rows), NOW)
        done = activate_deck(ROOT, decks.store, report.deck.deck_id, NOW, accept_warnings=True)
        something = any(row.effective_to is None or row.effective_to > (at or NOW) for row in rows)
        assert (done.version is not None) == (expected_version and (something or at is None))


# -- round trip ---------------------------------------------------------------------------

texts = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=12).map(str.strip)
amounts = st.decimals(0, 10, places=6).map(lambda price: f"{price:f}")
tiers = st.one_of(
    st.builds(lambda p, n: canonical_tiers(f"0|0:{p}/60/{n}"), amounts, st.integers(1, 60)),
    st.builds(lambda a, b: canonical_tiers(f"0.1|0:={a};60:{b}/60/1"), amounts, amounts),
)
whole_rows = st.builds(
    DeckRow,
    prefix=st.text("0123456789", min_size=1, max_size=12) | st.just("*"),
    tiers=tiers,
    area=texts,
    rate_type=st.sampled_from(RateType),
    tax_percent=st.decimals(0, 100, places=2),
    effective_from=st.none() | st.sampled_from(DAYS),
    locked=st.booleans(),
    sections=st.sampled_from(["", "30:0.1", "60:0.1;60:0.000001"]),
)


@bound_by
@given(st.lists(whole_rows, unique_by=lambda row: row.prefix, min_size=1, max_size=6))
def test_what_is_imported_is_exported_and_imported_again(decks: Decks, rows: list[DeckRow]) -> None:
    """Through text and through a workbook; and the exports are byte for byte the same."""
    start_over(decks, rows)
    stored = decks.live
    assert sorted(stored, key=lambda r: r.prefix) == sorted(rows, key=lambda r: r.prefix)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.csv", "a.xlsx"):
            path = Path(folder) / name
            export(decks, path)
            start_over(decks, [])
            with open_table(path, FileFormat()) as table:
                deck = NewDeck("sell", DeckOrigin.IMPORT, name, replace=True)
                outcome = import_deck(ROOT, decks.store, deck, table, NOW)
            assert (outcome.problems, outcome.difference.added) == ((), len(rows))
            assert decks.live == stored
        export(decks, Path(folder) / "b.csv")
        assert (Path(folder) / "a.csv").read_bytes() == (Path(folder) / "b.csv").read_bytes()


def export(decks: Decks, path: Path) -> None:
    if path.suffix == ".xlsx":
        export_deck(decks.store, "sell", lambda *table: write_workbook(path, *table))
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        export_deck(decks.store, "sell", lambda *table: write_csv(file, *table))
