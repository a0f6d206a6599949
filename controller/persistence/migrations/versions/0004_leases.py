"""Leases: each switch has one owning controller, and commits of others are refused.

Runs on live data, but not beside controllers of an older version: those know no lease.
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
