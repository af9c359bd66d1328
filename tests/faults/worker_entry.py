"""`framefarm worker`, with the stand-in renderer in the place of Blender.

    python -m tests.faults.worker_entry FOLDER worker URL --name NAME --data DIR

FOLDER holds the record of renders, `needed.json`, and `workers_ahead_s`, by how much the clocks of
workers are ahead (see `Farm`); none need be there.

Everything else is the program people run: its command line, its agent, its sockets and files.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from framefarm.agent import agent
from framefarm.agent.executors import table
from framefarm.cli.running import run
from tests.faults.clocks import SetClock
from tests.faults.stand_in import StandIn


def main() -> int:
    """Run until told to stop."""
    folder = Path(sys.argv[1])
    SetClock(folder / "workers_ahead_s").install()
    executors: Any = table.EXECUTORS
    executors["trial"] = partial(
        StandIn, record=folder / "renders.jsonl", needed=folder / "needed.json"
    )
    # Without Blenders the worker offers no `render`, and needs no time to look for any.
    setattr(agent, "find_blenders", lambda *_, **__: ())  # noqa: B010  not what its type says
    return run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
