"""Renders a file's animation as `blender -a` does: `python animate.py FILE FOLDER FIRST LAST`.

With `--persistent` it keeps data between frames, as a user may switch on. What a farm's frames are
compared with.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy


def main() -> None:
    persistent = "--persistent" in sys.argv
    file, folder, first, last = (word for word in sys.argv[1:] if not word.startswith("--"))
    bpy.ops.wm.open_mainfile(filepath=file)
    scene = bpy.context.scene
    scene.render.filepath = str(Path(folder) / Path(scene.render.filepath).name)
    scene.render.use_persistent_data = persistent
    scene.frame_start, scene.frame_end = int(first), int(last)
    bpy.ops.render.render(animation=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the wheel's own clean-up may crash
