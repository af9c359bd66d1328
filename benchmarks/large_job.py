"""A job of a million frames: submitting it, its size in the database, the manager's memory.

The manager is a real `framefarm serve`; the job is a real .blend's, made by a script with bpy. The
baseline in the same run is a job of one frame of the same file: what is left is the price of size.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.managers import FRAMEFARM, RunningManager, running_manager
from benchmarks.reporting import report

_ROOT = Path(__file__).resolve().parent.parent
_LISTINGS = 7


def _upload(manager: RunningManager, blend: Path) -> str:
    content = blend.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    request = urllib.request.Request(  # noqa: S310  our own loopback address
        f"{manager.url}/api/blobs/{sha256}", data=content, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=60):  # noqa: S310
        return sha256


def _database_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("farm.db*"))


def _database_pages(manager: RunningManager) -> int:
    """Bytes of the database itself, without the write-ahead log's unused room."""
    with sqlite3.connect(f"file:{manager.data_dir}/farm.db?mode=ro", uri=True) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        return int(pages * connection.execute("PRAGMA page_size").fetchone()[0])


def measure(blend: Path, frames: int) -> dict[str, Any]:
    """Submit a job of so many frames to a fresh manager."""
    with running_manager() as manager:
        sha256 = _upload(manager, blend)
        before = _database_pages(manager)
        body = {
            "kind": "render",
            "blend": {"sha256": sha256, "name": blend.name},
            "settings": {"frames": f"1-{frames}", "order": "spread"},
        }
        begun = time.perf_counter()
        job = manager.call("POST", "/api/jobs", body)
        submit_s = time.perf_counter() - begun
        if job["stages"][0]["total"] != frames:
            raise RuntimeError(f"The job has {job['stages'][0]['total']} frames.")
        return {
            "frames": frames,
            "submit_s": submit_s,
            "database_growth_mib": (_database_pages(manager) - before) / 2**20,
            "database_files_mib": _database_bytes(manager.data_dir) / 2**20,
            "manager_memory_mib": manager.memory_mib(),
            "jobs_command_s": statistics.median(_list(manager) for _ in range(_LISTINGS)),
        }


def _list(manager: RunningManager) -> float:
    begun = time.perf_counter()
    command = [FRAMEFARM, "jobs", "--url", manager.url]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="framefarm-measured-") as folder:
        blend = Path(folder) / "demo.blend"
        script = [sys.executable, str(_ROOT / "scripts" / "demo_scene.py"), str(blend)]
        subprocess.run(script, check=True, capture_output=True)
        rows = [measure(blend, 1), measure(blend, asked.frames)]
    report("large_job", rows, as_json=asked.json, **rows[-1])


if __name__ == "__main__":
    main()
