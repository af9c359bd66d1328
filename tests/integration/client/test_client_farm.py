from __future__ import annotations

import errno
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from framefarm.client import (
    BlendRef,
    DamagedDownloadError,
    EndEvent,
    Farm,
    FarmAnswerError,
    FarmUnreachableError,
    FileView,
    JobEvent,
    RenderRequest,
    Submission,
    TrialRequest,
    UnreadableAnswerError,
    UnsafeFileNameError,
)
from framefarm.client.fetching import fetch_files
from framefarm.client.transport import Transport
from tests.integration.client.fake_manager import CannedManager, Reply, as_json, problem

JOB = {"id": 3, "state": "running", "stages": [], "created_at": "2026-01-02T03:04:05+00:00"}


@pytest.fixture
def manager() -> Iterator[CannedManager]:
    with CannedManager() as fake:
        yield fake


@pytest.fixture
def farm(manager: CannedManager) -> Iterator[Farm]:
    with Farm(manager.url, timeout_s=5, patience_s=5) as client:
        yield client


def test_health(manager, farm):
    manager.reply("GET", "/api/health", as_json({"version": "0.1.0", "epoch": "e", "protocol": 1}))

    assert farm.health().version == "0.1.0"


def test_nobody_there_is_unreachable_and_names_the_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused for sure
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(FarmUnreachableError, match=f"No manager answers at {url}"):
            Farm(url).health()


def test_a_refusal_carries_status_code_and_sentence(manager, farm):
    manager.reply("GET", "/api/jobs/9", problem(404, "no_such_job", "There is no job 9."))

    with pytest.raises(FarmAnswerError, match=r"There is no job 9\.") as refused:
        farm.job(9)
    assert (refused.value.status, refused.value.code) == (404, "no_such_job")
    assert not refused.value.retryable


def test_a_refusal_in_another_language_still_says_something(manager, farm):
    manager.reply("GET", "/api/jobs/9", Reply(502, b"<html>Bad gateway</html>"))

    with pytest.raises(FarmAnswerError, match="HTTP status 502"):
        farm.job(9)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"id":"x"}', b"[" * 100_000])
def test_an_answer_no_manager_gives_is_told_as_such(manager, farm, body):
    manager.reply("GET", "/api/jobs/9", Reply(200, body))

    with pytest.raises(UnreadableAnswerError, match="does not speak as a FrameFarm manager"):
        farm.job(9)


def test_file_is_sent_and_fetched_again_while_the_manager_is_busy(
    manager: CannedManager, tmp_path: Path
):
    path, content = tmp_path / "a.blend", b"x" * 3_000_000
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    busy = Reply(429, headers={"Retry-After": "0.1"})
    manager.reply("PUT", f"/api/blobs/{sha256}", busy, busy, Reply(201))
    manager.reply("GET", f"/api/blobs/{sha256}", busy, Reply(200, content))

    with Farm(manager.url) as farm:
        assert farm.upload_blob(path) == sha256
        assert b"".join(farm.read_blob(sha256)) == content

    sent = [asked.body for asked in manager.asked if asked.method == "PUT"]
    assert sent == [content] * 3


def test_file_that_the_manager_never_takes_is_refused(manager: CannedManager, tmp_path: Path):
    path = tmp_path / "a.blend"
    path.write_bytes(b"x")
    address = f"/api/blobs/{hashlib.sha256(b'x').hexdigest()}"
    manager.reply("PUT", address, Reply(429, b"{}", headers={"Retry-After": "0.1"}))

    with Farm(manager.url) as farm, pytest.raises(FarmAnswerError) as refused:
        farm.upload_blob(path)

    assert refused.value.retryable
    assert len(manager.paths("PUT")) == 4


def test_a_busy_manager_is_asked_again_after_the_pause_it_wants(manager):
    busy = Reply(503, headers={"Retry-After": "2.5"})
    manager.reply("GET", "/x", busy, busy, Reply(200, b"there"))
    pauses: list[float] = []

    with closing(Transport(manager.url, pause=pauses.append)) as transport:
        answer = transport.request("GET", "/x")

    assert answer.content == b"there"
    assert pauses == [2.5, 2.5]


def test_a_manager_that_stays_busy_is_not_asked_for_ever(manager):
    manager.reply("GET", "/x", Reply(429, headers={"Retry-After": "1e9"}))
    pauses: list[float] = []

    with closing(Transport(manager.url, pause=pauses.append)) as transport:
        assert transport.request("GET", "/x").status == 429
    assert pauses == [10.0, 10.0, 10.0]


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(manager, farm):
    manager.reply("GET", "/api/jobs/3", Reply(200, json.dumps(JOB).encode(), {"Connection": "x"}))
    farm.job(3)
    kept = farm._transport._kept.connection
    kept.sock.shutdown(socket.SHUT_RDWR)

    assert farm.job(3).id == 3
    assert len(manager.asked) == 2


