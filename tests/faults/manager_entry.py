"""`framefarm serve`, with points at which it can be killed and a clock that can be set wrong.

    python -m tests.faults.manager_entry FOLDER SETTINGS serve --listen HOST:PORT --data DIR

FOLDER holds `armed.json` (see `points`) and `clock_ahead_s`, by how much the clocks of the manager
and its database are ahead; neither need be there. SETTINGS is a JSON object of `ManagerSettings` to
set. Everything else is the program people run.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from framefarm.cli.running import run
from framefarm.farm import keeper, settings
from tests.faults.clocks import SetClock
from tests.faults.points import Points

_UNIX_EPOCH = 2440587.5
_DAY_S = 86_400.0


def main() -> int:
    """Serve until told to stop."""
    folder, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
    points = Points(folder / "armed.json")
    points.watch_database()
    points.watch_blobs()
    setattr(keeper, "PROGRAM", ("-m", "tests.faults.keeper_entry", str(folder)))  # noqa: B010
    clock = SetClock(folder / "clock_ahead_s")
    clock.install()
    event.listen(Engine, "connect", partial(_set_clock, clock))
    setattr(settings, "ManagerSettings", partial(settings.ManagerSettings, **asked))  # noqa: B010
    return run(sys.argv[3:])


def _set_clock(clock: SetClock, connection: Any, _: Any) -> None:
    """Put a clock of ours in the place of SQLite's: the one that leases live by (L1)."""
    assert isinstance(connection, sqlite3.Connection)
    connection.create_function("julianday", 1, lambda _: _UNIX_EPOCH + clock() / _DAY_S)


if __name__ == "__main__":
    sys.exit(main())
