"""Keys of render tasks; the chunks of files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply this step."""
    op.add_column("jobs", sa.Column("task_key", sa.String(length=32)))
    op.create_index("ix_jobs_task_key", "jobs", ["task_key"], unique=True)
    op.create_table(
        "chunked",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunked")),
        sa.UniqueConstraint("sha256", name=op.f("uq_chunked_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "chunks",
        sa.Column("name", sa.LargeBinary(length=16), nullable=False),
        sa.Column("chunked_id", _KEY, nullable=False),
        sa.Column("of_list", sa.Boolean(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chunked_id"],
            ["chunked.id"],
            name=op.f("fk_chunks_chunked_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("name", "chunked_id", "of_list", name=op.f("pk_chunks")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_chunks_chunked_id", "chunks", ["chunked_id"])
