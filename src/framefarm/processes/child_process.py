"""A child process with a private socket, its output captured and its life bounded."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from framefarm.processes.disk_watch import NO_DISK_LIMITS, DiskLimits, DiskWatch
from framefarm.processes.errors import ChildStartError
from framefarm.processes.log_capture import LogCapture
from framefarm.processes.memory_watch import MemoryWatch
from framefarm.processes.process_tree import MARK, end_marked, end_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

# All that a child may know of the environment it was started from.
_KEPT_EXACTLY = frozenset(
    {"PATH", "LD_LIBRARY_PATH", "NUMBER_OF_PROCESSORS"}
    | {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "LIBGL_ALWAYS_SOFTWARE"}
    | {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "PROGRAMFILES", "PROGRAMDATA"}
)
_KEPT_BY_START = ("CUDA_", "NVIDIA_", "HIP_", "ROCR_", "ONEAPI_", "ZE_", "SYCL_", "MESA_", "__EGL_")
_MAX_REPORT_BYTES = 16 * 1024 * 1024
_REAP_TIMEOUT_S = 10.0
_DRAIN_TIMEOUT_S = 1.0
_LAST_WORDS_S = 0.2
_GUARDIAN_TIMEOUT_S = 6.0
_GUARDIAN = Path(__file__).with_name("guardian.py")
_GUARDED = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What a child and everything below it may take.

    Attributes:
        cores: Numbers of the cores it may run on; none for all. Linux only.
        niceness: Added to the agent's own; the higher, the more it gives way to others.
        memory_bytes: Most memory all of it may hold together; 0 for any amount.
        disk: How much of the disk it may take.
        environment: Further variables, a choice of GPU for instance.
    """

    cores: tuple[int, ...] = ()
    niceness: int = 0
    memory_bytes: int = 0
    disk: DiskLimits = NO_DISK_LIMITS
    environment: dict[str, str] = field(default_factory=dict)


NO_LIMITS = ChildLimits()


