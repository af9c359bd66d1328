"""Projects of several files: which file lies where, by the hash of its content.

The list is a blob itself, and its hash stands for the project wherever that of a single .blend
would: one hash says what is rendered, what a worker holds, and what it may fetch.
"""

from __future__ import annotations

import msgspec

from framefarm.core.errors import FrameFarmError
from framefarm.core.tree_paths import check_tree_paths

MAX_TREE_FILES = 50_000
MAX_TREE_BYTES = 32 << 20

_MOST_BYTES = 1 << 50


class TreeError(FrameFarmError):
    """What came as a project is none."""

    code = "bad_tree"


class TreeFile(msgspec.Struct, frozen=True, array_like=True):
    """A file of a project.

    Attributes:
        path: Below the project's folder, with `/` between the parts.
        sha256: Of its content.
        size_bytes: Of its content.
    """

    path: str
    sha256: str
    size_bytes: int


class Tree(msgspec.Struct, frozen=True):
    """A project.

    Attributes:
        blend: Path of the file to render.
        files: All of it, that one too.
    """

    blend: str
    files: tuple[TreeFile, ...]

    @property
    def main(self) -> TreeFile:
        """The file to render."""
        return next(file for file in self.files if file.path == self.blend)

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)


def encode_tree(tree: Tree) -> bytes:
    """A project as it travels; equal ones give equal bytes.

    Raises:
        FrameFarmError: It is none that `decode_tree` takes.
    """
    ordered = Tree(tree.blend, tuple(sorted(tree.files, key=lambda file: file.path)))
    return msgspec.json.encode(_checked(ordered))


def decode_tree(content: bytes) -> Tree:
    """Read a project.

    Raises:
        TreeError: It is none, or has too many files.
        TreePathError: A file could not lie where it says.
    """
    if len(content) > MAX_TREE_BYTES:
        raise TreeError(f"A project's list has at most {MAX_TREE_BYTES >> 20} MiB.")
    try:
        tree = msgspec.json.decode(content, type=Tree)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise TreeError(f"This is no project's list: {error}") from error
    return _checked(tree)


def _checked(tree: Tree) -> Tree:
    if len(tree.files) > MAX_TREE_FILES:
        raise TreeError(
            f"A project has at most {MAX_TREE_FILES:,} files; this one has {len(tree.files):,}."
        )
    check_tree_paths(file.path for file in tree.files)
    if not any(file.path == tree.blend for file in tree.files):
        raise TreeError(f"The project has no file {tree.blend[:120]!r}, which it is to render.")
    for file in tree.files:
        if not _is_hash(file.sha256) or not 0 <= file.size_bytes < _MOST_BYTES:
            raise TreeError(f"{file.path[:120]!r} has no hash or size that can be.")
    return tree


def _is_hash(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")  # noqa: PLR2004  SHA-256
