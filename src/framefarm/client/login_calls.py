"""The calls by which people get in and out."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from framefarm.client.calls import Calls
from framefarm.client.user_views import LoginPage, LoginView, LoginWays, MadeToken, UserView


class LoginCalls(Calls):
    """The part of `Farm` that is about passwords and logins."""

    def login_ways(self) -> LoginWays:
        """How one can get in."""
        return self._get("/api/login", LoginWays)

    def log_in(
        self, name: str, password: str, *, purpose: str = "framefarm login", days: float = 90.0
    ) -> MadeToken:
        """Make a token with a name and a password; ask with it as `Farm(url, token=...)`.

        Raises:
            FarmAnswerError: They do not belong together, or too many wrong ones were tried.
        """
        asked = {"name": name, "password": password, "purpose": purpose, "days": days}
        return self._change("/api/login/token", MadeToken, msgspec.json.encode(asked))

    def log_out(self) -> None:
        """Take the token away that this asks with."""
        self._tell("/api/logout")

    def make_first_admin(self, code: str, name: str, password: str, *, email: str = "") -> UserView:
        """Make the first admin's account, with the code that the manager printed.

        Raises:
            FarmAnswerError: That is not the code, there is an admin, or the password is too weak.
        """
        asked = {"code": code, "name": name, "password": password, "email": email}
        return self._change("/api/first-admin", UserView, msgspec.json.encode(asked))

    def change_password(self, old: str, new: str) -> None:
        """Change one's own password; all other logins end.

        Raises:
            FarmAnswerError: The old one is wrong, or the new one too weak.
        """
        body = msgspec.json.encode({"old": old, "new": new})
        self._tell("/api/me/password", body, method="PUT")

    def set_password(self, user: str, password: str) -> None:
        """Give a person a password, as an admin; all their logins end.

        Raises:
            FarmAnswerError: Nobody has that name, or the password is too weak.
        """
        body = msgspec.json.encode({"password": password})
        self._tell(f"{_path(user)}/password", body, method="PUT")

    def logins(self, user: str | None = None) -> tuple[LoginView, ...]:
        """In which browsers a person is logged in; None is oneself.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        return self._get(f"{_path(user)}/logins", LoginPage).logins

    def end_logins(self, user: str | None = None) -> None:
        """Log a person out everywhere; oneself everywhere else.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        self._remove(f"{_path(user)}/logins")


def _path(user: str | None) -> str:
    return "/api/me" if user is None else f"/api/users/{quote(user, safe='')}"
