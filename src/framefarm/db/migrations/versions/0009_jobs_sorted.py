"""Lists of jobs by name, by priority and by project, without sorting all that are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    for column in ("name", "priority", "project"):
        op.create_index(f"ix_jobs_{column}", "jobs", [column, "id"])
        op.create_index(f"ix_jobs_{column}_up", "jobs", [column, sa.text("id DESC")])
