"""Planning the rendering of a .blend: what the file says, overridden by what the customer asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from framefarm.blender.blendfile import BlendFile, read_blend
from framefarm.blender.driver.picture_size import picture_size
from framefarm.blender.finding import Within
from framefarm.blender.scene_facts import SceneFacts
from framefarm.core.engines import parse_engine
from framefarm.core.errors import FrameFarmError
from framefarm.core.formats import EXTENSIONS, Resolution, parse_resolution, parse_still_format
from framefarm.core.listing import are, first_of, plural
from framefarm.core.naming import frame_name, movie_name, safe_path
from framefarm.core.plans import JobPlan, plan_render
from framefarm.core.spans import Spans
from framefarm.core.versions import BlenderVersion, choose_version
from framefarm.farm.new_jobs import PlannedJob, PlannedStage, Wishes
from framefarm.media.blender_output import BlenderMovie, from_blender
from framefarm.media.settings import MovieSettings, default_for
from framefarm.protocol.tasks import JoinTask, MovieTask, RenderTask
from framefarm.protocol.trees import Tree

_SHOWN = 10
_LONGEST_NAME_BYTES = 240
"""Of a frame; disks take 255, and a movie's name has a second number."""

_LARGEST_SIDE = 1_000_000
_WIDEST_FRAME = -1_000_000


class JobRefusedError(FrameFarmError):
    """A job that cannot be done as asked for.

    Attributes:
        code: What is wrong: `unknown_scene`, `unknown_camera`, `no_camera`, `missing_files`, ...
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class RenderRequest:
    """What a customer asks for. None keeps what the file says.

    Attributes:
        blend_sha256: The uploaded .blend.
        blend_name: Its file name.
        source_path: Where it lies on the customer's machine.
        tree_sha256: The uploaded list of its project's files.
        missing: Files it links that the customer's machine does not have.
        frames: Such as `1-250`.
        resolution: Such as `1920x1080` or `50%`.
        movie: A container, `none`, or None for the scene's own, else mp4.
        strict: Refuse a file that links missing ones.
        blender: `major.minor` to use instead of the one that saved the file.
        wishes: What is asked of the workers.
    """

    blend_sha256: str
    blend_name: str
    source_path: str = ""
    tree_sha256: str | None = None
    missing: tuple[str, ...] = ()
    name: str = ""
    project: str = ""
    sequence: str = ""
    shot: str = ""
    priority: int = 50
    max_workers: int | None = None
    deadline_at: float | None = None
    fingerprint: str | None = None
    frames: str | None = None
    scene: str | None = None
    camera: str | None = None
    engine: str | None = None
    samples: int | None = None
    resolution: str | None = None
    file_format: str | None = None
    movie: str | None = None
    order: str = "sequential"
    threads: int | None = None
    allow_scripts: bool = False
    persistent_data: bool = True
    strict: bool = False
    blender: str | None = None
    wishes: Wishes = field(default_factory=Wishes)


@dataclass
class _Drafted:
    """A request with the file's facts."""

    request: RenderRequest
    blend: BlendFile
    scene: SceneFacts
    size_bytes: int
    warnings: list[str] = field(default_factory=list)


def plan_render_job(
    request: RenderRequest,
    path: Path,
    *,
    versions: Iterable[str],
    tree: Tree | None = None,
    tree_bytes: int = 0,
    alone: bool = False,
) -> PlannedJob:
    """Plan a job. Reads the file, so call it outside the event loop.

    Args:
        request: What is asked for.
        path: The uploaded .blend.
        versions: Blenders (`major.minor`) that connected workers offer; with none connected the
            choice is left open until one is.
        tree: The project's files, where there are more.
        tree_bytes: How large their list is.
        alone: Whether the file came by itself, so that all it links is missing.

    Raises:
        BlendFileError: The file is none, damaged or too large.
        SpansError: The frames are not to be understood.
        FormatError: The format or the resolution is not.
        EngineNameError: The engine is none of Blender's own.
        NoBlenderForFileError: Workers are connected, but none can read the file.
        JobRefusedError: No such scene or camera, no camera at all, or missing files.
    """
    # Nothing beside the file here is its sender's.
    blend = read_blend(path, trace=alone, finder=Within(path.parent, ()))
    if alone:
        request = replace(request, missing=blend.missing_paths)
    size_bytes = path.stat().st_size if tree is None else tree_bytes
    if request.engine is not None:
        request = replace(request, engine=parse_engine(request.engine))
    draft = _Drafted(request, blend, _scene(blend, request), size_bytes)
    _check_camera(draft)
    _check_output(draft)
    _check_missing(draft, alone=alone)
    frames = _frames(draft)
    movie = _movie(draft)
    plan = plan_render(frames, order=request.order, movie=movie is not None)
    wanted = request.blender or str(blend.saved_by)
    task = _render_task(draft, _version(wanted, versions))
    return PlannedJob(
        name=request.name or Path(request.blend_name).stem,
        project=request.project,
        sequence=request.sequence,
        shot=request.shot,
        kind="render",
        priority=request.priority,
        max_workers=request.max_workers,
        deadline_at=request.deadline_at,
        fingerprint=request.fingerprint,
        warnings=draft.warnings,
        wishes=request.wishes,
        tree=tree,
        settings=_summary(draft, task, frames, movie, wanted),
        stages=tuple(_stages(draft, plan, task, movie, wanted)),
    )


