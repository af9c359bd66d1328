"""Make the demo's scene: a carousel of hopping toys around a golden knot, at dusk.

    .venv/bin/python scripts/demo_scene.py OUT.blend

Two seconds of animation at 640x360 for Cycles on the CPU. Everything is computed from the frame
number, so each run makes the same scene. Samples are few and denoised: on two cores a frame takes
under two seconds, and the light is soft enough to look clean all the same.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import bpy

FRAMES = 48
FPS = 24
SAMPLES = 6
HOP_FRAMES = 24  # a whole number of hops in the animation, so that it loops
HOP_HEIGHT_M = 1.15
RING_RADIUS_M = 3.4
TOYS = 14
# Coral to indigo and back, so that neighbours on the ring go well together (linear RGB).
PALETTE = (
    (0.90, 0.13, 0.08),
    (0.95, 0.30, 0.06),
    (0.98, 0.55, 0.10),
    (0.40, 0.62, 0.14),
    (0.03, 0.50, 0.38),
    (0.02, 0.34, 0.60),
    (0.13, 0.12, 0.62),
    (0.55, 0.08, 0.42),
)


def main() -> int:
    """Write the scene to the file named on the command line; return a process exit status."""
    if len(sys.argv) != 2 or not sys.argv[1].endswith(".blend"):  # noqa: PLR2004  name and file
        print("usage: demo_scene.py OUT.blend", file=sys.stderr)
        return 2
    target = Path(sys.argv[1]).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    # New keys are straight lines: turning objects turn evenly.
    bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
    build(bpy.context.scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(target), compress=True)
    return 0


def build(scene: Any) -> None:
    """Fill an empty scene."""
    set_render(scene)
    scene.world = dusk()
    add_stage()
    add_toys()
    add_centrepiece()
    add_orbiting_lamps()
    add_lights()
    scene.camera = add_camera()


def set_render(scene: Any) -> None:
    """Size, rate, range and Cycles' settings."""
    scene.name = "Carousel"
    scene.frame_start, scene.frame_end = 1, FRAMES
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = 640, 360
    render.fps = FPS
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    scene.view_settings.look = "AgX - Medium High Contrast"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = SAMPLES
    cycles.use_adaptive_sampling = False  # at so few it only decides badly
    # Three big lamps and a soft sky: choosing between lights well costs more than it saves.
    cycles.use_light_tree = False
    # By OpenImageDenoise, as a new scene has it. To name it would make Cycles look for OptiX, and
    # warn, wherever there is no NVIDIA driver, that it could not open a library.
    cycles.use_denoising = True
    # Without clean guides the thin silver rings keep their grain: 0.4 s a frame well spent.
    cycles.denoising_prefilter = "ACCURATE"
    cycles.denoising_quality = "FAST"
    cycles.max_bounces = 5
    cycles.diffuse_bounces = 1
    cycles.glossy_bounces = 2
    cycles.transmission_bounces = 5
    cycles.sample_clamp_indirect = 4.0  # no sparks from glass at this few samples
    cycles.caustics_reflective = False
    cycles.caustics_refractive = False


# --- looks ---


def material(name: str, colour: tuple[float, float, float], **inputs: float) -> Any:
    """A Principled material; `inputs` name its sockets, `_` for a space."""
    made = bpy.data.materials.new(name)
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    for socket, value in inputs.items():
        shader.inputs[socket.replace("_", " ")].default_value = value
    return made


def glowing(name: str, colour: tuple[float, float, float], strength: float) -> Any:
    """A material that gives light."""
    made = material(name, (0.0, 0.0, 0.0), Emission_Strength=strength)
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Emission Color"].default_value = (*colour, 1.0)
    made.cycles.emission_sampling = "NONE"  # seen and reflected; the area lights do the lighting
    return made


