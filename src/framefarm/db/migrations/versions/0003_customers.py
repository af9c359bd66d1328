"""Keys of render tasks, projects of several files, the chunks of files, people and their tokens."""

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
    op.create_index("ix_jobs_owner", "jobs", ["owner", "id"])
    _add_trees()
    _add_chunks()
    _add_people()


def _add_trees() -> None:
    op.create_table(
        "trees",
        sa.Column("tree_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("tree_sha256", "sha256", name=op.f("pk_trees")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trees_sha256", "trees", ["sha256"])


def _add_chunks() -> None:
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


def _add_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("email", sa.String(length=254), server_default="", nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'artist', 'viewer')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tokens",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("user_id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("prefix", sa.String(length=10), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=4), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float()),
        sa.Column("last_used_at", sa.Float()),
        sa.CheckConstraint("scope IN ('full', 'read')", name=op.f("ck_tokens_scope")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_tokens_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_table(
        "blob_owners",
        sa.Column("user_id", _KEY, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_blob_owners_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "sha256", name=op.f("pk_blob_owners")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_blob_owners_sha256", "blob_owners", ["sha256"])
