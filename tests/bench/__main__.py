"""`./tollgate bench [PART…] [--quick] [--json FILE]`: measures, prints tables, writes JSON."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import decks, lifecycles, page_data, pages, rating, switch_cost
from tests.e2e.switch import missing_parts

RATES = (50.0, 500.0, 1000.0)
PARTS = ("rating", "decks", "pages", "lifecycles", "switch")


def main() -> int:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    result: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(),
        "machine": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
    }
    measures = {
        "rating": _rating,
        "decks": _decks,
        "pages": _pages,
        "lifecycles": _lifecycles,
        "switch": _switch,
    }
    for part in options.parts or PARTS:
        result |= measures[part](console, quick=options.quick)
    options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {options.json}")
    return 0


def _rating(console: Console, *, quick: bool) -> dict[str, Any]:
    """The same with `quick`: a smaller deck would say little about a large one."""
    measured = rating.measure()
    title = "A million rates" + (" (not shortened)" if quick else "")
    console.print(_table(title, ("", "measured", "aim"), iter(rating.rows(measured))))
    return {"rating": asdict(measured)}


def _decks(console: Console, *, quick: bool) -> dict[str, Any]:
    """As `_rating`: a million, also with `quick`."""
    measured = decks.measure()
    title = "A deck of a million rates" + (" (not shortened)" if quick else "")
    console.print(_table(title, ("", "measured", "aim"), iter(decks.rows(measured))))
    return {"decks": asdict(measured)}


def _pages(console: Console, *, quick: bool) -> dict[str, Any]:
    calls = page_data.CALLS // 20 if quick else page_data.CALLS
    measured = pages.measure(calls)
    title = f"Pages with 100,000 accounts and {calls:,} calls (aim: {pages.AIM_MS:.0f} ms)"
    columns = ("visitor", "page", "best ms", "ms", "CPU ms", "KiB", "gzip")
    console.print(_table(title, columns, iter(pages.rows(measured))))
    return {"pages": [asdict(figure) for figure in measured]}


def _lifecycles(console: Console, *, quick: bool) -> dict[str, Any]:
    runs = [lifecycles.measure(rate, 4.0 if quick else 10.0) for rate in RATES]
    console.print(_lifecycle_table(runs))
    return {
        "lifecycles": [
            asdict(run) | {"per_controller_cpu_s": run.per_controller_cpu_s} for run in runs
        ]
    }


def _switch(console: Console, *, quick: bool) -> dict[str, Any]:
    missing = missing_parts()
    if missing:
        for line in missing:
            console.print(f"NOT MEASURED: {line}", style="bold yellow")
        return {}
    cost = switch_cost.compare(400 if quick else 800, rounds=1 if quick else 3)
    console.print(_cost_table(cost))
    return {"switch": asdict(cost) | {"ratio": cost.ratio}}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tollgate bench", description=__doc__)
    # choices and nargs do not go together where nothing is given
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all")
    parser.add_argument("--quick", action="store_true", help="shorter runs, one round")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"no part is named {part!r}: {', '.join(PARTS)}")
    return options


def _lifecycle_table(runs: list[lifecycles.Lifecycles]) -> Table:
    rows = (
        (
            f"{run.offered_per_s:.0f}",
            f"{run.settled_per_s:.0f}",
            str(run.calls),
            f"{run.recorded - run.calls:+d}",
            str(run.refused),
            f"{run.controller_ms:.2f}",
            f"{run.database_ms:.2f}",
            f"{run.simulator_ms:.2f}",
            f"{run.per_controller_cpu_s:.0f}",
            f"{run.p50_ms:.1f}",
            f"{run.p99_ms:.1f}",
        )
        for run in runs
    )
    return _table(
        "Lifecycles through the simulator (CPU in ms a call)",
        (
            "offered/s",
            "settled/s",
            "calls",
            "records±",
            "shed",
            "controller",
            "database",
            "simulator",
            "per CPU-s",
            "p50 ms",
            "p99 ms",
        ),
        rows,
    )


def _cost_table(cost: switch_cost.Comparison) -> Table:
    named = (("bare static dialplan", cost.bare), ("with Tollgate", cost.tollgate))
    rows = (
        (
            name,
            f"{c.switch_ms:.2f}",
            f"{c.controller_ms:.2f}",
            f"{c.database_ms:.2f}",
            f"{c.total_ms:.2f}",
            "" if c is cost.bare else f"{cost.ratio:.2f}",
        )
        for name, c in named
    )
    title = f"Real calls, {cost.rate:.0f}/s, signalling only (CPU in ms a call)"
    return _table(title, ("", "switch", "controller", "database", "total", "ratio"), rows)


def _table(title: str, columns: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    for row in rows:
        table.add_row(*row)
    return table


if __name__ == "__main__":
    sys.exit(main())
