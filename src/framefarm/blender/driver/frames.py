"""Rendering one frame just as Blender's own animation render would."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from ...processes.child.own_process import forget_peak_memory, peak_memory_bytes
from ...processes.child.serving import RefusedError
from .bystander import bystander
from .devices import device_in_use
from .outputs import files_below, main_files, redirected
from .phases import PhaseClock
from .picture_size import picture_size

PROGRESS_EVERY_S = 0.2

Report = Callable[..., None]


def render_frame(scene: Any, frame: int, out_dir: str, report: Report) -> dict[str, Any]:
    """Render one frame into a folder.

    It is an animation render of a single frame, because that is what `blender -a` does: a still
    render names files differently and skips what scenes do on a change of frame.

    Args:
        scene: Scene to render; its settings are left as they were.
        frame: Its number.
        out_dir: Folder for all files; must exist and should be empty.
        report: Called as `report("progress", ...)`, at most five times a second.

    Returns:
        Fields of the report `rendered`.

    Raises:
        RefusedError: `no_camera`, `output`, `render`.
    """
    if not os.access(out_dir, os.W_OK):
        raise RefusedError("output", f"{out_dir} cannot be written")
    forget_peak_memory()
    clock = PhaseClock()
    with redirected(scene, out_dir):
        with _listening(clock, frame, report):
            _run(scene, frame)
        total_s, phases = clock.finish()
        main = main_files(scene, frame)
    if not main:
        raise RefusedError("render", f"Blender ended frame {frame} without writing it")
    width, height = _size(scene)
    return {
        "frame": frame,
        "files": [_file(path, out_dir) for path in main],
        "others": [_file(path, out_dir) for path in files_below(out_dir) if path not in main],
        "seconds": total_s,
        "phases": phases,
        "peak_memory_bytes": peak_memory_bytes(),
        "device": device_in_use(scene),
        "width": width,
        "height": height,
        "file_format": scene.render.image_settings.file_format,
        "samples": clock.samples_total,
    }


def _run(scene: Any, frame: int) -> None:
    try:
        idle = bystander()
        context = bpy.context.temp_override(scene=idle, view_layer=idle.view_layers[0])
        with _range(scene, frame) as arguments, context:
            outcome = bpy.ops.render.render(animation=True, scene=scene.name, **arguments)
    except RuntimeError as error:
        text = " ".join(str(error).replace("Error: ", "").split())
        raise RefusedError("no_camera" if "camera" in text.lower() else "render", text) from error
    if "FINISHED" not in outcome:
        raise RefusedError("render", f"Blender cancelled frame {frame}")


@contextmanager
def _range(scene: Any, frame: int) -> Iterator[dict[str, int]]:
    """Have exactly one frame rendered; yields arguments for the operator.

    Blender 5.0 takes the range as arguments. Before, only the scene's own range counts, which
    simulations and stamps see: it is changed for no longer than the frame takes.
    """
    if "frame_start" in bpy.ops.render.render.get_rna_type().properties:
        yield {"frame_start": frame, "frame_end": frame}
        return
    before = scene.frame_start, scene.frame_end
    try:
        _set_range(scene, frame, frame)
        if scene.frame_start != frame:
            raise RefusedError("setting", f"this Blender cannot render frame {frame}")
        yield {}
    finally:
        _set_range(scene, *before)


def _set_range(scene: Any, start: int, end: int) -> None:
    # Setting one moves the other when they would cross.
    scene.frame_start, scene.frame_end = start, end
    scene.frame_start = start


@contextmanager
def _listening(clock: PhaseClock, frame: int, report: Report) -> Iterator[None]:
    """Feed what Blender says to the clock, and tell progress."""
    last_told = 0.0

    def on_stats(*texts: Any) -> None:
        nonlocal last_told
        clock.hear(texts[0] if texts else None)
        if time.monotonic() - last_told < PROGRESS_EVERY_S:
            return
        # Also when nothing changed: text that keeps coming shows that Blender is alive.
        last_told = time.monotonic()
        report(
            "progress",
            frame=frame,
            phase=clock.phase,
            samples_done=clock.samples_done,
            samples_total=clock.samples_total,
        )

    wanted = {
        "render_stats": on_stats,
        "composite_pre": lambda *_: clock.enter("composite"),
        "composite_post": lambda *_: clock.enter("save"),
    }
    added = [
        (getattr(bpy.app.handlers, name), function)
        for name, function in wanted.items()
        if hasattr(bpy.app.handlers, name)
    ]
    for handlers, function in added:
        handlers.append(function)
    try:
        yield
    finally:
        for handlers, function in added:
            handlers.remove(function)


def _size(scene: Any) -> tuple[int, int]:
    render = scene.render
    border = (
        render.border_min_x,
        render.border_max_x,
        render.border_min_y,
        render.border_max_y,
    )
    cropped = render.use_border and render.use_crop_to_border
    resolution = (render.resolution_x, render.resolution_y)
    return picture_size(resolution, render.resolution_percentage, border if cropped else None)


def _file(path: str, out_dir: str) -> dict[str, str]:
    return {"path": path, "name": os.path.relpath(path, out_dir).replace(os.sep, "/")}
