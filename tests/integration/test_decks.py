"""Decks into and out of a real database, through the commands."""

import time
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.rates import rates_group
from controller.config import Settings
from controller.domain.decks import DeckRow
from controller.persistence import schema as t
from controller.persistence.config_writer import PostgresConfigurationStore
from tests.integration.command_line import Ran, run, settings_for

pytestmark = pytest.mark.postgres

HEAD = "prefix,area,rate_type,tiers,tax_percent,effective_from,effective_to,locked\n"
FIRST = HEAD + (
    "39,Italy,international,0|0:0.05/60/60,,,,\n"
    "393,Italy mobile,international,0|0:0.07/60/60,10,,,\n"
    "44,UK,international,0|0:0.02/60/1,,,2026-07-01,\n"
    "44,UK,international,0|0:0.03/60/1,,2026-07-01,,true\n"
)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_url, tmp_path)


@pytest.fixture
def rates(settings: Settings, engine: sa.Engine, tmp_path: Path) -> "Rates":
    with engine.begin() as connection:
        connection.execute(t.rate_groups.insert().values(name="sell", currency="USD"))
    return Rates(settings, engine, tmp_path / "deck.csv")


class Rates:
    """The commands on one rate group."""

    def __init__(self, settings: Settings, engine: sa.Engine, file: Path) -> None:
        self._settings = settings
        self._engine = engine
        self.file = file

    def run(self, command: str, text: str | None = None, *options: str, group: str = "sell") -> Ran:
        if text is not None:
            self.file.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        return run(rates_group, self._settings, command, group, self.file, *options)

    @property
    def stored(self) -> list[DeckRow]:
        with PostgresConfigurationStore(self._engine).begin() as work:
            return list(work.deck_rows("sell"))

    @property
    def prefixes(self) -> list[str]:
        return [row.prefix for row in self.stored]

    @property
    def version(self) -> int:
        with self._engine.connect() as connection:
            query = sa.select(t.configuration_state.c.version)
            return int(connection.execute(query).scalar_one())


def test_an_import_is_complete_and_again_it_is_nothing(rates: Rates) -> None:
    ran = rates.run("import", FIRST)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "~ rates of sell: 4 added, 0 changed, 0 removed"
    assert rates.prefixes == ["39", "393", "44", "44"]
    assert (rates.stored[1].tax_percent, rates.stored[3].locked) == (Decimal(10), True)
    assert rates.version == 1
    again = rates.run("import")
    assert (again.status, again.out) == (0, "4 rows: no changes\n")
    assert rates.version == 1


def test_an_import_merges_by_prefix_and_beginning(rates: Rates) -> None:
    rates.run("import", FIRST)
    ran = rates.run(
        "import",
        "prefix,tiers,effective_from\n39,0|0:0.06/60/60,\n1,0|0:0.01/60/6,\n"
        "44,0|0:0.03/60/1,2026-07-01\n",
        "--json",
    )
    assert ran.json == {
        "applied": True,
        "version": 2,
        "rows": 3,
        "difference": {
            "added": 1,
            "changed": 2,
            "removed": 0,
            "examples": [
                {"prefix": "1", "before": None, "after": "0|0:0.01/60/6"},
                {"prefix": "39", "before": "0|0:0.05/60/60", "after": "0|0:0.06/60/60"},
                {"prefix": "44", "before": "0|0:0.03/60/1", "after": "0|0:0.03/60/1"},
            ],
        },
    }
    assert rates.prefixes == ["1", "39", "393", "44", "44"]
    assert rates.stored[-1].locked is False


def test_replace_removes_what_the_deck_leaves_out(rates: Rates) -> None:
    rates.run("import", FIRST)
    ran = rates.run("import", "prefix,tiers\n39,0|0:0.05/60/60\n", "--replace")
    assert ran.out.splitlines()[0] == "~ rates of sell: 0 added, 1 changed, 3 removed"
    assert rates.prefixes == ["39"]


def test_a_dry_run_shows_and_writes_nothing(rates: Rates) -> None:
    ran = rates.run("import", FIRST, "--dry-run", "--json")
    assert (ran.status, ran.json["applied"], ran.json["difference"]["added"]) == (0, False, 4)
    assert (rates.stored, rates.version) == ([], 0)


