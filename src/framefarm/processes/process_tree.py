"""A process with everything below it: what it holds, and ending all of it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = "FRAMEFARM_TREE"
"""Environment variable that everything below a child carries: it tells whose a process is that is
no descendant any more, where there is no guardian (see `guardian`), or that was killed itself."""


@dataclass(frozen=True, slots=True)
class TreeUse:
    """What a tree holds at a moment.

    Attributes:
        memory_bytes: Resident memory of all its processes; what they share counts for each.
        processes: How many they are.
    """

    memory_bytes: int = 0
    processes: int = 0


def use_below(root: int, *, with_root: bool) -> TreeUse:
    """Measure a tree. Takes some milliseconds; nothing there is a use of nothing."""
    sizes = [int(process.memory_info().rss) for process in _alive(_below(root, with_root))]
    return TreeUse(sum(sizes), len(sizes))


def own_bytes_below(root: int, *, with_root: bool) -> int:
    """Memory of a tree with shared pages counted once, where the system tells (Linux).

    Costs a walk through all page tables, so it is only asked when it matters.
    """
    return sum(_own_bytes(process) for process in _below(root, with_root))


def _own_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    return 0


def end_tree(root: int, mark: str) -> None:
    """Kill a process and everything below it, and what carries its mark elsewhere. Blocks."""
    found = {process.pid: process for process in _below(root, with_root=True)}
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform != "win32":
            os.killpg(root, signal.SIGKILL)
    _kill(found.values())
    end_marked(mark)


def end_marked(mark: str) -> None:
    """Kill every process whose environment carries a mark. Blocks for some milliseconds."""
    # Again until none is left: one may have started another meanwhile.
    for _ in range(10):
        marked = list(_marked(mark))
        if not marked:
            return
        _kill(marked)
        psutil.wait_procs(marked, timeout=1.0)


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        # Others' processes do not show their environment, and cannot be ours.
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _below(root: int, with_root: bool) -> list[psutil.Process]:  # noqa: FBT001  two callers, here
    with contextlib.suppress(psutil.Error):
        top = psutil.Process(root)
        children: list[psutil.Process] = top.children(recursive=True)
        return [top, *children] if with_root else children
    return []


def _alive(processes: Iterable[psutil.Process]) -> Iterator[psutil.Process]:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process
