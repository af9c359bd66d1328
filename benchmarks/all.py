"""Every benchmark after the other, with the sizes of docs/performance.md: `make bench`."""

from __future__ import annotations

import subprocess
import sys

_RUNS = (
    ("leases",),
    ("leases", "--files", "20000"),
    ("farm",),
    ("growth",),
    ("limited",),
    ("hostile",),
    ("reading",),
    ("passwords",),
    ("blend_reading",),
    ("gaps",),
    ("acting",),
    ("tail",),
    ("large_job",),
    ("shots",),
    ("sessions",),
    ("movie",),
    ("uploads",),
    ("render",),
)


def main() -> int:
    """Run them; returns the number of those that failed."""
    failed = 0
    for name, *arguments in _RUNS:
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *arguments]
        print(f"\n$ {' '.join(command[1:])}", flush=True)
        failed += subprocess.run(command, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
