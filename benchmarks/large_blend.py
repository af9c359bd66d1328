"""Write a .blend of about 100 MB: four hundred meshes of their own, as a set has.

.venv/bin/python benchmarks/large_blend.py OUT.blend [zstd]
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np

OBJECTS = 400
SIDE = 48


def main() -> None:
    """Write the file named on the command line, packed if that is asked for."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=SIDE, y_subdivisions=SIDE)
    first = bpy.context.object
    for number in range(OBJECTS - 1):
        copy = first.copy()
        copy.data = first.data.copy()
        # Else a packer would find the same bytes four hundred times.
        places = np.random.default_rng(number).random(3 * len(copy.data.vertices))
        copy.data.vertices.foreach_set("co", places.astype(np.float32))
        scene.collection.objects.link(copy)
    target = str(Path(sys.argv[1]).resolve())
    bpy.ops.wm.save_as_mainfile(filepath=target, compress="zstd" in sys.argv[2:])


if __name__ == "__main__":
    main()
