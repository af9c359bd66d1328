"""The tables.

Times (`*_at`) are seconds since 1970 UTC as the database's clock tells them; sizes are bytes.
Units are never rows of their own while they wait: `spans` holds them as runs. A unit gets its own
row when it is done (`results`) or an attempt of it went wrong (`faults`), so the database grows
with the work done, not with the work asked for.

Only what both SQLite and PostgreSQL can do is used here.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite keeps a 64-bit key only in a column declared INTEGER; PostgreSQL needs BIGINT.
Key = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)
"""Facts of the whole farm: `epoch`, `farm_id`."""

join_tokens = Table(
    "join_tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("token_hash", String(64), nullable=False),
    Column("pool", String(8), nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    UniqueConstraint("token_hash"),
    CheckConstraint("pool IN ('own', 'friends', 'public')", name="pool"),
    CheckConstraint("uses_left >= 0", name="uses"),
)
"""What lets unknown workers in; only hashes are kept."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("project", String(200), nullable=False, server_default=""),
    Column("sequence", String(200), nullable=False, server_default=""),
    Column("shot", String(200), nullable=False, server_default=""),
    Column("project_id", Key),
    Column("shot_id", Key),
    Column("version", Integer),
    Column("kind", String(20), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    Column("warnings", JSON, nullable=False),
    Column("fingerprint", String(64)),
    Column("settings", JSON, nullable=False),
    Column("owner", String(200), nullable=False, server_default=""),
    Column("pool", String(8), nullable=False, server_default="own"),
    Column("tags", JSON, nullable=False, server_default="[]"),
    Column("min_memory_bytes", BigInteger, nullable=False, server_default="0"),
    Column("gpu", Boolean, nullable=False, server_default=false()),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("task_key", String(32)),
    Column("held_at", Float),
    Column("max_workers", Integer),
    Column("at_limit", Boolean, nullable=False, server_default=false()),
    Column("deadline_at", Float),
    Column("raised", Integer, nullable=False, server_default="0"),
    Column("holds", Integer, nullable=False, server_default="0"),
    Column("try_at", Float),
    CheckConstraint("priority BETWEEN 0 AND 100", name="priority"),
    CheckConstraint(
        "state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')", name="state"
    ),
    CheckConstraint("pool IN ('own', 'friends', 'public')", name="pool"),
    Index("ix_jobs_fingerprint", "fingerprint"),
    Index("ix_jobs_task_key", "task_key", unique=True),
    Index("ix_jobs_owner", "owner", "id"),
    Index("ix_jobs_state", "state", "id"),
    Index("ix_jobs_finished_at", "finished_at"),
    Index("ix_jobs_at_limit", "at_limit"),
    Index("ix_jobs_deadline", "state", "deadline_at"),
    Index("ix_jobs_holds", "holds"),
    Index("ix_jobs_project_id", "project_id"),
    Index("ix_jobs_version", "shot_id", "version", unique=True),
    sqlite_autoincrement=True,
)
"""`project`, `sequence` and `shot` name the folder of its outputs. `project_id` and `shot_id` say
where it belongs: with `version` it is one of the shot's. What a job belongs to is not deleted
before it (`framefarm.farm.shot_changes`).
`pool` is the least trusted pool whose workers may do the job; `tags`, `min_memory_bytes` and
`gpu` are what else it asks of them. `task_key`: what a render task is asked for by.
`holds`: how many times running it was held because all that was tried of it failed alike. It is
held while it is paused with a message; `try_at` is when it is tried again, nothing while it is.
`held_at`: since when it is held, or tried, or was let go by a person; what failed before counts no
more.
`max_workers`: slots that may work on it at a time; while so many do, it is `at_limit`, and none of
its stages is claimable (`framefarm.farm.limits`). `raised`: by how much its stages' priority is
above what people gave them, since it would miss its `deadline_at` (`framefarm.farm.deadlines`)."""

# Pages are read in the order of a column, the newest of equals first: backwards an index has the
# oldest of equals first, so there is one for each way.
for _sorted in (jobs.c.name, jobs.c.priority, jobs.c.project):
    Index(f"ix_jobs_{_sorted.name}", _sorted, jobs.c.id)
    Index(f"ix_jobs_{_sorted.name}_up", _sorted, jobs.c.id.desc())


