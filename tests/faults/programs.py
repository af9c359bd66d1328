"""Processes of a farm under test, watched through what they write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tests.integration.cli.processes import environment

T = TypeVar("T")
PATIENCE_S = 60.0
_EVERY_S = 0.02
_ROOT = Path(__file__).parent.parent.parent


def until(
    look: Callable[[], T | None],
    what: str,
    timeout_s: float = PATIENCE_S,
    every_s: float = _EVERY_S,
) -> T:
    """Wait for something that only shows outside this process; returns what was seen."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(every_s)


class Program:
    """A process in a session of its own. What it writes goes to a file, added to what is there.

    Args:
        words: The module to run and its arguments.
        home: Its settings and data, unless the words say otherwise.
        log: The file.
        before: What comes before Python on the command line.
    """

    def __init__(
        self, words: Sequence[str], *, home: Path, log: Path, before: Sequence[str] = ()
    ) -> None:
        self.log = log
        self._began_at = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*before, sys.executable, "-m", *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=_ROOT,
                env=_environment(home),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def written(self) -> str:
        """What it wrote so far."""
        with self.log.open("rb") as file:
            file.seek(self._began_at)
            return file.read().decode(errors="replace")

    def wait_for(self, text: str, timeout_s: float = PATIENCE_S) -> str:
        """The first whole line it wrote that contains a text."""

        def look() -> str | None:
            whole = self.written().rpartition("\n")[0].splitlines()
            found = next((line for line in whole if text in line), None)
            if found is None and not self.alive:
                raise AssertionError(f"ended without {text!r}: {self.written()[-3000:]}")
            return found

        return until(look, f"{text!r} in {self.log}", timeout_s)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> float:
        """`kill -9`, as nobody can prepare for; returns when."""
        at = time.time()
        self._process.kill()
        self._process.wait()
        return at

    def end(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for it to end by itself; returns its exit status."""
        return self._process.wait(timeout_s)

    def clean_up(self) -> None:
        """End it and all it started, stopped or not."""
        for number in (signal.SIGKILL, signal.SIGCONT):
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                break
        self._process.wait()


def _environment(home: Path) -> dict[str, str]:
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    kept = environment(home, PYTHONUNBUFFERED="1")
    return {name: value for name, value in kept.items() if name.lower() not in proxies}
