"""What travels when a large .blend is saved again after an edit, and how long that takes.

Blender writes a file of some 240 MB (grids with random places of their vertices), opens it in a new
process, changes a part, and saves it again, plain and compressed. The baseline in the same run
sends the whole file. `changed` are the bytes of the vertices that the edit moved.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.managers import running_manager
from benchmarks.reporting import report
from framefarm.blender.unpacking import open_unpacked
from framefarm.client.farm import Farm

_BLENDER = """
import json, sys
import bpy, numpy as np
order = json.loads(sys.argv[1])
rng = np.random.default_rng(order["seed"])
if "make" in order:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for number in range(order["objects"]):
        side = order["side"]
        mesh = bpy.data.meshes.new(f"mesh {number}")
        grid = np.arange(side * side).reshape(side, side)
        quads = [grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]]
        faces = np.stack(quads, -1).reshape(-1, 4)
        mesh.from_pydata(rng.random((side * side, 3), dtype=np.float32), [], faces.tolist())
        made = bpy.data.objects.new(f"object {number}", mesh)
        bpy.context.scene.collection.objects.link(made)
else:
    bpy.ops.wm.open_mainfile(filepath=order["open"])
    left = order["vertices"]
    for mesh in bpy.data.meshes:
        some = min(left, len(mesh.vertices))
        places = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", places)
        places[:some * 3] = rng.random(some * 3, dtype=np.float32)
        mesh.vertices.foreach_set("co", places)
        mesh.update()
        left -= some
    bpy.data.objects[0].location.x += 1
for path, compress in order["save"].items():
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=compress, copy=True)
"""
_BYTES_OF_A_VERTEX = 12
_EDITS = (10_000, 100_000, 400_000)


def measure(folder: Path, objects: int, side: int) -> list[dict[str, Any]]:
    """Upload a file, then what became of it by each edit."""
    first = _save(folder, "first", make=True, objects=objects, side=side, seed=1)
    rows = []
    with running_manager() as manager, Farm(manager.url) as farm:
        rows.append(_row("all of it, whole", first["plain"], 0, *_whole(farm, first["plain"])))
    edits = {
        vertices: _save(folder, str(vertices), open=str(first["plain"]), vertices=vertices, seed=2)
        for vertices in _EDITS
    }
    for kind in ("plain", "compressed"):
        # A manager for each: the compressed file has the same in it as the plain one.
        with running_manager() as manager, Farm(manager.url) as farm:
            rows.append(_row(f"all of it, {kind}", first[kind], 0, *_send(farm, first[kind])))
            for vertices, saved in edits.items():
                changed = vertices * _BYTES_OF_A_VERTEX
                what = f"{vertices:,} vertices, {kind}"
                rows.append(_row(what, saved[kind], changed, *_send(farm, saved[kind])))
    return rows


def _row(what: str, file: Path, changed: int, sent: int, seconds: float) -> dict[str, Any]:
    return {
        "what": what,
        "file_mb": file.stat().st_size / 1e6,
        "changed_kb": changed / 1e3,
        "sent_kb": sent / 1e3,
        "sent_of_changed": sent / changed if changed else 0.0,
        "seconds": seconds,
    }


def _save(folder: Path, name: str, **order: Any) -> dict[str, Path]:
    files = {kind: folder / f"{name}-{kind}.blend" for kind in ("plain", "compressed")}
    order["save"] = {str(path): kind == "compressed" for kind, path in files.items()}
    subprocess.run(
        [sys.executable, "-I", "-c", _BLENDER, json.dumps(order)], check=True, capture_output=True
    )
    return files


def _send(farm: Farm, file: Path) -> tuple[int, float]:
    """Send a file as `framefarm submit` does to another machine."""
    sent: list[int] = []
    began = time.perf_counter()
    unpacked = open_unpacked(file)
    with unpacked.stream as stream:
        farm.upload_in_chunks(stream, unpacked.size_bytes, count=sent.append)
    return sum(sent), time.perf_counter() - began


def _whole(farm: Farm, file: Path) -> tuple[int, float]:
    sent: list[int] = []
    began = time.perf_counter()
    farm.upload_blob(file, count=sent.append)
    return sum(sent), time.perf_counter() - began


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=18)
    parser.add_argument("--side", type=int, default=400, help="vertices of an object, squared")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), asked.objects, asked.side)
    report("uploads", rows, as_json=asked.json, objects=asked.objects, side=asked.side)


if __name__ == "__main__":
    main()
