"""Names of Blender's render engines, as people type them. Pure."""

from __future__ import annotations

from framefarm.core.errors import FrameFarmError

_BLENDERS_OWN = frozenset(
    {
        "CYCLES",
        "EEVEE",
        "BLENDER_EEVEE",
        "BLENDER_EEVEE_NEXT",
        "WORKBENCH",
        "BLENDER_WORKBENCH",
    }
)


class EngineNameError(FrameFarmError, ValueError):
    """A text names no engine that every Blender has.

    Attributes:
        text: What was given.
    """

    code = "bad_engine"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"Blender has no engine {text!r} of its own; there are: cycles, eevee, workbench. "
            "That of an add-on is used when the scene is saved with it."
        )
        self.text = text


def parse_engine(text: str) -> str:
    """Read an engine's name, in capitals or not.

    Raises:
        EngineNameError: It is none of Blender's own.
    """
    name = text.strip().upper()
    if name not in _BLENDERS_OWN:
        raise EngineNameError(text)
    return name
