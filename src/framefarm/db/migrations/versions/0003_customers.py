"""Render tasks, projects, chunks of files; people, what lets them in, what they are told."""

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
    op.add_column("jobs", sa.Column("held_at", sa.Float()))
    op.add_column("jobs", sa.Column("holds", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("try_at", sa.Float()))
    on_trial: sa.Column[bool] = sa.Column(
        "on_trial", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("stages", on_trial)
    op.create_index("ix_jobs_holds", "jobs", ["holds"])
    op.create_index("ix_jobs_task_key", "jobs", ["task_key"], unique=True)
    op.create_index("ix_jobs_owner", "jobs", ["owner", "id"])
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])
    op.add_column("workers", sa.Column("lost_at", sa.Float()))
    _add_limits()
    _add_trees()
    _add_chunks()
    _add_people()
    _add_tokens()
    _add_logins()
    _add_notifications()
    _add_answers()


def _add_limits() -> None:
    for table in ("jobs", "stages"):
        op.add_column(table, sa.Column("max_workers", sa.Integer()))
    op.add_column(
        "jobs", sa.Column("at_limit", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_index("ix_jobs_at_limit", "jobs", ["at_limit"])
    op.add_column("jobs", sa.Column("deadline_at", sa.Float()))
    op.add_column("jobs", sa.Column("raised", sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_jobs_deadline", "jobs", ["state", "deadline_at"])


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
        sa.Column("password_hash", sa.String(length=255)),
        sa.Column("max_jobs", sa.Integer()),
        sa.Column("max_frames", sa.Integer()),
        sa.Column("max_slots", sa.Integer()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'artist', 'viewer')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_users_max_slots", "users", ["max_slots"])


def _add_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("user_id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("prefix", sa.String(length=10), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=6), nullable=False),
        sa.Column("by_login", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float()),
        sa.Column("last_used_at", sa.Float()),
        sa.CheckConstraint("scope IN ('full', 'read', 'submit')", name=op.f("ck_tokens_scope")),
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


def _add_notifications() -> None:
    op.create_table(
        "notify_targets",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("user_id", _KEY),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("shown", sa.String(length=300), nullable=False),
        sa.Column("tells", sa.JSON(), nullable=False),
        sa.Column("all_jobs", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("since_at", sa.Float(), nullable=False),
        sa.Column("next_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "kind IN ('mail', 'service', 'hook')", name=op.f("ck_notify_targets_kind")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notify_targets_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notify_targets")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notify_targets_user_id", "notify_targets", ["user_id"])
    op.create_table(
        "notifications",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("target_id", _KEY, nullable=False),
        sa.Column("occurrence", sa.String(length=160), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=60), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("happened_at", sa.Float(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("sent_at", sa.Float()),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'given_up', 'unclear', 'muted')",
            name=op.f("ck_notifications_state"),
        ),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["notify_targets.id"],
            name=op.f("fk_notifications_target_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint(
            "occurrence", "target_id", name=op.f("uq_notifications_occurrence_target_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notifications_state", "notifications", ["state", "target_id"])
    op.create_index(
        "ix_notifications_subject", "notifications", ["target_id", "subject", "made_at"]
    )
    op.create_index("ix_notifications_made_at", "notifications", ["made_at"])


def _add_logins() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", _KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_identities_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "logins",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("user_id", _KEY, nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("address", sa.String(length=64), server_default="", nullable=False),
        sa.Column("agent", sa.String(length=200), server_default="", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("last_used_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.CheckConstraint("kind IN ('password', 'openid')", name=op.f("ck_logins_kind")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_logins_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_logins_secret_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_logins_user_id", "logins", ["user_id"])
    op.create_table(
        "first_codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_first_codes")),
        sqlite_with_rowid=False,
    )


def _add_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("owner_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(length=400), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "key_hash", name=op.f("pk_answers")),
    )
    op.create_index("ix_answers_made_at", "answers", ["made_at"])
