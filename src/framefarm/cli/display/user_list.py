"""People as a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from framefarm.client.user_views import TokenView, UserView

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


def _token(token: TokenView) -> str:
    until = f", until {token.expires_at[:10]}" if token.expires_at else ""
    used = f"used {token.last_used_at[:16]}" if token.last_used_at else "never used"
    what = "" if token.scope == "full" else ", reads only"
    return f"{token.id}: {token.name} (ff_{token.prefix}...{what}{until}), {used}"
