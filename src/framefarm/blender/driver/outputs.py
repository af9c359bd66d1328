"""Leading everything a frame writes into one folder, under the names Blender gives it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

_HAS_TEMPLATES = bpy.app.version >= (4, 5, 0)  # `{blend_name}` and so on in paths


@contextmanager
def redirected(scene: Any, out_dir: str) -> Iterator[None]:
    """Make a scene write below `out_dir`, and put its own paths back afterwards.

    The frame itself lands in `out_dir`. What a File Output node writes keeps its place relative to
    the frame's own folder when it is below that, else the name of its last folder: `//passes/`
    becomes `passes/`.
    """
    undo: list[Callable[[], None]] = []
    render = scene.render
    places = _Places(out_dir, _folder(render.filepath))
    try:
        _change(undo, render, "filepath", _join(out_dir, _basename(render.filepath)))
        # The folder is new; asking whether files exist would only cost, and leave empty ones.
        _change(undo, render, "use_overwrite", value=True)
        _change(undo, render, "use_placeholder", value=False)
        for node in _file_output_nodes(_compositor_tree(scene), set()):
            _redirect_node(undo, node, places)
        yield
    finally:
        for step in reversed(undo):
            step()


def main_files(scene: Any, frame: int) -> list[str]:
    """The frame's own files while redirected: one, or one for each view of a stereo scene."""
    paths = [scene.render.frame_path(frame=frame)]
    if scene.render.use_multiview:
        views = [view.name for view in scene.render.views if view.use]
        paths += [scene.render.frame_path(frame=frame, view=view) for view in views]
    return [path for path in dict.fromkeys(paths) if Path(path).exists()]


def files_below(out_dir: str) -> list[str]:
    """Every file in a folder and its subfolders, sorted."""
    return sorted(
        str(Path(folder, name)) for folder, _, names in os.walk(out_dir) for name in names
    )


class _Places:
    """Where folders that a scene writes to go below the results. No two go to the same."""

    def __init__(self, out_dir: str, main_folder: str) -> None:
        self._out_dir = out_dir
        self._main_folder = main_folder
        self._taken: dict[str, str] = {}

    def inside(self, folder: str) -> str:
        """The folder, led below the results."""
        place = wanted = self._wanted(folder)
        number = 1
        while self._taken.setdefault(place, folder) != folder:
            number += 1
            place = f"{wanted}_{number}"
        return _join(self._out_dir, place)

    def _wanted(self, folder: str) -> str:
        relative = os.path.relpath(folder, self._main_folder)
        if relative == ".":
            return ""
        if relative.startswith(".."):
            return Path(folder).name or "files"
        return relative


def _redirect_node(undo: list[Callable[[], None]], node: Any, places: _Places) -> None:
    if hasattr(node, "directory"):  # 5.0
        _change(undo, node, "directory", places.inside(_absolute(node.directory)) + "/")
        _change(undo, node, "file_name", _harmless(node.file_name))
        for item in node.file_output_items:
            _change(undo, item, "name", _harmless(item.name))
        return
    if node.format.file_format == "OPEN_EXR_MULTILAYER":  # base_path is the file's, not a folder's
        folder = places.inside(_folder(node.base_path))
        _change(undo, node, "base_path", f"{folder}/{_basename(node.base_path)}")
        return
    _change(undo, node, "base_path", places.inside(_absolute(node.base_path)))
    for slot in node.file_slots:
        _change(undo, slot, "path", _harmless(slot.path))


def _compositor_tree(scene: Any) -> Any:
    if hasattr(scene, "compositing_node_group"):  # 5.0
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def _file_output_nodes(tree: Any, seen: set[str]) -> Iterator[Any]:
    if tree is None or tree.name_full in seen:
        return
    seen.add(tree.name_full)
    for node in tree.nodes:
        if node.bl_idname == "CompositorNodeOutputFile":
            yield node
        else:
            yield from _file_output_nodes(getattr(node, "node_tree", None), seen)


def _harmless(path: str) -> str:
    """A path below the folder it is joined to, whatever the file says."""
    parts = path.replace("\\", "/").split("/")
    kept = "/".join(part for part in parts if part not in ("", ".", ".."))
    return path if kept == path else kept


def _join(out_dir: str, place: str) -> str:
    escaped = out_dir.replace("{", "{{").replace("}", "}}") if _HAS_TEMPLATES else out_dir
    return f"{escaped}/{place}"  # a place may be empty: the slash must stay


def _absolute(path: str) -> str:
    return str(os.path.normpath(bpy.path.abspath(path or "//")))


def _folder(path: str) -> str:
    return os.path.normpath(str(Path(bpy.path.abspath(path or "//") + "x").parent))


def _basename(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _change(undo: list[Callable[[], None]], owner: Any, name: str, value: Any) -> None:
    before = getattr(owner, name)
    if value == before:
        return
    setattr(owner, name, value)
    undo.append(lambda: setattr(owner, name, before))
