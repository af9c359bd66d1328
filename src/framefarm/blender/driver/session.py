"""The orders that Blender carries out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import bpy

from ...processes.child.channel import Channel
from ...processes.child.own_process import resident_bytes
from ...processes.child.serving import Carry, RefusedError, serve
from .devices import list_devices
from .frames import render_frame
from .opening import close_file, open_file
from .probing import probe_device
from .settings import SceneSettings


class Session:
    """What is open in this Blender."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._settings: SceneSettings | None = None
        self._opened: tuple[object, ...] = ()
        self._warnings: dict[str, Any] = {}
        self._orders: dict[str, Carry] = {
            "open": self._open,
            "configure": self._configure,
            "render": self._render,
            "devices": self._devices,
            "probe": self._probe,
            "stats": self._stats,
            "close": self._close,
        }

    def run(self) -> NoReturn:
        """Say hello and carry out orders until told to quit."""
        bpy.context.preferences.filepaths.use_scripts_auto_execute = False
        self._channel.report(
            "hello",
            version=list(bpy.app.version),
            version_text=bpy.app.version_string,
            python=list(sys.version_info[:3]),
            pid=os.getpid(),
        )
        serve(self._channel, self._orders)

    def _open(self, path: str, *, scripts: bool) -> tuple[str, dict[str, Any]]:
        try:
            state = Path(path).stat()
        except OSError as error:
            raise RefusedError("open", f"{path}: {error.strerror}") from error
        key = (path, scripts, state.st_mtime_ns, state.st_size)
        if key != self._opened:
            self._settings, self._opened = None, ()
            self._warnings = open_file(path, scripts=scripts)
            self._settings, self._opened = SceneSettings(), key
            return "opened", {**self._warnings, "again": False}
        return "opened", {**self._warnings, "again": True}

    def _configure(self, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        scene = self._require_settings().apply(settings)
        render = scene.render
        return "configured", {
            "scene": scene.name,
            "engine": render.engine,
            "camera": scene.camera.name if scene.camera else None,
            "file_format": render.image_settings.file_format,
        }

    def _render(self, frame: int, out_dir: str) -> tuple[str, dict[str, Any]]:
        scene = self._require_settings().scene
        self._channel.report("started", frame=frame)
        return "rendered", render_frame(scene, frame, out_dir, self._channel.report)

    def _devices(self) -> tuple[str, dict[str, Any]]:
        return "devices", {"devices": list_devices()}

    def _probe(self, device: str, out_dir: str) -> tuple[str, dict[str, Any]]:
        self._settings, self._opened = None, ()
        return "probed", probe_device(device, out_dir)

    def _stats(self) -> tuple[str, dict[str, Any]]:
        return "stats", {"resident_bytes": resident_bytes()}

    def _close(self) -> tuple[str, dict[str, Any]]:
        self._settings, self._opened = None, ()
        close_file()
        return "closed", {}

    def _require_settings(self) -> SceneSettings:
        if self._settings is None:
            raise RefusedError("no_file", "no file is open")
        return self._settings
