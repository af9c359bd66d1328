"""The commands people type. Each is imported only when it is typed, so that all start at once."""

from framefarm.cli.running import main

__all__ = ["main"]
