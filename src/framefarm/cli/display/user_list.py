"""People as a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from framefarm.cli.display.sheets import local
from framefarm.client.user_views import LoginView, TokenView, UserView

_WHAT = {"full": "", "read": ", reads only", "submit": ", hands in and reads"}
_EMPTY = (
    "Nobody: on this machine no account is needed. `framefarm users add NAME` lets a person in "
    "from\nanother machine."
)


def user_lines(users: Sequence[UserView]) -> Iterator[str]:
    """A line for each person, and below it one for each token."""
    if not users:
        yield _EMPTY
    for user in users:
        state = "  disabled" if user.disabled else ""
        yield f"{user.name}  {user.role}{state}{f'  {user.email}' if user.email else ''}"
        for token in user.tokens:
            yield f"  token {_token(token)}"


def login_lines(logins: Sequence[LoginView]) -> Iterator[str]:
    """A line for each browser, the latest first."""
    if not logins:
        yield "Logged in with no browser."
    for login in logins:
        this = ", this one" if login.current else ""
        agent = f" {login.agent}" if login.agent else ""
        line = f"{login.id}: since {local(login.created_at)} from {login.address}{this},{agent}"
        yield line.rstrip(",")


def _token(token: TokenView) -> str:
    until = f", until {local(token.expires_at)[:10]}" if token.expires_at else ""
    used = f"used {local(token.last_used_at)}" if token.last_used_at else "never used"
    what = _WHAT.get(token.scope, f", {token.scope} only")
    return f"{token.id}: {token.name} (ff_{token.prefix}...{what}{until}), {used}"
