"""The keeper process: `python -m framefarm.farm.keeper_process BLOBS LOW_WATER_BYTES`.

It is told what to do over its standard input and answers over its standard output.
"""

from __future__ import annotations

import os
import signal
import sys

import framefarm.media.images  # noqa: F401  now, so that the first result need not wait for it
from framefarm.farm.keeping import folder, serve


def main() -> None:
    """Serve until the manager closes the pipe."""
    # Ctrl-C reaches the whole process group; the manager decides when its keeper ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not end up between the answers.
    os.dup2(2, 1)
    serve(folder(*sys.argv[1:3]), orders, answers)


if __name__ == "__main__":
    main()
