"""The calls about people and their tokens."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from framefarm.client.asking import Ask, Pages, call, change, get, listed, make, pages, tell
from framefarm.client.user_views import MadeToken, Me, OwnBlob, OwnBlobPage, UserPage, UserView


class UserCalls:
    """The part of `Farm` that is about people."""

    @call
    def me(self) -> Ask[UserView | None]:
        """Who asks; None for nobody in particular, on the manager's own machine."""
        return get("/api/me", Me).then(lambda found: found.user)

    @listed
    def users(self) -> Pages[UserView]:
        """All people by name."""
        return pages("/api/users", UserPage, lambda page: page.users, most=500)

    @call
    def user(self, name: str) -> Ask[UserView]:
        """One person.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        return get(_path(name), UserView)

    @call
    def add_user(
        self, name: str, *, role: str, email: str = "", password: str | None = None
    ) -> Ask[UserView]:
        """Add a person, with a password where given.

        Raises:
            FarmAnswerError: Somebody has that name, or it cannot be one.
        """
        body = {"name": name, "role": role, "email": email}
        if password is not None:
            body["password"] = password
        return make("/api/users", UserView, msgspec.json.encode(body))

    @call
    def change_user(
        self,
        name: str,
        *,
        role: str | None = None,
        email: str | None = None,
        disabled: bool | None = None,
        quota: dict[str, int | None] | None = None,
    ) -> Ask[UserView]:
        """Change a person's role, address or quotas, or disable the account.

        None leaves it as it is. In `quota` are `jobs`, `frames`, `slots` and `bytes`, those that
        change; None there is no limit.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        asked = {"role": role, "email": email, "disabled": disabled, "quota": quota}
        body = {key: value for key, value in asked.items() if value is not None}
        return change(_path(name), UserView, msgspec.json.encode(body), method="PATCH")

    @call
    def remove_user(self, name: str) -> Ask[None]:
        """Remove a person and all tokens; jobs stay.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        return tell(_path(name), method="DELETE")

    @call
    def make_token(
        self, user: str, *, name: str, scope: str = "full", days: float | None = None
    ) -> Ask[MadeToken]:
        """Make a token for a person; its text is told here and never again.

        Raises:
            FarmAnswerError: Nobody has that name.
        """
        body = {"name": name, "scope": scope, "days": days}
        return make(f"{_path(user)}/tokens", MadeToken, msgspec.json.encode(body))

    @listed
    def uploads(self, user: str | None = None) -> Pages[OwnBlob]:
        """One's own uploads, by hash; those of `user`, for admins."""
        return pages("/api/blobs", OwnBlobPage, lambda page: page.blobs, most=500, user=user)

    @call
    def remove_upload(self, sha256: str, *, user: str | None = None) -> Ask[None]:
        """Give up an upload of one's own; of `user`, for admins. It counts no more at once.

        Raises:
            FarmAnswerError: There is none of that hash, or a job needs it.
        """
        query = f"?user={quote(user, safe='')}" if user else ""
        return tell(f"/api/blobs/{quote(sha256, safe='')}{query}", method="DELETE")

    @call
    def remove_token(self, user: str, token: int) -> Ask[None]:
        """Take a token away; it counts no more at once.

        Raises:
            FarmAnswerError: There is no such token.
        """
        return tell(f"{_path(user)}/tokens/{token}", method="DELETE")


def _path(user: str) -> str:
    return f"/api/users/{quote(user, safe='')}"
