"""The command line: `tollgate`. Exit status 0, 1 (refused or false), 2 (bad input)."""

from controller.cli.main import main

__all__ = ["main"]
