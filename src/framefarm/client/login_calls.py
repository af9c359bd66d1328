"""The calls by which people get in and out."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from framefarm.client.asking import Ask, call, change, get, tell
from framefarm.client.user_views import (
    DeviceBegun,
    LoginPage,
    LoginView,
    LoginWays,
    MadeToken,
    UserView,
)


class LoginCalls:
    """The part of `Farm` that is about passwords and logins."""

    @call
    def login_ways(self) -> Ask[LoginWays]:
        """How one can get in."""
        return get("/api/login", LoginWays)

    @call
    def log_in(
        self, name: str, password: str, *, purpose: str = "framefarm login", days: float = 90.0
    ) -> Ask[MadeToken]:
        """Make a token with a name and a password; ask with it as `Farm(url, token=...)`.

        Raises:
            FarmAnswerError: They do not belong together, or too many wrong ones were tried.
        """
        asked = {"name": name, "password": password, "purpose": purpose, "days": days}
        return change("/api/login/token", MadeToken, msgspec.json.encode(asked))

    @call
    def begin_device_login(
        self, *, purpose: str = "framefarm login", days: float = 90.0
    ) -> Ask[DeviceBegun]:
        """Begin to be let in from a browser: show the code, then ask `take_device_token`.

        Raises:
            FarmAnswerError: The purpose is too long, or there are too many days.
        """
        asked = {"purpose": purpose, "days": days}
        return change("/api/login/device/code", DeviceBegun, msgspec.json.encode(asked))

    @call
    def take_device_token(self, device_code: str) -> Ask[MadeToken]:
        """The token of a program that was let in from a browser.

        Raises:
            FarmAnswerError: Not yet (`authorization_pending`, `slow_down`), no (`access_denied`),
                or too late (`expired_token`); its `code` says which.
        """
        asked = {"device_code": device_code}
        return change("/api/login/device/token", MadeToken, msgspec.json.encode(asked))

    @call
    def log_out(self) -> Ask[None]:
        """Take the token away that this asks with."""
        return tell("/api/logout")

    @call
    def make_first_admin(
        self, code: str, name: str, password: str, *, email: str = ""
    ) -> Ask[UserView]:
        """Make the first admin's account, with the code that the manager printed.

        Raises:
            FarmAnswerError: That is not the code, there is an admin, or the password is too weak.
        """
        asked = {"code": code, "name": name, "password": password, "email": email}
        return change("/api/first-admin", UserView, msgspec.json.encode(asked))

    @call
    def change_password(self, old: str, new: str) -> Ask[None]:
        """Change one's own password; all other logins end.

        Raises:
            FarmAnswerError: The old one is wrong, or the new one too weak.
        """
        body = msgspec.json.encode({"old": old, "new": new})
        return tell("/api/me/password", body, method="PUT")

    @call
    def set_password(self, user: str, password: str) -> Ask[None]:
        """Give a person a password, as an admin; all their logins end.

        Raises:
            FarmAnswerError: Nobody has that name, or the password is too weak.
        """
        body = msgspec.json.encode({"password": password})
        return tell(f"{_path(user)}/password", body, method="PUT")

    @call
    def logins(self, user: str | None = None) -> Ask[tuple[LoginView, ...]]:
        """In which browsers a person is logged in; None is oneself.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        return get(f"{_path(user)}/logins", LoginPage).then(lambda found: found.logins)

    @call
    def end_logins(self, user: str | None = None) -> Ask[None]:
        """Log a person out everywhere; oneself everywhere else.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        return tell(f"{_path(user)}/logins", method="DELETE")


def _path(user: str | None) -> str:
    return "/api/me" if user is None else f"/api/users/{quote(user, safe='')}"
