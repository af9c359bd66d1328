"""Sessions: the workers that a job asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "sessions",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("job_id", _KEY, nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("prefetch", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float()),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("wanted >= 1", name=op.f("ck_sessions_wanted")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_sessions_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("job_id", name=op.f("uq_sessions_job_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_ended_at", "sessions", ["ended_at"])
    _add_workers()


def _add_workers() -> None:
    op.create_table(
        "session_workers",
        sa.Column("worker_id", sa.String(length=32), nullable=False),
        sa.Column("session_id", _KEY, nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("joined_at", sa.Float(), nullable=False),
        sa.Column("has_files", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_session_workers_session_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"],
            ["workers.id"],
            name=op.f("fk_session_workers_worker_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("pk_session_workers")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_session_workers_session_id", "session_workers", ["session_id"])
