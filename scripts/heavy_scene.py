"""Make the benchmark's heavy scene: static, detailed geometry and a moving camera.

    .venv/bin/python scripts/heavy_scene.py OUT.blend

Forty pebbles and their ground are subdivided when Blender evaluates the scene: more than a million
faces come from a small file. Few samples, so most of a cold frame goes into evaluating and
handing over geometry and building its BVH: the work that a warm Blender saves.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import bpy

FRAMES = 96
SAMPLES = 2
ROWS, COLUMNS = 5, 8
PEBBLE_LEVELS = 6  # a cube's 6 faces x 4^6 = 24,576 faces each
GROUND_LEVELS = 8  # 4^8 = 65,536 faces
GOLDEN = 0.618034  # steps that never line up stand in for chance


def main() -> int:
    """Write the scene to the file named on the command line; return a process exit status."""
    if len(sys.argv) != 2 or not sys.argv[1].endswith(".blend"):  # noqa: PLR2004  name and file
        print("usage: heavy_scene.py OUT.blend", file=sys.stderr)
        return 2
    target = Path(sys.argv[1]).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    set_render(scene)
    add_ground()
    add_pebbles()
    add_light(scene)
    add_camera(scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(target), compress=True)
    print(f"{target}: {FRAMES} frames, {faces():,} faces after modifiers")
    return 0


def set_render(scene: Any) -> None:
    """Size, rate, range and Cycles' settings."""
    scene.name = "Pebbles"
    scene.frame_start, scene.frame_end = 1, FRAMES
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = 640, 360
    render.fps = 24
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = SAMPLES
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = False
    cycles.max_bounces = 2


def add_ground() -> None:
    """A square of sand with soft waves."""
    bpy.ops.mesh.primitive_plane_add(size=26)
    ground = bpy.context.object
    ground.name = "Sand"
    ground.data.materials.append(stone("Sand", (0.55, 0.42, 0.28)))
    detail(ground, GROUND_LEVELS, kind="SIMPLE", size=2.5, strength=0.35)


def add_pebbles() -> None:
    """Rows of pebbles, each with its own mesh, turn, size and grey."""
    for index in range(ROWS * COLUMNS):
        chance = (index * GOLDEN) % 1.0
        row, column = divmod(index, COLUMNS)
        place = ((column - (COLUMNS - 1) / 2) * 2.2, (row - (ROWS - 1) / 2) * 2.2, 0.6)
        turned = (chance * math.tau, chance * 5, chance * 3)
        bpy.ops.mesh.primitive_cube_add(size=1.6, location=place, rotation=turned)
        pebble = bpy.context.object
        pebble.name = f"Pebble {index}"
        pebble.scale = (0.8 + 0.4 * chance, 1.0, 0.6 + 0.3 * chance)
        grey = 0.15 + 0.5 * chance
        pebble.data.materials.append(stone(pebble.name, (grey, grey * 0.92, grey * 0.85)))
        detail(pebble, PEBBLE_LEVELS, kind="CATMULL_CLARK", size=0.25 + chance / 2, strength=0.12)
        bpy.ops.object.shade_smooth()


def stone(name: str, colour: tuple[float, float, float]) -> Any:
    """A rough material."""
    made = bpy.data.materials.new(name)
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = 0.8
    return made


def detail(made: Any, levels: int, *, kind: str, size: float, strength: float) -> None:
    """Subdivide an object and push its surface in and out by a texture."""
    subdivide = made.modifiers.new("Detail", "SUBSURF")
    subdivide.subdivision_type = kind
    subdivide.levels = 1  # in a viewport
    subdivide.render_levels = levels
    bumps = bpy.data.textures.new(f"{made.name} bumps", "CLOUDS")
    bumps.noise_scale = size
    displace = made.modifiers.new("Bumps", "DISPLACE")
    displace.texture = bumps
    displace.strength = strength


def add_light(scene: Any) -> None:
    """A low sun and a pale sky."""
    scene.world = bpy.data.worlds.new("Sky")
    background = scene.world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.45, 0.60, 0.85, 1.0)
    background.inputs["Strength"].default_value = 0.6
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy, sun.angle, sun.color = 4.0, 0.03, (1.0, 0.85, 0.65)
    lamp = bpy.data.objects.new("Sun", sun)
    lamp.rotation_euler = (math.radians(58), 0, math.radians(35))
    bpy.context.collection.objects.link(lamp)


def add_camera(scene: Any) -> None:
    """A camera that glides past; it alone moves."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    bpy.context.collection.objects.link(camera)
    camera.rotation_euler = (math.radians(58), 0, 0)
    for frame, x in ((1, -3.0), (FRAMES, 3.0)):
        camera.location = (x, -13.0, 8.0)
        camera.keyframe_insert("location", frame=frame)
    scene.camera = camera


def faces() -> int:
    """Faces after modifiers at the levels of a render."""
    return ROWS * COLUMNS * 6 * 4**PEBBLE_LEVELS + 4**GROUND_LEVELS


if __name__ == "__main__":
    sys.exit(main())
