"""Programs that wait for a person to let them in from a browser (RFC 8628). Pure.

A program without a browser, such as the command line, gets a short code to show and a long one to
keep. The person types or confirms the short one on a page where they are logged in; the program
asks with the long one until they have. Nothing is kept beyond the run of the manager: whoever
waited meanwhile begins again.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from framefarm.api.guesses import network_of
from framefarm.core.accounts import hash_token
from framefarm.core.errors import FrameFarmError
from framefarm.farm.logins import Credentials

LASTS_S = 600.0
EVERY_S = 5.0
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Of the code to type: no vowels, so no words, and nothing that looks like something else (RFC
8628, 6.1). Eight of them are 34 bits; a guess needs a login, and there are ten minutes for it."""
_HALF = 4
_MOST = 1_000
_MOST_FROM_ONE_PLACE = 20


class NoSuchDeviceCodeError(FrameFarmError):
    """No program waits with that code: it ended, was used, or never was."""

    code = "expired_token"

    def __init__(self) -> None:
        super().__init__(
            "No program waits with that code: it was used, or is older than ten minutes. Begin "
            "again with: framefarm login URL --browser"
        )


class DevicePendingError(FrameFarmError):
    """The person has not answered yet.

    Attributes:
        retry_in_s: When to ask again.
    """

    code = "authorization_pending"

    def __init__(self, retry_in_s: float = EVERY_S) -> None:
        super().__init__(f"Nobody has answered on the page yet; ask again in {retry_in_s:.0f} s.")
        self.retry_in_s = retry_in_s


class DeviceHurryError(DevicePendingError):
    """It asks more often than it was told to."""

    code = "slow_down"


class DeviceDeniedError(FrameFarmError):
    """The person said no."""

    code = "access_denied"

    def __init__(self) -> None:
        super().__init__("The login was denied on the page.")


@dataclass
class DeviceLogin:
    """A program that waits.

    Attributes:
        user_code: What its person types, as `BCDF-GHJK`.
        purpose: What it says of itself.
        address: Where it connected from.
        lifetime_s: How long its token is to count.
        ends_at: By the clock of whoever calls, in seconds.
        asked_at: When it asked last.
        let_in: Whom it is to work as; None until somebody said so.
        denied: Whether somebody said no.
        seen_at: How often people had changed by then; see `people.TokenRing.changes`.
    """

    user_code: str
    purpose: str
    address: str
    lifetime_s: float
    ends_at: float
    asked_at: float = float("-inf")
    let_in: Credentials | None = None
    denied: bool = False
    seen_at: int = 0


class DeviceLogins:
    """All programs that wait, by the hash of what they keep. Times are of one clock that rises."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, DeviceLogin] = OrderedDict()

    def begin(
        self, purpose: str, lifetime_s: float, address: str, now: float
    ) -> tuple[DeviceLogin, str]:
        """Let a program wait.

        Returns:
            What it shows, and the code that it keeps and shows to nobody but this manager.
        """
        self._forget(now, network_of(address))
        user_code = self._new_user_code()
        made = DeviceLogin(user_code, purpose, address, lifetime_s, now + LASTS_S)
        device_code = secrets.token_urlsafe(32)
        self._waiting[hash_token(device_code)] = made
        return made, device_code

    def find(self, user_code: str, now: float) -> DeviceLogin:
        """The program that waits with the code that a person typed, in whatever way.

        Raises:
            NoSuchDeviceCodeError: None does.
        """
        letters = "".join(letter for letter in user_code.upper() if letter.isalpha())
        typed = f"{letters[:_HALF]}-{letters[_HALF:]}"
        for login in self._waiting.values():
            undecided = login.let_in is None and not login.denied
            if (
                undecided
                and login.ends_at > now
                and secrets.compare_digest(login.user_code.encode(), typed.encode())
            ):
                return login
        raise NoSuchDeviceCodeError

    def take(self, device_code: str, now: float) -> DeviceLogin:
        """A program that was let in; it counts once.

        Raises:
            DevicePendingError: Nobody has answered yet.
            DeviceDeniedError: Somebody said no.
            NoSuchDeviceCodeError: Nothing waits with that code.
        """
        hashed = hash_token(device_code)
        login = self._waiting.get(hashed)
        if login is None or login.ends_at <= now:
            raise NoSuchDeviceCodeError
        if login.let_in is None and not login.denied:
            hurries, login.asked_at = now - login.asked_at < EVERY_S / 2, now
            raise DeviceHurryError if hurries else DevicePendingError
        del self._waiting[hashed]
        if login.denied:
            raise DeviceDeniedError
        return login

    def _forget(self, now: float, place: str) -> None:
        """Forget those that are over, and make room: the oldest of one place gives way first."""
        for hashed in [one for one, login in self._waiting.items() if login.ends_at <= now]:
            del self._waiting[hashed]
        near = [one for one, login in self._waiting.items() if network_of(login.address) == place]
        if len(near) >= _MOST_FROM_ONE_PLACE:
            del self._waiting[near[0]]
        elif len(self._waiting) >= _MOST:
            self._waiting.popitem(last=False)

    def _new_user_code(self) -> str:
        taken = {login.user_code for login in self._waiting.values()}
        while True:
            letters = "".join(secrets.choice(_LETTERS) for _ in range(2 * _HALF))
            code = f"{letters[:_HALF]}-{letters[_HALF:]}"
            if code not in taken:
                return code
