"""What is asked of a warm Blender, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What a job changes about its file; None leaves what the file says.

    Attributes:
        scene: Name of the scene to render; None for the one the file was saved with.
        camera: Name of the camera, for all frames, over cameras bound to markers.
        engine: `CYCLES`, `EEVEE`, `WORKBENCH` or a name as Blender spells it.
        samples: For Cycles and EEVEE, over a view layer's own number.
        resolution: Width and height of the whole picture in pixels; the percentage becomes 100.
        percentage: Scale of the resolution.
        file_format: A still format by Blender's name, for example `PNG`. A scene that would write
            a movie is rendered as PNG.
        threads: Of the CPU.
        persistent_data: Keep geometry, textures and BVH from frame to frame.
        device: For Cycles: `CPU`, `GPU` for all of the best kind, or `GPU:` and the id of a
            `CyclesDevice` for that one alone.
    """

    scene: str | None = None
    camera: str | None = None
    engine: str | None = None
    samples: int | None = None
    resolution: tuple[int, int] | None = None
    percentage: int | None = None
    file_format: str | None = None
    threads: int | None = None
    persistent_data: bool = True
    device: str | None = None


@dataclass(frozen=True, slots=True)
class CyclesDevice:
    """A GPU as one of Cycles' backends drives it.

    Attributes:
        backend: `OPTIX`, `CUDA`, `HIP`, `METAL`, `ONEAPI`.
        name: As its maker calls it.
        id: The same from start to start.
    """

    backend: str
    name: str
    id: str


@dataclass(frozen=True, slots=True)
class FileWarning:
    """Something about an opened file that may make its frames look wrong.

    Attributes:
        kind: `missing_image`, `missing_library`, ..., `scripts`, `newer_file`.
        path: The missing file, or empty.
        message: One line for people.
    """

    kind: str
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file as Blender opened it.

    Attributes:
        scene: The active one.
        scenes: All.
        warnings: What is missing.
        again: It was open already and had not changed.
        log_text: What Blender printed.
    """

    scene: str
    scenes: tuple[str, ...]
    warnings: tuple[FileWarning, ...]
    again: bool
    log_text: str


@dataclass(frozen=True, slots=True)
class ConfiguredScene:
    """What will be rendered.

    Attributes:
        scene: Its name.
        engine: As Blender spells it.
        camera: Its name, None when the scene has none (rendering will be refused).
        file_format: Of the frames.
    """

    scene: str
    engine: str
    camera: str | None
    file_format: str


@dataclass(frozen=True, slots=True)
class FrameProgress:
    """How far a frame is.

    Attributes:
        frame: Its number.
        phase: `sync`, `render`, `composite` or `save`.
        samples_done, samples_total: 0 until the engine tells; they start over with each view layer.
    """

    frame: int
    phase: str
    samples_done: int
    samples_total: int


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file Blender wrote.

    Attributes:
        path: Where it is.
        name: As Blender named it, relative to the job's outputs, with forward slashes.
    """

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class RenderedFrame:
    """A finished frame.

    Attributes:
        frame: Its number.
        files: The picture; several for the views of a stereo scene.
        others: What File Output nodes wrote.
        seconds: From order to files written.
        phases: Seconds of `sync`, `render`, `composite`, `save`, as far as they took any.
        peak_memory_bytes: The most the process held meanwhile; 0 where the system does not tell.
        device: What rendered it: `CPU`, backend and names of GPUs, or the name of the graphics
            driver's renderer, `llvmpipe ...` when that is software; empty when nothing tells.
        width, height: Of the picture in pixels.
        file_format: As Blender spells it.
        samples: Samples rendered; 0 when the engine does not tell.
        log_text: What Blender printed meanwhile, bounded.
    """

    frame: int
    files: tuple[WrittenFile, ...]
    others: tuple[WrittenFile, ...]
    seconds: float
    phases: dict[str, float]
    peak_memory_bytes: int
    device: str
    width: int
    height: int
    file_format: str
    samples: int
    log_text: str
