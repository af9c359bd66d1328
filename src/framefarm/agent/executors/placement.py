"""Whether a frame was rendered on the device that its slot stands for. Pure."""

from __future__ import annotations

import re

_SOFTWARE = re.compile(r"\b(llvmpipe|softpipe|swrast|swiftshader|lavapipe)\b", re.IGNORECASE)


def misplaced(asked: str, device: str) -> str | None:
    """What is wrong about where a frame was rendered; None when it is as asked.

    Args:
        asked: The slot's device: `CPU`, or `GPU:` and a number.
        device: What Blender says rendered it, see `RenderedFrame.device`; empty when it does not.
    """
    if asked == "CPU" or not device:
        # Engines that draw with OpenGL or Vulkan take whatever the machine has.
        return None
    if device != "CPU" and not _SOFTWARE.search(device):
        return None
    slot = asked.lower()
    return f"slot {slot} was to render on its GPU, but Blender used the processor ({device})"
