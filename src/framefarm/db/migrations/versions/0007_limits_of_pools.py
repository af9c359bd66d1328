"""How many slots of a pool may work at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "pools",
        sa.Column("name", sa.String(length=8), nullable=False),
        sa.Column("max_slots", sa.Integer()),
        sa.Column("max_slots_per_user", sa.Integer()),
        sa.Column("max_slots_per_job", sa.Integer()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pools")),
        sa.CheckConstraint("name IN ('own', 'friends', 'public')", name=op.f("ck_pools_name")),
        sqlite_with_rowid=False,
    )