class ChildProcess:
    """A process that speaks lines of JSON over a socket, and everything that it starts.

    On Linux it runs below a guardian (see `guardian`), which makes sure of the latter.

    Attributes:
        log: What it prints.
        memory: How much memory it and everything below it hold.
        disk: How much it writes.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        log: LogCapture,
        scratch: Path,
        limits: ChildLimits,
        mark: str,
    ) -> None:
        self.log = log
        self.memory = MemoryWatch(
            process.pid,
            with_root=not _GUARDED,
            limit_bytes=limits.memory_bytes,
            end=self._begin_the_end,
        )
        self.disk = DiskWatch(scratch, limits.disk, end=self._begin_the_end)
        self._mark = mark
        self._process = process
        self._reader = reader
        self._writer = writer
        self._scratch = scratch
        self._ended = False
        assert process.stdout is not None
        self._collecting = asyncio.create_task(log.collect(process.stdout))
        self._watching = asyncio.create_task(self.memory.run())
        self._watching_disk = asyncio.create_task(self.disk.run())
        self._hanging_up = asyncio.create_task(self._hang_up_when_it_ends())

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        log_limit_bytes: int,
        scratch_dir: Path | None,
        limits: ChildLimits = NO_LIMITS,
    ) -> Self:
        """Start a command with `--fd N` added.

        Raises:
            ChildStartError: The command cannot be run.
        """
        mark = secrets.token_hex(16)
        scratch = Path(tempfile.mkdtemp(prefix="framefarm-child-", dir=scratch_dir))
        ours, theirs = socket.socketpair()
        starting: asyncio.Future[asyncio.subprocess.Process] | None = None
        try:
            with theirs:
                # Shielded: cut off in its middle, it would leave a process that nobody ends.
                starting = asyncio.ensure_future(_start(command, theirs, scratch, limits, mark))
                process = await asyncio.shield(starting)
            reader, writer = await asyncio.open_connection(sock=ours, limit=_MAX_REPORT_BYTES)
        except BaseException as error:
            ours.close()
            if starting is not None:
                await _end_started(starting)
            shutil.rmtree(scratch, ignore_errors=True)
            if isinstance(error, OSError):
                message = f"{command[0]} cannot be started: {error.strerror}"
                raise ChildStartError(message) from error
            raise
        log = LogCapture(log_limit_bytes)
        return cls(process, reader, writer, log=log, scratch=scratch, limits=limits, mark=mark)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process id of its guardian, where there is one, else its own."""
        return self._process.pid

    async def send(self, message: dict[str, Any]) -> None:
        """Send one line. That nobody reads it any more shows on `receive`."""
        self._writer.write(json.dumps(message).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        """The next line; None when the other end is gone or talks nonsense."""
        try:
            line = await self._reader.readline()
            # A last line without its end, or one that is no JSON: what speaks there is no driver.
            message: dict[str, Any] = json.loads(line)
        except (ConnectionError, ValueError):
            return None
        return message

    async def exit_code(self) -> int | None:
        """How it ended, with all of its output collected; None when it still lingers."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REAP_TIMEOUT_S):
                await self._exit()
        # Not long: a child it left behind may hold the pipe open.
        await asyncio.wait({self._collecting}, timeout=_DRAIN_TIMEOUT_S)
        return self._process.returncode

    async def end(self, message: dict[str, Any], *, grace_s: float) -> None:
        """Send a last message, wait, and kill what is left, at once where that is cancelled."""
        try:
            if self.alive:
                await self.send(message)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(grace_s):
                        await self._exit()
        finally:
            await self.kill()

    async def kill(self) -> None:
        """Kill it and everything below it, reap it, remove its files. Repeatable.

        All of it is done also where that is cancelled: a loop that ends next must not find a
        process that nobody waits for.
        """
        killing = asyncio.ensure_future(self._kill())
        try:
            await asyncio.shield(killing)
        except asyncio.CancelledError:
            await killing
            raise

    async def _kill(self) -> None:
        self._watching.cancel()
        self._watching_disk.cancel()
        self._hanging_up.cancel()
        # First: the rest takes a while, and a loop that ends cuts it off.
        self._writer.transport.abort()
        await self._end_tree()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        await asyncio.wait({self._collecting}, timeout=_DRAIN_TIMEOUT_S)
        self._collecting.cancel()
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)

    async def _exit(self, *, look_every_s: float = 0.01) -> None:
        """Wait for the end of the process, no matter who holds its pipe, unlike asyncio's own."""
        while self.alive:  # noqa: ASYNC110  asyncio tells only when the pipe is closed too
            await asyncio.sleep(look_every_s)

    async def _hang_up_when_it_ends(self) -> None:
        """Close the socket after the process ended: one that it forked may hold it open."""
        try:
            await self._exit(look_every_s=0.5)
            await asyncio.sleep(_LAST_WORDS_S)
        finally:
            # Also when the loop ends before anybody ended the process.
            self._writer.transport.abort()

    async def _end_tree(self) -> None:
        if self._ended:
            return
        self._begin_the_end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GUARDIAN_TIMEOUT_S):
                await self._exit()
        # Nothing is left to do, unless the guardian was killed or stopped itself.
        if self.alive:
            await asyncio.to_thread(end_tree, self.pid, self._mark)
        else:
            await asyncio.to_thread(end_marked, self._mark)
        await self._process.wait()
        self._ended = True

    def _begin_the_end(self) -> None:
        """Make the tree end, without waiting for it."""
        if not self.alive:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate() if _GUARDED else end_tree(self.pid, self._mark)


async def _start(
    command: Sequence[str],
    theirs: socket.socket,
    scratch: Path,
    limits: ChildLimits,
    mark: str,
) -> asyncio.subprocess.Process:
    fd = theirs.fileno()
    environment = child_environment(os.environ, scratch) | limits.environment | {MARK: mark}
    return await asyncio.create_subprocess_exec(
        *_guarded(command, limits),
        "--fd",
        str(fd),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=(fd,),
        env=environment,
        cwd=scratch,
        start_new_session=True,
    )


def _guarded(command: Sequence[str], limits: ChildLimits) -> list[str]:
    if not _GUARDED:
        return list(command)
    cores = ",".join(map(str, limits.cores))
    own = [sys.executable, "-I", "-S", str(_GUARDIAN)]
    return [*own, str(os.getpid()), cores, str(limits.niceness), "--", *command]


async def _end_started(starting: asyncio.Future[asyncio.subprocess.Process]) -> None:
    """End a process whose start was given up, when there is one."""
    with contextlib.suppress(OSError):
        process = await starting
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Reads what it said to its end, which also closes the pipe.
        await process.communicate()


def child_environment(own: os._Environ[str] | dict[str, str], scratch: Path) -> dict[str, str]:
    """The environment of a child: paths and GPUs, no secrets, a home that is thrown away."""
    kept = {
        name: value
        for name, value in own.items()
        if name in _KEPT_EXACTLY or name.startswith(_KEPT_BY_START)
    }
    folder = str(scratch)
    return kept | {"HOME": folder, "TMPDIR": folder, "TEMP": folder, "LANG": "C.UTF-8"}


def own_libraries() -> dict[str, str]:
    """Where this process finds its modules, so that the child finds the same: it has no home."""
    own = (str(Path(entry).absolute()) for entry in sys.path if entry)
    return {"PYTHONPATH": os.pathsep.join(own)}
