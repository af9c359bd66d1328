"""When to stop a render that cannot work: its first frames all fail, and for the same reason."""

from __future__ import annotations

import re

from framefarm.cli.display.board import MAIN_KINDS
from framefarm.cli.failures import UNITS_FAILED, CliError
from framefarm.client.events import UnitEvent

ENOUGH = 3
"""Different frames. A single broken frame must not end a render, and a Blender that hangs at its
start must not be tried for each of 250 frames."""

_DIGITS = re.compile(r"\d+")


class NoFrameRendersError(CliError):
    """Nothing that was tried could be rendered."""

    code = "no_frame_renders"
    exit_code = UNITS_FAILED

    def __init__(self, frames: int, reason: str) -> None:
        super().__init__(
            f"no frame can be rendered; the first {frames} tried failed for one reason: "
            f"{reason.rstrip('.')}; to try this machine's Blenders: framefarm doctor"
        )


class FailureWatch:
    """Looks at what becomes of frames until the first one is rendered."""

    def __init__(self) -> None:
        self._frames: set[int] = set()
        self._reason: str | None = None
        self._works = False

    def look(self, event: UnitEvent) -> None:
        """Take note of a frame.

        Raises:
            NoFrameRendersError: Several failed alike and none was ever rendered.
        """
        if event.kind not in MAIN_KINDS or self._works:
            return
        if event.state == "done":
            self._works = True
            return
        reason = event.message or "no reason was given"
        alike = _DIGITS.sub("#", reason)
        if alike != self._reason:
            self._reason, self._frames = alike, set()
        self._frames.add(event.unit)
        if len(self._frames) >= ENOUGH:
            raise NoFrameRendersError(len(self._frames), reason)
