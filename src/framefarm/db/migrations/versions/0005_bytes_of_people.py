"""What a person's files take of the farm.

Of blobs that were uploaded before nobody knows the size here: they count as nothing until a manager
sees their files (`framefarm.farm.old_uploads`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    for table, name in (
        ("stages", "result_bytes"),
        ("users", "upload_bytes"),
        ("users", "result_bytes"),
        ("blob_owners", "size_bytes"),
    ):
        column: sa.Column[int] = sa.Column(
            name, sa.BigInteger(), nullable=False, server_default="0"
        )
        op.add_column(table, column)
    op.add_column("users", sa.Column("max_bytes", sa.BigInteger()))
    op.add_column("users", sa.Column("nearly_full_at", sa.Float()))
    op.add_column("users", sa.Column("refused_at", sa.Float()))
    op.add_column("users", sa.Column("refusal", sa.Text(), nullable=False, server_default=""))
    _count()


def _count() -> None:
    """Count what is there already."""
    op.execute(
        "UPDATE stages SET result_bytes = (SELECT coalesce(sum(size_bytes), 0) FROM files"
        " WHERE files.stage_id = stages.id)"
    )
    op.execute(
        "UPDATE users SET result_bytes = (SELECT coalesce(sum(stages.result_bytes), 0)"
        " FROM stages JOIN jobs ON jobs.id = stages.job_id WHERE jobs.owner = users.name)"
    )
