"""Starts the driver inside Blender; see the package's docstring."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

_NAME = "framefarm_driver"


def _load(name: str) -> ModuleType:
    """Import a module of FrameFarm's by its path below `src/framefarm`.

    The package's folder goes by another name and nothing in it is run that is not asked for: what
    Blender's Python cannot run stays out, and no add-on finds FrameFarm where it looks for another.
    """
    if _NAME not in sys.modules:
        root = ModuleType(_NAME)
        root.__path__ = [str(Path(__file__).resolve().parents[2])]
        sys.modules[_NAME] = root
    return importlib.import_module(f"{_NAME}.{name}")


def main() -> None:
    """Carry out orders from the socket named by `--fd`, until it closes."""
    sys.dont_write_bytecode = True
    fd = int(sys.argv[sys.argv.index("--fd") + 1])
    own_process = _load("processes.child.own_process")
    own_process.die_with_parent()
    own_process.print_by_line()
    channel = _load("processes.child.channel").Channel(fd)
    _load("blender.driver.session").Session(channel).run()


if __name__ == "__main__":
    main()
