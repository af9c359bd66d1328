"""Writes a small, honest scene: `python tests/scenes/simple.py OUT.blend [options]`.

Six objects, three lights, a moving camera, 250 frames of Cycles at 320x180 with 8 samples. Needs a
Python with `bpy`, or `blender -b --factory-startup --python tests/scenes/simple.py -- OUT.blend`.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import bpy


def main() -> None:
    write(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:])


def write(arguments: list[str]) -> None:
    """Write one file, as the command line says."""
    options = parse(arguments)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    add_objects(scene)
    add_lights(scene)
    add_camera(scene, options.camera)
    set_up(scene, options)
    if options.texture:
        add_texture(options.texture, options.texture_source)
    if options.link:
        link_objects(scene, options.link, options.link_as)
    if options.passes:
        add_file_output(scene, options.passes)
    if options.second_scene:
        second = bpy.data.scenes.new(options.second_scene)
        second.frame_start, second.frame_end = 5, 9
    if options.script:
        text = bpy.data.texts.new("registered.py")
        text.write(options.script)
        text.use_module = True
    target = str(options.out.absolute())
    bpy.ops.wm.save_as_mainfile(filepath=target, compress=options.compress, relative_remap=False)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simple.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=250, help="last frame; the first is 1")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--fps", type=int, default=24)
    parser.add_argument("--fps-base", type=float, default=1.0)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--resolution", default="320x180")
    parser.add_argument("--percentage", type=int, default=100)
    parser.add_argument("--engine", default="CYCLES")
    parser.add_argument("--camera", choices=("one", "two", "none"), default="one")
    parser.add_argument("--output", default="//render/shot_####", help="the scene's output path")
    parser.add_argument("--format", default="PNG", help="FFMPEG makes it a movie")
    parser.add_argument("--crop", help="x_min,x_max,y_min,y_max")
    parser.add_argument("--stereo", action="store_true")
    parser.add_argument("--motion-blur", action="store_true")
    parser.add_argument("--texture", help="path of an image, which need not exist")
    parser.add_argument("--texture-source", default="FILE", choices=("FILE", "SEQUENCE", "TILED"))
    parser.add_argument("--link", type=Path, help="another .blend to link the cubes of")
    parser.add_argument("--link-as", help="the path that is written for it")
    parser.add_argument("--passes", help="folder a File Output node writes depth to")
    parser.add_argument("--second-scene", metavar="NAME")
    parser.add_argument("--script", help="Python the file wants to run when it is opened")
    parser.add_argument("--compress", action="store_true")
    return parser.parse_args(arguments)


def add_objects(scene: Any) -> None:
    floor = add_mesh(scene, "Floor", quad(6.0), (0.0, 0.0, 0.0), (0.6, 0.6, 0.55))
    floor.data.materials[0].diffuse_color = (0.6, 0.6, 0.55, 1.0)
    for number in range(5):
        angle = number * math.tau / 5
        colour = (0.2 + 0.15 * number, 0.5, 0.9 - 0.15 * number)
        place = (1.6 * math.cos(angle), 1.6 * math.sin(angle), 0.5)
        cube = add_mesh(scene, f"Cube {number}", box(0.45), place, colour)
        if number % 2 == 0:
            rounding = cube.modifiers.new("Rounding", "SUBSURF")
            rounding.levels = rounding.render_levels = 2
        keyed(cube, "rotation_euler", {1: (0, 0, 0), 250: (0, math.tau, angle + math.tau)})


def add_lights(scene: Any) -> None:
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy = 2.0
    lamp = bpy.data.lights.new("Lamp", "POINT")
    lamp.energy = 300.0
    area = bpy.data.lights.new("Area", "AREA")
    area.energy = 80.0
    for light, place in ((sun, (3, 2, 5)), (lamp, (-2, -3, 3)), (area, (0, 3, 3))):
        link(scene, light, place)


def add_camera(scene: Any, which: str) -> None:
    if which == "none":
        return
    camera = link(scene, bpy.data.cameras.new("Camera"), (0, -6, 3))
    camera.rotation_euler = (math.radians(65), 0, 0)
    keyed(camera, "location", {1: (-1.0, -6.0, 3.0), 250: (2.0, -5.0, 3.5)})
    scene.camera = camera
    if which == "two":
        above = link(scene, bpy.data.cameras.new("Above"), (0, 0, 9))
        above.rotation_euler = (0, 0, 0)


def add_mesh(scene: Any, name: str, shape: Any, place: Any, colour: Any) -> Any:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(shape[0], [], shape[1])
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        material.use_nodes = True  # since then every material has nodes
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    mesh.materials.append(material)
    return link(scene, mesh, place)


def link(scene: Any, content: Any, place: Any) -> Any:
    thing = bpy.data.objects.new(content.name, content)
    thing.location = place
    scene.collection.objects.link(thing)
    return thing


def keyed(thing: Any, path: str, values: dict[int, Any]) -> None:
    for frame, value in values.items():
        setattr(thing, path, value)
        thing.keyframe_insert(path, frame=frame)


def quad(half: float) -> tuple[list[Any], list[Any]]:
    corners = [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)]
    return corners, [(0, 1, 2, 3)]


def box(half: float) -> tuple[list[Any], list[Any]]:
    corners = [(x, y, z) for x in (-half, half) for y in (-half, half) for z in (-half, half)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return corners, faces


def set_up(scene: Any, options: argparse.Namespace) -> None:
    render = scene.render
    render.engine = options.engine
    if options.engine == "CYCLES":
        scene.cycles.samples = options.samples
        scene.cycles.use_denoising = False
    render.resolution_x, render.resolution_y = map(int, options.resolution.split("x"))
    render.resolution_percentage = options.percentage
    render.fps, render.fps_base = options.fps, options.fps_base
    scene.frame_start, scene.frame_end, scene.frame_step = 1, options.frames, options.step
    render.filepath = options.output
    render.use_motion_blur = options.motion_blur
    render.use_multiview = options.stereo
    set_format(render.image_settings, options.format)
    if options.format == "FFMPEG":
        render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    if options.crop:
        render.use_border = render.use_crop_to_border = True
        edges = [float(edge) for edge in options.crop.split(",")]
        render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = edges


def set_format(image: Any, wanted: str) -> None:
    if hasattr(image, "media_type"):
        multi = {"FFMPEG": "VIDEO", "OPEN_EXR_MULTILAYER": "MULTI_LAYER_IMAGE"}
        image.media_type = multi.get(wanted, "IMAGE")
    image.file_format = wanted


def link_objects(scene: Any, library: Path, written: str | None) -> None:
    with bpy.data.libraries.load(str(library), link=True) as (there, here):
        here.objects = [name for name in there.objects if name.startswith(("Cube", "Floor"))]
    for thing in here.objects:
        scene.collection.objects.link(thing)
    if written:
        bpy.data.libraries[0].filepath = written


def add_texture(path: str, source: str) -> None:
    image = bpy.data.images.new("Texture", 1, 1)
    image.source = source
    image.filepath = path
    nodes = bpy.data.materials["Floor"].node_tree
    texture = nodes.nodes.new("ShaderNodeTexImage")
    texture.image = image
    shader = next(node for node in nodes.nodes if node.type == "BSDF_PRINCIPLED")
    nodes.links.new(texture.outputs["Color"], shader.inputs["Base Color"])


def add_file_output(scene: Any, folder: str) -> None:
    """A compositor that passes the picture on and writes its depth beside it."""
    scene.view_layers[0].use_pass_z = True
    if hasattr(scene, "compositing_node_group"):
        tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        layers = tree.nodes.new("CompositorNodeRLayers")
        out = tree.nodes.new("NodeGroupOutput")
        writer = tree.nodes.new("CompositorNodeOutputFile")
        writer.directory, writer.file_name = folder, "depth_"
        writer.format.media_type = "IMAGE"
        writer.format.file_format = "OPEN_EXR"
        writer.file_output_items.new("FLOAT", "z")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        layers = tree.nodes.new("CompositorNodeRLayers")
        out = tree.nodes.new("CompositorNodeComposite")
        writer = tree.nodes.new("CompositorNodeOutputFile")
        writer.base_path = folder
        writer.format.file_format = "OPEN_EXR"
        writer.file_slots[0].path = "depth_"
    tree.links.new(layers.outputs["Image"], out.inputs[0])
    tree.links.new(layers.outputs["Depth"], writer.inputs[0])


if __name__ == "__main__":
    main()
