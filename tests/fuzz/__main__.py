"""Fuzzes one target with atheris, or all in turn: `make fuzz`, or `python -m tests.fuzz blend`.

Coverage leads the mutations. What was found new is kept in build/fuzz, and gone on with the next
time. An input that hangs for 20 s, takes more than 1 GiB, or raises what is no refusal ends the run
and is written to build/fuzz/TARGET/; once mended it belongs into tests/fuzz/corpus/TARGET, which
every test run replays.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import atheris

from tests.fuzz.corpus import inputs_of, pack

_INSTRUMENTED = ["blender_asset_tracer", "framefarm.blender", "framefarm.farm", "framefarm.core"]
_LONGEST_INPUT = 16_384
_FOUND = Path("build/fuzz")
_NAMES = ("blend", "zip", "form")


def main() -> int:
    """Fuzz; returns the exit status, which is that of the first target that failed."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=_NAMES, help="all when left out")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target")
    parser.add_argument("--pack", action="store_true", help="keep in the project what was reached")
    asked = parser.parse_args()
    if asked.target is None:
        return _each(["--pack"] if asked.pack else ["--minutes", str(asked.minutes)])
    if asked.pack:
        return _pack(asked.target)
    _fuzz(asked.target, asked.minutes)
    return 0


def _each(words: list[str]) -> int:
    """Every target in a process of its own, since libFuzzer ends that."""
    for name in _NAMES:
        command = [sys.executable, "-m", "tests.fuzz", name, *words]
        if status := subprocess.run(command, check=False).returncode:
            return status
    return 0


def _pack(name: str) -> int:
    path = pack(name, _FOUND / name / "inputs")
    sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")
    return 0


def _fuzz(name: str, minutes: float) -> None:
    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415  instrumented as it is loaded

    inputs = _FOUND / name / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    for word, content in inputs_of(name).items():
        (inputs / word).write_bytes(content)
    options = {
        "max_total_time": int(minutes * 60),
        "max_len": _LONGEST_INPUT,
        "timeout": 20,
        "rss_limit_mb": 1_024,
        "artifact_prefix": f"{_FOUND / name}/",
        "print_final_stats": 1,
    }
    words = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup([name, *words, str(inputs)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
