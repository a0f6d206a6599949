"""The machine's own Chromium, driven by Playwright (which brings no browser of its own here)."""

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """CHROMIUM_BIN, or the first that is on the PATH."""
    wanted = os.environ.get("CHROMIUM_BIN")
    if wanted:
        return wanted if shutil.which(wanted) else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def has_playwright() -> bool:
    return all(map(importlib.util.find_spec, ("playwright", "axe_playwright_python")))


def missing_browser() -> list[str]:
    """What this machine lacks for the browser tests, as a line of the terminal summary."""
    why = ""
    if not has_playwright():
        why = "Playwright or axe is not installed (pip install '.[test]')"
    elif find_chromium() is None:
        why = "Chromium was not found (CHROMIUM_BIN or PATH; Debian: chromium)"
    if not why:
        return []
    return [f"{why}: NO PAGE WAS TRIED IN A BROWSER (tests/browser, marker 'chromium')"]


@dataclass
class Album:
    """Screenshots of a run."""

    folder: Path
    taken: int = 0
    KEY: ClassVar[pytest.StashKey["Album"]] = pytest.StashKey()