def _scene(blend: BlendFile, request: RenderRequest) -> SceneFacts:
    scene = blend.scene(request.scene)
    if scene is None:
        there = ", ".join(scene.name for scene in blend.scenes[:_SHOWN])
        raise JobRefusedError(
            "unknown_scene",
            f"{request.blend_name} has no scene {request.scene!r}; it has: {there}.",
        )
    return scene


def _check_camera(draft: _Drafted) -> None:
    scene, wanted = draft.scene, draft.request.camera
    there = ", ".join(scene.cameras[:_SHOWN])
    if wanted is not None and wanted not in scene.cameras:
        raise JobRefusedError(
            "unknown_camera",
            f"Scene {scene.name!r} of {draft.request.blend_name} has no camera {wanted!r}; "
            f"it has: {there or 'none'}.",
        )
    if wanted is None and scene.camera is None:
        raise JobRefusedError(
            "no_camera",
            f"Scene {scene.name!r} of {draft.request.blend_name} has no active camera. "
            + (
                f"Set one in Blender, or name one with --camera: {there}."
                if there
                else "Set one in Blender."
            ),
        )


def _check_output(draft: _Drafted) -> None:
    """Else every frame would be rendered before its name turned out to be too long."""
    name = frame_name(draft.scene.output_path, _WIDEST_FRAME, ".exr")
    if len(name.encode(errors="replace")) > _LONGEST_NAME_BYTES:
        raise JobRefusedError(
            "bad_output_path",
            f"Scene {draft.scene.name!r} of {draft.request.blend_name} writes files with names of "
            f"more than {_LONGEST_NAME_BYTES} bytes, which disks do not take. Shorten the output "
            "path in Blender.",
        )


def _check_missing(draft: _Drafted, *, alone: bool) -> None:
    missing = draft.request.missing
    if not missing:
        return
    name = draft.request.blend_name
    count = len(missing)
    counted = f"{plural(count, 'linked file')} of {name} {are(count)} missing"
    text = f"{counted}: {first_of(missing)}."
    if alone:
        text += f" Pack what it links into {name}, or send all in one .zip."
    if draft.request.strict:
        raise JobRefusedError("missing_files", text)
    draft.warnings.append(text)


def _frames(draft: _Drafted) -> Spans:
    asked = draft.request.frames
    return Spans.parse(asked) if asked is not None else draft.scene.frames


def _movie(draft: _Drafted) -> MovieSettings | None:
    wanted, scene = draft.request.movie, draft.scene
    if wanted == "none":
        return None
    if wanted is None and scene.movie is not None:
        own = BlenderMovie(scene.movie.container, scene.movie.codec)
        settings, notes = from_blender(own, scene.fps)
        draft.warnings += notes
        return settings
    return default_for(wanted or "mp4", scene.fps)


def _version(wanted: str, versions: Iterable[str]) -> str:
    available = [BlenderVersion.parse(version) for version in versions]
    if not available:
        return ""
    return str(choose_version(BlenderVersion.parse(wanted), available))


def _resolution(draft: _Drafted) -> Resolution | None:
    text = draft.request.resolution
    return parse_resolution(text) if text is not None else None


