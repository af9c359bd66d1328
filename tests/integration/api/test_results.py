"""`PUT /api/leases/{lease}/units/{unit}`: accepted as a whole or not at all (L4, L5, L6, L14)."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from framefarm.core.plans import plan_render
from framefarm.core.spans import Spans
from framefarm.db import open_engine, sqlite_url
from framefarm.farm.new_jobs import PlannedJob, PlannedStage, store_job
from framefarm.protocol import ResultManifest, encode_manifest
from tests.integration.api.manager import Manager, Worker, is_problem, of, picture, result_file

PNG = picture()
SMALL = ("0001.png", "image", PNG)
SETTINGS = {"file_format": "PNG", "expect_width": 8, "expect_height": 4}
OF_KIND = {
    "render": {**SETTINGS, "frame_path": "//out/####", "extension": ".png"},
    "movie": SETTINGS,
    "join": {"name": "0001-0003.mp4"},
}


def render_job(
    manager: Manager, frames: str = "1-2", *, movie: bool = False, blend: str = ""
) -> int:
    """A job of pictures of 8x4 pixels, put straight into the database.

    `blend` is the hash of its file.
    """
    plan = plan_render(Spans.parse(frames), movie=movie, segment_frames=2)
    stages = tuple(
        PlannedStage(stage, settings=OF_KIND[stage.kind], largest_lease=1, blend_sha256=blend)
        for stage in plan.stages
    )
    job = PlannedJob("shot", "render", stages, {}, project="Film", shot="010")
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))
    with engine.begin() as connection:
        job_id = store_job(connection, job)
    engine.dispose()
    return job_id


def blobs_of(manager: Manager) -> list[Path]:
    return [path for path in manager.settings.blobs.rglob("*") if path.is_file()]


@pytest.fixture
def job(manager: Manager) -> int:
    return render_job(manager)


@pytest.fixture
def worker(manager: Manager, job: int):  # noqa: ARG001  the job must be there first
    with manager.worker() as made:
        yield made


def test_a_frame_is_accepted_and_placed(manager: Manager, worker: Worker, job: int):
    thumbnail, log = b"webp", b"Fra:1"
    lease = worker.lease()

    answer = worker.put(lease, SMALL, ("t.webp", "thumbnail", thumbnail), ("log.txt", "log", log))

    assert (answer.status_code, answer.json()) == (200, {"answer": "accepted"})
    [file] = manager.http.get(f"/api/jobs/{job}/files").json()["files"]
    assert file == {
        "name": "0001.png",
        "role": "image",
        "sha256": hashlib.sha256(PNG).hexdigest(),
        "size_bytes": len(PNG),
        "unit": 1,
    }
    frames = f"/api/jobs/{job}/frames/1"
    assert manager.http.get(f"{frames}/image").content == PNG
    assert manager.http.get(f"{frames}/thumbnail").content == thumbnail
    assert manager.http.get(f"{frames}/log").text == "Fra:1"
    assert manager.job(job)["stages"][0]["done"] == 1


def test_l5_a_repeated_upload_gets_the_same_answer(worker: Worker):
    lease = worker.lease()

    answers = [worker.put(lease, SMALL).json() for _ in range(3)]

    assert answers == [{"answer": "accepted"}] * 3


def test_l4_a_late_upload_counts_and_the_second_is_told_so(manager: Manager, worker: Worker):
    lease = worker.lease()
    worker.say({"type": "released", "lease": lease["lease"]})
    with manager.worker() as other:
        second = other.lease()
        assert second["units"] == lease["units"]

        assert worker.put(lease, SMALL).json() == {"answer": "accepted_late"}
        assert worker.put(lease, SMALL).json() == {"answer": "accepted_late"}
        answer = other.put(second, SMALL)

    assert (answer.status_code, answer.json()) == (409, {"answer": "already_done"})


def test_an_upload_for_a_cancelled_job_is_gone(manager: Manager, worker: Worker, job: int):
    lease = worker.lease()
    manager.http.post(f"/api/jobs/{job}/cancel").raise_for_status()

    is_problem(worker.put(lease, SMALL), 410, "gone")


def test_an_upload_for_a_lease_or_a_stage_that_is_none_is_gone(manager: Manager, worker: Worker):
    lease = worker.lease()

    is_problem(worker.put(lease, SMALL, lease="f" * 32), 410, "gone")
    is_problem(worker.put({**lease, "stage": 99}, SMALL), 410, "gone")
    is_problem(worker.put(lease, ("0002.png", "image", PNG), unit=2), 410, "gone")
    with manager.worker() as thief:
        is_problem(thief.put(lease, SMALL), 410, "gone")
    assert worker.put(lease, SMALL).status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer guess", "Basic a2V5", "Bearer \xfc"]
)
def test_only_a_known_worker_may_upload(manager: Manager, worker: Worker, authorization: str):
    headers = {"Authorization": authorization.encode("latin-1")}

    is_problem(worker.put(worker.lease(), SMALL, headers=headers), 401, "worker_key")

    assert blobs_of(manager) == []


def _sent(lease: dict[str, Any], *files: tuple[str, str, bytes], **changes: Any) -> bytes:
    manifest = ResultManifest(
        **{
            "stage": lease["stage"],
            "attempt": lease["attempt"],
            "files": tuple(result_file(*file) for file in files),
            **changes,
        }
    )
    return encode_manifest(manifest)


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (PNG[:-1] + b"x", "hash_differs"),
        (PNG + b"x", "hash_differs"),
        (PNG * 1000, "hash_differs"),
        (PNG[:-1], "hash_differs"),
        (b"", "hash_differs"),
    ],
)
def test_l5_other_bytes_than_announced_are_refused(
    manager: Manager, worker: Worker, after: bytes, code: str
):
    lease = worker.lease()

    is_problem(worker.put(lease, content=_sent(lease, SMALL) + after), 422, code)

    assert blobs_of(manager) == []
    assert worker.put(lease, SMALL).status_code == 200


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (picture(8, 5), "image_mismatch"),
        (picture(16, 4), "image_mismatch"),
        (picture(kind="jpg"), "image_mismatch"),
        (PNG[:-20], "image_damaged"),
        (b"not a picture", "image_mismatch"),
        (b"", "image_damaged"),
    ],
)
def test_l5_a_picture_that_was_not_asked_for_is_refused(
    manager: Manager, worker: Worker, content: bytes, code: str
):
    lease = worker.lease()

    answer = worker.put(lease, ("0001.png", "image", content))

    assert is_problem(answer, 422, answer.json()["code"])["code"] in {code, "image_unreadable"}
    assert blobs_of(manager) == []
    assert worker.put(lease, SMALL).status_code == 200


def test_a_frame_without_its_picture_is_refused(manager: Manager, worker: Worker):
    lease = worker.lease()

    is_problem(worker.put(lease, ("log.txt", "log", b"x")), 422, "not_what_was_asked")
    is_problem(worker.put(lease), 422, "not_what_was_asked")

    assert blobs_of(manager) == []


def test_one_bad_file_refuses_the_whole_result(manager: Manager, worker: Worker):
    lease = worker.lease()
    files = [SMALL, ("depth.exr", "layer", b"fine"), ("b.png", "image", b"damaged")]

    assert worker.put(lease, *files).status_code == 422

    assert blobs_of(manager) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"no line feed", b"[]\n", b"\xff\n", b"x" * 300_000, b"{" * 200_000],
)
def test_a_body_without_a_manifest_is_refused(worker: Worker, content: bytes):
    is_problem(worker.put(worker.lease(), content=content), 422, "bad_manifest")


def test_a_name_outside_the_outputs_is_refused(manager: Manager, worker: Worker):
    lease = worker.lease()

    is_problem(worker.put(lease, ("../../evil.png", "image", PNG)), 422, "bad_manifest")

    assert not list(manager.settings.data_dir.parent.rglob("evil.png"))


@pytest.mark.parametrize("unit", ["x", "1.5", 1 << 31, 10**40, "%20"])
def test_a_unit_that_is_none_is_refused(worker: Worker, unit: Any):
    is_problem(worker.put(worker.lease(), SMALL, unit=unit), 422, "bad_manifest")


def test_a_body_of_unknown_length_is_refused(manager: Manager, worker: Worker):
    lease = worker.lease()
    body = _sent(lease, SMALL) + PNG

    answer = manager.http.put(
        f"/api/leases/{lease['lease']}/units/1",
        content=iter([body]),
        headers={"Authorization": f"Bearer {worker.key}"},
    )

    is_problem(answer, 422, "bad_manifest")


def test_l14_a_body_beyond_all_results_is_refused(worker: Worker):
    headers = {"Content-Length": str(1 << 50)}
    lease = worker.lease()

    with raw(worker, lease, headers) as connection:
        connection.sendall(b"x")
        assert b"413" in connection.recv(64)


def raw(worker: Worker, lease: dict[str, Any], headers: dict[str, str]) -> socket.socket:
    """A connection on which the head of an upload was sent."""
    url = worker.manager.http.base_url
    connection = socket.create_connection((url.host, url.port), timeout=60)
    told = {"Host": "127.0.0.1", "Authorization": f"Bearer {worker.key}", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    path = f"/api/leases/{lease['lease']}/units/{of(lease)['unit']}"
    connection.sendall(f"PUT {path} HTTP/1.1\r\n{head}\r\n".encode())
    return connection


def test_l6_an_upload_that_breaks_off_leaves_nothing_and_can_be_repeated(
    manager: Manager, worker: Worker
):
    lease = worker.lease()
    body = _sent(lease, SMALL) + PNG
    with raw(worker, lease, {"Content-Length": str(len(body))}) as connection:
        connection.sendall(body[:-5])

    assert worker.put(lease, SMALL).json() == {"answer": "accepted"}
    assert blobs_of(manager) == [
        manager.settings.blobs / (sha := hashlib.sha256(PNG).hexdigest())[:2] / sha
    ]


def test_l14_a_full_disk_is_said_and_the_rest_goes_on(tmp_path: Path):
    manager = Manager(tmp_path / "manager", low_water_bytes=1 << 60)
    job = render_job(manager)
    with manager.worker() as worker:
        answer = worker.put(worker.lease(), SMALL)

        is_problem(answer, 507, "disk_full")
        sha256 = hashlib.sha256(PNG).hexdigest()
        is_problem(manager.http.put(f"/api/blobs/{sha256}", content=PNG), 507, "disk_full")
        assert manager.job(job)["stages"][0]["running"] == 1
        assert manager.http.get("/api/health").status_code == 200
    assert blobs_of(manager) == []
    manager.close()
    manager.check()


@pytest.mark.parametrize(
    "file",
    [
        ("0002.png", "image", PNG),
        ("picture.png", "image", PNG),
        ("0002_L.png", "image", PNG),
    ],
    ids=lambda file: str(file[0]),
)
def test_a_picture_under_another_frames_name_is_refused(
    manager: Manager, worker: Worker, job: int, file: tuple[str, str, bytes]
):
    lease = worker.lease()
    detail = is_problem(worker.put(lease, file), 422, "not_what_was_asked")["detail"]

    assert repr(file[0]) in detail
    assert "frame 1" in detail
    assert manager.http.get(f"/api/jobs/{job}/files").json()["files"] == []
    assert blobs_of(manager) == []
    assert worker.put(lease, SMALL).status_code == 200


@pytest.mark.parametrize(
    "layer",
    [
        ("0002.png", "layer", PNG),
        ("depth/0002.exr", "layer", b"x"),
        ("depth.exr", "layer", b"x"),
        ("0002.png/0001.png", "layer", PNG),
        ("0001-0002.mp4", "layer", b"x"),
        ("0001.mp4", "movie", b"x"),
        ("0001.txt", "other", b"x"),
    ],
    ids=lambda file: str(file[0]),
)
def test_a_file_that_could_take_anothers_place_is_refused_with_its_frame(
    manager: Manager, worker: Worker, job: int, layer: tuple[str, str, bytes]
):
    lease = worker.lease()

    is_problem(worker.put(lease, SMALL, layer), 422, "not_what_was_asked")

    assert manager.http.get(f"/api/jobs/{job}/files").json()["files"] == []
    assert worker.put(lease, SMALL, ("depth/0001.exr", "layer", b"x")).status_code == 200


def test_what_is_no_output_may_have_any_name(worker: Worker):
    files = (SMALL, ("0002.png", "thumbnail", PNG), ("0002.txt", "log", b"x"))

    assert worker.put(worker.lease(), *files).status_code == 200


def test_a_movie_under_another_name_is_refused(manager: Manager):
    render_job(manager, "1-2", movie=True)
    slots = [{"slot": "cpu", "kinds": ["render", "movie", "join"]}]
    with manager.worker(slots=slots) as worker:
        for frame in (1, 2):
            worker.put(worker.lease(), (f"{frame:04d}.png", "image", PNG))
        worker.put(worker.lease(), ("s.mp4", "segment", b"x"))
        join = worker.lease()

        is_problem(worker.put(join, ("0001.png", "movie", b"x")), 422, "not_what_was_asked")
        assert worker.put(join, ("0001-0003.mp4", "movie", b"x")).status_code == 200


def test_a_film_is_made_of_its_frames(manager: Manager):
    job = render_job(manager, "1-3", movie=True)
    slots = [{"slot": "cpu", "kinds": ["render", "movie", "join"]}]
    roles = {"render": "image", "movie": "segment", "join": "movie"}
    with manager.worker(slots=slots) as worker:
        kinds: dict[int, str] = {}
        given: list[tuple[str, int]] = []
        for _ in range(6):
            worker.say({"type": "ready", "slot": "cpu"})
            lease = _lease(worker, kinds)
            kind = kinds[lease["stage"]]
            given.append((kind, len(lease.get("inputs", []))))
            content = PNG if kind == "render" else f"{kind} {lease['units']}".encode()
            names = {"render": f"{int(lease['units']):04d}.png", "join": "0001-0003.mp4"}
            name = names.get(kind, "segment.bin")
            assert worker.put(lease, (name, roles[kind], content)).status_code == 200

    assert given == [
        ("render", 0),
        ("render", 0),
        ("movie", 2),
        ("render", 0),
        ("movie", 1),
        ("join", 2),
    ]
    assert manager.job(job)["state"] == "done"
    names = [file["name"] for file in manager.http.get(f"/api/jobs/{job}/files").json()["files"]]
    assert names == ["0001.png", "0002.png", "0003.png", "0001-0003.mp4"]


def _lease(worker: Worker, kinds: dict[int, str]) -> dict[str, Any]:
    while True:
        import json  # noqa: PLC0415

        orders = json.loads(worker.socket.recv(timeout=60))
        for order in orders:
            if order["type"] == "task":
                kinds[order["stage"]] = order["kind"]
        for order in orders:
            if order["type"] == "lease":
                return order


def test_the_database_holds_one_row_for_each_file(manager: Manager, worker: Worker):
    layer = ("depth/0001.exr", "layer", b"depth")
    worker.put(worker.lease(), SMALL, layer)
    engine = open_engine(sqlite_url(manager.settings.data_dir / "farm.db"))

    with engine.connect().execution_options(reading=True) as connection:
        rows = connection.execute(text("SELECT position, name, role FROM files")).all()

    engine.dispose()
    assert [tuple(row) for row in rows] == [
        (0, "0001.png", "image"),
        (1, "depth/0001.exr", "layer"),
    ]
