"""Opening a .blend, and saying what it misses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ...processes.child.serving import RefusedError
from .bystander import own_scenes

MAX_WARNINGS = 200


def open_file(path: str, *, scripts: bool) -> dict[str, Any]:
    """Open a file with its own scene active.

    Args:
        path: The .blend.
        scripts: Whether Python inside the file (drivers, registered texts) may run.

    Returns:
        Fields of the report `opened`.

    Raises:
        RefusedError: `open`, when this Blender cannot.
    """
    try:
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=scripts)
    except RuntimeError as error:
        raise RefusedError("open", _reason(error)) from error
    return {
        "path": path,
        "saved_by": list(bpy.data.version[:2]),
        "scene": bpy.context.scene.name,
        "scenes": [scene.name for scene in own_scenes()],
        "warnings": list(_warnings(scripts=scripts))[:MAX_WARNINGS],
    }


def close_file() -> None:
    """Open an empty file instead, which frees the memory."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def _reason(error: RuntimeError) -> str:
    lines = [line.strip().removeprefix("Error: ") for line in str(error).splitlines()]
    return "; ".join(line for line in lines if line)


def _warnings(*, scripts: bool) -> Iterator[dict[str, str]]:
    yield from _newer_file()
    if not scripts and bpy.app.autoexec_fail:
        what = bpy.app.autoexec_fail_message
        yield {"kind": "scripts", "path": "", "message": f"Python in the file did not run: {what}"}
    for kind, item in _linked_items():
        path = bpy.path.abspath(item.filepath, library=getattr(item, "library", None))
        if not _is_there(path):
            message = f"{kind} {item.name!r} is missing: {path}"
            yield {"kind": f"missing_{kind}", "path": path, "message": message}


def _newer_file() -> Iterator[dict[str, str]]:
    saved, own = tuple(bpy.data.version[:2]), tuple(bpy.app.version[:2])
    if saved > own:
        text = f"the file is of Blender {saved[0]}.{saved[1]}, newer than this {own[0]}.{own[1]}"
        yield {"kind": "newer_file", "path": "", "message": text}


def _linked_items() -> Iterator[tuple[str, Any]]:
    for image in bpy.data.images:
        if image.source in {"FILE", "SEQUENCE", "MOVIE", "TILED"} and _is_external(image):
            yield "image", image
    for kind, items in (
        ("library", bpy.data.libraries),
        ("sound", bpy.data.sounds),
        ("font", bpy.data.fonts),
        ("movie_clip", bpy.data.movieclips),
        ("cache", bpy.data.cache_files),
        ("volume", bpy.data.volumes),
    ):
        for item in items:
            if _is_external(item) and item.filepath != "<builtin>":
                yield kind, item


def _is_external(item: Any) -> bool:
    packed = getattr(item, "packed_file", None) or len(getattr(item, "packed_files", ()))
    return bool(item.filepath) and not packed


def _is_there(path: str) -> bool:
    for tile in ("<UDIM>", "<UVTILE>"):
        if tile in path:
            start, folder = Path(path).name.split(tile)[0], Path(path).parent
            return folder.is_dir() and any(p.name.startswith(start) for p in folder.iterdir())
    return Path(path).exists()