def test_a_submission_that_was_cut_off_is_repeated_once_and_with_its_key(manager, farm):
    manager.reply("POST", "/api/jobs", Reply(201, json.dumps(JOB).encode(), cut=5))

    with pytest.raises(FarmUnreachableError):
        farm.submit(Submission("trial", TrialRequest("1-5")))
    assert manager.paths("POST") == ["/api/jobs", "/api/jobs"]
    assert len({asked.headers["idempotency-key"] for asked in manager.asked}) == 1


def test_a_submission_says_only_what_was_asked_for(manager, farm):
    manager.reply("POST", "/api/jobs", as_json(JOB, 201))
    blend = BlendRef("a" * 64, "shot.blend")

    job = farm.submit(Submission("render", RenderRequest(frames="1-4", strict=True), blend))

    assert job.id == 3
    assert json.loads(manager.asked[-1].body) == {
        "kind": "render",
        "settings": {"frames": "1-4", "strict": True},
        "blend": {"sha256": "a" * 64, "name": "shot.blend"},
    }


def test_jobs_are_read_page_by_page_as_far_as_wanted(manager, farm):
    manager.reply("GET", "/api/jobs?limit=200", as_json({"jobs": [JOB, JOB], "next": 7}))
    manager.reply("GET", "/api/jobs?limit=200&cursor=7", as_json({"jobs": [JOB], "next": None}))
    manager.reply("GET", "/api/jobs?state=done&limit=1", as_json({"jobs": [JOB], "next": 7}))

    assert len(list(farm.jobs())) == 3
    assert len(list(farm.jobs(state="done", limit=1))) == 1
    assert next(iter(farm.jobs())).created_at is not None


def test_a_blob_that_is_there_is_not_sent(manager, farm, tmp_path):
    path = tmp_path / "a.blend"
    path.write_bytes(b"content")
    sha256 = manager.hold(b"content")

    assert farm.upload_blob(path) == sha256
    assert manager.paths("PUT") == []


def test_a_blob_is_sent_whole_and_counted(manager, farm, tmp_path):
    path = tmp_path / "a.blend"
    path.write_bytes(b"x" * 3_000_000)
    counts: list[int] = []

    sha256 = farm.upload_blob(path, count=counts.append)

    assert manager.blobs[sha256] == path.read_bytes()
    assert sum(counts) == 3_000_000
    assert len(counts) == 3


