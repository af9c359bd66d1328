"""What a job changes about a scene, and putting it back.

A scene stays open for job after job of the same file. Every change is remembered with how to undo
it, so that a job sees the file as it was saved, whatever the job before asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ...processes.child.serving import RefusedError
from .bystander import own_scenes
from .devices import use_device

MOVIE_FORMATS = frozenset({"FFMPEG", "AVI_RAW", "AVI_JPEG"})
_ENGINES = {
    "EEVEE": ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE"),
    "BLENDER_EEVEE": ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT"),
    "BLENDER_EEVEE_NEXT": ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE"),
    "WORKBENCH": ("BLENDER_WORKBENCH",),
}


class SceneSettings:
    """The changes made to the open file, newest last."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._asked: dict[str, Any] = {}
        self.scene = bpy.context.scene

    def apply(self, asked: dict[str, Any]) -> Any:
        """Undo what an earlier job asked for and set what this one does.

        Args:
            asked: Any of scene, camera, engine, samples, resolution ([width, height]),
                percentage, file_format, threads, persistent_data, device (`CPU`, `GPU`). What is
                absent or None stays as the file has it.

        Returns:
            The scene to render.

        Raises:
            RefusedError: `no_scene`, `no_camera_named`, `engine`, `format`, `setting`, `device`.
                Nothing stays changed then.
        """
        if asked == self._asked and self._undo:
            return self.scene
        self.restore()
        try:
            self.scene = _find_scene(asked.get("scene"))
            self._apply(
                self.scene, {key: value for key, value in asked.items() if value is not None}
            )
        except Exception:
            self.restore()
            raise
        self._asked = asked
        return self.scene

    def restore(self) -> None:
        """Put everything back as the file had it."""
        while self._undo:
            self._undo.pop()()
        self._asked = {}

    def _apply(self, scene: Any, asked: dict[str, Any]) -> None:
        # First of all: what Cycles kept of the job before must not reach this one.
        self._persistence(scene, keep=asked.get("persistent_data", True))
        if "engine" in asked:
            self._engine(scene, asked["engine"])
        if "camera" in asked:
            self._camera(scene, asked["camera"])
        if "resolution" in asked:
            self._set(scene.render, "resolution_x", asked["resolution"][0])
            self._set(scene.render, "resolution_y", asked["resolution"][1])
            self._set(scene.render, "resolution_percentage", 100)
        if "percentage" in asked:
            self._set(scene.render, "resolution_percentage", asked["percentage"])
        if "samples" in asked:
            self._samples(scene, asked["samples"])
        if "threads" in asked:
            self._set(scene.render, "threads_mode", "FIXED")
            self._set(scene.render, "threads", asked["threads"])
        if "device" in asked and scene.render.engine == "CYCLES":
            self._set(scene.cycles, "device", use_device(asked["device"]))
        self._file_format(scene, asked.get("file_format"))

    def _set(self, owner: Any, name: str, value: Any) -> None:
        before = getattr(owner, name)
        limits = owner.bl_rna.properties[name]
        if limits.type == "INT" and not limits.hard_min <= value <= limits.hard_max:
            span = f"{limits.hard_min} to {limits.hard_max}"
            raise RefusedError("setting", f"{name} {value} is out of range ({span})")
        try:
            setattr(owner, name, value)
        except (TypeError, ValueError) as error:
            raise RefusedError("setting", f"{name} cannot be {value!r}: {error}") from error
        self._undo.append(lambda: setattr(owner, name, before))

    def _persistence(self, scene: Any, *, keep: bool) -> None:
        before = scene.render.use_persistent_data
        # Switching it off is the one way to make Blender drop what it kept.
        scene.render.use_persistent_data = False
        scene.render.use_persistent_data = keep

        def undo() -> None:
            scene.render.use_persistent_data = False
            scene.render.use_persistent_data = before

        self._undo.append(undo)

    def _engine(self, scene: Any, wanted: str) -> None:
        name, before = wanted.upper(), scene.render.engine
        for candidate in _ENGINES.get(name, (name,)):
            try:
                scene.render.engine = candidate
            except TypeError as error:
                known = str(error).rpartition(" in ")[2]
            else:
                self._undo.append(lambda: setattr(scene.render, "engine", before))
                return
        raise RefusedError("engine", f"this Blender has no engine {wanted!r}; it has {known}")

    def _camera(self, scene: Any, wanted: str) -> None:
        camera = scene.objects.get(wanted)
        if camera is None or camera.type != "CAMERA":
            cameras = sorted(thing.name for thing in scene.objects if thing.type == "CAMERA")
            names = ", ".join(cameras) or "none"
            raise RefusedError(
                "no_camera_named", f"scene {scene.name!r} has no camera {wanted!r}; it has: {names}"
            )
        self._set(scene, "camera", camera)
        # Markers bound to cameras switch the scene's camera by frame, over the one asked for.
        for marker in scene.timeline_markers:
            if marker.camera is not None:
                self._set(marker, "camera", None)

    def _samples(self, scene: Any, samples: int) -> None:
        if scene.render.engine == "CYCLES":
            self._set(scene.cycles, "samples", samples)
            # A view layer may have a number of its own, which would win.
            self._set(scene.cycles, "use_layer_samples", "IGNORE")
        elif scene.render.engine.startswith("BLENDER_EEVEE"):
            self._set(scene.eevee, "taa_render_samples", samples)

    def _file_format(self, scene: Any, wanted: str | None) -> None:
        image = scene.render.image_settings
        if wanted is None and image.file_format not in MOVIE_FORMATS:
            return
        wanted = wanted or "PNG"
        known = [item.identifier for item in image.bl_rna.properties["file_format"].enum_items]
        if wanted not in known or wanted in MOVIE_FORMATS:
            stills = ", ".join(sorted(set(known) - MOVIE_FORMATS))
            raise RefusedError("format", f"{wanted!r} is no still format here; there are: {stills}")
        if wanted == image.file_format:
            return
        before = _image_settings(image)
        self._undo.append(lambda: _put_image_settings(image, before))
        media = "MULTI_LAYER_IMAGE" if wanted == "OPEN_EXR_MULTILAYER" else "IMAGE"
        try:
            _put_image_settings(image, {"media_type": media, "file_format": wanted})
        except TypeError as error:
            raise RefusedError("format", f"this Blender cannot write {wanted}: {error}") from error


# In this order: 5.0 offers only the formats of the media type, and a change of format may change
# mode and depth to ones it has.
_IMAGE_FIELDS = ("media_type", "file_format", "color_mode", "color_depth")


def _image_settings(image: Any) -> dict[str, str]:
    return {name: getattr(image, name) for name in _IMAGE_FIELDS if hasattr(image, name)}


def _put_image_settings(image: Any, values: dict[str, str]) -> None:
    for name in _IMAGE_FIELDS:
        if name in values and hasattr(image, name):
            setattr(image, name, values[name])


def _find_scene(name: str | None) -> Any:
    if name is None:
        return bpy.context.scene
    scene = bpy.data.scenes.get(name)
    if scene is None:
        names = ", ".join(scene.name for scene in own_scenes())
        raise RefusedError("no_scene", f"there is no scene {name!r}; there are: {names}")
    return scene
