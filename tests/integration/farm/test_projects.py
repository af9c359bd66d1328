"""The files of a project stay as long as a job renders it, and then go with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Connection, insert, update

from framefarm.db import tables as t
from framefarm.farm.upkeep import remove_unneeded, unneeded
from framefarm.storage import BlobFolder
from tests.integration.farm.bench import Bench

LATER = 1e12


def store(blobs: BlobFolder, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    with blobs.receive(sha256, len(content)) as incoming:
        incoming.write(content)
        incoming.keep()
    return sha256


def test_files_of_a_project_go_after_its_last_job(bench: Bench, tmp_path: Path):
    blobs = BlobFolder(tmp_path / "blobs", low_water_bytes=0)
    tree, wood, both = (store(blobs, content) for content in (b"tree", b"wood", b"both"))
    other = store(blobs, b"other tree")
    jobs = [bench.trial("1"), bench.trial("2")]
    everything = [tree, wood, both, other]

    def note(connection: Connection) -> None:
        for job, of in zip(jobs, (tree, other), strict=True):
            connection.execute(
                update(t.stages).where(t.stages.c.job_id == job).values(blend_sha256=of)
            )
        rows = [(tree, wood), (tree, both), (other, both)]
        connection.execute(
            insert(t.trees), [{"tree_sha256": of, "sha256": sha256} for of, sha256 in rows]
        )

    def tidy() -> int:
        return bench.do(remove_unneeded, blobs, everything, untouched_since=LATER)

    bench.do(note)
    assert bench.do(unneeded, everything) == []
    bench.delete(jobs[0])
    bench.clear_away()

    assert (tidy(), tidy(), tidy()) == (1, 1, 0)
    assert [blobs.has(sha256) for sha256 in everything] == [False, False, True, True]
    assert [row.tree_sha256 for row in bench.rows(t.trees)] == [other]
