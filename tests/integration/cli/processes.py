"""framefarm as people run it: processes, watched by their lines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

PROGRAM = [sys.executable, "-m", "framefarm.cli"]
_PATIENCE_S = 60.0


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment with data and settings of its own.

    Workers do not try their devices, which costs each new one the start of two Blenders.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRAMEFARM")}
    own = {"FRAMEFARM_HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    return {**kept, **own, "FRAMEFARM_PROBE_DEVICES": "no", **more}


class Running:
    """A framefarm process. Its standard output and error are read as they come.

    Args:
        within: A command to run it by, such as one that changes the network.
        said: What it is told on its standard input.
    """

    def __init__(
        self,
        *words: str,
        env: Mapping[str, str],
        cwd: Path | None = None,
        within: Sequence[str] = (),
        said: str | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [*within, *PROGRAM, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL if said is None else subprocess.PIPE,
            env=dict(env),
            cwd=cwd,
            text=True,
        )
        if said is not None and self._process.stdin is not None:
            self._process.stdin.write(said)
            self._process.stdin.close()
        self.lines: list[str] = []
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, text: str, timeout_s: float = _PATIENCE_S) -> str:
        """The next line that contains a text."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"{text!r} did not come; lines: {self.lines}") from None
            if line is None:
                raise AssertionError(f"ended without {text!r}; lines: {self.lines}")
            if text in line:
                return line

    def stop(self, number: signal.Signals, timeout_s: float = _PATIENCE_S) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        self._process.send_signal(number)
        return self.end(timeout_s)

    def end(self, timeout_s: float = _PATIENCE_S) -> int:
        """Wait for the end; returns the exit status."""
        code = self._process.wait(timeout_s)
        self._close()
        return code

    def kill(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        self._reader.join(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)
