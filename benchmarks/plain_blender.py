"""Blender alone, for comparison: runs inside Blender, renders an animation, and says how long.

    python -m benchmarks.plain_blender FILE.blend FOLDER FIRST LAST PERSISTENT(0|1)

The same as `blender -b FILE -o FOLDER/#### -s FIRST -e LAST -a`: one process, one render call.
"""

from __future__ import annotations

import sys

import bpy


def main() -> None:
    """Render."""
    blend, folder, first, last, persistent = sys.argv[1:]
    bpy.ops.wm.open_mainfile(filepath=blend, use_scripts=False)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_step = int(first), int(last), 1
    scene.render.filepath = f"{folder}/####"
    scene.render.use_persistent_data = persistent == "1"
    bpy.ops.render.render(animation=True)


if __name__ == "__main__":
    main()
