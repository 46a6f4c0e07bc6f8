"""People: accounts, their sessions and invitations; and whose a conversation is, found at once.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the indexes."""
    for table in ("conversation", "document", "project"):
        op.create_index(f"ix_{table}_owner", table, ["owner"])
    op.create_table(
        "person",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("shown_name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("password", sa.Text, nullable=True),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "person_session",
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        _person(),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_table(
        "invitation",
        sa.Column("token_hash", sa.Text, primary_key=True),
        _person(),
        sa.Column("expires_at", sa.Float, nullable=False),
    )


def _person() -> sa.Column[str]:
    home = sa.ForeignKey("person.id", ondelete="CASCADE")
    return sa.Column("person_id", sa.Text, home, nullable=False, index=True)
