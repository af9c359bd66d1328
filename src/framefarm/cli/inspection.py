"""What `framefarm inspect` tells of a .blend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from framefarm.blender.blendfile import BlendFile
from framefarm.blender.links import LinkedFile
from framefarm.blender.scene_facts import SceneFacts
from framefarm.cli.display import words


def as_text(blend: BlendFile) -> str:
    """The file in words, at most 80 columns but for long paths and names."""
    return "\n".join(_lines(blend))


def _lines(blend: BlendFile) -> Iterator[str]:
    packed = "not compressed" if blend.compression == "none" else f"{blend.compression} compressed"
    yield str(blend.path)
    yield f"  saved by Blender {blend.saved_by}, {packed}"
    for scene in blend.scenes:
        yield ""
        opened = " (the one last open)" if scene.name == blend.active_scene else ""
        yield f"Scene {scene.name}{opened if len(blend.scenes) > 1 else ''}"
        yield from (f"  {name:<12}{value}" for name, value in _scene_rows(scene))
    yield ""
    yield from _link_lines(blend)


def _scene_rows(scene: SceneFacts) -> Iterator[tuple[str, str]]:
    frames = scene.frames
    count = len(frames)
    rate = float(scene.fps)
    yield "frames", f"{frames} ({words.plural(count, 'frame')}, {count / rate:.1f} s)"
    yield "rate", f"{rate:g} frames per second"
    width, height = scene.render_size
    full = f"{scene.percentage} % of {scene.resolution_x}x{scene.resolution_y}"
    border = ", cut to its border" if scene.use_border and scene.use_crop else ""
    yield "size", f"{width}x{height} ({full}{border})"
    samples = f", {words.plural(scene.samples, 'sample')}" if scene.samples else ""
    yield "engine", f"{scene.engine}{samples}"
    yield "camera", scene.camera or _no_camera(scene)
    others = [camera for camera in scene.cameras if camera != scene.camera]
    if others:
        yield "", f"others: {', '.join(others)}"
    yield "output", _output(scene)
    yield "", f"as {scene.frame_name(frames.first)}"


def _no_camera(scene: SceneFacts) -> str:
    return "none is active; name one with --camera" if scene.cameras else "none"


def _output(scene: SceneFacts) -> str:
    if scene.movie is not None:
        codec = f" with {scene.movie.codec}" if scene.movie.codec else ""
        return f"a movie, {scene.movie.container}{codec}; frames as {scene.still_format}"
    return f"{scene.file_format}, {scene.color_mode}, {scene.color_depth} bit"


def _link_lines(blend: BlendFile) -> Iterator[str]:
    if not blend.links:
        yield "It links no other files."
        return
    missing = len(blend.missing)
    yield f"It links {words.plural(len(blend.links), 'file')}" + (
        f", {missing:,} of them missing:" if missing else ":"
    )
    for link in blend.links:
        yield f"  {'MISSING' if link.missing else 'ok':<9}{link.kind:<11}{_link(blend, link)}"


def _link(blend: BlendFile, link: LinkedFile) -> str:
    text = link.path
    if link.is_sequence and link.files:
        text += f" ({words.plural(len(link.files), 'file')})"
    if link.linked_by != blend.path:
        text += f", by {link.linked_by.name}"
    return text


def as_plain_values(blend: BlendFile) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "path": str(blend.path),
        "saved_by": str(blend.saved_by),
        "compression": blend.compression,
        "active_scene": blend.active_scene,
        "scenes": [_scene_values(scene) for scene in blend.scenes],
        "links": [_link_values(link) for link in blend.links],
    }


def _scene_values(scene: SceneFacts) -> dict[str, Any]:
    width, height = scene.render_size
    movie = scene.movie
    return {
        "name": scene.name,
        "frame_start": scene.frame_start,
        "frame_end": scene.frame_end,
        "frame_step": scene.frame_step,
        "frames": scene.frames.count,
        "fps": str(scene.fps),
        "resolution_x": scene.resolution_x,
        "resolution_y": scene.resolution_y,
        "percentage": scene.percentage,
        "width": width,
        "height": height,
        "engine": scene.engine,
        "samples": scene.samples,
        "camera": scene.camera,
        "cameras": list(scene.cameras),
        "file_format": scene.file_format,
        "movie": {"container": movie.container, "codec": movie.codec} if movie else None,
        "output_path": scene.output_path,
    }


def _link_values(link: LinkedFile) -> dict[str, Any]:
    return {
        "path": link.path,
        "absolute": str(link.absolute),
        "kind": link.kind,
        "missing": link.missing,
        "sequence": link.is_sequence,
        "files": len(link.files),
        "linked_by": str(link.linked_by),
    }
