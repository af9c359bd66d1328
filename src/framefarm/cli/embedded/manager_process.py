"""The manager of one render: `python -m framefarm.cli.embedded.manager_process DATA OUTPUTS PORT`.

Its first line of output is a JSON object: `{}` when it answers, else `code` and `message`. It lives
as long as its standard input stays open, so it never outlives the command, however that ends.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from framefarm.api.serving import ManagerServer
from framefarm.cli.embedded.farm import LOG_NAME
from framefarm.cli.embedded.place import LEAST_FREE_BYTES
from framefarm.cli.logs import log_to_file
from framefarm.core.errors import FrameFarmError
from framefarm.farm.settings import ManagerSettings

STOP_S = 0.5


def main() -> int:
    """Serve until the command closes the pipe."""
    # Ctrl-C reaches the whole process group; the command decides when its manager ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    data, outputs, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    log_to_file(data / LOG_NAME)
    settings = ManagerSettings(
        data_dir=data,
        outputs_dir=outputs,
        flat_outputs=True,
        low_water_bytes=LEAST_FREE_BYTES // 3,
    )
    server = ManagerServer(settings, port=port)
    try:
        server.start()
    except FrameFarmError as error:
        _tell({"code": error.code, "message": str(error)})
        return 1
    _tell({})
    sys.stdin.buffer.read()
    server.stop(STOP_S)
    return 0


def _tell(facts: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
