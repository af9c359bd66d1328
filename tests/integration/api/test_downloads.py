"""A job's frames as an archive that is made while it is sent."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from framefarm.core.spans import Spans
from tests.integration.api.manager import Manager, Worker, is_problem, picture
from tests.integration.api.test_render_tasks import delete, start


class Film:
    """A task of the frames 1 to 5, and the worker that makes them."""

    def __init__(self, task: dict[str, Any], worker: Worker) -> None:
        self.task = task
        self._worker = worker

    def render(self, last: int) -> None:
        """Do the frames up to this one."""
        at = 0
        while at < last:
            lease = self._worker.lease()
            for at in Spans.parse(lease["units"]):
                if at > last:
                    return
                file = (f"shot_{at:04d}.png", "image", image(at))
                assert self._worker.put({**lease, "units": str(at)}, file).status_code == 200


@pytest.fixture
def film(shared: Manager, blends: dict[str, bytes]) -> Iterator[Film]:
    task = start(shared, blends["plain"], frames="1-5")
    with shared.worker(name="box", boot_id="box") as worker:
        yield Film(task, worker)
        delete(shared, task)


def image(frame: int) -> bytes:
    return picture(320, 180, shade=frame / 10)


def archive(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}


def ask(manager: Manager, task: dict[str, Any], **asked: Any) -> httpx.Response:
    return manager.http.get(task["download"], params=asked)


def test_archive_holds_the_frames_as_they_were_rendered(shared: Manager, film: Film):
    film.render(5)

    answer = ask(shared, film.task, what="frames")

    assert archive(answer) == {f"shot_{frame:04d}.png": image(frame) for frame in range(1, 6)}
    assert answer.headers["content-disposition"] == 'attachment; filename="shot.zip"'
    assert archive(ask(shared, film.task, what="all")).keys() == archive(answer).keys()
    by_number = shared.http.get(f"/api/jobs/{film.task['job']}/download", params={"what": "frames"})
    assert archive(by_number) == archive(answer)


def test_archive_is_named_as_the_job_in_any_script(shared: Manager, blends: dict[str, bytes]):
    task = start(shared, blends["plain"], frames="1", name="\u65e5\u672c")

    answer = ask(shared, task, what="frames", partial=True)

    assert archive(answer) == {}
    said = "attachment; filename=\"__.zip\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.zip"
    assert answer.headers["content-disposition"] == said
    delete(shared, task)


def test_archive_of_a_range_needs_only_its_frames(shared: Manager, film: Film):
    film.render(3)

    assert archive(ask(shared, film.task, what="frames", frames="2-3")).keys() == {
        "shot_0002.png",
        "shot_0003.png",
    }
    assert archive(ask(shared, film.task, frames="1-3x2")).keys() == {
        "shot_0001.png",
        "shot_0003.png",
    }


def test_frames_that_are_not_there_yet_are_told_or_left_out(shared: Manager, film: Film):
    film.render(2)

    answer = ask(shared, film.task, what="frames")

    assert "3 of 5 frames are not there yet" in is_problem(answer, 409, "not_ready")["detail"]
    assert answer.headers["retry-after"]
    one = is_problem(ask(shared, film.task, what="frames", frames="3"), 409, "not_ready")
    assert "1 of 1 frame is not there yet" in one["detail"]
    is_problem(ask(shared, film.task, what="all"), 409, "not_ready")
    is_problem(ask(shared, film.task, what="frames", frames="2-3"), 409, "not_ready")
    there = archive(ask(shared, film.task, what="frames", partial=True))
    assert there.keys() == {"shot_0001.png", "shot_0002.png"}


def test_frames_that_never_came_are_told(shared: Manager, film: Film):
    film.render(2)
    shared.http.post(f"/api/jobs/{film.task['job']}/cancel").raise_for_status()

    answer = ask(shared, film.task, what="frames")

    told = is_problem(answer, 409, "incomplete")["detail"]
    assert f"`framefarm retry {film.task['job']}`" in told
    assert "retry-after" not in answer.headers
    assert len(archive(ask(shared, film.task, what="frames", partial=True))) == 2


def test_archive_without_a_frame_is_an_archive(shared: Manager, film: Film):
    assert archive(ask(shared, film.task, what="frames", partial=True)) == {}


def test_frames_that_the_job_has_not_are_refused(shared: Manager, film: Film):
    told = is_problem(ask(shared, film.task, what="frames", frames="4-9"), 422, "no_such_frames")
    assert "6-9" in told["detail"]
    is_problem(ask(shared, film.task, what="frames", frames="x"), 422, "bad_frames")
    is_problem(ask(shared, film.task, what="everything"), 422, "invalid_request")


def test_job_without_a_movie_says_so(shared: Manager, film: Film):
    assert "?what=frames" in is_problem(ask(shared, film.task), 404, "no_movie")["detail"]


def test_movie_is_announced_before_it_is_there(shared: Manager, blends: dict[str, bytes]):
    task = start(shared, blends["plain"], frames="1", movie="mp4")

    answer = ask(shared, task)

    is_problem(answer, 409, "not_ready")
    assert answer.headers["retry-after"]
    shared.http.post(f"/api/jobs/{task['job']}/cancel").raise_for_status()
    is_problem(ask(shared, task), 409, "incomplete")
    delete(shared, task)


@pytest.mark.parametrize("job", ["0", "-1", "999999", "9" * 30])
def test_job_that_is_not_there_has_no_files(shared: Manager, job: str):
    for what in ("movie", "frames", "all"):
        answer = shared.http.get(f"/api/jobs/{job}/download", params={"what": what})
        is_problem(answer, 404, "no_such_job")
