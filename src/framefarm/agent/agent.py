"""The worker process: one object that runs until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from framefarm.agent.assembly import Wires, assemble
from framefarm.agent.decisions import decide
from framefarm.agent.errors import RefusedByManagerError
from framefarm.agent.events import DrainAsked, Event, StopAsked
from framefarm.agent.executors.blenders import most_likely
from framefarm.agent.executors.table import EXECUTORS
from framefarm.agent.http import BadUrlError, check_url, is_encrypted
from framefarm.agent.journal import LEVELS, open_journal
from framefarm.agent.lock import DataDirLock
from framefarm.agent.parts import Ending, Performer
from framefarm.agent.places import child_limits
from framefarm.agent.probing import DeviceProber, find_places
from framefarm.agent.settings import AgentSettings
from framefarm.agent.state import AgentState, held_leases
from framefarm.agent.telling import line_of
from framefarm.agent.trust import Trust
from framefarm.agent.upkeep import Upkeep
from framefarm.blender.installations import BlenderInstallation, find_blenders
from framefarm.protocol.join_token import read_join_token
from framefarm.protocol.messages import Restart

if TYPE_CHECKING:
    from framefarm.agent.backoff import Die
    from framefarm.agent.executors.table import MakeExecutor
    from framefarm.agent.parts import Parts

RESTART_S = 10.0
"""How long a restart at once waits for the same; the next process offers what is left."""

STOP_S = 0.8
"""How long a stop waits for slots to end and results to leave; then it ends without them."""

FLUSH_S = 0.2
CLOSE_S = 1.0

FindBlenders = Callable[[AgentSettings], Sequence[BlenderInstallation]]


def find_all(settings: AgentSettings) -> Sequence[BlenderInstallation]:
    """The Blenders of this machine, the configured ones first."""
    return find_blenders(settings.blenders, managed_dir=settings.managed_dir)


class Agent:
    """A worker.

    `run` may run in any thread's event loop; `stop` and `drain` may be called from any thread.
    There are no signal handlers here: those belong to whoever owns the process.

    Args:
        url: The manager's address, for example `http://render-box:7070`.
        settings: How to work.
        executors: What makes which kind of unit.
        find: Finds the Blenders here.
        die: Random number from 0 up to 1, for the pauses between tries.

    Raises:
        BadUrlError: `url` is no address of a manager, or not of the one that the join token is of.
        JoinTokenTextError: The join token is none.
    """

    def __init__(
        self,
        url: str,
        settings: AgentSettings,
        *,
        executors: Mapping[str, MakeExecutor] = EXECUTORS,
        find: FindBlenders = find_all,
        die: Die = random.random,
    ) -> None:
        self.url = check_url(url)
        self.settings = settings
        self._trust = Trust(self.url, _fingerprint(self.url, settings))
        self._journal = open_journal(settings.log_level, agent=settings.worker_name)
        self._executors = executors
        self._find = find
        self._die = die
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: list[Event] = []
        self._state = AgentState.of(())
        self._performer: Performer | None = None
        self._over = asyncio.Event()
        self._ending = Ending()
        self._failure: Exception | None = None

    def stop(self) -> None:
        """End now: leases are given back, and `run` returns within 1.5 s."""
        self._ask(StopAsked())

    def drain(self) -> None:
        """Finish the leases in work, deliver their results, then end."""
        self._ask(DrainAsked())

    async def run(self) -> bool:
        """Work until stopped.

        Returns:
            Whether the manager wants the process to be started anew.

        Raises:
            RefusedByManagerError: The manager will not have this worker.
            DataDirInUseError: Another agent works in the data directory.
            IdentityError: The identity file cannot be used.
            NoSuchGpuError: A slot's GPU is not there.
            TooManyCoresError: More cores are asked for than there are.
            OSError: The data directory cannot be used.
        """
        await asyncio.to_thread(self.settings.data_dir.mkdir, parents=True, exist_ok=True)
        with DataDirLock(self.settings.data_dir):
            blenders = await asyncio.to_thread(self._find, self.settings)
            if self._stopped_early():
                return False
            parts, upkeep = await self._assemble(blenders)
            await self._work(parts, upkeep)
            if not self._state.keeping:
                # After an end in order, what is left would look like the work of a dead process.
                await asyncio.to_thread(parts.workdirs.delete)
        if self._failure is not None:
            raise self._failure
        if self._ending.refused is not None:
            raise RefusedByManagerError(self._ending.refused)
        return self._ending.again

    def _stopped_early(self) -> bool:
        """Whether a stop was asked for before anything was made that would have to be ended."""
        return any(isinstance(event, StopAsked) for event in self._asked)

    async def _assemble(self, blenders: Sequence[BlenderInstallation]) -> tuple[Parts, Upkeep]:
        settings = self.settings
        prober = self._prober(blenders)
        places = await find_places(settings, prober)
        slots = (f"{name} on {place.cycles_device}" for name, place in places.items())
        self._journal.info("starting", slots=", ".join(slots))
        parts, found = await assemble(
            self.url,
            settings,
            Wires(self._tell, self._key, self._held, self._die, self._journal),
            trust=self._trust,
            executors=self._executors,
            blenders=blenders,
            places=places,
            boot_id=secrets.token_hex(16),
        )
        self._performer = Performer(parts, found, end=self._end, journal=self._journal)
        self._state = AgentState.of(
            parts.slots,
            max_keeping=settings.max_keeping,
            max_owed=settings.max_owed,
            owed=found.owed,
        )
        upkeep = Upkeep(
            parts,
            self._performer,
            state=lambda: self._state,
            tell=lambda event: self._tell([event]),
            prober=prober if settings.probe_devices else None,
            journal=self._journal,
        )
        return parts, upkeep

    def _prober(self, blenders: Sequence[BlenderInstallation]) -> DeviceProber | None:
        if not blenders:
            return None
        settings = self.settings
        return DeviceProber(
            most_likely(blenders), settings.data_dir, self._journal, child_limits(settings)
        )

    async def _work(self, parts: Parts, upkeep: Upkeep) -> None:
        await upkeep.begin()
        running = [
            asyncio.create_task(parts.connection.run()),
            asyncio.create_task(parts.uploader.run(self.settings.upload_workers)),
            asyncio.create_task(upkeep.run()),
        ]
        over = asyncio.create_task(self._over.wait())
        try:
            self._begin(parts)
            await asyncio.wait([over, *running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            await self._close(parts, running)
        for task in running:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise _first_of(error)

    def _begin(self, parts: Parts) -> None:
        for slot in parts.slots.values():
            slot.prepare()
        # From here on other threads may ask; what they asked before is done now.
        self._loop = asyncio.get_running_loop()
        for event in self._asked:
            self._take(event)

    async def _close(self, parts: Parts, running: Sequence[asyncio.Task[Any]]) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(parts.connection.flush(), FLUSH_S)
        for task in running:
            task.cancel()
        closing = [asyncio.create_task(slot.close()) for slot in parts.slots.values()]
        await asyncio.wait([*running, *closing], timeout=CLOSE_S)
        await parts.prefetcher.close()
        await parts.keeper.close(FLUSH_S)
        await parts.thumbnails.close()
        await parts.http.aclose()
        for pool in parts.pools:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, event: Event) -> None:
        self._asked.append(event)
        if self._loop is not None:
            # Closed already: it ended by itself, which is what was asked for.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: Event) -> None:
        self._tell([event])

    def _tell(self, events: Sequence[Event]) -> None:
        assert self._performer is not None
        try:
            for event in events:
                self._limit_the_end(event)
                self._note(event)
                self._state, todo = decide(self._state, event)
                for instruction in todo:
                    self._performer.perform(instruction)
        except Exception as error:  # noqa: BLE001 - raised again by `run`
            # Events also come from callbacks, where the loop would only print the error and the
            # agent would go on with half of its decisions done.
            self._failure = error
            self._over.set()

    def _note(self, event: Event) -> None:
        # An embedded agent logs what is wrong with it; of its work the program it is in tells.
        if self._journal.is_enabled_for(logging.INFO) and (line := line_of(self._state, event)):
            self._journal.log(LEVELS[line.level], line.text, **line.fields)

    def _limit_the_end(self, event: Event) -> None:
        match event:
            case StopAsked():
                self._end_within(STOP_S, Ending())
            case Restart(at_once=True):
                self._end_within(RESTART_S, Ending(again=True))

    def _end_within(self, seconds: float, ending: Ending) -> None:
        asyncio.get_running_loop().call_later(seconds, self._end, ending)

    def _end(self, ending: Ending) -> None:
        if not self._over.is_set():
            self._ending = ending
        self._over.set()

    def _key(self) -> str | None:
        return self._performer.key if self._performer else None

    def _held(self) -> tuple[str, ...]:
        return held_leases(self._state)


def _first_of(error: BaseException) -> BaseException:
    """What went wrong, out of the group that a group of tasks makes of it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _fingerprint(url: str, settings: AgentSettings) -> str | None:
    """The manager's certificate's, as the join token tells it."""
    if settings.join_token is None:
        return settings.fingerprint
    fingerprint = read_join_token(settings.join_token).fingerprint or settings.fingerprint
    if fingerprint is not None and not is_encrypted(url):
        raise BadUrlError(
            f"the join token is of a manager that encrypts; its address begins with https://, "
            f"not as in {url}"
        )
    return fingerprint
