"""Writes a file with a scene for each way to crop: `python crops.py OUT.blend COUNT SEED`.

Sizes, percentages and borders are random; one sample of an empty world keeps them quick.
"""

from __future__ import annotations

import os
import random
import sys

import bpy


def main() -> None:
    target, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    dice = random.Random(seed)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    for number in range(count):
        scene = bpy.data.scenes.new(f"Crop {number}")
        scene.collection.objects.link(camera)
        scene.camera = camera
        scene.render.engine = "CYCLES"
        scene.cycles.samples = 1
        render = scene.render
        render.resolution_x, render.resolution_y = dice.randint(20, 90), dice.randint(20, 90)
        render.resolution_percentage = dice.choice((100, 50, 33, 75, 99))
        render.use_border = number > 0
        render.use_crop_to_border = number > 1
        render.border_min_x, render.border_min_y = dice.uniform(0, 0.4), dice.uniform(0, 0.4)
        render.border_max_x, render.border_max_y = dice.uniform(0.6, 1), dice.uniform(0.6, 1)
    bpy.ops.wm.save_as_mainfile(filepath=target)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the wheel's own clean-up may crash
