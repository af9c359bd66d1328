"""What each kind of stage tells its executor."""

from __future__ import annotations

import msgspec


class RenderTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """Settings of a `render` stage: a unit is a frame.

    Attributes:
        blend_sha256: Content of the .blend; where `in_tree`, of the list of the project's files
            (`framefarm.protocol.trees`), which names the .blend.
        blend_name: Its file name.
        blend_size_bytes: The size of that content.
        in_tree: Whether it is a project of several files.
        source_path: Where it lies on the submitting machine. A worker that finds a file with the
            same hash there opens it in place, so that relative links resolve.
        blender: `major.minor` to render with.
        scene, camera, engine, samples, threads: None keeps what the file says.
        width, height: `resolution_x` and `resolution_y` to set; None keeps the file's.
        percentage: `resolution_percentage` to set; None keeps the file's.
        file_format: Blender's name, for example `PNG`.
        frame_path: The scene's output path, which the frames' names come from.
        extension: With its dot.
        allow_scripts: Run Python embedded in the file.
        persistent_data: Keep geometry, textures and BVH between frames.
        expect_width, expect_height: What every image must measure.
    """

    blend_sha256: str
    blend_name: str
    blend_size_bytes: int
    blender: str
    file_format: str
    frame_path: str
    extension: str
    expect_width: int
    expect_height: int
    source_path: str = ""
    in_tree: bool = False
    scene: str | None = None
    camera: str | None = None
    engine: str | None = None
    samples: int | None = None
    width: int | None = None
    height: int | None = None
    percentage: int | None = None
    threads: int | None = None
    allow_scripts: bool = False
    persistent_data: bool = True


class MovieTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """Settings of a `movie` stage: a unit is a segment of `segment_frames` frames.

    Attributes:
        container: `mp4`, `mkv`, `webm` or `mov`.
        codec: One of `framefarm.media`'s codec names.
        fps_numerator, fps_denominator: Exact frame rate.
        width, height: Of the frames, before padding to even sizes.
        segment_frames: Frames in every segment but the last; also the GOP length.
        quality: The encoder's constant quality, None for the codec's default.
        profile: The codec's own profile, empty for the default.
    """

    container: str
    codec: str
    fps_numerator: int
    fps_denominator: int
    width: int
    height: int
    segment_frames: int = 48
    quality: int | None = None
    profile: str = ""


class JoinTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """Settings of a `join` stage: its one unit joins all segments without re-encoding.

    Attributes:
        movie: How the segments were encoded.
        name: File name of the finished movie.
        frames: How many frames it must have.
    """

    movie: MovieTask
    name: str
    frames: int


class TrialTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """Settings of a `trial` stage, which tries a farm's plumbing without Blender.

    Attributes:
        seconds: How long a unit takes.
        image_bytes: About how large an image each unit uploads; 0 for results without files.
    """

    seconds: float = 0.0
    image_bytes: int = 0
