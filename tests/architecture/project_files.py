"""The project's own text files, as a checkout or a source archive holds them."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Hidden folders at the top belong to tools and editors, apart from this one.
OWN_HIDDEN = {".ci"}


def text_files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Every text file of the project and its content.

    Found without git, which a machine that only runs the tests may lack; what .gitignore names is
    left out.
    """
    for path in sorted(project_paths(root)):
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture, a .blend


def project_paths(root: Path) -> Iterator[Path]:
    """Every file of the project, text or not."""
    ignored = ignored_names(root)
    for top in root.iterdir():
        if top.is_dir() and top.name.startswith(".") and top.name not in OWN_HIDDEN:
            continue
        if top.name == ".git":  # a file, in a linked work tree
            continue
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and not is_ignored(path.relative_to(root), ignored):
                yield path


def ignored_names(root: Path) -> list[str]:
    """The lines of .gitignore without the slash at their end."""
    listed = root / ".gitignore"
    lines = listed.read_text(encoding="utf-8").split() if listed.exists() else []
    return [line.rstrip("/") for line in lines]


def is_ignored(path: Path, ignored: list[str]) -> bool:
    """Whether a path lies under an ignored name; `/name` counts at the top only."""
    at_top = [name[1:] for name in ignored if name.startswith("/")]
    anywhere = [name for name in ignored if not name.startswith("/")]
    return any(fnmatch(path.parts[0], name) for name in at_top) or any(
        fnmatch(part, name) for part in path.parts for name in anywhere
    )
