"""The exit status says whether another try may help."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from framefarm.agent.errors import IdentityError, NoSuchGpuError
from framefarm.cli import running
from framefarm.cli.failures import OWN_FAULT, PASSING, WRONG_USE, exit_code_of
from framefarm.processes.errors import ChildStartError


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def os_error(number: int, path: str | None = "/data/worker") -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (os_error(errno.ENOSPC), PASSING, "/data/worker: no space left on device"),
        (os_error(errno.ENOSPC, None), PASSING, "no space left on device"),
        (os_error(errno.EIO), PASSING, "/data/worker: input/output error"),
        (os_error(errno.EMFILE), PASSING, "/data/worker: too many open files"),
        (os_error(errno.EACCES), WRONG_USE, "/data/worker: permission denied"),
        (os_error(errno.EROFS), WRONG_USE, "/data/worker: read-only file system"),
    ],
    ids=str,
)
def test_what_the_system_refuses_ends_with_what_it_means(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    status: int,
    told: str,
):
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(running.app, "main", fail)

    assert running.run(["worker"]) == status
    assert capsys.readouterr().err == f"framefarm: error: {told}\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (caused(IdentityError(Path("/i"), "no"), os_error(errno.ENOSPC)), PASSING),
        (caused(IdentityError(Path("/i"), "no"), os_error(errno.EACCES)), WRONG_USE),
        (IdentityError(Path("/i"), "damaged"), WRONG_USE),
        (NoSuchGpuError("gpu:2", "there is one"), WRONG_USE),
        (caused(NoSuchGpuError("gpu:0", "x"), ChildStartError("it did not start")), PASSING),
    ],
    ids=str,
)
def test_a_service_is_started_again_after_what_may_pass_only(error: Any, status: int):
    assert exit_code_of(error) == status
    assert PASSING not in (WRONG_USE, OWN_FAULT)


@pytest.mark.parametrize("words", [["worker"], ["serve"], ["render", "shot.blend"]], ids=str)
def test_on_windows_itself_one_line_says_that_it_does_not_run_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
):
    monkeypatch.setattr("framefarm.cli.systems.sys.platform", "win32")

    assert running.run(words) == WRONG_USE
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "does not run on Windows itself yet; it does in WSL 2" in said