@pytest.mark.parametrize("option", [(), ("--replace",), ("--dry-run",)])
def test_one_wrong_row_and_nothing_is_imported(rates: Rates, option: tuple[str, ...]) -> None:
    rates.run("import", FIRST)
    before = rates.stored
    ran = rates.run("import", HEAD + "1,,,0|0:0.01/60/1\nx,,,0|0:1/60/1\n\n7,,,free\n", *option)
    assert (ran.status, ran.out) == (2, "")
    assert [line.partition(": ")[2] for line in ran.err.splitlines()] == [
        "row 3: prefix: 'x' is neither digits nor '*'",
        "row 5: 'free': expected 'fee|start:price/unit/increment;…'",
    ]
    assert (rates.stored, rates.version) == (before, 1)


def test_a_row_may_not_overlap_a_rate_that_stays(rates: Rates) -> None:
    rates.run("import", FIRST)
    before = rates.stored
    deck = "prefix,tiers,effective_from\n1,0|0:1/60/1,\n39,0|0:0.06/60/60,2026-02-01\n"
    ran = rates.run("import", deck)
    assert ran.status == 2
    assert ran.err.endswith(
        "row 3: prefix 39: the validity overlaps a stored rate's (always to ever)\n"
    )
    assert (rates.stored, rates.version) == (before, 1)
    assert rates.run("import", deck, "--replace").status == 0


def test_a_rate_may_be_ended_and_followed_in_one_deck(rates: Rates) -> None:
    rates.run("import", FIRST)
    deck = (
        "prefix,tiers,effective_from,effective_to\n"
        "39,0|0:0.05/60/60,,2026-02-01\n39,0|0:0.06/60/60,2026-02-01,\n"
    )
    assert rates.run("import", deck).status == 0
    assert rates.prefixes == ["39", "39", "393", "44", "44"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "row 1: no header row"),
        ("prefix,tiers\n", "the deck has no rates"),
        ("prefix,area,tiers\n1,a,0|0:1/60/1\n2,\udcff,0|0:1/60/1\n", "row 3: not UTF-8"),
        ("prefix,tiers\n1,0|0:1/60/1\x00\n", "row 2: "),
    ],
)
def test_a_broken_file_is_bad_input(rates: Rates, text: str, expected: str) -> None:
    ran = rates.run("import", text)
    assert (ran.status, rates.stored) == (2, [])
    assert expected in ran.err


def test_a_missing_file_or_group_is_bad_input(rates: Rates) -> None:
    missing = rates.run("import")
    assert (missing.status, "No such file" in missing.err) == (2, True)
    nobody = rates.run("import", FIRST, group="nobody")
    assert (nobody.status, nobody.err) == (2, "no rate group is named 'nobody'")


def test_diff_tells_by_its_exit_status(rates: Rates) -> None:
    rates.run("import", FIRST)
    assert rates.run("diff").status == 0
    other = rates.run("diff", "prefix,tiers\n39,0|0:0.05/60/60\n", "--json")
    assert (other.status, other.json["differs"]) == (1, True)
    assert other.json["difference"]["removed"] == 3
    assert rates.run("diff", "nonsense\n").status == 2
    assert rates.version == 1


def test_what_is_exported_is_imported_as_the_same(rates: Rates) -> None:
    rates.run("import", FIRST)
    before = rates.stored
    assert rates.run("export").status == 0
    assert rates.file.read_text(encoding="utf-8").startswith(HEAD)
    assert rates.run("diff").status == 0
    rates.run("import", "prefix,tiers\n39,0|0:0.05/60/60\n", "--replace")
    rates.file.write_text(FIRST, encoding="utf-8")
    rates.run("import", None, "--replace")
    assert rates.stored == before


def test_a_large_deck_is_merged_as_a_set(rates: Rates) -> None:
    lines = [f"{10_000 + n},,,0|0:0.{n % 97:02d}/60/1" for n in range(30_000)]
    started = time.monotonic()
    assert rates.run("import", HEAD + "\n".join(lines)).status == 0
    lines[7] = "10007,,,0|0:9/60/1"
    changed = rates.run("import", HEAD + "\n".join(lines), "--json")
    assert changed.json["difference"]["changed"] == 1
    assert len(rates.stored) == 30_000
    assert time.monotonic() - started < 30
