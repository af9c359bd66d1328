"""The list of workers: a line for each, then how many there are. Readable with 3 and with 300.

Columns that say the same of every worker are left out: the pool where all are in `own`, GPUs where
nobody has any, sessions where nobody is in one. So there is room for what a worker does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from framefarm.cli.display import worker_words as say
from framefarm.cli.tables import table, text_width
from framefarm.client.worker_views import WorkerView

_NARROW = 100
_NAME_WIDTH, _NARROW_NAME_WIDTH = 22, 14

_Column = tuple[str, Callable[[WorkerView], str]]

_COLOURS = {
    "busy": "green",
    "draining": "yellow",
    "quarantined": "red",
    "lost": "red",
    "disabled": "bright_black",
    "offline": "bright_black",
    "revoked": "bright_black",
}


def worker_lines(
    workers: Sequence[WorkerView], *, width: int | None = None, colours: bool = False
) -> str:
    """The list, without a line feed at its end.

    Args:
        workers: At least one.
        width: Columns of the page; the terminal's by default.
        colours: Whether the states may be coloured.
    """
    width = width or text_width()
    ordered = sorted(workers, key=lambda worker: (say.natural(worker.name), worker.id))
    columns = _columns(ordered, _NARROW_NAME_WIDTH if width < _NARROW else _NAME_WIDTH)
    rows = [[text(worker) for _, text in columns] for worker in ordered]
    heads = [head for head, _ in columns]
    right = [index for index, head in enumerate(heads) if head in {"CORES", "GIB"}]
    lines = table(heads, rows, flexible=len(heads) - 1, right=right, width=width).split("\n")
    if colours:
        lines[1:] = [
            _painted(line, row, worker)
            for line, row, worker in zip(lines[1:], rows, ordered, strict=True)
        ]
    return "\n".join([*lines, "", *textwrap.wrap(say.counted(ordered), width)])


def _columns(workers: Sequence[WorkerView], name_width: int) -> list[_Column]:
    columns: list[_Column] = [
        ("WORKER", lambda worker: _name(worker, name_width)),
        ("STATE", say.state),
    ]
    if any(worker.pool != "own" for worker in workers):
        columns.append(("POOL", lambda worker: worker.pool))
    columns.append(("CORES", lambda worker: str(worker.cores or "")))
    columns.append(("GIB", lambda worker: say.gib(worker.memory_bytes)))
    if any(worker.gpus for worker in workers):
        columns.append(("GPU", say.graphics))
    if any(worker.session is not None for worker in workers):
        columns.append(("FOR", say.session))
    columns.append(("DOING", say.doing))
    return columns


def _name(worker: WorkerView, width: int) -> str:
    name = " ".join(worker.name.split())
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _painted(line: str, row: Sequence[str], worker: WorkerView) -> str:
    """A line with its state in colour. Colours have no width, so it is painted after the layout."""
    colour = _COLOURS.get(worker.state)
    if colour is None:
        return line
    import click  # noqa: PLC0415  loaded by every command already

    name, state, *_ = row
    at = line.index(state, len(name))
    return line[:at] + click.style(state, fg=colour) + line[at + len(state) :]