def dusk() -> Any:
    """A sky from peach at the horizon through rose to deep blue."""
    world = bpy.data.worlds.new("Dusk")
    nodes, links = world.node_tree.nodes, world.node_tree.links
    direction = nodes.new("ShaderNodeTexCoord")
    split = nodes.new("ShaderNodeSeparateXYZ")
    ramp = nodes.new("ShaderNodeValToRGB")
    links.new(direction.outputs["Generated"], split.inputs["Vector"])
    links.new(split.outputs["Z"], ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], nodes["Background"].inputs["Color"])
    stops = (
        (0.0, (0.95, 0.40, 0.20)),
        (0.10, (0.62, 0.20, 0.24)),
        (0.28, (0.16, 0.08, 0.26)),
        (0.6, (0.03, 0.05, 0.20)),
    )
    for position in (0.10, 0.28):
        ramp.color_ramp.elements.new(position)
    for element, (position, colour) in zip(ramp.color_ramp.elements, stops, strict=True):
        element.position = position
        element.color = (*colour, 1.0)
    nodes["Background"].inputs["Strength"].default_value = 0.7
    world.cycles.sampling_method = "NONE"  # no bright spot in it that would have to be aimed at
    return world


# --- things ---


def add_mesh(name: str, look: Any, *, smooth: bool = True) -> Any:
    """Give the mesh just made by an operator its name and material."""
    made = bpy.context.object
    made.name = name
    made.data.materials.append(look)
    if smooth:
        bpy.ops.object.shade_smooth()
    return made


def bevelled(made: Any, width: float) -> Any:
    """Round an object's edges, so that they catch the light."""
    modifier = made.modifiers.new("Bevel", "BEVEL")
    modifier.width = width
    modifier.segments = 4
    return made


def add_stage() -> None:
    """A glossy floor that fades into the sky, and two round steps."""
    floor = material("Floor", (0.018, 0.022, 0.045), Roughness=0.22)
    fade_out(floor, start_m=6.0, end_m=34.0)
    bpy.ops.mesh.primitive_circle_add(vertices=96, radius=34.0, fill_type="NGON")
    add_mesh("Floor", floor, smooth=False)
    steps = (("Dais", 4.5, 0.10, (0.045, 0.05, 0.11)), ("Plinth", 1.25, 0.32, (0.09, 0.075, 0.14)))
    for name, radius, top, colour in steps:
        look = material(name, colour, Roughness=0.3, Coat_Weight=0.4)
        bpy.ops.mesh.primitive_cylinder_add(
            vertices=128, radius=radius, depth=top, location=(0, 0, top / 2)
        )
        bevelled(add_mesh(name, look, smooth=False), 0.04)
    bpy.ops.mesh.primitive_torus_add(
        major_radius=4.42, minor_radius=0.022, major_segments=160, location=(0, 0, 0.1)
    )
    add_mesh("Dais light", glowing("Dais light", (1.0, 0.45, 0.16), 6.0))


def fade_out(look: Any, *, start_m: float, end_m: float) -> None:
    """Let a material vanish with the distance from its object's centre."""
    nodes, links = look.node_tree.nodes, look.node_tree.links
    place = nodes.new("ShaderNodeTexCoord")
    distance = nodes.new("ShaderNodeVectorMath")
    distance.operation = "LENGTH"
    fade = nodes.new("ShaderNodeMapRange")
    fade.interpolation_type = "SMOOTHSTEP"
    for socket, value in zip(fade.inputs[1:5], (start_m, end_m, 1.0, 0.0), strict=True):
        socket.default_value = value
    links.new(place.outputs["Object"], distance.inputs[0])
    links.new(distance.outputs["Value"], fade.inputs["Value"])
    links.new(fade.outputs["Result"], nodes["Principled BSDF"].inputs["Alpha"])


def add_toys() -> None:
    """The ring: balls, cubes and gems that hop in a wave and turn."""
    for index in range(TOYS):
        angle = math.tau * index / TOYS
        place = (RING_RADIUS_M * math.cos(angle), RING_RADIUS_M * math.sin(angle))
        toy = add_toy(index, toy_look(index))
        toy.rotation_euler[2] = angle
        hop(toy, place, phase=index / TOYS)


