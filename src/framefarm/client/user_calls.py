"""The calls about people and their tokens."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from framefarm.client.calls import Calls
from framefarm.client.user_views import MadeToken, Me, UserPage, UserView


class UserCalls(Calls):
    """The part of `Farm` that is about people."""

    def me(self) -> UserView | None:
        """Who asks; None for nobody in particular, on the manager's own machine."""
        return self._get("/api/me", Me).user

    def users(self) -> tuple[UserView, ...]:
        """All people, by name."""
        return self._get("/api/users", UserPage).users

    def user(self, name: str) -> UserView:
        """One person.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        return self._get(_path(name), UserView)

    def add_user(
        self, name: str, *, role: str, email: str = "", password: str | None = None
    ) -> UserView:
        """Add a person, with a password where given.

        Raises:
            FarmAnswerError: Somebody has that name, or it cannot be one.
        """
        body = {"name": name, "role": role, "email": email}
        if password is not None:
            body["password"] = password
        return self._change("/api/users", UserView, msgspec.json.encode(body))

    def change_user(
        self,
        name: str,
        *,
        role: str | None = None,
        email: str | None = None,
        disabled: bool | None = None,
    ) -> UserView:
        """Change a person's role or address, or disable the account; None leaves it as it is.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        asked = {"role": role, "email": email, "disabled": disabled}
        body = {key: value for key, value in asked.items() if value is not None}
        return self._change(_path(name), UserView, msgspec.json.encode(body), method="PATCH")

    def remove_user(self, name: str) -> None:
        """Remove a person and all tokens; jobs stay.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        self._remove(_path(name))

    def make_token(
        self, user: str, *, name: str, scope: str = "full", days: float | None = None
    ) -> MadeToken:
        """Make a token for a person; its text is told here and never again.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        body = {"name": name, "scope": scope, "days": days}
        return self._change(f"{_path(user)}/tokens", MadeToken, msgspec.json.encode(body))

    def remove_token(self, user: str, token: int) -> None:
        """Take a token away; it counts no more at once.

        Raises:
            FarmAnswerError: There is no such token.
        """
        self._remove(f"{_path(user)}/tokens/{token}")


def _path(user: str) -> str:
    return f"/api/users/{quote(user, safe='')}"
