from __future__ import annotations

import pytest

from framefarm.blender.errors import BlenderNotInstallableError, InstallerFailedError
from framefarm.blender.wheels import explain_failure
from framefarm.core.versions import BlenderVersion


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (
            "x No solution found when resolving dependencies:\n  there is no version of bpy==9.9.*",
            BlenderNotInstallableError,
            "There is no Blender 4.5",
        ),
        ("error: Failed to fetch: `https://x/`", InstallerFailedError, "check the network"),
        ("error: No space left on device (os error 28)", InstallerFailedError, "No space is left"),
        ("error: No interpreter found for Python 3.11", InstallerFailedError, "needs Python 3.11"),
        ("error: something new", InstallerFailedError, "something new"),
    ],
)
def test_a_failed_installation_is_explained(said: str, error: type[Exception], words: str) -> None:
    explained = explain_failure(BlenderVersion(4, 5), said)
    assert type(explained) is error
    assert words in str(explained)
