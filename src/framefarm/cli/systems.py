"""What runs on which system."""

from __future__ import annotations

import sys

from framefarm.cli.failures import UsageFailure

_WHERE = "docs/how-to/windows-and-macos-workers.md"


def need_posix(what: str) -> None:
    """Say at once that something does not run on Windows itself, rather than fail oddly later.

    Args:
        what: For people: `the worker`.

    Raises:
        UsageFailure: This is Windows.
    """
    if sys.platform == "win32":
        raise UsageFailure(
            f"{what} does not run on Windows itself yet; it does in WSL 2, which is a Linux beside "
            f"Windows: see {_WHERE}"
        )
