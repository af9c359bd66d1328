"""How fast frames are checked, shrunk, encoded and joined.

    .venv/bin/python -m benchmarks.movie [--json] [--quick]

Frames are made up: a textured pan with moving textured balls, once clean as after a denoiser and
once with the grain of few samples. Both are harder than most renders, whose flat parts cost little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenImageIO
from numpy.typing import NDArray
from OpenImageIO import ImageOutput, ImageSpec
from rich.console import Console
from rich.table import Table

from benchmarks.reporting import machine
from framefarm.media.images import ExpectedImage, check_image
from framefarm.media.movies import encode_segment, join_segments
from framefarm.media.settings import GOP, MovieSettings, default_for
from framefarm.media.thumbnails import make_thumbnail
from framefarm.media.warm import WarmEncoder

FPS = Fraction(24)
WIDTH, HEIGHT = 1920, 1080
MOVIE_FRAMES = 250

Figures = dict[str, float]


def main() -> None:
    """Measure, print a table, and with `--json` one JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--quick", action="store_true", help="fewer repeats and codecs")
    options = parser.parse_args()
    facts = {"machine": machine(), **sizes_and_versions()}
    with tempfile.TemporaryDirectory(prefix="framefarm-measured-") as folder:
        figures = measure(Path(folder), quick=options.quick)
    show(figures)
    if options.json:
        print(json.dumps({"benchmark": "movie", **facts, **figures}))


def measure(folder: Path, *, quick: bool) -> Figures:
    """Run all parts; every key ends in its unit."""
    figures = checks(folder, repeats=3 if quick else 15)
    for look in ("clean", "grainy"):
        frames = animation(folder / look, GOP, grain=0.012 if look == "grainy" else 0.0)
        figures |= encoding(frames, look, folder, threads=threads())
        if look == "clean":
            figures |= last_segment(frames, folder)
            figures |= {} if quick else codecs(frames, folder)
    return figures


def threads() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checks(folder: Path, *, repeats: int) -> Figures:
    """Milliseconds of processor time to check and to shrink one picture."""
    figures: Figures = {}
    stills = {
        "jpeg_320x180": ("JPEG", 320, 180, "jpg"),
        "png_320x180": ("PNG", 320, 180, "png"),
        "png_640x360": ("PNG", 640, 360, "png"),
        "png_1920x1080": ("PNG", 1920, 1080, "png"),
        "exr_1920x1080": ("OPEN_EXR", 1920, 1080, "exr"),
    }
    for name, (kind, width, height, suffix) in stills.items():
        path = write(folder / f"{name}.{suffix}", texture(width, height))
        expected = ExpectedImage(kind, width, height)
        figures[f"{name}_bytes"] = path.stat().st_size
        figures[f"check_{name}_cpu_ms"] = cpu_ms(lambda: check_image(path, expected), repeats)  # noqa: B023
        thumb = folder / "thumb.webp"
        figures[f"thumbnail_{name}_cpu_ms"] = cpu_ms(lambda: make_thumbnail(path, thumb), repeats)  # noqa: B023
    figures["check_two_threads_speedup_ratio"] = speedup(folder / "png_1920x1080.png", repeats)
    return figures


def speedup(path: Path, repeats: int) -> float:
    """How much faster two threads check than one: 2 when the interpreter lock is let go."""
    expected = ExpectedImage("PNG")
    walls = []
    for workers in (1, 2):
        with ThreadPoolExecutor(workers) as pool, clocked(walls):
            list(pool.map(lambda _: check_image(path, expected), range(4 * repeats)))
    return walls[0] / walls[1]


def encoding(frames: list[Path], look: str, folder: Path, *, threads: int) -> Figures:
    """One whole segment of 48 frames of 1080p with the default settings."""
    walls: list[float] = []
    cpu = time.process_time()
    for _ in range(3):
        with clocked(walls):
            facts = encode_segment(
                frames, default_for("mp4", FPS), folder / f"{look}.mp4", threads=threads
            )
    return {
        f"segment_48_frames_{look}_wall_s": min(walls),
        f"segment_48_frames_{look}_cpu_s": (time.process_time() - cpu) / len(walls),
        f"segment_48_frames_{look}_bytes": facts.size_bytes,
        f"frame_{look}_png_bytes": frames[0].stat().st_size,
    }


def last_segment(frames: list[Path], folder: Path) -> Figures:
    """What is left to do when the last of 250 frames is there: its segment and the join."""
    settings = default_for("mp4", FPS)
    whole, rest = divmod(MOVIE_FRAMES, GOP)
    walls: list[float] = []
    last, movie = folder / "last.mp4", folder / "movie.mp4"
    with clocked(walls):
        encode_segment(frames[:rest], settings, last, threads=threads())
    with clocked(walls):
        join_segments([*[folder / "clean.mp4"] * whole, last], settings, movie)
    with clocked(walls):
        join_segments([last] * 1000, settings, folder / "long.mp4")
    cold, warm = asyncio.run(in_a_child(frames[:rest], [folder / "clean.mp4"] * whole, folder))
    return {
        "last_segment_10_frames_wall_s": walls[0],
        "join_6_segments_wall_s": walls[1],
        "movie_ready_after_last_of_250_frames_s": warm,
        "movie_ready_after_last_of_250_frames_encoder_started_s": cold,
        "movie_ready_after_last_of_250_frames_without_child_s": walls[0] + walls[1],
        "join_1000_segments_10000_frames_wall_s": walls[2],
        "movie_250_frames_bytes": movie.stat().st_size,
    }


