"""What bytes from anywhere are given to. Each takes them, or refuses them in our own words."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from framefarm.api.blend_upload import _Form
from framefarm.blender.blendfile import read_blend
from framefarm.blender.finding import Within
from framefarm.blender.unpacking import ReadLimits
from framefarm.blender.unzipping import ZipLimits, unzip
from framefarm.core.errors import FrameFarmError
from framefarm.farm.render_jobs import RenderRequest, plan_render_job

_LARGEST = 1 << 20
_LIMITS = ReadLimits(max_unpacked_bytes=_LARGEST, ratio_from_bytes=_LARGEST)
_ZIP_LIMITS = ZipLimits(max_file_bytes=_LARGEST, max_total_bytes=_LARGEST)
_MEMORY = Path("/dev/shm")  # noqa: S108  a file in memory; the folder is our own
_FOLDER = Path(
    tempfile.mkdtemp(prefix="framefarm-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)
)
_REQUEST = RenderRequest("0" * 64, "shot.blend")


def read_a_blend(content: bytes) -> None:
    """Read all that is read of a .blend, with its links, and plan a job of it."""
    path = _FOLDER / "shot.blend"
    path.write_bytes(content)
    try:
        file = read_blend(path, limits=_LIMITS, finder=Within(_FOLDER, ["maps/wood.png"]))
        for scene in file.scenes:
            scene.frame_name(scene.frames.first)
        plan_render_job(_REQUEST, path, versions=["5.0"])
    except FrameFarmError as error:
        _said(error)


def unpack_a_zip(content: bytes) -> None:
    """Unpack a .zip; only plain files in its own folder come of it."""
    path, folder = _FOLDER / "film.zip", _FOLDER / "film"
    path.write_bytes(content)
    folder.mkdir()
    try:
        found = unzip(path, folder, limits=_ZIP_LIMITS)
        assert sorted(file.path for file in found) == sorted(_files(folder))
    except FrameFarmError as error:
        _said(error)
    finally:
        assert set(_FOLDER.iterdir()) <= {path, folder, _FOLDER / "shot.blend"}
        shutil.rmtree(folder)


def _said(refusal: FrameFarmError) -> None:
    assert str(refusal), "a refusal says something"


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if not path.is_dir()]
    assert all(path.is_file() and not path.is_symlink() for path in found)
    assert sum(path.stat().st_size for path in found) <= _LARGEST
    return found


def read_a_form(content: bytes) -> None:
    """Read a form in pieces of 7 bytes; the file in it is never more than came."""
    try:
        form = _Form(b"x")
        came = sum(
            len(part)
            for start in range(0, len(content), 7)
            for part in form.read(content[start : start + 7])
        )
        assert came <= len(content)
        form.upload()
    except FrameFarmError as error:
        _said(error)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "blend": read_a_blend,
    "zip": unpack_a_zip,
    "form": read_a_form,
}
