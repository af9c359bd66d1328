"""The parent of one child on Linux: whatever that child starts ends with it.

Run as a script, not imported: `python guardian.py PARENT CORES NICENESS -- COMMAND... --fd N`. It
starts the command, waits, and ends as the command ended, by the same signal too.

A process that its parent leaves behind goes to the nearest ancestor that asked for such orphans
(`PR_SET_CHILD_SUBREAPER`, prctl(2)), also when it left its group and session. That is this one, so
nothing that runs below it can hide: a kill of the group, or of the children known at some moment,
both miss a process that forked twice and called setsid(2).

It ends everything below it when the command ended, when it is told to (SIGTERM), and when its own
parent died, however that died. Only the standard library is imported, and little of it: each
child starts with this.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time

TYPE_CHECKING = False  # `typing`, `contextlib` and `pathlib` would double the time a start takes
if TYPE_CHECKING:
    from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE_S = 5.0
_NOT_STARTED = 127
_MORE_EXPENDABLE = b"500"
"""The system shall rather end a child than the worker when memory runs out (proc(5))."""


class _EndAskedError(BaseException):
    """SIGTERM came. Not an Exception: nothing on the way may take it for one of its own."""


def main() -> NoReturn:
    """Run a command and end with it."""
    at = sys.argv.index("--")
    parent, cores, niceness = sys.argv[1:at]
    command = sys.argv[at + 1 :]
    signal.signal(signal.SIGTERM, _ask_for_the_end)
    try:
        _watch_over(int(parent))
        status = _run(command, cores, int(niceness))
    except _EndAskedError:
        status = 0
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_all_below()
    _end_like(status)


def _ask_for_the_end(*_: object) -> None:
    # Once: a second one, while the first is being dealt with, would leave everything below alive.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _EndAskedError


def _watch_over(parent: int) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # It may have died before that was set.
    if os.getppid() != parent:
        raise _EndAskedError


def _run(command: list[str], cores: str, niceness: int) -> int:
    """Start the command and wait for its end; returns its status."""
    child = os.fork()
    if child == 0:
        _become(command, cores, niceness)
    # The other end must see it close when the command ends.
    os.close(int(command[-1]))
    while True:
        pid, status = os.wait()
        if pid == child:
            return status


def _become(command: list[str], cores: str, niceness: int) -> NoReturn:
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # So that it does not outlive this one's kill -9 either.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _limit(cores, niceness)
        os.execv(command[0], command)  # noqa: S606  no shell wanted
    except OSError as error:
        os.write(2, f"it cannot be started: {error.strerror}\n".encode())
    finally:
        os._exit(_NOT_STARTED)


def _limit(cores: str, niceness: int) -> None:
    if cores:
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    if niceness:
        os.nice(niceness)
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(descriptor, _MORE_EXPENDABLE)
    except OSError:
        pass


def _end_all_below() -> None:
    """Kill and reap until there is nothing left; what the kernel holds on to is given up."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for pid in _below(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:  # it ended meanwhile
                pass
        if not _reap():
            return
        time.sleep(0.002)


def _reap() -> bool:
    """Take note of the children that ended; returns whether others are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _below(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            children.setdefault(_parent_of(name), []).append(int(name))
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found[1:]


def _parent_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in parentheses, may hold spaces and parentheses as well.
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:  # it ended meanwhile
        return 0


def _end_like(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