projects = Table(
    "projects",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("name_key", String(300), nullable=False),
    Column("status", String(12), nullable=False),
    Column("priority", Integer),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_by", String(200), nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("name_key"),
    CheckConstraint("status IN ('active', 'on_hold', 'closed')", name="status"),
    CheckConstraint("priority BETWEEN 0 AND 100", name="priority"),
    sqlite_autoincrement=True,
)
"""Productions. `name` never changes, since folders are called so; `name_key` is the same whatever
its capitals (`framefarm.core.shots.name_key`). `priority`: of its jobs, where they say none."""

_SHOT_STATUS = (
    "status IN ('waiting', 'in_progress', 'on_hold', 'review', 'approved', 'final', 'omitted')"
)

sequences = Table(
    "sequences",
    metadata,
    Column("id", Key, primary_key=True),
    Column("project_id", Key, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("name_key", String(300), nullable=False),
    Column("status", String(12), nullable=False),
    Column("priority", Integer),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_by", String(200), nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("project_id", "name_key"),
    CheckConstraint(_SHOT_STATUS, name="status"),
    CheckConstraint("priority BETWEEN 0 AND 100", name="priority"),
    sqlite_autoincrement=True,
)
"""Parts of projects; otherwise as those."""

shots = Table(
    "shots",
    metadata,
    Column("id", Key, primary_key=True),
    Column("project_id", Key, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("sequence_id", Key, ForeignKey("sequences.id", ondelete="CASCADE")),
    Column("name", String(100), nullable=False),
    Column("name_key", String(300), nullable=False),
    Column("status", String(12), nullable=False),
    Column("frames", Text),
    Column("priority", Integer),
    Column("description", Text, nullable=False, server_default=""),
    Column("last_version", Integer, nullable=False, server_default="0"),
    Column("created_by", String(200), nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    CheckConstraint(_SHOT_STATUS, name="status"),
    CheckConstraint("priority BETWEEN 0 AND 100", name="priority"),
    CheckConstraint("last_version >= 0", name="last_version"),
    UniqueConstraint("sequence_id", "name_key"),
    Index("ix_shots_project_id", "project_id", "name_key"),
    Index(
        "ix_shots_of_no_sequence",
        "project_id",
        "name_key",
        unique=True,
        sqlite_where=text("sequence_id IS NULL"),
        postgresql_where=text("sequence_id IS NULL"),
    ),
    sqlite_autoincrement=True,
)
"""Shots of a sequence, or of a project itself. `frames`: its range, where one was said.
`last_version`: the number that its last job got; it only rises, so that no number is used twice."""

shot_notes = Table(
    "shot_notes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("shot_id", Key, ForeignKey("shots.id", ondelete="CASCADE"), nullable=False),
    Column("author", String(200), nullable=False, server_default=""),
    Column("text", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float),
    Index("ix_shot_notes_shot_id", "shot_id", "id"),
    sqlite_autoincrement=True,
)
"""What people wrote about shots. `author` is empty on the manager's own machine."""


stages = Table(
    "stages",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job_id", Key, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("state", String(12), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("claimable", Boolean, nullable=False),
    Column("on_trial", Boolean, nullable=False, server_default=false()),
    Column("largest_lease", Integer, nullable=False),
    Column("wanted_blender", String(12), nullable=False, server_default=""),
    Column("blender", String(12), nullable=False, server_default=""),
    Column("blend_sha256", String(64), nullable=False, server_default=""),
    Column("queue", Text, nullable=False, server_default=""),
    Column("seal_key", String(64), nullable=False, server_default=""),
    Column("max_workers", Integer),
    Column("units", Text, nullable=False),
    Column("needs_position", Integer),
    Column("needs_group", Integer),
    Column("settings", JSON, nullable=False),
    Column("total", Integer, nullable=False),
    Column("pending", Integer, nullable=False),
    Column("leased", Integer, nullable=False, server_default="0"),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("cancelled", Integer, nullable=False, server_default="0"),
    Column("first_attempt", Integer, nullable=False, server_default="1"),
    Column("highest_attempt", Integer, nullable=False, server_default="0"),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("slowest_s", Float, nullable=False, server_default="0"),
    Column("slowest_unit", Integer),
    Column("peak_memory_bytes", BigInteger, nullable=False, server_default="0"),
    Column("result_bytes", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("job_id", "position"),
    CheckConstraint("state IN ('waiting', 'ready', 'done', 'failed', 'cancelled')", name="state"),
    CheckConstraint(
        "pending >= 0 AND leased >= 0 AND done >= 0 AND failed >= 0 AND cancelled >= 0",
        name="counters",
    ),
    Index("ix_stages_claim", "claimable", "queue", "priority", "job_id", "position"),
    Index("ix_stages_blend", "blend_sha256", "claimable"),
    sqlite_autoincrement=True,
)
"""One step of a job. `claimable` is true while the job may run and is not at its limit, `pending`
is above zero and the Blender to use is settled (`wanted_blender` is what the file asks for,
`blender` what it gets: one version for all frames of a job, so that none looks different from its
neighbour). `on_trial`: it is claimable though its job is held, until one unit of it is leased.

`queue` says what it asks of a worker and whose it is (`framefarm.core.requirements`): stages that
could stand in for each other share one, so that a claim looks at a few rows however many wait.

`max_workers` is its job's, for claims.

`seal_key` proves leases to a manager that has forgotten them (`framefarm.farm.seals`); another one
once units were made anew.

`total` counts all units; those that wait for another stage's units are in none of the counters.
`first_attempt` is the number that their first attempt gets: above 1 once units were made anew.
`highest_attempt` is the highest that a result or a fault of its had. `result_bytes`: of the files
of its results.
"""

spans = Table(
    "spans",
    metadata,
    Column("id", Key, primary_key=True),
    Column("stage_id", Key, ForeignKey("stages.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    CheckConstraint("first <= last AND step >= 1 AND attempt >= 1", name="run"),
    Index("ix_spans_order", "stage_id", "position", "id"),
)
"""Pending units as runs, worked in the order of `position`, then `id`.

Each run has a position of its own, which its pieces keep when a unit is taken out of it; only in
front, at 0, is there more than one."""

leases = Table(
    "leases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("stage_id", Key, ForeignKey("stages.id", ondelete="CASCADE"), nullable=False),
    Column("worker_id", String(32), nullable=False),
    Column("slot", String(40), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("units", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("leased_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("tail", Boolean, nullable=False, server_default=false()),
    Column("next_attempt", Integer, nullable=False),
    CheckConstraint("state IN ('active', 'ended')", name="state"),
    CheckConstraint("next_attempt > attempt", name="attempts"),
    Index("ix_leases_worker", "worker_id"),
    Index("ix_leases_expiry", "state", "expires_at"),
    Index("ix_leases_stage", "stage_id"),
    sqlite_with_rowid=False,
)
"""`units` is what is left of it. A lease whose last unit is finished is deleted; one that was taken
away stays, `ended`, until its job has ended, so that a late success can still be told from an
invented one (L4).

`tail`: a second lease of a unit that another lease holds (L11). `next_attempt`: the number that the
next lease of these units gets; above every attempt they have had, those by tail leases included."""

results = Table(
    "results",
    metadata,
    Column("stage_id", Key, nullable=False),
    Column("unit", Integer, nullable=False),
    Column("lease_id", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker_id", String(32), nullable=False),
    Column("answer", String(16), nullable=False),
    Column("finished_at", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("peak_memory_bytes", BigInteger, nullable=False),
    Column("device", String(100), nullable=False),
    Column("blender", String(20), nullable=False),
    Column("facts", Text, nullable=False),
    PrimaryKeyConstraint("stage_id", "unit"),
    sqlite_with_rowid=False,
)
"""One per unit, until a person wants it made anew: the primary key is what makes a unit finish
once."""

files = Table(
    "files",
    metadata,
    Column("stage_id", Key, nullable=False),
    Column("unit", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", String(400), nullable=False),
    Column("role", String(12), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("stage_id", "unit", "position"),
    Index("ix_files_sha256", "sha256"),
    sqlite_with_rowid=False,
)
"""The files of results, in the order in which the worker sent them."""

inputs = Table(
    "inputs",
    metadata,
    Column("stage_id", Key, ForeignKey("stages.id", ondelete="CASCADE"), nullable=False),
    Column("unit", Integer, nullable=False),
    Column("have", Integer, nullable=False),
    PrimaryKeyConstraint("stage_id", "unit"),
    sqlite_with_rowid=False,
)
"""How many of the inputs of a later stage's unit are there. A row exists only while some are and
some are not."""

faults = Table(
    "faults",
    metadata,
    Column("id", Key, primary_key=True),
    Column("stage_id", Key, nullable=False),
    Column("unit", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker_id", String(32), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("message", Text, nullable=False),
    Column("log_tail", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("forgiven", Boolean, nullable=False, server_default=false()),
    Column("peak_memory_bytes", BigInteger, nullable=False, server_default="0"),
    Column("memory_bytes", BigInteger, nullable=False, server_default="0"),
    Column("charged", Boolean, nullable=False, server_default=false()),
    Column("at", Float, nullable=False),
    Index("ix_faults_unit", "stage_id", "unit"),
    Index("ix_faults_worker", "worker_id"),
)
"""Attempts that went wrong. `final`: this one made the unit `failed`. `forgiven`: a retry was asked
for since, so it no longer counts. `memory_bytes`: what the attempt was allowed, if it ran out.
`charged`: it has counted against its worker, and does no more (L9)."""

chunked = Table(
    "chunked",
    metadata,
    Column("id", Key, primary_key=True),
    Column("sha256", String(64), nullable=False),
    UniqueConstraint("sha256"),
    sqlite_autoincrement=True,
)
"""Blobs that came in chunks, so that what the next version of them shares need not come again."""

chunks = Table(
    "chunks",
    metadata,
    Column("name", LargeBinary(16), nullable=False),
    Column("chunked_id", Key, ForeignKey("chunked.id", ondelete="CASCADE"), nullable=False),
    Column("of_list", Boolean, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    PrimaryKeyConstraint("name", "chunked_id", "of_list"),
    Index("ix_chunks_chunked_id", "chunked_id"),
    sqlite_with_rowid=False,
)
"""Where a chunk is: in a blob, or (`of_list`) in the list of the blob's chunks."""

trees = Table(
    "trees",
    metadata,
    Column("tree_sha256", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    PrimaryKeyConstraint("tree_sha256", "sha256"),
    Index("ix_trees_sha256", "sha256"),
    sqlite_with_rowid=False,
)
"""The files of projects of several files: what a stage's `blend_sha256` stands for when it is the
hash of such a project's list."""

leftovers = Table(
    "leftovers",
    metadata,
    Column("stage_id", Key, primary_key=True, autoincrement=False),
)
"""Stages that are deleted, and whose results, files and faults are not yet. Those three grow with
the work done and refer to no stage, so that a job goes at once however large it is; its rows follow
a few at a time (`framefarm.farm.deleting`)."""

redoing = Table(
    "redoing",
    metadata,
    Column("stage_id", Key, ForeignKey("stages.id", ondelete="CASCADE"), nullable=False),
    Column("failed_upto", BigInteger, nullable=False),
    Column("units", Text, nullable=False),
    Column("lowered", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("stage_id", "failed_upto"),
    sqlite_with_rowid=False,
)
"""Units that a person wants made anew, as far as that is not done yet: a few results of them are
taken back at a time (`framefarm.farm.redoing`). `failed_upto`: above 0, only those that failed by
faults up to this id. `lowered`: the highest figures of the stage are to be looked for at last."""

users = Table(
    "users",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("role", String(8), nullable=False),
    Column("email", String(254), nullable=False, server_default=""),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("password_hash", String(255)),
    Column("max_jobs", Integer),
    Column("max_frames", Integer),
    Column("max_slots", Integer),
    Column("max_bytes", BigInteger),
    Column("upload_bytes", BigInteger, nullable=False, server_default="0"),
    Column("result_bytes", BigInteger, nullable=False, server_default="0"),
    Column("nearly_full_at", Float),
    Column("refused_at", Float),
    Column("refusal", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("name"),
    CheckConstraint("role IN ('admin', 'artist', 'viewer')", name="role"),
    Index("ix_users_max_slots", "max_slots"),
    sqlite_autoincrement=True,
)
"""People. A job's `owner` is the name of one, or what the manager's own machine said.
`password_hash` is argon2's own text, with its parameters and salt. `max_jobs`, `max_frames`,
`max_slots` and `max_bytes` are quotas (`framefarm.farm.quotas`); none where there is no number.
`upload_bytes`: of the blobs that are theirs; `result_bytes`: of the results of their jobs
(`framefarm.farm.usage`). `nearly_full_at`: since when these take nearly all of `max_bytes`.
`refused_at`: when something was refused for a quota, the last time; `refusal`: in which words."""

identities = Table(
    "identities",
    metadata,
    Column("issuer", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("issuer", "subject"),
    Index("ix_identities_user_id", "user_id"),
    sqlite_with_rowid=False,
)
"""Who people are to an OpenID Connect provider, whose `subject` is one person's for ever."""

logins = Table(
    "logins",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("address", String(64), nullable=False, server_default=""),
    Column("agent", String(200), nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    Column("last_used_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    UniqueConstraint("secret_hash"),
    CheckConstraint("kind IN ('password', 'openid')", name="kind"),
    Index("ix_logins_user_id", "user_id"),
    sqlite_autoincrement=True,
)
"""Browsers in which people are logged in; only hashes of what their cookies hold are kept."""

first_codes = Table(
    "first_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("expires_at", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""The code by which the first admin's account is made: one at most."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(80), nullable=False),
    Column("prefix", String(10), nullable=False),
    Column("token_hash", String(64), nullable=False),
    Column("scope", String(6), nullable=False),
    Column("by_login", Boolean, nullable=False, server_default=false()),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
    UniqueConstraint("token_hash"),
    CheckConstraint("scope IN ('full', 'read', 'submit')", name="scope"),
    Index("ix_tokens_user_id", "user_id"),
    sqlite_autoincrement=True,
)
"""What people's programs show; only hashes are kept. `prefix`: its first characters, by which
people tell tokens apart. `by_login`: made with a password, and ends when that is changed."""

blob_owners = Table(
    "blob_owners",
    metadata,
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("user_id", "sha256"),
    Index("ix_blob_owners_sha256", "sha256"),
    sqlite_with_rowid=False,
)
"""Who brought all bytes of a blob. It keeps none: a row goes with its blob."""

notify_targets = Table(
    "notify_targets",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE")),
    Column("name", String(80), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("shown", String(300), nullable=False),
    Column("tells", JSON, nullable=False),
    Column("all_jobs", Boolean, nullable=False, server_default=false()),
    Column("created_at", Float, nullable=False),
    Column("since_at", Float, nullable=False),
    Column("next_at", Float, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("fault", Text, nullable=False, server_default=""),
    CheckConstraint("kind IN ('mail', 'service', 'hook')", name="kind"),
    Index("ix_notify_targets_user_id", "user_id"),
    sqlite_autoincrement=True,
)
"""Where people are told; `user_id` is empty for those of the manager's own machine. `sealed`: the
address, encrypted; `shown`: as much of it as is no secret. `since_at`: nothing from before is told.
`next_at`: nothing is sent before; `tries` went wrong since the last success, for `reason`. `fault`:
why nothing is sent there any more."""

notifications = Table(
    "notifications",
    metadata,
    Column("id", Key, primary_key=True),
    Column("target_id", Key, ForeignKey("notify_targets.id", ondelete="CASCADE"), nullable=False),
    Column("occurrence", String(160), nullable=False),
    Column("event", String(20), nullable=False),
    Column("subject", String(60), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("happened_at", Float, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("state", String(8), nullable=False),
    Column("sent_at", Float),
    Column("reason", Text, nullable=False, server_default=""),
    UniqueConstraint("occurrence", "target_id"),
    CheckConstraint(
        "state IN ('waiting', 'sending', 'sent', 'given_up', 'unclear', 'muted')", name="state"
    ),
    Index("ix_notifications_state", "state", "target_id"),
    Index("ix_notifications_subject", "target_id", "subject", "made_at"),
    Index("ix_notifications_made_at", "made_at"),
    sqlite_autoincrement=True,
)
"""What a target is told, was told, or why not. `occurrence` names what happened, so that no target
is told of it twice; `subject` is what it happened to."""
answers = Table(
    "answers",
    metadata,
    Column("owner_id", Key, nullable=False, autoincrement=False),
    Column("key_hash", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("location", String(400), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_at", Float, nullable=False),
    PrimaryKeyConstraint("owner_id", "key_hash"),
    Index("ix_answers_made_at", "made_at"),
)
"""What was answered to requests with an Idempotency-Key of late. `owner_id`: a user's, or 0 on the
manager's own machine. `body` is encrypted by the key, of which only a hash is here."""

pools = Table(
    "pools",
    metadata,
    Column("name", String(8), primary_key=True),
    Column("max_slots", Integer),
    Column("max_slots_per_user", Integer),
    Column("max_slots_per_job", Integer),
    CheckConstraint("name IN ('own', 'friends', 'public')", name="name"),
    sqlite_with_rowid=False,
)
"""How many slots of a pool may work at a time: in all, for one owner, and for one job
(`framefarm.farm.pool_limits`). A pool without limits may have no row."""

workers = Table(
    "workers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("key_hash", String(64), nullable=False),
    Column("boot_id", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("agent_version", String(40), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("slots", JSON, nullable=False),
    Column("pool", String(8), nullable=False, server_default="own"),
    Column("tags", JSON, nullable=False, server_default="[]"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("clock_ahead_s", Float, nullable=False, server_default="0"),
    Column("revoked_at", Float),
    Column("named_here", Boolean, nullable=False, server_default=false()),
    Column("restart_boot_id", String(64)),
    Column("join_token_id", Key),
    Column("first_seen_at", Float, nullable=False),
    Column("last_seen_at", Float, nullable=False),
    Column("lost_at", Float),
    CheckConstraint("pool IN ('own', 'friends', 'public')", name="pool"),
    CheckConstraint(
        "state IN ('offline', 'idle', 'busy', 'draining', 'disabled', 'lost', 'quarantined')",
        name="state",
    ),
    Index("ix_workers_name", "name", "id"),
    Index("ix_workers_key_hash", "key_hash"),
)
"""`reason`: why it is in its state, where that needs saying. `revoked_at`: its key counts no more;
the row stays, since results name it. `named_here`: a person gave it its name, which counts above
what it says itself. `restart_boot_id`: the process that is to be started anew; once another one
greets, that has happened. `join_token_id`: the token it joined by, if it needed one. `lost_at`:
when it was found lost, the last time."""

quarantines = Table(
    "quarantines",
    metadata,
    Column("worker_id", String(32), ForeignKey("workers.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("blender", String(12), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since_at", Float, nullable=False),
    Column("until_at", Float, nullable=False),
    Column("strikes", Integer, nullable=False),
    Column("trial_lease", String(32), nullable=False, server_default=""),
    PrimaryKeyConstraint("worker_id", "kind", "blender"),
    sqlite_with_rowid=False,
)
"""What a worker is not trusted with (L9): stages of a kind with one version of Blender. After
`until_at` it gets one unit to show itself, by the lease `trial_lease`; success ends the quarantine,
failure is another strike and a longer one."""

sessions = Table(
    "sessions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job_id", Key, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("waiting", Boolean, nullable=False),
    Column("prefetch", Boolean, nullable=False, server_default=false()),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("reason", Text, nullable=False, server_default=""),
    UniqueConstraint("job_id"),
    CheckConstraint("wanted >= 1", name="wanted"),
    Index("ix_sessions_ended_at", "ended_at"),
    sqlite_autoincrement=True,
)
"""How many workers a job asked for; one for each job, the newest. While it is `waiting`, nothing of
the job is claimable. `prefetch`: who joins it gets the job's files at once. Until it has ended, for
`reason`, the queues of the job's stages are for its workers alone (`framefarm.farm.sessions`)."""

session_workers = Table(
    "session_workers",
    metadata,
    Column(
        "worker_id",
        String(32),
        ForeignKey("workers.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("session_id", Key, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("boot_id", String(64), nullable=False),
    Column("joined_at", Float, nullable=False),
    Column("has_files", Boolean, nullable=False, server_default=false()),
    Index("ix_session_workers_session_id", "session_id"),
    sqlite_with_rowid=False,
)
"""Who is in a session: a worker in one at most. `boot_id`: of the process that joined; another one
begins anew. `has_files`: it said that it holds the job's files."""
