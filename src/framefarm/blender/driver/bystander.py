"""An empty scene to stand in while another is rendered.

When Blender's render operator is done it brings the scene of its *context* up to date for the
current frame, for a viewport that nobody looks at. With the rendered scene there, everything
animated is evaluated twice for each frame: 20 % more time for 20 waving, subdivided objects.
`blender -a` does not do that, and with an empty scene it costs nothing.
"""

from __future__ import annotations

from typing import Any

import bpy

_NAME = "FrameFarm bystander"


def bystander() -> Any:
    """The empty scene of the open file, made when first asked for. It is never saved."""
    return bpy.data.scenes.get(_NAME) or bpy.data.scenes.new(_NAME)


def own_scenes() -> list[Any]:
    """The scenes that are the file's own."""
    return [scene for scene in bpy.data.scenes if scene.name != _NAME]
