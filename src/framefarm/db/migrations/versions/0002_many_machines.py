"""Join tokens, pools, requirements, tail leases, quarantines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from framefarm.core.requirements import Requirements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_POOLS = "pool IN ('own', 'friends', 'public')"
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "join_tokens",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("pool", sa.String(length=8), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.CheckConstraint(_POOLS, name=op.f("ck_join_tokens_pool")),
        sa.CheckConstraint("uses_left >= 0", name=op.f("ck_join_tokens_uses")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_join_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_join_tokens_token_hash")),
    )
    _change_jobs()
    _change_stages()
    _change_leases()
    for name in ("peak_memory_bytes", "memory_bytes"):
        op.add_column(
            "faults", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        )
    op.add_column(
        "faults", sa.Column("charged", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_index("ix_faults_worker", "faults", ["worker_id"])
    _let_go_of_stages()
    _add_redoing()
    _change_workers()
    op.create_table(
        "quarantines",
        sa.Column("worker_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("blender", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since_at", sa.Float(), nullable=False),
        sa.Column("until_at", sa.Float(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("trial_lease", sa.String(length=32), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["worker_id"],
            ["workers.id"],
            name=op.f("fk_quarantines_worker_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("worker_id", "kind", "blender", name=op.f("pk_quarantines")),
        sqlite_with_rowid=False,
    )


def _add_pool(table: str) -> None:
    """Add a column with a constraint by plain SQL, the same for both databases.

    Alembic's way on SQLite is to make the table anew and drop the old one, and dropping a table
    deletes what refers to its rows.
    """
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN pool VARCHAR(8) DEFAULT 'own' NOT NULL "
        f"CONSTRAINT ck_{table}_pool CHECK ({_POOLS})"
    )


def _change_jobs() -> None:
    _add_pool("jobs")
    for column in (
        sa.Column("owner", sa.String(length=200), server_default="", nullable=False),
        sa.Column("tags", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("min_memory_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gpu", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("jobs", column)


def _change_stages() -> None:
    op.drop_index("ix_stages_claim", table_name="stages")
    op.add_column("stages", sa.Column("queue", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_stages_claim", "stages", ["claimable", "queue", "priority", "job_id", "position"]
    )
    op.add_column(
        "stages", sa.Column("first_attempt", sa.Integer(), server_default="1", nullable=False)
    )
    op.add_column(
        "stages", sa.Column("highest_attempt", sa.Integer(), server_default="0", nullable=False)
    )
    for table in ("results", "faults"):
        op.execute(
            "UPDATE stages SET highest_attempt = had.attempt FROM "  # noqa: S608  no input
            f"(SELECT stage_id, MAX(attempt) AS attempt FROM {table} GROUP BY stage_id) AS had "
            "WHERE had.stage_id = stages.id AND had.attempt > stages.highest_attempt"
        )
    op.add_column(
        "stages", sa.Column("seal_key", sa.String(length=64), server_default="", nullable=False)
    )
    op.create_index("ix_stages_blend", "stages", ["blend_sha256", "claimable"])
    stages = sa.table("stages", sa.column("kind"), sa.column("blender"), sa.column("queue"))
    pairs = sa.select(stages.c.kind, stages.c.blender).distinct()
    for kind, blender in op.get_bind().execute(pairs).all():
        op.get_bind().execute(
            sa.update(stages)
            .where(stages.c.kind == kind, stages.c.blender == blender)
            .values(queue=Requirements(kind=kind, blender=blender).queue)
        )


def _change_leases() -> None:
    """Nothing refers to a lease, so here the table may be made anew."""
    op.add_column("leases", sa.Column("next_attempt", sa.Integer(), nullable=True))
    leases = sa.table("leases", sa.column("attempt"), sa.column("next_attempt"))
    op.get_bind().execute(sa.update(leases).values(next_attempt=leases.c.attempt + 1))
    tail: sa.Column[bool] = sa.Column(
        "tail", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    with op.batch_alter_table("leases", table_kwargs={"sqlite_with_rowid": False}) as batch:
        batch.add_column(tail)
        batch.alter_column("next_attempt", existing_type=sa.Integer(), nullable=False)
        batch.create_check_constraint(op.f("ck_leases_attempts"), "next_attempt > attempt")


def _let_go_of_stages() -> None:
    """What grows with the work done is deleted later than its stage; nothing refers to it."""
    for table in ("results", "files", "faults"):
        with op.batch_alter_table(
            table, table_kwargs={"sqlite_with_rowid": table == "faults"}
        ) as batch:
            batch.drop_constraint(op.f(f"fk_{table}_stage_id"), type_="foreignkey")
    op.create_table(
        "leftovers",
        sa.Column("stage_id", _KEY, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("stage_id", name=op.f("pk_leftovers")),
    )


def _add_redoing() -> None:
    op.create_table(
        "redoing",
        sa.Column("stage_id", _KEY, nullable=False),
        sa.Column("failed_upto", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.Text(), nullable=False),
        sa.Column("lowered", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["stages.id"], name=op.f("fk_redoing_stage_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_id", "failed_upto", name=op.f("pk_redoing")),
        sqlite_with_rowid=False,
    )


def _change_workers() -> None:
    _add_pool("workers")
    for column in (
        sa.Column("tags", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("clock_ahead_s", sa.Float(), server_default="0", nullable=False),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.Column("named_here", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("restart_boot_id", sa.String(length=64), nullable=True),
        sa.Column("join_token_id", _KEY, nullable=True),
    ):
        op.add_column("workers", column)
    op.create_index("ix_workers_name", "workers", ["name", "id"])
    op.create_index("ix_workers_key_hash", "workers", ["key_hash"])
