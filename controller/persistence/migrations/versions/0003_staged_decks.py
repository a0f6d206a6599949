"""Decks beside the live rates, and the log of what each changed, from which it is rolled back.

Runs on live data, beside running controllers: nothing that they use changes.
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