def _render_task(draft: _Drafted, blender: str) -> RenderTask:
    request, scene = draft.request, draft.scene
    file_format = _still_format(draft)
    asked = _resolution(draft)
    width, height = _expected_size(draft, asked)
    return RenderTask(
        blend_sha256=request.tree_sha256 or request.blend_sha256,
        blend_name=request.blend_name,
        blend_size_bytes=draft.size_bytes,
        blender=blender,
        file_format=file_format,
        frame_path=scene.output_path,
        extension=EXTENSIONS[file_format] if scene.use_file_extension else "",
        expect_width=width,
        expect_height=height,
        source_path=request.source_path,
        in_tree=request.tree_sha256 is not None,
        scene=scene.name,
        camera=request.camera,
        engine=request.engine,
        samples=request.samples,
        width=asked.width if asked else None,
        height=asked.height if asked else None,
        percentage=asked.percentage if asked else None,
        threads=request.threads,
        allow_scripts=request.allow_scripts,
        persistent_data=request.persistent_data,
    )


def _still_format(draft: _Drafted) -> str:
    if draft.request.file_format is not None:
        return parse_still_format(draft.request.file_format)
    file_format = draft.scene.still_format
    if file_format not in EXTENSIONS:
        raise JobRefusedError(
            "bad_format",
            f"Scene {draft.scene.name!r} of {draft.request.blend_name} is saved with a file format "
            "that is not known here; choose another in Blender, or say one, such as PNG.",
        )
    return file_format


def _expected_size(draft: _Drafted, asked: Resolution | None) -> tuple[int, int]:
    scene = draft.scene
    border = scene.border if scene.use_border and scene.use_crop else None
    edges = (border.x_min, border.x_max, border.y_min, border.y_max) if border else None
    if edges is not None and not all(0 <= edge <= 1 for edge in edges):
        raise _bad_size(draft)
    full = (
        (asked.width if asked else None) or scene.resolution_x,
        (asked.height if asked else None) or scene.resolution_y,
    )
    size = picture_size(full, asked.percentage if asked else scene.percentage, edges)
    if not all(1 <= side <= _LARGEST_SIDE for side in size):
        raise _bad_size(draft)
    return size


def _bad_size(draft: _Drafted) -> JobRefusedError:
    return JobRefusedError(
        "bad_picture_size",
        f"Scene {draft.scene.name!r} of {draft.request.blend_name} makes pictures of no size, or "
        "too large ones. Set its resolution and its border in Blender, or say a resolution.",
    )


def _stages(
    draft: _Drafted, plan: JobPlan, task: RenderTask, movie: MovieSettings | None, wanted: str
) -> list[PlannedStage]:
    settings = [msgspec.to_builtins(task)]
    if movie is not None:
        encode = _movie_task(movie, task)
        frames = plan.stages[0].units
        name = safe_path(
            movie_name(draft.scene.output_path, frames.first, frames.last, movie.suffix)
        )
        join = JoinTask(movie=encode, name=name, frames=len(frames))
        settings += [msgspec.to_builtins(encode), msgspec.to_builtins(join)]
    first, *others = (
        PlannedStage(plan=stage, settings=values, largest_lease=1)
        for stage, values in zip(plan.stages, settings, strict=True)
    )
    render = PlannedStage(
        plan=first.plan,
        settings=first.settings,
        wanted_blender=wanted,
        blender=task.blender,
        blend_sha256=task.blend_sha256,
    )
    return [render, *others]


def _movie_task(movie: MovieSettings, task: RenderTask) -> MovieTask:
    return MovieTask(
        container=movie.container,
        codec=movie.codec,
        fps_numerator=movie.fps.numerator,
        fps_denominator=movie.fps.denominator,
        width=task.expect_width,
        height=task.expect_height,
        segment_frames=movie.gop,
        quality=movie.quality,
        profile=movie.profile,
    )


def _summary(
    draft: _Drafted, task: RenderTask, frames: Spans, movie: MovieSettings | None, wanted: str
) -> dict[str, Any]:
    """What people want to read of a job's settings."""
    request, scene = draft.request, draft.scene
    return {
        "blend": request.blend_name,
        "saved_by": str(draft.blend.saved_by),
        "wanted_blender": wanted,
        "frames": str(frames),
        "scene": scene.name,
        "camera": request.camera or scene.camera,
        "engine": request.engine or scene.engine,
        "samples": request.samples or scene.samples,
        "width": task.expect_width,
        "height": task.expect_height,
        "fps": str(scene.fps),
        "file_format": task.file_format,
        "movie": movie.container if movie else "none",
        "order": request.order,
        "frame_path": scene.output_path,
        "extension": task.extension,
    }
