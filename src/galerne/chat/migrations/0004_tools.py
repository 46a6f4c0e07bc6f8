"""Tools: which a conversation may use, which it need not ask for again, and what an answer called.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("conversation", sa.Column("tools", sa.JSON, nullable=True))
    op.add_column("conversation", sa.Column("allowed_tools", sa.JSON, nullable=True))
    op.add_column("message", sa.Column("tool_uses", sa.JSON, nullable=True))
