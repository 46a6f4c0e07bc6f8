"""Answers of two models beside each other, until a person keeps one.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("message", sa.Column("beside_id", sa.Text, nullable=True))
