"""Ledger: what people order, two-phase movements, histories of limits and of verifications.

Runs on live data, beside running controllers: nothing that they write changes.
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
