"""From picture files to frames an encoder takes, several at a time and in order."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from framefarm.media.errors import EncodeError
from framefarm.media.pictures import Look, open_picture, read_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from framefarm.media.settings import MovieSettings
    from framefarm.media.view import Display

# Accurate rounding and full chroma input: with swscale's faster ways flat patches of BT.709 come
# out up to two levels off, with these at most one.
_SCALING: Final = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


@dataclass(frozen=True, slots=True)
class Geometry:
    """Size of a movie's frames.

    Attributes:
        width: Pixels of the pictures.
        height: Pixels of the pictures.
        coded_width: The same, or one more where the codec wants even sizes.
        coded_height: Likewise.
    """

    width: int
    height: int
    coded_width: int
    coded_height: int

    @classmethod
    def of(cls, first: Path, settings: MovieSettings) -> Geometry:
        """Take the size from the settings, or else from the first picture.

        Raises:
            ImageUnreadableError: The picture cannot be read.
        """
        width, height = settings.width, settings.height
        if width is None or height is None:
            with open_picture(first, Look()) as picture:
                width, height = width or picture.width, height or picture.height
        pad = 0 if settings.plan.is_rgb else 1
        return cls(width, height, width + (width & pad), height + (height & pad))


def prepared_frames(
    paths: Sequence[Path], settings: MovieSettings, size: Geometry, *, threads: int
) -> Iterator[av.VideoFrame]:
    """Decode pictures ahead of their use and turn them into the codec's pixels.

    Args:
        paths: The pictures, in order.
        settings: Codec and view.
        size: What every picture has to measure.
        threads: How many decode at a time; at most `threads + 1` frames wait.

    Yields:
        The frames, in order.

    Raises:
        ImageUnreadableError: A picture cannot be read.
        EncodeError: A picture has another size.
    """
    prepare = _Preparation(settings, size)
    with ThreadPoolExecutor(threads, thread_name_prefix="frames") as pool:
        remaining = iter(paths)
        ahead: deque[Future[av.VideoFrame]] = deque(
            pool.submit(prepare, path) for path in islice(remaining, threads + 1)
        )
        try:
            while ahead:
                frame = ahead.popleft().result()
                ahead.extend(pool.submit(prepare, path) for path in islice(remaining, 1))
                yield frame
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Preparation:
    """Turns one picture into one frame; called in the pool's threads."""

    def __init__(self, settings: MovieSettings, size: Geometry) -> None:
        self._plan = settings.plan
        self._look = Look(view=settings.view, deep=self._plan.deep)
        self._size = size
        # Setting up swscale costs milliseconds, and its contexts belong to one thread.
        self._local = threading.local()

    def __call__(self, path: Path) -> av.VideoFrame:
        pixels = read_picture(path, self._look)
        height, width = pixels.shape[:2]
        if (width, height) != (self._size.width, self._size.height):
            raise EncodeError(
                f"The frame {path} is {width}x{height}, the movie {self._size.width}x"
                f"{self._size.height}. Render it again at the movie's size."
            )
        return self._converted(self._padded(pixels))

    def _padded(self, pixels: Display) -> Display:
        down = self._size.coded_height - pixels.shape[0]
        right = self._size.coded_width - pixels.shape[1]
        if not (down or right):
            return np.ascontiguousarray(pixels)
        return np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge")

    def _converted(self, pixels: Display) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb48le" if self._look.deep else "rgb24")
        if self._plan.is_rgb:
            return self._reformatter().reformat(frame, format=self._plan.pixels)
        return self._reformatter().reformat(
            frame,
            format=self._plan.pixels,
            interpolation=_SCALING,
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )

    def _reformatter(self) -> VideoReformatter:
        if not hasattr(self._local, "reformatter"):
            self._local.reformatter = VideoReformatter()
        reformatter: VideoReformatter = self._local.reformatter
        return reformatter
