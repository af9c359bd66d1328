"""Files and folders as arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class PathType(click.Path):
    """A file or a folder, as a `Path`; see `click.Path`.

    An empty text is none. It would be the folder one stands in, and comes of a script whose
    variable is not set: nobody meant to have a backup there.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(path_type=Path, **attributes)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it, or say what is wrong with it."""
        if not str(value):
            self.fail("it is empty; name a file or folder, '.' for the one you are in", param, ctx)
        return super().convert(value, param, ctx)
