"""Where a frame's time goes and how far it is, from what Blender says while it renders.

Blender tells nothing but a line of text, shown in its header; these are the lines of Cycles, EEVEE
and the compositor in 3.4 to 5.0. A line that is not understood changes nothing.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PHASES = ("sync", "render", "composite", "save")

_SAMPLES = re.compile(r"\b(?:Sample|Rendering|Path Tracing Sample) (\d+) ?/ ?(\d+)")
_SAVED = re.compile(r"\(Saving: [\d:.]+\)")
_SYNC = re.compile(
    r"Synchronizing|Updating|Building|Initializing|Loading|Waiting|Compiling|Extracting|Syncing"
)
_RENDER = re.compile(r"Sample|Rendering|Rendered|Denoising|Path Tracing")


class PhaseClock:
    """Seconds per phase of one frame, and the last sample count heard.

    Attributes:
        phase: The phase now.
        samples_done, samples_total: 0 until the engine tells.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._since = self._started = clock()
        self._seconds: dict[str, float] = dict.fromkeys(PHASES, 0.0)
        self._heard = False
        self.phase = "sync"
        self.samples_done = 0
        self.samples_total = 0

    @property
    def total_s(self) -> float:
        """Seconds since the frame began."""
        return self._clock() - self._started

    def enter(self, phase: str) -> None:
        """Count time towards another phase from now on."""
        now = self._clock()
        self._seconds[self.phase] += now - self._since
        self._since = now
        self.phase = phase

    def hear(self, text: str | None) -> None:
        """Take in a line of Blender's; Blender 3.4 speaks up without saying anything: None."""
        if text is None:
            self.enter("render")
            return
        self._heard = True
        phase = _phase_of(text, self.phase)
        if phase != self.phase:
            self.enter(phase)
        samples = _SAMPLES.search(text)
        if samples:
            self.samples_done, self.samples_total = int(samples[1]), int(samples[2])

    def finish(self) -> tuple[float, dict[str, float]]:
        """End the frame.

        Returns:
            Seconds in all, and seconds of each phase that took any; no phases when Blender never
            told one.
        """
        self.enter(self.phase)
        spent = {name: seconds for name, seconds in self._seconds.items() if seconds > 0}
        return self.total_s, spent if self._heard else {}


def _phase_of(text: str, current: str) -> str:
    if "Compositing" in text:
        return "composite"
    # After the last sample Blender is silent until the file is written.
    if text.endswith("Finished") or _SAVED.search(text):
        return "save"
    if _RENDER.search(text):
        return "render"
    return "sync" if _SYNC.search(text) else current
