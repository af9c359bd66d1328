"""The manager's keeper process, with points at which it can be killed.

    python -m tests.faults.keeper_entry FOLDER BLOBS LOW_WATER_BYTES

FOLDER is that of `manager_entry`, which starts it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from framefarm.farm.keeper_process import main
from tests.faults.points import Points

if __name__ == "__main__":
    points = Points(Path(sys.argv.pop(1)) / "armed.json", "keeper")
    points.watch_blobs()
    points.watch_answers()
    main()
