"""Lists of jobs by their state, newest first, without sorting all that are in it."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_index("ix_jobs_state", "jobs", ["state", "id"])
