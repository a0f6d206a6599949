"""Rating: period rates, phones, packages, recurring money, and the chain of payers.

Runs on live data. Stop the controllers first: those of the version before cannot write `calls`
afterwards (docs/upgrading.md).
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
