"""Whether a device really renders: a tiny picture of a lit cube."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy

from ...processes.child.serving import RefusedError
from .devices import device_in_use, use_device

_SIDE_PX = 32
_SAMPLES = 4
_BLACK = 0.01


def probe_device(wanted: str, out_dir: str) -> dict[str, Any]:
    """Render a tiny picture on a device. The open file is closed.

    Args:
        wanted: As `use_device` takes it.
        out_dir: Folder for the picture.

    Returns:
        Fields of the report `probed`: the device in use and the seconds it took, which the first
        time include the loading of its program.

    Raises:
        RefusedError: `device`: it is not there, or did not render.
    """
    bpy.ops.wm.read_factory_settings(use_empty=False)
    scene = bpy.context.scene
    path = str(Path(out_dir, "probe.png"))
    _set_up(scene, wanted, path)
    began = time.monotonic()
    try:
        bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        raise RefusedError("device", " ".join(str(error).split())) from error
    if not _is_lit(path):
        raise RefusedError("device", f"{device_in_use(scene)} rendered nothing but black")
    return {"device": device_in_use(scene), "seconds": time.monotonic() - began}


def _set_up(scene: Any, wanted: str, path: str) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.samples = _SAMPLES
    scene.cycles.use_denoising = False
    scene.cycles.device = use_device(wanted)
    scene.render.resolution_x = scene.render.resolution_y = _SIDE_PX
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = path


def _is_lit(path: str) -> bool:
    if not Path(path).exists():
        return False
    image = bpy.data.images.load(path)
    try:
        red: tuple[float, ...] = image.pixels[:][0::4]
        return max(red) > _BLACK
    finally:
        bpy.data.images.remove(image)