async def in_a_child(frames: list[Path], earlier: list[Path], folder: Path) -> tuple[float, float]:
    """Encode and join as a worker does it, with a process to be started and with a warm one."""
    settings = default_for("mp4", FPS)
    last, movie = folder / "child.mp4", folder / "child-movie.mp4"
    walls: list[float] = []
    with clocked(walls):
        encoder = await WarmEncoder.start()
        await encoder.encode(frames, settings, last, threads=threads(), on_frame=quiet)
        await encoder.join([*earlier, last], settings, movie, on_frame=quiet)
    for _ in range(3):
        with clocked(walls):
            await encoder.encode(frames, settings, last, threads=threads(), on_frame=quiet)
            await encoder.join([*earlier, last], settings, movie, on_frame=quiet)
    await encoder.quit()
    return walls[0], min(walls[1:])


def quiet(_: int) -> None:
    """Nobody watches."""


def codecs(frames: list[Path], folder: Path) -> Figures:
    """The same segment with every other codec."""
    figures: Figures = {}
    others = {"h265": "mp4", "av1": "mp4", "vp9": "webm", "prores": "mov", "ffv1": "mkv"}
    for codec, container in others.items():
        walls: list[float] = []
        settings = MovieSettings(container, codec, FPS)
        out = folder / f"segment{settings.suffix}"
        with clocked(walls):
            facts = encode_segment(frames, settings, out, threads=threads())
        figures[f"segment_48_frames_{codec}_wall_s"] = walls[0]
        figures[f"segment_48_frames_{codec}_bytes"] = facts.size_bytes
    return figures


def cpu_ms(call: Callable[[], object], repeats: int) -> float:
    """Median processor time of a call, in milliseconds, after one call to warm up."""
    call()
    taken = []
    for _ in range(repeats):
        before = time.process_time()
        call()
        taken.append(time.process_time() - before)
    return float(np.median(taken)) * 1000


@contextmanager
def clocked(walls: list[float]) -> Iterator[None]:
    """Append the wall time of the block, in seconds."""
    before = time.perf_counter()
    yield
    walls.append(time.perf_counter() - before)


def texture(width: int, height: int, *, seed: int = 3) -> NDArray[np.float32]:
    """Noise that is rough at every size, as surfaces are: `height x width x 3`, 0 to 1."""
    rng = np.random.default_rng(seed)
    down = np.fft.fftfreq(height)[:, None] ** 2
    power = down + np.fft.rfftfreq(width)[None] ** 2
    power[0, 0] = 1.0
    layers = []
    for _ in range(3):
        wave = np.fft.irfft2(
            np.fft.rfft2(rng.normal(size=(height, width))) / power**0.6, s=(height, width)
        )
        layers.append((wave - wave.min()) / (wave.max() - wave.min()))
    return np.stack(layers, axis=-1).astype(np.float32)


def animation(folder: Path, count: int, *, grain: float) -> list[Path]:
    """A slow pan and zoom over a texture with textured balls crossing it, as PNG."""
    folder.mkdir()
    ground = texture(4096, 2048)
    noise = np.random.default_rng(1).normal(0, grain or 1, (HEIGHT, 2 * WIDTH, 3))
    noise = noise.astype(np.float32)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    paths = []
    for number in range(count):
        zoom = 1 - 0.002 * number
        down, across = (y * zoom + 2.1 * number).astype(int), (x * zoom + 6.3 * number).astype(int)
        picture = ground[down % 2048, across % 4096]
        add_balls(picture, ground, x, y, number)
        if grain:
            start = number * 97 % WIDTH
            picture = picture + noise[:, start : start + WIDTH]
        paths.append(write(folder / f"{number:04}.png", picture))
    return paths


def add_balls(
    picture: NDArray[np.float32],
    ground: NDArray[np.float32],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    number: int,
) -> None:
    """Paint six balls in place, each on its own way."""
    for ball in range(6):
        way = 9 * number * (1 + ball % 3) * (1 if ball % 2 else -1)
        left = WIDTH * (0.1 + 0.15 * ball) + way
        top = HEIGHT * (0.5 + 0.3 * np.sin(ball + number / 8))
        far = (x - left) ** 2 + (y - top) ** 2
        size = (60 + 25 * ball) ** 2
        inside = far < size
        skin = ground[(y[inside] - top).astype(int) % 2048, (x[inside] - left).astype(int) % 4096]
        tint = np.array([1, 0.4 + 0.1 * ball, 0.3], np.float32)
        picture[inside] = skin * tint * (1 - 0.7 * far[inside] / size)[:, None]


def write(path: Path, pixels: NDArray[np.float32]) -> Path:
    """Write 8-bit, or half float for EXR, packed as Blender does by default."""
    linear = path.suffix == ".exr"
    spec = ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half" if linear else "uint8")
    spec.attribute("compression", {".exr": "zip", ".jpg": "jpeg:90"}.get(path.suffix, ""))
    spec.attribute("png:compressionLevel", 2)
    target = ImageOutput.create(str(path))
    if not (target.open(str(path), spec) and target.write_image(np.clip(pixels, 0, 1))):
        raise OSError(target.geterror())
    target.close()
    return path


def sizes_and_versions() -> dict[str, Any]:
    """What the figures belong to, beside the machine."""
    return {
        "av_version": av.__version__,
        "ffmpeg_version": av.ffmpeg_version_info,
        "openimageio_version": OpenImageIO.VERSION_STRING,
        "width_px": WIDTH,
        "height_px": HEIGHT,
        "load_before_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def show(figures: Figures) -> None:
    """Print the figures as a table."""
    table = Table("what", "value", title="benchmarks.movie")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.0f}" if name.endswith("_bytes") else f"{value:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
