"""Keeping a join token out of sight.

What was typed can be read by every program of this machine (`ps`, /proc/PID/cmdline), and a
process's first environment by those of the same user, Blender and its scripts among them. Taking it
out of `sys.argv` changes neither. So a worker that was given a token that way becomes, before it
does anything, a process that reads it from standard input.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping, Sequence

OPTION = "--join"
VARIABLE = "FRAMEFARM_JOIN"
FROM_INPUT = "-"


def conceal_token() -> None:
    """Begin this process anew without its join token in sight, where it has one."""
    if os.name != "posix":
        # A new process would have another number here, and the old one would end.
        return
    words = sys.argv[1:]
    kept, token = without_token(words, os.environ)
    if token is None:
        return
    _become_input(token)
    # The interpreter's own arguments as well: `-m framefarm` and the script differ in them.
    before = sys.orig_argv[1 : len(sys.orig_argv) - len(words)]
    os.execv(sys.executable, [sys.executable, *before, *kept])  # noqa: S606  no shell wanted


def without_token(
    words: Sequence[str], environment: MutableMapping[str, str]
) -> tuple[list[str], str | None]:
    """Take the token out of what was typed, and out of an environment.

    Args:
        words: The command and its arguments.
        environment: Loses its variable for the token.

    Returns:
        Words that read the token from standard input, and the token; None when there is none to
        hide.
    """
    kept = list(words)
    if kept[:1] != ["worker"]:
        return kept, None
    token = environment.pop(VARIABLE, None)
    for at, word in enumerate(kept):
        if word.startswith(f"{OPTION}="):
            token, kept[at] = word.removeprefix(f"{OPTION}="), f"{OPTION}={FROM_INPUT}"
        elif word == OPTION and at + 1 < len(kept):
            token, kept[at + 1] = kept[at + 1], FROM_INPUT
    if token == FROM_INPUT:
        return kept, None
    if token is not None and not _reads_input(kept):
        kept += [OPTION, FROM_INPUT]
    return kept, token


def _reads_input(arguments: Sequence[str]) -> bool:
    return f"{OPTION}={FROM_INPUT}" in arguments or OPTION in arguments


def _become_input(token: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, token.encode()[:4096])
    os.close(writing)
    os.dup2(reading, 0)
    os.close(reading)


def read_token() -> str | None:
    """The token on standard input; None when nothing comes, as after a restart."""
    if sys.stdin is None:
        return None
    if sys.stdin.isatty():
        sys.stderr.write("join token: ")
        sys.stderr.flush()
    text = sys.stdin.readline(4096).strip()
    return text or None
