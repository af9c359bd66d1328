"""Which device Cycles renders on."""

from __future__ import annotations

from typing import Any

import bpy
import gpu  # type: ignore[import-not-found]

from .refusals import RefusedError

_BACKENDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")  # the faster one first


def use_device(wanted: str) -> str:
    """Switch on every GPU of the best backend, or none.

    Args:
        wanted: `CPU` or `GPU`.

    Returns:
        What to set as the scene's device.

    Raises:
        RefusedError: `device`, when no GPU is usable here.
    """
    preferences = _preferences()
    if wanted == "CPU":
        return "CPU"
    for backend in _BACKENDS:
        try:
            devices = preferences.get_devices_for_type(backend)
        except (TypeError, ValueError):
            continue  # not a backend of this build
        if any(device.type == backend for device in devices):
            preferences.compute_device_type = backend
            for device in devices:
                device.use = device.type == backend
            return "GPU"
    raise RefusedError("device", "Cycles finds no usable GPU on this machine")


def device_in_use(scene: Any) -> str:
    """The device that rendered a scene.

    Returns:
        `CPU`, or backend and names of the GPUs, for Cycles; for EEVEE and Workbench what OpenGL or
        Vulkan calls it, which may be a software renderer (`llvmpipe`), once a frame was rendered.
    """
    if scene.render.engine == "CYCLES":
        return _cycles_device(scene)
    try:
        return str(gpu.platform.renderer_get())
    except SystemError:  # nothing was drawn yet
        return ""


def _cycles_device(scene: Any) -> str:
    preferences = _preferences()
    backend = preferences.compute_device_type
    if scene.cycles.device != "GPU" or backend == "NONE":
        return "CPU"
    names = [device.name for device in preferences.devices if device.use and device.type == backend]
    return f"{backend}: {', '.join(names)}" if names else "CPU"


def _preferences() -> Any:
    return bpy.context.preferences.addons["cycles"].preferences
