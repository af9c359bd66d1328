"""A child process with a private socket, its output captured and its life bounded."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

from framefarm.blender.errors import BlenderStartError
from framefarm.blender.log_capture import LogCapture

if TYPE_CHECKING:
    from collections.abc import Sequence

# All that a Blender may know of the environment it was started from.
_KEPT_EXACTLY = frozenset(
    {"PATH", "LD_LIBRARY_PATH", "NUMBER_OF_PROCESSORS"}
    | {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "LIBGL_ALWAYS_SOFTWARE"}
    | {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "PROGRAMFILES", "PROGRAMDATA"}
)
_KEPT_BY_START = ("CUDA_", "NVIDIA_", "HIP_", "ROCR_", "ONEAPI_", "ZE_", "SYCL_", "MESA_", "__EGL_")
_MAX_REPORT_BYTES = 16 * 1024 * 1024
_REAP_TIMEOUT_S = 10.0
_DRAIN_TIMEOUT_S = 1.0


class ChildProcess:
    """A process in a group of its own, speaking lines of JSON over a socket.

    Attributes:
        log: What it prints.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        log: LogCapture,
        scratch: Path,
    ) -> None:
        self.log = log
        self._process = process
        self._reader = reader
        self._writer = writer
        self._scratch = scratch
        self._killed = False
        assert process.stdout is not None
        self._collecting = asyncio.create_task(log.collect(process.stdout))

    @classmethod
    async def spawn(
        cls, command: Sequence[str], *, log_limit_bytes: int, scratch_dir: Path | None
    ) -> Self:
        """Start a command with `--fd N` added.

        Raises:
            BlenderStartError: The command cannot be run.
        """
        scratch = Path(tempfile.mkdtemp(prefix="framefarm-blender-", dir=scratch_dir))
        ours, theirs = socket.socketpair()
        starting: asyncio.Future[asyncio.subprocess.Process] | None = None
        try:
            with theirs:
                # Shielded: cut off in its middle, it would leave a process that nobody ends.
                starting = asyncio.ensure_future(_start(command, theirs, scratch))
                process = await asyncio.shield(starting)
            reader, writer = await asyncio.open_connection(sock=ours, limit=_MAX_REPORT_BYTES)
        except BaseException as error:
            ours.close()
            if starting is not None:
                await _end_started(starting)
            shutil.rmtree(scratch, ignore_errors=True)
            if isinstance(error, OSError):
                message = f"{command[0]} cannot be started: {error.strerror}"
                raise BlenderStartError(message) from error
            raise
        return cls(process, reader, writer, log=LogCapture(log_limit_bytes), scratch=scratch)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self._process.pid

    def rss_bytes(self) -> int:
        """Memory it holds now; 0 when it ended."""
        if not self.alive:
            return 0
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

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
                await self._process.wait()
        # Not long: a child it left behind may hold the pipe open.
        await asyncio.wait({self._collecting}, timeout=_DRAIN_TIMEOUT_S)
        return self._process.returncode

    async def end(self, message: dict[str, Any], *, grace_s: float) -> None:
        """Send a last message, wait, and kill what is left."""
        if self.alive:
            await self.send(message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Kill it and its group, reap it, close everything and remove its files. Repeatable."""
        self._kill_group()
        await self._process.wait()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        await asyncio.wait({self._collecting}, timeout=_DRAIN_TIMEOUT_S)
        self._collecting.cancel()
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)

    def _kill_group(self) -> None:
        # Once only: later the number may belong to somebody else's group.
        if self._killed:
            return
        self._killed = True
        # Also after its leader ended: it may have left children behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


async def _start(
    command: Sequence[str], theirs: socket.socket, scratch: Path
) -> asyncio.subprocess.Process:
    fd = theirs.fileno()
    return await asyncio.create_subprocess_exec(
        *command,
        "--fd",
        str(fd),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=(fd,),
        env=child_environment(os.environ, scratch),
        cwd=scratch,
        start_new_session=True,
    )


async def _end_started(starting: asyncio.Future[asyncio.subprocess.Process]) -> None:
    """End a process whose start was given up, when there is one."""
    with contextlib.suppress(OSError):
        process = await starting
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Reads what it said to its end, which also closes the pipe.
        await process.communicate()


def child_environment(own: os._Environ[str] | dict[str, str], scratch: Path) -> dict[str, str]:
    """The environment of a Blender: paths and GPUs, no secrets, a home that is thrown away."""
    kept = {
        name: value
        for name, value in own.items()
        if name in _KEPT_EXACTLY or name.startswith(_KEPT_BY_START)
    }
    folder = str(scratch)
    return kept | {"HOME": folder, "TMPDIR": folder, "TEMP": folder, "LANG": "C.UTF-8"}