def test_an_upload_that_is_refused_says_why(manager, farm, tmp_path):
    path = tmp_path / "a.blend"
    path.write_bytes(b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    manager.reply("PUT", f"/api/blobs/{sha256}", problem(507, "full", "The disk is full."))

    with pytest.raises(FarmAnswerError, match="The disk is full"):
        farm.upload_blob(path)


def stream(*parts: str) -> Reply:
    return Reply(200, "".join(parts).encode())


def test_what_is_made_is_asked_for_again_with_its_key_where_the_connection_breaks(manager, farm):
    made = {"name": "ada", "role": "artist"}
    cut = Reply(201, json.dumps(made).encode(), cut=3)
    manager.reply("POST", "/api/users", cut, as_json(made, 201))
    manager.reply("POST", "/api/jobs/3/cancel", cut)

    assert farm.add_user("ada", role="artist").name == "ada"
    with pytest.raises(FarmUnreachableError):
        farm.cancel(3)

    first, second, cancel = manager.asked
    assert len(first.headers["idempotency-key"]) >= 16
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert "idempotency-key" not in cancel.headers


def test_each_thing_that_is_made_has_a_key_of_its_own(manager, farm):
    manager.reply("POST", "/api/users", as_json({"name": "ada", "role": "artist"}, 201))

    for _ in range(2):
        farm.add_user("ada", role="artist")

    assert len({asked.headers["idempotency-key"] for asked in manager.asked}) == 2


def test_people_are_listed_beyond_a_page(manager, farm):
    def page(names: list[str], following: str | None) -> Reply:
        return as_json({"users": [{"name": n, "role": "artist"} for n in names], "next": following})

    manager.reply("GET", "/api/users?limit=500", page(["ada", "bob"], "bob"))
    manager.reply("GET", "/api/users?limit=500&cursor=bob", page(["eve"], None))

    assert [user.name for user in farm.users()] == ["ada", "bob", "eve"]


def test_events_are_followed_over_a_broken_connection(manager, farm):
    job = f"event: job\ndata: {json.dumps(JOB)}\n\n"
    cut = stream(job, "event: unit\nda")
    manager.reply("GET", "/api/jobs/3/events", cut, stream(job, ": hi\n\nevent: end\ndata: {}\n\n"))

    events = list(farm.events(3))

    assert [type(event) for event in events] == [JobEvent, JobEvent, EndEvent]
    assert len(manager.asked) == 2


def test_events_of_an_unknown_job_are_an_error_at_once(manager, farm):
    with pytest.raises(FarmAnswerError):
        next(farm.events(99))
    assert len(manager.asked) == 1


def test_events_without_sense_are_an_error(manager, farm):
    manager.reply("GET", "/api/jobs/3/events", stream("event: unit\ndata: 5\n\n"))

    with pytest.raises(UnreadableAnswerError):
        next(farm.events(3))


def view(manager: CannedManager, name: str, content: bytes) -> FileView:
    return FileView(name, "image", manager.hold(content), len(content))


def test_files_are_fetched_once_and_kept_the_second_time(manager, farm, tmp_path):
    files = [view(manager, f"sub/{n}.png", bytes([n]) * 1000) for n in range(10)]
    outcomes: list[str] = []

    for _ in range(2):
        fetch_files(farm, files, tmp_path / "out", tell=lambda got: outcomes.append(got.outcome))

    assert outcomes == ["fetched"] * 10 + ["kept"] * 10
    assert (tmp_path / "out/sub/7.png").read_bytes() == bytes([7]) * 1000
    assert len(manager.paths("GET")) == 10
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_broken_download_is_continued_where_it_broke_off(manager, farm, tmp_path):
    content = bytes(range(256)) * 100
    file = view(manager, "a.png", content)
    (tmp_path / "a.png.part").write_bytes(content[:10_000])

    fetch_files(farm, [file], tmp_path)

    assert (tmp_path / "a.png").read_bytes() == content
    assert manager.asked[-1].headers["range"] == "bytes=10000-"


def test_a_part_of_something_else_is_thrown_away(manager, farm, tmp_path):
    content = bytes(range(256)) * 100
    file = view(manager, "a.png", content)
    (tmp_path / "a.png.part").write_bytes(b"?" * 10_000)

    fetch_files(farm, [file], tmp_path)

    assert (tmp_path / "a.png").read_bytes() == content


def test_a_file_with_the_right_size_but_other_content_is_replaced(manager, farm, tmp_path):
    file = view(manager, "a.png", b"right")
    (tmp_path / "a.png").write_bytes(b"wrong")

    fetch_files(farm, [file], tmp_path)

    assert (tmp_path / "a.png").read_bytes() == b"right"


def test_a_file_that_comes_damaged_twice_is_an_error_and_appears_nowhere(manager, farm, tmp_path):
    file = view(manager, "a.png", b"right")
    manager.blobs[file.sha256] = b"wrong"

    with pytest.raises(DamagedDownloadError, match=r"a\.png"):
        fetch_files(farm, [file], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_leaves_the_folder_ends_the_fetch(manager, farm, tmp_path):
    file = view(manager, "../evil.png", b"x")

    with pytest.raises(UnsafeFileNameError):
        fetch_files(farm, [file], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_keeps_its_part(manager, farm, tmp_path):
    content = b"z" * 100_000
    file = view(manager, "a.png", content)
    manager.reply("GET", f"/api/blobs/{file.sha256}", Reply(200, content, cut=40_000))

    with pytest.raises(FarmUnreachableError):
        fetch_files(farm, [file], tmp_path)
    kept: Path = tmp_path / "a.png.part"
    assert kept.read_bytes() == content[:40_000]
    assert not (tmp_path / "a.png").exists()


def test_a_disk_that_fills_up_during_a_fetch_is_told_with_the_file(
    manager, farm, tmp_path, monkeypatch
):
    file = view(manager, "a.png", b"x" * 1000)

    def full(*_: object, **__: object) -> Iterator[bytes]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(farm, "read_blob", full)
    with pytest.raises(OSError, match="No space left") as caught:
        fetch_files(farm, [file], tmp_path)
    assert caught.value.filename == str(tmp_path / "a.png.part")


def test_only_a_refused_connection_says_that_no_manager_runs():
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"127.0.0.1:{silent.getsockname()[1]}"
        hang_up = threading.Thread(target=_hang_up, args=(silent, b""))
        hang_up.start()
        with pytest.raises(FarmUnreachableError, match="begins with https://") as caught:
            Farm(f"http://{url}").health()
        hang_up.join()
    assert not caught.value.refused
    with pytest.raises(FarmUnreachableError, match="connection refused") as caught:
        Farm(f"http://{url}").health()
    assert caught.value.refused


def test_a_manager_that_does_not_encrypt_is_told_from_one_that_is_not_there():
    with closing(socket.create_server(("127.0.0.1", 0))) as plain:
        answer = threading.Thread(target=_hang_up, args=(plain, b"HTTP/1.1 400 Bad\r\n\r\n"))
        answer.start()
        with pytest.raises(FarmUnreachableError, match="begins with http://"):
            Farm(f"https://127.0.0.1:{plain.getsockname()[1]}").health()
        answer.join()


def _hang_up(listening: socket.socket, words: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(1 << 16)
        connection.sendall(words)
