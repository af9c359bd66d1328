"""Attempts to log in with a provider, between leaving for it and coming back.

What belongs to an attempt is kept by the browser, sealed so that it can neither read nor change it.
So nobody fills the memory by leaving and never coming back, and nobody comes back with what another
browser began. What did come back is remembered, so that it counts once.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from framefarm.api.openid.errors import LostAttemptError

LONGEST_S = 600
_REMEMBERED = 10_000


class Attempt(msgspec.Struct, frozen=True):
    """One attempt.

    Attributes:
        state: What the provider sends back with the browser.
        nonce: What it writes into the ID token.
        verifier: What only this manager knows when the code is exchanged (PKCE).
        then: The page to show at the end.
    """

    state: str
    nonce: str
    verifier: str
    then: str


class Attempts:
    """Seals attempts and opens them again.

    Args:
        clock: Seconds since 1970 UTC.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        # Good for one run of the manager: whoever was away meanwhile begins again.
        self._fernet = Fernet(Fernet.generate_key())
        self._clock = clock
        self._used: OrderedDict[str, None] = OrderedDict()

    def begin(self, then: str) -> tuple[Attempt, str]:
        """A new attempt, and the same sealed."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        made = Attempt(state, nonce, verifier, then)
        sealed = self._fernet.encrypt_at_time(msgspec.json.encode(made), int(self._clock()))
        return made, sealed.decode()

    def finish(self, sealed: str, state: str) -> Attempt:
        """Open an attempt that came back; it counts once.

        Raises:
            LostAttemptError: It was not begun here, is another, too old, or was finished before.
        """
        try:
            content = self._fernet.decrypt_at_time(
                sealed.encode(), ttl=LONGEST_S, current_time=int(self._clock())
            )
        except (InvalidToken, UnicodeEncodeError) as error:
            raise LostAttemptError from error
        attempt = msgspec.json.decode(content, type=Attempt)
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise LostAttemptError
        if attempt.state in self._used:
            raise LostAttemptError
        self._used[attempt.state] = None
        if len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
        return attempt