def toy_look(index: int) -> Any:
    """Lacquer for most; every fifth is glass and every seventh brushed metal."""
    colour = PALETTE[index % len(PALETTE)]
    if index % 5 == 2:  # noqa: PLR2004  glass stands between lacquer
        tint = tuple(0.6 + 0.4 * channel for channel in colour)
        return material(f"Glass {index}", tint, Roughness=0.0, Transmission_Weight=1.0, IOR=1.45)
    if index % 7 == 4:  # noqa: PLR2004
        return material(f"Steel {index}", (0.82, 0.84, 0.88), Roughness=0.18, Metallic=1.0)
    return material(f"Lacquer {index}", colour, Roughness=0.35, Coat_Weight=0.8)


def add_toy(index: int, look: Any) -> Any:
    """One toy, resting on its own origin's height of about half a metre."""
    kind = index % 3
    if kind == 0:
        # Blender numbers a UV sphere's vertices differently each time; an icosphere's never.
        bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5, radius=0.5)
        return add_mesh(f"Ball {index}", look)
    if kind == 1:
        bpy.ops.mesh.primitive_cube_add(size=0.82)
        return bevelled(add_mesh(f"Cube {index}", look), 0.12)
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=1, radius=0.56)
    return bevelled(add_mesh(f"Gem {index}", look, smooth=False), 0.03)


def hop(toy: Any, place: tuple[float, float], *, phase: float) -> None:
    """Key a toy's hop, its squash on landing and a quarter turn for each hop."""
    start_angle = toy.rotation_euler[2]
    for frame in range(1, FRAMES + 2):
        beat = ((frame - 1) / HOP_FRAMES + phase * 2) % 1.0
        height = 4 * beat * (1 - beat)  # a thrown body's parabola
        squash = max(0.0, 1 - height / 0.22) * 0.16 - 0.05 * height
        toy.scale = (1 + squash / 2, 1 + squash / 2, 1 - squash)
        toy.location = (*place, 0.1 + 0.5 * (1 - squash) + HOP_HEIGHT_M * height)
        toy.rotation_euler[2] = start_angle + math.tau / 4 * (frame - 1) / HOP_FRAMES
        for path in ("scale", "location", "rotation_euler"):
            toy.keyframe_insert(path, frame=frame)


def add_centrepiece() -> None:
    """A golden trefoil knot that turns inside two rings of a gyroscope."""
    gold = material("Gold", (1.0, 0.60, 0.20), Roughness=0.16, Metallic=1.0)
    knot = bpy.data.objects.new("Knot", trefoil(gold))
    knot.location = (0, 0, 2.0)
    bpy.context.collection.objects.link(knot)
    # The knot looks the same after a third of a turn, so the animation loops.
    turn(knot, (0, 0, math.tau / 3))
    silver = material("Silver", (0.85, 0.87, 0.92), Roughness=0.12, Metallic=1.0)
    for index, (radius, tilt) in enumerate(((1.62, 0.5), (1.86, -0.9))):
        bpy.ops.mesh.primitive_torus_add(
            major_radius=radius, minor_radius=0.045, major_segments=128, minor_segments=16
        )
        ring = add_mesh(f"Gyroscope {index}", silver)
        ring.location = (0, 0, 2.0)
        ring.rotation_euler = (math.pi / 2 + tilt, 0.3, 0)
        turn(ring, (math.pi, 0, math.tau * (1 if index else -1)))


def trefoil(look: Any) -> Any:
    """A thick tube along a (2, 3) torus knot."""
    curve = bpy.data.curves.new("Trefoil", "CURVE")
    curve.dimensions = "3D"
    curve.bevel_depth = 0.19
    curve.bevel_resolution = 6
    curve.materials.append(look)
    count = 180
    spline = curve.splines.new("POLY")
    spline.use_cyclic_u = True
    spline.points.add(count - 1)
    for index, point in enumerate(spline.points):
        t = math.tau * index / count
        out = 0.72 + 0.34 * math.cos(3 * t)
        point.co = (out * math.cos(2 * t), out * math.sin(2 * t), 0.46 * math.sin(3 * t), 1.0)
    return curve


