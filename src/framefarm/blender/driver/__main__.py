"""Starts the driver inside Blender; see the package's docstring."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAME = "framefarm_driver"


def _load() -> None:
    """Import this folder as a package of its own.

    Putting a folder on `sys.path` instead would offer everything in it to Blender's add-ons.
    """
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {folder}")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)


def main() -> None:
    """Carry out orders from the socket named by `--fd`, until it closes."""
    sys.dont_write_bytecode = True
    fd = int(sys.argv[sys.argv.index("--fd") + 1])
    _load()
    own_process = importlib.import_module(f"{_NAME}.own_process")
    own_process.die_with_parent()
    own_process.print_by_line()
    channel = importlib.import_module(f"{_NAME}.channel").Channel(fd)
    importlib.import_module(f"{_NAME}.session").Session(channel).run()


if __name__ == "__main__":
    main()
