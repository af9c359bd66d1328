"""Keys of render tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.add_column("jobs", sa.Column("task_key", sa.String(length=32)))
    op.create_index("ix_jobs_task_key", "jobs", ["task_key"], unique=True)
