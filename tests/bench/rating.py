"""A million rates: how long the index takes to build and to swap, its size, and what a call costs.

The deck goes into a fresh database by COPY; what is measured begins after that.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from tests.bench import big_deck
from tests.bench.postgres import BenchDatabase
from tests.bench.rating_process import GROUP, Rating, Timed

RATES = 1_000_000
PREFIXES = 980_000
NUMBERS = 200_000
ROOT = Path(__file__).resolve().parents[2]

# what issue and design ask for
AIM_BUILD_S, AIM_FILE_MB, AIM_CHARGE_US, AIM_PAUSE_MS = 10.0, 200.0, 2.0, 20.0


def measure() -> Rating:
    """About a minute and a half, most of it for making the deck."""
    deck = big_deck.prefixes(PREFIXES)
    numbers = "\n".join(big_deck.numbers(deck, NUMBERS))
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder:
        path = Path(folder)
        with BenchDatabase(path / "postgres" / "data") as database:
            url = database.fresh()
            _import(url, deck)
            return _measured(url, path / "rate_index", numbers)


def rows(rating: Rating) -> list[tuple[str, str, str]]:
    """Figures with their aims, for people."""
    return [
        ("rates / prefixes", f"{RATES:,} / {rating.prefixes:,}", ""),
        ("built, off the call path", f"{rating.build_s:.1f} s", f"≤ {AIM_BUILD_S:.0f} s"),
        ("built again after a change", f"{rating.rebuild_s:.1f} s", f"≤ {AIM_BUILD_S:.0f} s"),
        ("opened by another process", f"{rating.open_s:.2f} s", ""),
        ("configuration read, rates unchanged", f"{rating.unchanged_ms:.1f} ms", ""),
        (
            "longest pause of the event loop",
            f"{rating.pause_ms:.1f} ms",
            f"≤ {AIM_PAUSE_MS:.0f} ms",
        ),
        ("the same with nothing to do", f"{rating.idle_pause_ms:.1f} ms", ""),
        ("index file", f"{rating.file_mb:.1f} MB", f"≤ {AIM_FILE_MB:.0f} MB"),
        ("memory of its own", f"{rating.own_mb:+.1f} MB", ""),
        ("memory mapped, shared by all processes", f"{rating.mapped_mb:+.1f} MB", ""),
        ("rates kept as objects after all lookups", f"{rating.kept_mb:+.1f} MB", ""),
        *_timings("lookup", rating.lookup_cold, rating.lookup, ""),
        *_timings(
            "lookup and charge", rating.charge_cold, rating.charge, f"≤ {AIM_CHARGE_US:.0f} µs"
        ),
    ]


def _timings(what: str, cold: Timed, warm: Timed, aim: str) -> list[tuple[str, str, str]]:
    return [
        (f"{what}, first time, p50 / p99", f"{cold.p50_us:.1f} / {cold.p99_us:.1f} µs", ""),
        (f"{what}, p50 / p99", f"{warm.p50_us:.2f} / {warm.p99_us:.2f} µs", ""),
        (f"{what}, mean (best round)", f"{warm.loop_us:.2f} ({warm.best_us:.2f}) µs", aim),
    ]


def _import(url: str, deck: list[str]) -> None:
    with psycopg.connect(url) as connection:
        group_id = connection.execute(
            "INSERT INTO rate_groups (name, currency) VALUES (%s, 'EUR') RETURNING id", (GROUP,)
        ).fetchall()[0][0]
        statement = f"COPY rates (rate_group_id, {big_deck.COLUMNS}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in big_deck.rows(deck, RATES):
                copy.write_row((group_id, *row))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE rates")


def _measured(url: str, folder: Path, numbers: str) -> Rating:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.rating_process", url, str(folder)],
        cwd=ROOT,
        input=numbers,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures = json.loads(done.stdout)
    timed = {name: Timed(**value) for name, value in figures.items() if isinstance(value, dict)}
    return Rating(**figures | timed)
