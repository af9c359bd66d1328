"""Projects, sequences and shots, made of what jobs said so far."""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from framefarm.core.naming import safe_name
from framefarm.core.shots import name_key

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SHOT_STATUS = (
    "status IN ('waiting', 'in_progress', 'on_hold', 'review', 'approved', 'final', 'omitted')"
)


def upgrade() -> None:
    """Apply this step."""
    _add_tables()
    sequence: sa.Column[str] = sa.Column(
        "sequence", sa.String(length=200), server_default="", nullable=False
    )
    op.add_column("jobs", sequence)
    op.add_column("jobs", sa.Column("project_id", _KEY))
    op.add_column("jobs", sa.Column("shot_id", _KEY))
    op.add_column("jobs", sa.Column("version", sa.Integer()))
    op.create_index("ix_jobs_project_id", "jobs", ["project_id"])
    op.create_index("ix_jobs_version", "jobs", ["shot_id", "version"], unique=True)
    _make_of_jobs(op.get_bind())


def _add_tables() -> None:
    op.create_table(
        "projects",
        *_columns(),
        sa.CheckConstraint(
            "status IN ('active', 'on_hold', 'closed')", name=op.f("ck_projects_status")
        ),
        sa.CheckConstraint("priority BETWEEN 0 AND 100", name=op.f("ck_projects_priority")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name_key", name=op.f("uq_projects_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sequences",
        sa.Column("project_id", _KEY, nullable=False),
        *_columns(),
        sa.CheckConstraint(_SHOT_STATUS, name=op.f("ck_sequences_status")),
        sa.CheckConstraint("priority BETWEEN 0 AND 100", name=op.f("ck_sequences_priority")),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_sequences_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sequences")),
        sa.UniqueConstraint(
            "project_id", "name_key", name=op.f("uq_sequences_project_id_name_key")
        ),
        sqlite_autoincrement=True,
    )
    _add_shots()
    op.create_table(
        "shot_notes",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("shot_id", _KEY, nullable=False),
        sa.Column("author", sa.String(length=200), server_default="", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.Float()),
        sa.ForeignKeyConstraint(
            ["shot_id"], ["shots.id"], name=op.f("fk_shot_notes_shot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shot_notes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_shot_notes_shot_id", "shot_notes", ["shot_id", "id"])


def _add_shots() -> None:
    op.create_table(
        "shots",
        sa.Column("project_id", _KEY, nullable=False),
        sa.Column("sequence_id", _KEY),
        sa.Column("frames", sa.Text()),
        sa.Column("last_version", sa.Integer(), server_default="0", nullable=False),
        *_columns(),
        sa.CheckConstraint(_SHOT_STATUS, name=op.f("ck_shots_status")),
        sa.CheckConstraint("priority BETWEEN 0 AND 100", name=op.f("ck_shots_priority")),
        sa.CheckConstraint("last_version >= 0", name=op.f("ck_shots_last_version")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_shots_project_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sequence_id"],
            ["sequences.id"],
            name=op.f("fk_shots_sequence_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shots")),
        sa.UniqueConstraint("sequence_id", "name_key", name=op.f("uq_shots_sequence_id_name_key")),
        sqlite_autoincrement=True,
    )
    alone = sa.text("sequence_id IS NULL")
    op.create_index(
        "ix_shots_of_no_sequence",
        "shots",
        ["project_id", "name_key"],
        unique=True,
        sqlite_where=alone,
        postgresql_where=alone,
    )
    op.create_index("ix_shots_project_id", "shots", ["project_id", "name_key"])


def _columns() -> list[sa.Column[object]]:
    """What projects, sequences and shots have alike."""
    return [
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=300), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("priority", sa.Integer()),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.String(length=200), server_default="", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
    ]


def _make_of_jobs(connection: sa.Connection) -> None:
    """Make projects and shots of the names that jobs have; each job is the next of its shot.

    Jobs keep the names as they were said: their outputs lie in folders that are called so. Names
    that differ in nothing but capitals become one. A shot without a project belongs nowhere.
    """
    made: dict[tuple[object, ...], int] = {}
    versions: dict[int, int] = defaultdict(int)
    named = sa.text(
        "SELECT id, project, shot, owner, created_at FROM jobs WHERE project <> '' ORDER BY id"
    )
    for job in connection.execute(named).all():
        values = {"created_by": job.owner, "created_at": job.created_at}
        project = _known(connection, made, "projects", job.project, {**values, "status": "active"})
        belongs: dict[str, object] = {"project_id": project, "shot_id": None, "version": None}
        if job.shot:
            values |= {"project_id": project, "status": "waiting"}
            shot = _known(connection, made, "shots", job.shot, values)
            versions[shot] += 1
            belongs |= {"shot_id": shot, "version": versions[shot]}
        change = "UPDATE jobs SET project_id=:project_id, shot_id=:shot_id, version=:version"
        connection.execute(sa.text(f"{change} WHERE id=:id"), {**belongs, "id": job.id})
    for shot, last in versions.items():
        last_version = sa.text("UPDATE shots SET last_version=:last WHERE id=:id")
        connection.execute(last_version, {"last": last, "id": shot})


def _known(
    connection: sa.Connection,
    made: dict[tuple[object, ...], int],
    table: str,
    said: str,
    values: dict[str, object],
) -> int:
    """The id of what has a name in its project; it is made when it is not there."""
    name = safe_name(said)
    key = (table, values.get("project_id"), name_key(name))
    if key not in made:
        columns = {"name": name, "name_key": name_key(name), **values}
        names = ", ".join(columns)
        given = ", ".join(f":{column}" for column in columns)
        insert = f"INSERT INTO {table} ({names}) VALUES ({given}) RETURNING id"  # noqa: S608
        made[key] = int(connection.execute(sa.text(insert), columns).scalar_one())
    return made[key]
