"""Limits: calls of agents' accounts, gateway groups and phones, calls a second, prepaid vendors.

Runs on live data with calls in progress, but not beside controllers of an older version: they do
not know what they would have to count, and find no table `gateway_lines` any more.
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
