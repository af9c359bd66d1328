"""Which device Cycles renders on."""

from __future__ import annotations

from typing import Any

import bpy
import gpu  # type: ignore[import-not-found]

from ...processes.child.serving import RefusedError

_BACKENDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")  # the faster one first


def list_devices() -> list[dict[str, str]]:
    """The GPUs that Cycles finds, once for each backend that can drive them, the faster one first.

    Returns:
        For each its `backend`, `name` and `id`. The id stays the same from start to start.
    """
    found = []
    for backend in _BACKENDS:
        devices = [device for device in _devices_of(backend) if device.type == backend]
        found += [{"backend": backend, "name": it.name, "id": it.id} for it in devices]
    return found


def use_device(wanted: str) -> str:
    """Switch on the device asked for, and no other.

    Args:
        wanted: `CPU`; `GPU` for all GPUs of the best backend; `GPU:` and an id of `list_devices`
            for that one alone.

    Returns:
        What to set as the scene's device.

    Raises:
        RefusedError: `device`, when no such GPU is usable here.
    """
    _preferences()
    if wanted == "CPU":
        return "CPU"
    _, _, wanted_id = wanted.partition(":")
    for backend in _BACKENDS:
        devices = _devices_of(backend)
        chosen = [it for it in devices if it.type == backend and wanted_id in ("", it.id)]
        if chosen:
            _switch_on(backend, devices, [device.id for device in chosen])
            return "GPU"
    raise RefusedError("device", _missing(wanted_id))


def _switch_on(backend: str, devices: list[Any], chosen: list[str]) -> None:
    _preferences().compute_device_type = backend
    for device in devices:
        # The processor is listed beside the GPUs of each backend, and would help out.
        device.use = device.type == backend and device.id in chosen


def _devices_of(backend: str) -> list[Any]:
    try:
        return list(_preferences().get_devices_for_type(backend))
    except (TypeError, ValueError):
        return []  # not a backend of this build


def _missing(wanted_id: str) -> str:
    found = ", ".join(sorted({device["name"] for device in list_devices()}))
    there = f"it finds {found}" if found else "it finds none"
    what = f"the GPU {wanted_id}" if wanted_id else "a GPU"
    return f"Cycles cannot use {what} on this machine; {there}"


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
