"""What is fuzzed with and tested with: the seeds, what fuzzing reached, and what it broke.

`corpus/TARGET/NAME` broke something once, and NAME says what. `corpus/TARGET.zip` has the inputs by
which fuzzing reached what it did, packed by `python -m tests.fuzz TARGET --pack`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.fuzz.seeds import seeds

CORPUS = Path(__file__).parent / "corpus"
_REACHED = "reached-"
_WHEN = (1980, 1, 1, 0, 0, 0)


def inputs_of(target: str) -> dict[str, bytes]:
    """All that there is for a target, by name."""
    broke = {path.name: path.read_bytes() for path in sorted((CORPUS / target).glob("*"))}
    return {**seeds()[target], **_reached(target), **broke}


def _reached(target: str) -> dict[str, bytes]:
    path = CORPUS / f"{target}.zip"
    if not path.exists():
        return {}
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def pack(target: str, folder: Path) -> Path:
    """Keep the inputs of a folder in the project, seeds left out; returns the file."""
    known = {*seeds()[target], *(path.name for path in (CORPUS / target).glob("*"))}
    names = {found.name.removeprefix(_REACHED): found for found in folder.iterdir()}
    path = CORPUS / f"{target}.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for name in sorted(names.keys() - known):
            info = zipfile.ZipInfo(_REACHED + name[:12], _WHEN)
            packed.writestr(info, names[name].read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return path
