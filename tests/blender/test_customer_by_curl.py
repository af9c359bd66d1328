"""A customer's whole way by the very lines of docs/how-to/render-with-curl.md."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenImageIO
import pytest

from tests.blender.by_curl import curl, farm_at_work, until_done
from tests.blender.test_submit_project import framefarm
from tests.integration.cli.processes import environment
from tests.integration.notify.places import MailServer

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "render-with-curl.md"
[BEGIN, GO_ON, SCRIPT, OTHER_WAYS_IN] = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
SIZE = (96, 54)


@pytest.fixture
def farm(tmp_path: Path, mail: MailServer) -> Iterator[str]:
    """A manager that sends mail, and a worker, as people start them; the manager's address."""
    sender = {"FRAMEFARM_MAIL_SERVER": mail.url, "FRAMEFARM_MAIL_FROM": "farm@studio.example"}
    with farm_at_work(tmp_path, **sender) as url:
        yield url


@pytest.fixture
def desk(tmp_path: Path, make_scene: Any) -> Path:
    """Where the customer sits: a folder with shot.blend and film.zip."""
    folder = tmp_path / "desk"
    folder.mkdir()
    scene = make_scene("--resolution", "96x54", "--samples", "2", "--frames", "48")
    (folder / "shot.blend").write_bytes(scene.read_bytes())
    with zipfile.ZipFile(folder / "film.zip", "w") as film:
        film.write(scene, "shots/one.blend")
        film.write(scene, "shots/two.blend")
    return folder


def sh(lines: str, desk: Path, **variables: str) -> str:
    """What lines of the page print, typed at the desk."""
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", lines],
        cwd=desk,
        env=environment(desk, **variables),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def account(farm: str, home: Path) -> str:
    """Ada's token, as an admin makes it."""
    framefarm(home, "users", "add", "ada", "--email", "ada@studio.example", "--url", farm)
    return framefarm(home, "users", "token", "ada", "--url", farm).stdout.strip()


def decoded(movie: Path) -> list[np.ndarray]:
    """The pictures of a movie, H x W x 3 of 0 to 255."""
    with av.open(str(movie)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def unpacked(archive: Path, folder: Path) -> list[np.ndarray]:
    """The frames of a .zip in their order, H x W x 3 of 0 to 255."""
    with zipfile.ZipFile(archive) as found:
        assert found.testzip() is None
        found.extractall(folder)
    pictures = [OpenImageIO.ImageBuf(str(path)) for path in sorted(folder.iterdir())]
    return [picture.get_pixels(OpenImageIO.UINT8)[:, :, :3] for picture in pictures]


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_customer_hands_in_waits_fetches_and_gets_a_mail(
    farm: str, mail: MailServer, desk: Path, tmp_path: Path
):
    token = account(farm, tmp_path / "home")

    said = sh(SCRIPT, desk, FRAMEFARM_URL=farm, FRAMEFARM_TOKEN=token)

    assert said.splitlines()[-1] == "done"
    movie, frames = decoded(desk / "shot.mp4"), unpacked(desk / "frames.zip", tmp_path / "frames")
    assert len(movie) == len(frames) == 24
    assert {picture.shape for picture in (*movie, *frames)} == {(SIZE[1], SIZE[0], 3)}
    for shown, rendered in zip(movie, frames, strict=True):
        assert np.abs(shown.astype(int) - rendered).mean() < 8, "the movie shows its frames"
    assert len({picture.tobytes() for picture in frames}) == 24, "the camera moves"
    [job] = json.loads(curl("--fail", f"{farm}/api/jobs"))["jobs"]
    assert (job["name"], job["owner"]) == ("shot", "ada")

    told = mail.next()
    assert isinstance(told, EmailMessage)
    assert (told["From"], told["To"]) == ("FrameFarm <farm@studio.example>", "ada@studio.example")
    assert told["Subject"] == "Job 1 (shot) is done"
    assert "framefarm fetch 1" in text_of(told)
    assert mail.mails.empty()
    assert list(desk.glob("tmp.*")) == []


def test_script_that_is_refused_says_why_and_fails(farm: str, desk: Path):
    with pytest.raises(AssertionError, match='"code":"token"'):
        sh(SCRIPT, desk, FRAMEFARM_URL=farm, FRAMEFARM_TOKEN="ff_0123456789_nobody-s")

    assert not (desk / "shot.mp4").exists()
    assert json.loads(curl("--fail", f"{farm}/api/jobs"))["jobs"] == []


def test_lines_for_the_managers_own_machine_do_what_the_page_says(farm: str, desk: Path):
    here = BEGIN.replace("http://127.0.0.1:7070", farm)
    assert here != BEGIN

    started = json.loads(sh(here, desk))
    task = f"{farm}/api/render-tasks/{started['TaskKey']}"
    until_done(task)
    [set_farm] = re.findall(r"^farm=.*\n", here, re.MULTILINE)
    go_on = set_farm + re.sub(r"key=\S+", f"key={started['TaskKey']}", GO_ON)
    said = sh(go_on, desk)

    assert json.loads(said)["total"]["progress"] == 1.0
    [movie] = desk.glob("*.mp4")
    assert len(decoded(movie)) == 48
    answers = sh(set_farm + OTHER_WAYS_IN, desk)
    names = re.findall(r'"name":"([^"]*)"', answers)
    assert names == ["one", "shot"]
