"""Checking passwords: slowly, a few at a time, and not for ever.

Whoever asks learns nothing of who has an account: the answer to a wrong password is that to a name
which nobody has, and takes as long.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from framefarm.api.guesses import Guesses
from framefarm.core.errors import FrameFarmError
from framefarm.farm import passwords
from framefarm.farm.logins import Credentials, credentials, renew_hash
from framefarm.farm.service import Farm
from framefarm.processes.threadpool import low_priority_pool

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

_WINDOW_S = 900.0
_MOST_OF_NAME = 10
_MOST_OF_ADDRESS = 50
"""More than for a name: an office has one address."""

_MOST_WAITING = 32
"""Each takes some 0.15 s and 64 MiB, one after the other."""


class LoginFailedError(FrameFarmError):
    """Name and password do not belong together."""

    code = "login_failed"

    def __init__(self) -> None:
        super().__init__(
            "Name and password do not belong together, or this account has no password."
        )


class AccountDisabledError(FrameFarmError):
    """Name and password belong together, and that account is disabled. Nobody else is told so."""

    code = "account_disabled"

    def __init__(self, name: str) -> None:
        super().__init__(f"The account {name} is disabled; an admin of the farm can enable it.")


class TooManyLoginsError(FrameFarmError):
    """Too many wrong passwords were tried.

    Attributes:
        retry_in_s: When the next is looked at.
    """

    code = "too_many_guesses"
    retryable = True

    def __init__(self, retry_in_s: float) -> None:
        minutes = round(retry_in_s / 60)
        wait = f"{minutes} min" if minutes > 1 else f"{math.ceil(retry_in_s)} s"
        super().__init__(
            "Too many wrong passwords or codes were tried for this name, or from this address; "
            f"wait {wait}. Who is logged in stays so."
        )
        self.retry_in_s = retry_in_s


class BusyWithPasswordsError(FrameFarmError):
    """So many log in at the same time that another one would wait too long."""

    code = "busy"
    retryable = True


class PasswordDoor:
    """Checks passwords and codes.

    Args:
        farm: Whose people they are.
        clock: Seconds that only rise.
    """

    def __init__(self, farm: Farm, clock: Callable[[], float] = time.monotonic) -> None:
        self._farm = farm
        self._clock = clock
        self._by_name = Guesses(_MOST_OF_NAME, _WINDOW_S)
        self._by_address = Guesses(_MOST_OF_ADDRESS, _WINDOW_S)
        # One at a time, and after everything else: a hash keeps all cores busy.
        self._hasher = low_priority_pool("passwords", 1)
        self._waiting = 0

    async def check(self, name: str, password: str, address: str) -> Credentials:
        """Whose name and password these are.

        Raises:
            LoginFailedError: Nobody's.
            AccountDisabledError: Of an account that is disabled.
            TooManyLoginsError: They are not looked at now.
            BusyWithPasswordsError: The same, as too many others are.
        """
        key = f"name {name.lower()}"
        self.note_guess(key, address)
        found = await self._farm.read(partial(credentials, name=name))
        kept = found.password_hash if found is not None else None
        right = await self._hashing(partial(passwords.is_password, kept, password))
        if not right or found is None or kept is None:
            _log.info("login_failed", address=address)
            raise LoginFailedError
        if not found.enabled:
            _log.info("login_of_disabled", user=found.name, address=address)
            raise AccountDisabledError(found.name)
        self.take_back_guess(key, address)
        if passwords.is_out_of_date(kept):
            found = await self._renew(found, kept, password)
        return found

    async def hash(self, password: str) -> str:
        """What is kept of a password.

        Raises:
            BusyWithPasswordsError: Too many others are being hashed.
        """
        return await self._hashing(partial(passwords.hash_password, password))

    def note_guess(self, key: str, address: str) -> None:
        """Count a try before it is looked at, so that a thousand at once are counted as well.

        Raises:
            TooManyLoginsError: It is not to be looked at.
        """
        now = self._clock()
        wait_s = max(self._by_name.wait_s(key, now), self._by_address.wait_s(address, now))
        if wait_s > 0:
            raise TooManyLoginsError(wait_s)
        self._by_name.note(key, now)
        self._by_address.note(address, now)

    def take_back_guess(self, key: str, address: str) -> None:
        """It was none."""
        self._by_name.take_back(key)
        self._by_address.take_back(address)

    async def _hashing(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= _MOST_WAITING:
            raise BusyWithPasswordsError("Many people log in just now; try again in a moment.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hasher, work)
        finally:
            self._waiting -= 1

    async def _renew(self, found: Credentials, kept: str, password: str) -> Credentials:
        hashed = await self.hash(password)
        await self._farm.writer.write(
            partial(renew_hash, user_id=found.user_id, before=kept, password_hash=hashed)
        )
        current = await self._farm.read(partial(credentials, name=found.name))
        return found if current is None else current
