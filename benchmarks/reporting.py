"""What every benchmark prints: a table for people, one JSON object for programs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "framefarm": importlib.metadata.version("framefarm"),
    }


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def report(name: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool, **more: Any) -> None:
    """Print a benchmark's rows; with `as_json` also one JSON object, as the last line."""
    facts = machine()
    print(f"{name}: {facts['cpu']}, {facts['cores']} cores, Python {facts['python']}")
    print(table(rows))
    if as_json:
        print(json.dumps({"benchmark": name, "machine": facts, "rows": list(rows), **more}))
    sys.stdout.flush()


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under the names of their fields, aligned."""
    if not rows:
        return "(nothing)"
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([_shown(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def _shown(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
