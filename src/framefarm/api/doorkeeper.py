"""Letting workers in: by their key, by a join token, or because they are on this machine."""

from __future__ import annotations

import time

import structlog

from framefarm.api.guard import Caller, Role
from framefarm.api.guesses import Guesses
from framefarm.api.keys import KeyRing
from framefarm.farm.joining import Door, JoinTokenError
from framefarm.farm.knocks import Admission
from framefarm.farm.service import Farm
from framefarm.protocol.messages import Hello

_log = structlog.get_logger(__name__)


class Doorkeeper:
    """Takes workers in, and slows down those who guess.

    Args:
        farm: Theirs.
        keys: Knows whose were revoked.
    """

    def __init__(self, farm: Farm, keys: KeyRing) -> None:
        self._farm = farm
        self._keys = keys
        self._guesses = Guesses()
        self._told = Guesses()

    async def admit(self, hello: Hello, caller: Caller) -> Admission:
        """Take in a worker.

        Raises:
            WorkerKeyError: It is not who it says.
            RevokedError: Its key counts no more.
            JoinTokenError: It is new, and may not join with what it showed.
            TooManyGuessesError: It is new, and its token is not looked at now.
        """
        local = caller.role is Role.LOCAL
        wait_s = 0.0 if local else self._guesses.wait_s(caller.address, time.monotonic())
        try:
            admission = await self._farm.workers.admit(hello, Door(local=local, wait_s=wait_s))
        except JoinTokenError as error:
            if error.guessed and not local:
                self._guesses.note(caller.address, time.monotonic())
            self._tell(caller.address, error)
            raise
        if key := admission.key or hello.key:
            self._keys.learn(key, admission.worker_id, new=admission.key is not None)
        return admission

    def _tell(self, address: str, error: JoinTokenError) -> None:
        """Log who was turned away, but let nobody fill the disk by knocking (L14)."""
        now = time.monotonic()
        if self._told.wait_s(address, now) == 0:
            self._told.note(address, now)
            _log.warning("worker_refused", address=address, reason=str(error))

    def check(self, worker_id: str) -> None:
        """Make sure that a worker was not revoked since it was taken in.

        Raises:
            RevokedError: It was.
        """
        self._keys.check(worker_id)