def turn(made: Any, by: tuple[float, float, float]) -> None:
    """Key an even rotation over the whole animation."""
    made.keyframe_insert("rotation_euler", frame=1)
    made.rotation_euler = [a + b for a, b in zip(made.rotation_euler, by, strict=True)]
    made.keyframe_insert("rotation_euler", frame=FRAMES + 1)


def add_orbiting_lamps() -> None:
    """Three small glowing balls that circle the knot on a slanted orbit."""
    colours = ((1.0, 0.35, 0.08), (0.08, 0.6, 1.0), (1.0, 0.1, 0.4))
    for index, colour in enumerate(colours):
        bpy.ops.object.empty_add(location=(0, 0, 2.0))
        pivot = bpy.context.object
        pivot.name = f"Orbit {index}"
        pivot.rotation_euler = (0.35, 0, math.tau * index / 3)
        bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4, radius=0.12)
        lamp = add_mesh(f"Lamp {index}", glowing(f"Lamp {index}", colour, 3.0))
        lamp.parent = pivot
        lamp.location = (2.35, 0, 0)
        turn(pivot, (0, 0, math.tau))


def add_lights() -> None:
    """A warm key, a cool fill and a rim from behind; large, so the shadows are soft."""
    lights = (
        ("Key", (5.5, -6.0, 7.5), 1100.0, 4.0, (1.0, 0.80, 0.62)),
        ("Fill", (-7.5, -3.5, 4.0), 380.0, 5.0, (0.48, 0.64, 1.0)),
        ("Rim", (-2.0, 8.0, 6.0), 900.0, 4.0, (1.0, 0.52, 0.62)),
    )
    for name, place, power, size, colour in lights:
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.size, light.color = power, size, colour
        lamp = bpy.data.objects.new(name, light)
        lamp.location = place
        bpy.context.collection.objects.link(lamp)
        aim(lamp, add_target(f"{name} target", (0, 0, 1.0)))


# --- camera ---


def add_camera() -> Any:
    """A camera that sweeps around the carousel and looks at the knot."""
    lens = bpy.data.cameras.new("Camera")
    camera = bpy.data.objects.new("Camera", lens)
    bpy.context.collection.objects.link(camera)
    target = add_target("Camera target", (0, 0, 1.2))
    lens.lens = 42
    lens.dof.use_dof = True
    lens.dof.focus_object = target
    lens.dof.aperture_fstop = 2.0
    follow = camera.constraints.new("FOLLOW_PATH")
    follow.target = camera_path()
    follow.use_fixed_location = True
    aim(camera, target)
    for frame, part in ((1, 0.0), (FRAMES + 1, 1.0)):
        follow.offset_factor = part
        follow.keyframe_insert("offset_factor", frame=frame)
    return camera


def camera_path() -> Any:
    """A rising arc around the carousel."""
    curve = bpy.data.curves.new("Camera path", "CURVE")
    curve.dimensions = "3D"
    curve.use_path = True
    spline = curve.splines.new("POLY")
    count = 33
    spline.points.add(count - 1)
    for index, point in enumerate(spline.points):
        part = index / (count - 1)
        angle = math.radians(-118 + 62 * part)
        out = 11.4 - 1.0 * part
        point.co = (out * math.cos(angle), out * math.sin(angle), 3.4 + 1.6 * part, 1.0)
    path = bpy.data.objects.new("Camera path", curve)
    bpy.context.collection.objects.link(path)
    return path


def add_target(name: str, place: tuple[float, float, float]) -> Any:
    """An empty to look at."""
    target = bpy.data.objects.new(name, None)
    target.location = place
    bpy.context.collection.objects.link(target)
    return target


def aim(looker: Any, target: Any) -> None:
    """Make a camera or a light face a target at all times."""
    track = looker.constraints.new("TRACK_TO")
    track.target = target
    track.track_axis = "TRACK_NEGATIVE_Z"
    track.up_axis = "UP_Y"


if __name__ == "__main__":
    sys.exit(main())
