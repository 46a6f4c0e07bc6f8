"""Assistants, the conversations that have one, and their documents.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and add the columns."""
    op.create_table(
        "assistant",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=True, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("model_id", sa.Text, nullable=True),
        sa.Column("instructions", sa.Text, nullable=False),
        sa.Column("temperature", sa.Float, nullable=True),
        sa.Column("max_new_tokens", sa.Integer, nullable=True),
        sa.Column("tools", sa.JSON, nullable=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    )
    for table in ("conversation", "document"):
        op.add_column(table, sa.Column("assistant_id", sa.Text, nullable=True))
        op.create_index(f"ix_{table}_assistant_id", table, ["assistant_id"])
