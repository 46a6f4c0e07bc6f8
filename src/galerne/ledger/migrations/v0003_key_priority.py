"""A key has a share of the engines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; keys that are there have a normal share."""
    op.add_column("ledger_keys", sa.Column("priority", sa.String(10)))


def downgrade() -> None:
    """Go back."""
    op.drop_column("ledger_keys", "priority")
