"""What to type on other machines, as `serve` and `workers invite` tell it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from framefarm.protocol.join_token import pin_text

_OTHERS_TOLD = 3


def invitation(
    token: str,
    *,
    urls: Sequence[str],
    pool: str,
    uses: int,
    expires_at: datetime,
    now: datetime,
) -> str:
    """Tell how a worker joins.

    Args:
        token: For `--join`.
        urls: Where the manager is reached, the likeliest first.
        pool: Of the new workers.
        uses: How many may join.
        expires_at: Until when, aware.
        now: Aware; its zone is the reader's.
    """
    until = _clock(expires_at.astimezone(now.tzinfo), now)
    workers = "one worker" if uses == 1 else f"{uses} workers"
    good = f"Good for {workers}{_of_pool(pool)}, until {until}."
    if not urls:
        return (
            f"Join token: {token}\n{good}\n\n"
            "This manager answers its own machine only; for others, start it with:\n"
            "  framefarm serve --lan"
        )
    lines = ["On the other machine, type:", "", f"  {join_line(urls[0], token)}", "", good]
    if others := urls[1 : 1 + _OTHERS_TOLD]:
        lines.append("If that address is not reached from there, put in its place:")
        lines += [f"  {url}" for url in others]
    return "\n".join(lines)


def join_line(url: str, token: str) -> str:
    """The line to type."""
    return f"framefarm worker {url} --join {token}"


def first_admin(code: str, *, url: str, expires_at: datetime, now: datetime, command: str) -> str:
    """Tell how the first admin's account is made.

    Args:
        code: As it is typed, with the certificate's fingerprint where there is one.
        url: Where the manager is reached.
        expires_at: Until when it counts, aware.
        now: Aware; its zone is the reader's.
        command: What starts `framefarm` here so that it finds this manager.
    """
    until = _clock(expires_at.astimezone(now.tzinfo), now)
    return "\n".join(
        [
            "Nobody can log in yet. To become the first admin, open in a browser:",
            "",
            f"  {url}/first-admin",
            "",
            "or type, on any machine:",
            "",
            f"  framefarm login {url} --first",
            "",
            f"and as the code, once, until {until}:",
            "",
            f"  {code}",
            "",
            f"Or make accounts here: {command} users add NAME --role admin --password",
        ]
    )


def log_in_line(urls: Sequence[str], fingerprint: str | None) -> str:
    """The line with which people log in."""
    where = urls[0] if urls else "URL"
    line = f"framefarm login {where}"
    return line if fingerprint is None else f"{line} \\\n  --fingerprint {pin_text(fingerprint)}"


def _of_pool(pool: str) -> str:
    return "" if pool == "own" else f" of pool {pool}"


def _clock(at: datetime, now: datetime) -> str:
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at:%H:%M} on {at.day} {at:%B %Y}"
