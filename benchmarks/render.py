"""What the farm costs and gains over Blender alone, on real scenes.

Three ways of rendering the same frames of the same file to PNG, each measured from the start of its
process to its end, so that importing, loading and saving count for all of them:

    plain       one Blender process, `-a`
    persistent  the same with `use_persistent_data`
    farm        `framefarm render --movie none`, manager and worker and all

Then how long it takes from submitting to the first pixel: cold (`framefarm render`, from the start
of the command) and warm (a job submitted to a running manager whose worker has the file open).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.managers import FRAMEFARM, RunningManager, running_manager
from benchmarks.reporting import report

_ROOT = Path(__file__).resolve().parent.parent
_FIRST_PIXEL_S = 120.0


@dataclass(frozen=True)
class Scene:
    """A scene to measure with, made by a script in `scripts/`."""

    name: str
    script: str
    frames: int


SCENES = (Scene("demo", "demo_scene.py", 48), Scene("heavy", "heavy_scene.py", 80))


def _make(scene: Scene, folder: Path) -> Path:
    blend = folder / f"{scene.name}.blend"
    _run([sys.executable, str(_ROOT / "scripts" / scene.script), str(blend)])
    return blend


def _run(command: Sequence[str]) -> float:
    """Run a command to its end; returns its seconds."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=_ROOT, check=False, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command} failed:\n{done.stderr.decode()[-2000:]}")
    return time.perf_counter() - begun


def _plain(blend: Path, frames: int, *, persistent: bool) -> float:
    with tempfile.TemporaryDirectory() as out:
        arguments = [str(blend), out, "1", str(frames), "1" if persistent else "0"]
        seconds = _run([sys.executable, "-m", "benchmarks.plain_blender", *arguments])
        _check_count(Path(out), frames)
        return seconds


def _farm(blend: Path, frames: int) -> float:
    with tempfile.TemporaryDirectory() as out:
        chosen = ["--frames", f"1-{frames}", "--movie", "none", "--output", out, "--json"]
        seconds = _run([FRAMEFARM, "render", str(blend), *chosen])
        _check_count(Path(out), frames)
        return seconds


def _check_count(folder: Path, frames: int) -> None:
    made = len(list(folder.glob("*.png")))
    if made != frames:
        raise RuntimeError(f"{made} of {frames} frames were made.")


def measure_wall(scene: Scene, blend: Path, frames: int, rounds: int) -> dict[str, Any]:
    """All ways in turn, `rounds` times, so that a drifting machine treats them alike."""
    ways: dict[str, Callable[[], float]] = {
        "plain_s": lambda: _plain(blend, frames, persistent=False),
        "persistent_s": lambda: _plain(blend, frames, persistent=True),
        "farm_s": lambda: _farm(blend, frames),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    over = [f / p for f, p in zip(taken["farm_s"], taken["persistent_s"], strict=True)]
    gain = [p / f for f, p in zip(taken["farm_s"], taken["plain_s"], strict=True)]
    return {
        "scene": scene.name,
        "frames": frames,
        **medians,
        "farm_over_persistent": statistics.median(over),
        "farm_gain_over_plain": statistics.median(gain),
    }


def measure_cold(blend: Path) -> float:
    """Seconds from the start of `framefarm render` to the first pixel."""
    with tempfile.TemporaryDirectory() as out:
        chosen = ["--frames", "1-2", "--movie", "none", "--output", out, "--json"]
        begun = time.perf_counter()
        process = subprocess.Popen(
            [FRAMEFARM, "render", str(blend), *chosen], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        seconds = 0.0
        for line in process.stdout:
            if not seconds and _is_first_pixel(json.loads(line)):
                seconds = time.perf_counter() - begun
        process.wait(60)
        return seconds


def _is_first_pixel(event: dict[str, Any]) -> bool:
    if event.get("event") == "unit":
        return bool(event.get("state") == "done")
    return event.get("event") == "progress" and int(event.get("done", 0)) > 0


def measure_warm(blend: Path, rounds: int) -> list[float]:
    """Seconds from submitting to the first pixel where the worker has the file open."""
    with running_manager() as manager, _worker(manager):
        _submit_and_wait(manager, blend, "1-2")
        return [_submit_and_wait(manager, blend, f"{n}-{n}") for n in range(3, 3 + rounds)]


@contextmanager
def _worker(manager: RunningManager) -> Iterator[None]:
    data = manager.data_dir / "worker"
    process = subprocess.Popen(
        [FRAMEFARM, "worker", manager.url, "--data", str(data)], stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _submit_and_wait(manager: RunningManager, blend: Path, frames: str) -> float:
    """Submit as the command does; returns the seconds to the first pixel, after the job's end."""
    begun = time.perf_counter()
    chosen = ["--frames", frames, "--movie", "none", "--url", manager.url, "--json"]
    done = subprocess.run(
        [FRAMEFARM, "submit", str(blend), *chosen], check=True, capture_output=True, text=True
    )
    job_id = _job_of(done.stdout)
    return _first_pixel(f"{manager.url}/api/jobs/{job_id}/events", begun)


def _job_of(output: str) -> int:
    event = json.loads(output.strip().splitlines()[-1])
    return int(event["job"]["id"] if isinstance(event["job"], dict) else event["job"])


def _first_pixel(url: str, begun: float) -> float:
    seconds, kind = 0.0, ""
    with urllib.request.urlopen(url, timeout=_FIRST_PIXEL_S) as stream:  # noqa: S310  loopback
        for raw in stream:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                event = {"event": kind, **json.loads(line.removeprefix("data: "))}
                if not seconds and _is_first_pixel(event):
                    seconds = time.perf_counter() - begun
            if kind == "end":
                break
    return seconds


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", nargs="*", default=[scene.name for scene in SCENES])
    parser.add_argument("--frames", type=int, help="instead of each scene's own count")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="framefarm-measured-") as folder:
        for scene in SCENES:
            if scene.name not in asked.scenes:
                continue
            blend = _make(scene, Path(folder))
            row = measure_wall(scene, blend, asked.frames or scene.frames, asked.rounds)
            row["first_pixel_cold_s"] = statistics.median(
                measure_cold(blend) for _ in range(asked.rounds)
            )
            row["first_pixel_warm_s"] = statistics.median(measure_warm(blend, asked.rounds))
            rows.append(row)
    report("render", rows, as_json=asked.json, rounds=asked.rounds, threads=os.cpu_count())


if __name__ == "__main__":
    main()
