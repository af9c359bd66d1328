from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from framefarm.blender.errors import BlenderNotInstallableError, InstallerFailedError
from framefarm.blender.installations import (
    BlenderInstallation,
    choose_blender,
    find_blenders,
    inspect_environment,
    inspect_executable,
)
from framefarm.blender.warm import RenderSettings, WarmBlender
from framefarm.blender.wheels import install_wheel
from framefarm.core.versions import BlenderVersion, NoBlenderForFileError, VersionTextError


def executable(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


def environment(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    (folder / "lib/python3.11/site-packages" / f"bpy-{version}.dist-info").mkdir(parents=True)
    return folder


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Blender on PATH or in well-known places."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("framefarm.blender.installations._WELL_KNOWN", {})


def test_an_executable_is_asked_for_its_version(tmp_path: Path) -> None:
    path = executable(tmp_path / "blender", "echo 'noise'; echo 'Blender 4.2.3 LTS'")
    found = inspect_executable(path)
    assert found == BlenderInstallation("executable", BlenderVersion(4, 2), "4.2.3", path)
    assert found is not None
    assert found.command[0] == str(path)
    assert "--factory-startup" in found.command
    assert "--disable-autoexec" in found.command


def test_blenders_own_packages_tell_their_version_without_starting(tmp_path: Path) -> None:
    path = executable(tmp_path / "blender-5.0.1-linux-x64" / "blender", "exit 9")
    (path.parent / "5.0" / "scripts").mkdir(parents=True)
    link = tmp_path / "bin" / "blender"
    link.parent.mkdir()
    link.symlink_to(path)
    found = inspect_executable(link)
    assert found is not None
    assert (found.version, found.path) == (BlenderVersion(5, 0), link)


@pytest.mark.parametrize("says", ["exit 1", "echo Gimp 2.10", "echo Blender five", "kill -9 $$"])
def test_what_is_no_blender_is_left_out(tmp_path: Path, says: str) -> None:
    assert inspect_executable(executable(tmp_path / "blender", says)) is None


def test_what_cannot_be_run_is_left_out(tmp_path: Path) -> None:
    plain = tmp_path / "blender"
    plain.write_text("Blender 4.2.3")
    assert inspect_executable(plain) is None
    assert inspect_executable(tmp_path / "none") is None
    assert inspect_executable(tmp_path) is None


def test_an_environment_is_read_from_its_metadata(tmp_path: Path) -> None:
    folder = environment(tmp_path / "4.5", "4.5.15")
    found = inspect_environment(folder)
    assert found is not None
    assert (found.kind, found.full_version) == ("wheel", "4.5.15")
    assert found.path == folder / "bin" / "python"
    assert "-I" in found.command
    assert inspect_environment(tmp_path) is None


@pytest.mark.usefixtures("bare")
def test_each_blender_is_found_once_in_order_of_preference(tmp_path: Path) -> None:
    mine = executable(tmp_path / "mine" / "blender", "echo Blender 4.5.1")
    on_path = executable(tmp_path / "bin" / "blender", "echo Blender 3.6.0")
    environment(tmp_path / "managed" / "4.2", "4.2.23")
    environment(tmp_path / "managed" / "4.10", "4.10.0")
    environment(tmp_path / "managed" / ".installing-4.2-x", "4.2.1")
    configured = environment(tmp_path / "env", "4.1.0")

    extra = [mine.parent, mine, configured, configured / "bin" / "python", tmp_path / "none"]
    found = find_blenders(extra, managed_dir=tmp_path / "managed")

    own = [b for b in found if str(b.path) == sys.executable]
    others = [b.full_version for b in found if b not in own]
    assert others == ["4.5.1", "4.1.0", "3.6.0", "4.10.0", "4.2.23"]
    assert found[2].path == on_path
    assert choose_blender(BlenderVersion(4, 3), found).full_version == "4.5.1"


@pytest.mark.usefixtures("bare")
def test_a_managed_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    with_it = find_blenders(managed_dir=tmp_path / "none")
    assert with_it == find_blenders()
    with pytest.raises(NoBlenderForFileError):
        choose_blender(BlenderVersion(9, 0), with_it)


def test_an_installed_version_is_not_installed_again(tmp_path: Path) -> None:
    environment(tmp_path / "4.5", "4.5.15")
    assert install_wheel("4.5.3", tmp_path).full_version == "4.5.15"


def test_versions_that_cannot_be_installed_are_refused_without_a_trace(tmp_path: Path) -> None:
    with pytest.raises(BlenderNotInstallableError, match=r"blender\.org"):
        install_wheel("2.79", tmp_path / "managed")
    with pytest.raises(VersionTextError):
        install_wheel("newest", tmp_path / "managed")
    assert list((tmp_path / "managed").iterdir()) == []


def test_a_failed_download_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = executable(tmp_path / "uv", 'test "$1" = venv || { echo "Failed to fetch" >&2; exit 1; }')
    monkeypatch.setattr("framefarm.blender.wheels.uv.find_uv_bin", lambda: str(uv))
    told: list[str] = []
    with pytest.raises(InstallerFailedError, match="check the network") as caught:
        install_wheel("4.5", tmp_path / "managed", on_step=told.append)
    assert caught.value.retryable
    assert "Downloading Blender 4.5" in told[1]
    assert list((tmp_path / "managed").iterdir()) == []


def test_without_uv_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("framefarm.blender.wheels.uv.find_uv_bin", missing)
    with pytest.raises(InstallerFailedError, match="pip install uv"):
        install_wheel("4.5", tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InstallerFailedError, match="cannot be written"):
        install_wheel("4.5", tmp_path / "file" / "managed")


@pytest.mark.skipif(shutil.which("blender") is None, reason="no Blender executable on PATH")
async def test_an_executable_renders_by_the_same_driver(tmp_path: Path) -> None:
    path = shutil.which("blender")
    assert path is not None
    found = inspect_executable(Path(path))
    assert found is not None
    script = Path(__file__).parent.parent / "scenes" / "simple.py"
    file = tmp_path / "scene.blend"
    options = ["--samples", "1", "--resolution", "64x36", "--passes", "//passes"]
    start = [path, "-b", "--factory-startup", "--python-exit-code", "1", "--python", str(script)]
    command = [*start, "--", str(file), *options]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    async with await WarmBlender.start(found) as warm:
        await warm.open(file)
        await warm.configure(RenderSettings())
        for number in (2, 1):
            out = tmp_path / str(number)
            out.mkdir()
            frame = await warm.render(number, out)
            assert [file.name for file in frame.files] == [f"shot_000{number}.png"]
            assert len(frame.others) == 1
            assert (frame.width, frame.height) == (64, 36)
