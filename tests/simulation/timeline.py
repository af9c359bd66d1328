"""The one event queue: an event loop whose time passes only when nothing is left to do now.

Everything that runs in it belongs to a `Process`, which can be frozen (SIGSTOP) and killed
(SIGKILL) at any moment between two callbacks. A killed process runs nothing more, no `finally`
either, just as no operating system would run it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

_OWNER: ContextVar[Process | None] = ContextVar("owner", default=None)
_NOBODY = Context()


class Process:
    """What a set of callbacks and tasks belongs to; may be frozen, goes on, and is killed."""

    def __init__(self, timeline: Timeline, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self._timeline = timeline
        self._held: list[asyncio.Handle] = []
        timeline.processes.append(self)

    def run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin a task that belongs to this process."""
        token = _OWNER.set(self)
        try:
            task = self._timeline.create_task(work)
            task.add_done_callback(self._look_at)
            return task
        finally:
            _OWNER.reset(token)

    def _look_at(self, task: asyncio.Task[Any]) -> None:
        # Tasks are held for ever, so Python would never tell that nobody looked.
        error = None if task.cancelled() else task.exception()
        if error is not None:
            context = {"message": f"a task of {self.name} failed", "exception": error}
            self._timeline.call_exception_handler(context)

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Let this process call a function now, or when it goes on."""
        token = _OWNER.set(self)
        try:
            self._timeline.call_soon(function, *args)
        finally:
            _OWNER.reset(token)

    def kill(self) -> None:
        self.alive = self.frozen = False

    def freeze(self) -> None:
        self.frozen = self.alive

    def thaw(self) -> None:
        if self.frozen:
            self.frozen = False
            self.let_go()

    def let_go(self) -> None:
        """Run what was kept."""
        held, self._held = self._held, []
        self._timeline.put_back(held)

    def keep(self, handle: asyncio.Handle) -> None:
        """Keep a callback: until the process goes on, or until all is over.

        Also of the dead: a task whose next step is lost could not even be cancelled.
        """
        self._held.append(handle)


class _Handle(asyncio.TimerHandle):
    """A callback to be run, now or later; as asyncio's own, less what is for debugging only."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        loop: Timeline,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None

    def cancel(self) -> None:
        # Cancelled ones are skipped when their time comes.
        self._cancelled = True
        self._callback = self._args = None


class Timeline(asyncio.BaseEventLoop):
    """Simulated time.

    Threads there are none: what would run in one runs at once, where it is asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._timers: list[tuple[float, int, _Handle]] = []
        self._timer_number = 0
        self.processes: list[Process] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._ending = False
        self.steps = 0
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self._now

    get_debug = staticmethod(bool)  # type: ignore[assignment]  # never; asked for each future

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        # As asyncio's own, less its checks for loops with threads: it is called for every step.
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Handle(callback, args, self, context)
        # Those of one moment in the order in which they were asked for.
        self._timer_number += 1
        heapq.heappush(self._timers, (when, self._timer_number, timer))
        return timer

    def run_in_executor(self, _: object, func: Callable[..., Any], *args: Any) -> Any:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  it is the caller's
            future.set_exception(error)
        return future

    def outside(self, delay_s: float, function: Callable[..., Any], *args: Any) -> None:
        """Call a function later that belongs to no process, so that it happens in any case."""
        self.call_at(self._now + delay_s, function, *args, context=_NOBODY)

    def poll(self, every_s: float, ready: Callable[[], bool]) -> asyncio.Future[None]:
        """Ends at the first multiple of some seconds from now at which something is so.

        What asks itself that in a task costs ten times as much, and farms mostly wait.
        """
        future: asyncio.Future[None] = self.create_future()

        def look() -> None:
            if future.cancelled():
                return
            if ready():
                future.set_result(None)
            else:
                self.call_later(every_s, look)

        self.call_later(every_s, look)
        return future

    def put_back(self, handles: list[asyncio.Handle]) -> None:
        """Run callbacks that were kept, in their order, before anything else."""
        self._ready.extendleft(reversed(handles))  # type: ignore[attr-defined]

    def end(self) -> None:
        """Let every task end, and close."""
        self._ending = True
        for process in self.processes:
            process.let_go()
        for _ in range(_ROUNDS):
            left = [task for task in self._tasks if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            self.run_forever()
        self._tasks.clear()
        self.close()

    def _make_task(
        self, _: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=self, **options)
        # Those of killed processes must be held: Python would end them, with their `finally`.
        self._tasks.append(task)
        if len(self._tasks) > _TASKS_BEFORE_TIDYING and len(self._tasks) % 512 == 0:
            self._tasks = [task for task in self._tasks if not task.done()]
        return task

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers  # type: ignore[attr-defined]
        while not self._stopping:  # type: ignore[has-type]
            if not ready:
                if not timers or self._ending:
                    self.stop()
                    return
                self._now = max(self._now, timers[0][0])
                while timers and timers[0][0] <= self._now:
                    ready.append(heapq.heappop(timers)[2])
            for _ in range(len(ready)):
                handle = ready.popleft()
                if handle._cancelled:
                    continue
                self.steps += 1
                owner = None if self._ending else handle._context.get(_OWNER)
                if owner is None or (owner.alive and not owner.frozen):
                    # As `handle._run()` does, which would be one more call for each step.
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except Exception as error:  # noqa: BLE001  as asyncio does
                        failed = {"message": "a callback failed", "exception": error}
                        self.call_exception_handler(failed)
                else:
                    owner.keep(handle)

    def _timer_handle_cancelled(self, _: asyncio.TimerHandle) -> None:
        """Cancelled ones are skipped when their time comes."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody has to be woken."""

    def _process_events(self, _: object) -> None:
        """There are no sockets."""


_TASKS_BEFORE_TIDYING = 1_000
_ROUNDS = 20
"""A task that waits for something in its `finally` has to be ended again."""


def current_process() -> Process | None:
    """The process that is running now."""
    return _OWNER.get()
