"""docs/settings.md is what the code says."""

from pathlib import Path

from controller.config import settings_markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_page_is_made_from_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_markdown(), (
        "make it again: .venv/bin/tollgate settings --markdown > docs/settings.md"
    )
