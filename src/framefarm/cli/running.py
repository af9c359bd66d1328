"""From the command line to an exit status: no traceback ever reaches a person."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from framefarm.cli import failures
from framefarm.cli.app import app
from framefarm.cli.concealing import conceal_token
from framefarm.core.errors import FrameFarmError
from framefarm.core.plain_text import plain


def main() -> NoReturn:
    """Run the command that was typed and end the process."""
    conceal_token()
    code = run(sys.argv[1:])
    _flush()
    # Python would wait for threads that a stopped farm left in the middle of a system call, and
    # take a manager of 3,000 workers apart for a second. What has to be closed is closed by now.
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns its exit status. Errors are told on standard error."""
    try:
        code = app.main(list(arguments), prog_name="framefarm", standalone_mode=False)
    except BrokenPipeError:
        # The reader, `head` for example, has enough. Python would complain at exit otherwise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failures.DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the end of the process
        message, code = _ending(error, arguments)
        click.echo(message, err=True)
    return code if isinstance(code, int) else failures.DONE


def _ending(error: BaseException, arguments: Sequence[str]) -> tuple[str, int]:
    """What to say of an error, and the status to end with."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message(), failures.WRONG_USE
    if isinstance(error, click.ClickException):
        return _error(_click_message(error)), failures.WRONG_USE
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "framefarm: interrupted", failures.INTERRUPTED
    if isinstance(error, FrameFarmError):
        return _error(_message(error)), failures.exit_code_of(error)
    passes = failures.may_pass(error)
    if isinstance(error, OSError) and error.strerror and (passes or error.filename):
        return _error(_refused_path(error)), failures.PASSING if passes else failures.WRONG_USE
    return _unforeseen(error, arguments)


def _unforeseen(error: BaseException, arguments: Sequence[str]) -> tuple[str, int]:
    if (package := _lacking(error)) is not None:
        text = f"the package {package} is missing; set FrameFarm up again: make setup"
        return _error(text), failures.WRONG_USE
    return _error(_own_fault(error, arguments)), failures.OWN_FAULT


_OF_CLICK = (
    (re.compile(r"is not a valid integer( range)?"), "is no whole number"),
    (re.compile(r"is not a valid float( range)?"), "is no number"),
)
_PARTS_OF_REQUESTS = re.compile(r"(^|; )(?:body|form|path|query)\.")


def _error(text: str) -> str:
    return f"framefarm: error: {plain(text)}"


def _message(error: FrameFarmError) -> str:
    text = str(error)
    if getattr(error, "refused", False):
        return f"{text.rstrip('.')}; start one with: framefarm serve"
    if error.code == "invalid_request":
        # Who typed a command knows nothing of a request's body.
        return _PARTS_OF_REQUESTS.sub(r"\1", text)
    return text


def _click_message(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    text = text[:1].lower() + text[1:]
    for pattern, words in _OF_CLICK:
        text = pattern.sub(words, text)
    context = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and context is not None and "see:" not in text:
        return f"{text}; see: {context.command_path} --help"
    return text


def _refused_path(error: OSError) -> str:
    """A file or folder that the system refuses is the user's to mend, wherever it was met."""
    reason = str(error.strerror).lower()
    # What is written to an open file fails without a name.
    return f"{os.fsdecode(error.filename)}: {reason}" if error.filename else reason


def _lacking(error: BaseException) -> str | None:
    """The package that a newer checkout needs and its environment lacks, if it is that."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_lacking, error.exceptions)), None)
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    package = error.name.partition(".")[0]
    return None if package == "framefarm" else package


def _own_fault(error: BaseException, arguments: Sequence[str]) -> str:
    from framefarm.cli.settings import default_home  # noqa: PLC0415  only after a fault

    command = arguments[0] if arguments else ""
    home = Path(os.environ.get("FRAMEFARM_HOME") or default_home(os.environ))
    log = failures.write_crash(home, error, f"framefarm {command}")
    where = f"; the whole story is in {log}" if log else ""
    return f"this is a fault of FrameFarm: {type(error).__name__}: {error}{where}"


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue
