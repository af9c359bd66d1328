"""Reading a .blend of 100 MB without Blender: plain, gzip and zstd, with and without its links.

The file is made by Blender (`bpy`). Beside it the baseline of the same run: what only unpacking
takes.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.reporting import report
from framefarm.blender.blendfile import read_blend
from framefarm.blender.blocks import BoundedFile
from framefarm.blender.unpacking import open_unpacked

_MAKER = Path(__file__).with_name("large_blend.py")


def _make(folder: Path) -> dict[str, Path]:
    files = {kind: folder / f"{kind}.blend" for kind in ("plain", "gzip", "zstd")}
    for kind in ("plain", "zstd"):
        subprocess.run([sys.executable, "-I", str(_MAKER), str(files[kind]), kind], check=True)
    with files["plain"].open("rb") as source, gzip.open(files["gzip"], "wb", 6) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return files


def _times_ms(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The quickest of some rounds, and the one in their middle."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return min(times), statistics.median(times)


def _unpack(path: Path) -> None:
    open_unpacked(path).stream.close()


def _row(kind: str, path: Path, rounds: int) -> dict[str, Any]:
    facts, facts_median = _times_ms(lambda: read_blend(path, trace=False), rounds)
    links, links_median = _times_ms(lambda: read_blend(path), rounds)
    unpacked, _ = _times_ms(partial(_unpack, path), rounds)
    file = BoundedFile(path)
    blocks = len(file.blocks)
    file.close()
    return {
        "file": kind,
        "size_mib": path.stat().st_size / 2**20,
        "blocks": blocks,
        "facts_ms": facts,
        "facts_median_ms": facts_median,
        "with_links_ms": links,
        "with_links_median_ms": links_median,
        "only_unpacked_ms": unpacked,
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="framefarm-measured-") as folder:
        files = _make(Path(folder))
        rows = [_row(kind, path, asked.rounds) for kind, path in files.items()]
    report("blend_reading", rows, as_json=asked.json)


if __name__ == "__main__":
    main()
