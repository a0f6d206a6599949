"""The bench: `./tollgate bench`. What it measures is in docs/bench.md."""
