"""Whose files are whose: a hash that an artist knows opens no file of another's."""

from __future__ import annotations

import hashlib
import io
import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from framefarm.client.chunked import CutFile, cut, packs_of
from framefarm.client.farm import Farm
from framefarm.protocol.chunks import Chunk, chunk_of, encode_chunks, encode_pack
from framefarm.protocol.trees import Tree, TreeFile, encode_tree
from tests.integration.api.manager import Manager, is_problem, of, picture, until
from tests.integration.api.people import People, bearer
from tests.integration.api.test_uploads import zstandard

RUN = "/api/render-tasks/run_task/"
NOWHERE = "0" * 64


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def own_copy(blend: bytes, whose: str) -> bytes:
    """The same scene as another file: what follows its last block is not read."""
    return blend + whose.encode()


# --- the ways in ----------------------------------------------------------------------------------


def whole(people: People, who: str, content: bytes) -> int:
    return people.ask(who, "PUT", f"/api/blobs/{hash_of(content)}", content=content).status_code


def in_chunks(people: People, who: str, content: bytes) -> int:
    with Farm(people.manager.server.url, token=people.tokens[who]) as farm:
        sent: list[int] = []
        farm.upload_in_chunks(io.BytesIO(content), len(content), count=sent.append)
    return 201 if sent else 200


def as_task(people: People, who: str, content: bytes) -> int:
    made = people.ask(who, "POST", f"{RUN}?frames=1&movie=none", content=content)
    assert made.status_code == 201, made.text
    return made.status_code


def in_a_form(people: People, who: str, content: bytes) -> int:
    form = {"files": {"blend": ("a.blend", content)}, "data": {"frames": "1", "movie": "none"}}
    made = people.ask(who, "POST", RUN, **form)
    assert made.status_code == 201, made.text
    return made.status_code


WAYS = [whole, in_chunks, as_task, in_a_form]
Way = Callable[[People, str, bytes], int]


def submit(people: People, who: str, sha256: str, **blend: Any) -> httpx.Response:
    body = {
        "kind": "render",
        "blend": {"sha256": sha256, "name": "shot.blend", **blend},
        "settings": {"frames": "1", "movie": "none"},
    }
    return people.ask(who, "POST", "/api/jobs", json=body)


def delete_jobs(people: People) -> None:
    for job in people.manager.http.get("/api/jobs").json()["jobs"]:
        people.manager.http.delete(f"/api/jobs/{job['id']}")


@pytest.fixture(autouse=True)
def _no_job_stays(people: People) -> Any:
    yield
    delete_jobs(people)


def refusals(people: People, who: str, sha256: str) -> list[Any]:
    """What is said of a file to whom it is not; the hash itself is taken out."""
    said = []
    for answer in (
        people.ask(who, "HEAD", f"/api/blobs/{sha256}"),
        people.ask(who, "GET", f"/api/blobs/{sha256}"),
        people.ask(who, "GET", f"/api/blobs/{sha256}", headers={"Range": "bytes=0-3"}),
        submit(people, who, sha256),
    ):
        assert answer.status_code == 404
        said.append((answer.text.replace(sha256, ""), answer.headers.get("content-length")))
    return said


@pytest.mark.parametrize("way", WAYS)
def test_file_of_another_is_as_if_it_were_not_there(
    people: People, blends: dict[str, bytes], way: Way
):
    content = own_copy(blends["plain"], f"ada {way.__name__}")
    way(people, "ada", content)

    assert refusals(people, "bob", hash_of(content)) == refusals(people, "bob", NOWHERE)
    is_problem(submit(people, "bob", hash_of(content)), 404, "no_such_blob")
    assert submit(people, "ada", hash_of(content)).status_code == 201
    assert people.ask("ada", "GET", f"/api/blobs/{hash_of(content)}").content == content


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_who_sends_all_of_a_file_has_it_too_and_is_told_as_if_it_were_new(
    people: People, blends: dict[str, bytes], first: Way, way: Way
):
    content = own_copy(blends["plain"], f"both {first.__name__} {way.__name__}")
    first(people, "ada", content)
    delete_jobs(people)

    assert way(people, "bob", content) == 201

    assert submit(people, "bob", hash_of(content)).status_code == 201
    assert people.ask("bob", "GET", f"/api/blobs/{hash_of(content)}").content == content
    folder = people.manager.settings.blobs / hash_of(content)[:2]
    assert [path.name for path in folder.iterdir()].count(hash_of(content)) == 1


@pytest.mark.parametrize("way", [whole, in_chunks])
def test_own_file_need_not_come_twice(people: People, way: Way):
    content = random.Random(way.__name__).randbytes(300_000)

    assert [way(people, "ada", content) for _ in range(2)] == [201, 200]
    assert people.ask("ada", "HEAD", f"/api/blobs/{hash_of(content)}").status_code == 200


def test_of_the_own_next_version_only_the_change_travels(people: People):
    content = random.Random(1).randbytes(4 << 20)
    in_chunks(people, "ada", content)
    changed = content[: 1 << 20] + b"new" + content[1 << 20 :]

    def sends(who: str, what: bytes) -> int:
        with Farm(people.manager.server.url, token=people.tokens[who]) as farm:
            sent: list[int] = []
            farm.upload_in_chunks(io.BytesIO(what), len(what), count=sent.append)
            return sum(sent)

    assert sends("bob", changed) > len(content)
    assert sends("ada", changed) < 300_000
    assert sends("bob", content) < 300_000


def test_other_bytes_under_the_hash_of_another_prove_nothing(people: People):
    content = b"what ada sent"
    whole(people, "ada", content)
    path = f"/api/blobs/{hash_of(content)}"

    for wrong in (b"", b"what bob sent", content[:-1], content + b"x"):
        is_problem(people.ask("bob", "PUT", path, content=wrong), 422, "hash_differs")

    assert people.ask("bob", "HEAD", path).status_code == 404
    assert people.ask("ada", "GET", path).content == content


# --- projects -------------------------------------------------------------------------------------


def entry(path: str, content: bytes) -> TreeFile:
    return TreeFile(path, hash_of(content), len(content))


def test_project_names_no_file_of_another(people: People, blends: dict[str, bytes]):
    blend, wood = blends["plain"], b"ada's wood"
    tree = encode_tree(Tree("a.blend", (entry("a.blend", blend), entry("maps/wood.png", wood))))
    gone = encode_tree(Tree("a.blend", (entry("a.blend", blend), entry("maps/wood.png", b"no"))))
    for content in (blend, wood, tree):
        whole(people, "ada", content)
    assert submit(people, "ada", hash_of(blend), tree=hash_of(tree)).status_code == 201

    is_problem(submit(people, "bob", hash_of(blend), tree=hash_of(tree)), 404, "no_such_blob")
    whole(people, "bob", blend)
    is_problem(submit(people, "bob", hash_of(blend), tree=hash_of(tree)), 404, "no_such_blob")
    whole(people, "bob", tree)
    lacks = submit(people, "bob", hash_of(blend), tree=hash_of(tree))
    whole(people, "bob", gone)
    never = submit(people, "bob", hash_of(blend), tree=hash_of(gone))

    told = is_problem(lacks, 422, "lacking_files")
    assert "'maps/wood.png'" in told["detail"]
    assert lacks.text == never.text
    assert people.ask("bob", "GET", f"/api/blobs/{hash_of(wood)}").status_code == 404
    whole(people, "bob", wood)
    assert submit(people, "bob", hash_of(blend), tree=hash_of(tree)).status_code == 201


def test_what_belongs_to_an_own_job_may_be_named(people: People, blends: dict[str, bytes]):
    """An admin hands in for bob; a frame of it is a texture of his next one."""
    blend = own_copy(blends["plain"], "of root, for bob")
    wood = b"root's wood, for bob"
    tree = encode_tree(Tree("a.blend", (entry("a.blend", blend), entry("wood.png", wood))))
    for content in (blend, wood, tree):
        whole(people, "root", content)
    body = {
        "kind": "render",
        "owner": "bob",
        "blend": {"sha256": hash_of(blend), "name": "a.blend", "tree": hash_of(tree)},
        "settings": {"frames": "1", "movie": "none"},
    }
    made = people.ask("root", "POST", "/api/jobs", json=body)
    assert made.status_code == 201, made.text

    for content in (blend, wood, tree):
        assert people.ask("bob", "GET", f"/api/blobs/{hash_of(content)}").content == content
        assert people.ask("ada", "GET", f"/api/blobs/{hash_of(content)}").status_code == 404
    assert submit(people, "bob", hash_of(blend), tree=hash_of(tree)).status_code == 201
    is_problem(submit(people, "ada", hash_of(blend)), 404, "no_such_blob")
    delete_jobs(people)
    assert people.ask("bob", "GET", f"/api/blobs/{hash_of(wood)}").status_code == 404


def test_result_of_another_may_not_be_named(people: People, blends: dict[str, bytes]):
    blend, frame = own_copy(blends["plain"], "bob's, with ada's frame"), picture(shade=0.31)
    trial = {"kind": "trial", "settings": {"units": "1"}}
    assert people.ask("ada", "POST", "/api/jobs", json=trial).status_code == 201
    with people.manager.worker() as worker:
        lease = worker.lease()
        name = f"trial_{of(lease)['unit']:04d}.png"
        assert worker.put(lease, (name, "image", frame)).status_code == 200
    tree = encode_tree(Tree("a.blend", (entry("a.blend", blend), entry("sky.png", frame))))
    for content in (blend, tree):
        whole(people, "bob", content)

    told = submit(people, "bob", hash_of(blend), tree=hash_of(tree))

    is_problem(told, 422, "lacking_files")
    assert refusals(people, "bob", hash_of(frame)) == refusals(people, "bob", NOWHERE)


# --- chunks ---------------------------------------------------------------------------------------


def offer(people: People, who: str, cut_file: CutFile) -> httpx.Response:
    pieces = [(name.hex(), size) for name, size in map(chunk_of, cut_file.pieces)]
    told = {"sha256": cut_file.sha256, "size_bytes": cut_file.size_bytes, "pieces": pieces}
    return people.ask(who, "POST", "/api/uploads", json=told)


def put(people: People, who: str, pack: bytes) -> None:
    body = zstandard.ZstdCompressor().compress(pack)
    assert people.ask(who, "PUT", "/api/uploads/chunks", content=body).status_code == 204


def missing(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return list(answer.json()["missing"])


@pytest.mark.parametrize("way", [whole, in_chunks])
def test_offer_of_a_file_of_another_is_answered_as_if_nothing_of_it_were_here(
    people: People, way: Way
):
    content = random.Random(f"offered {way.__name__}").randbytes(200_000)
    found = cut(io.BytesIO(content), len(content))
    way(people, "ada", content)

    assert missing(offer(people, "bob", found)) == [
        chunk_of(piece).name.hex() for piece in found.pieces
    ]
    put(people, "bob", encode_pack(found.pieces))
    assert missing(offer(people, "bob", found)) == [
        name.hex() for name in dict.fromkeys(chunk.name for chunk in found.chunks)
    ]
    assert people.ask("bob", "HEAD", f"/api/blobs/{found.sha256}").status_code == 404


def test_chunk_of_another_is_not_put_into_an_own_file(people: People):
    """Its name is known, say from a log; the file around it is bob's own."""
    secret, mine = b"ada's secret" * 2_000, b"bob's own"
    in_chunks(people, "ada", secret)
    [stolen] = cut(io.BytesIO(secret), len(secret)).chunks[:1]
    chunks = [stolen, chunk_of(mine)]
    piece = encode_chunks(chunks)
    wanted = CutFile(NOWHERE, stolen.size + len(mine), tuple(chunks), (piece,))
    put(people, "bob", encode_pack([mine, piece]))

    assert missing(offer(people, "bob", wanted)) == [stolen.name.hex()]
    # An admin may have all files, so of an admin only the wrong hash is refused.
    put(people, "root", encode_pack([mine, piece]))
    is_problem(offer(people, "root", wanted), 422, "hash_differs")


def test_chunks_that_another_sent_so_far_are_not_there(people: People):
    content = random.Random("half sent").randbytes(100_000)
    found = cut(io.BytesIO(content), len(content))
    put(people, "ada", encode_pack(found.pieces))
    for pack in packs_of(found, io.BytesIO(content), [chunk.name for chunk in found.chunks]):
        put(people, "ada", pack)

    assert missing(offer(people, "bob", found))
    assert offer(people, "ada", found).status_code == 201
    assert people.ask("bob", "HEAD", f"/api/blobs/{found.sha256}").status_code == 404


def test_what_an_artist_sent_goes_on_after_the_managers_restart(tmp_path: Path):
    content = random.Random("restart").randbytes(100_000)
    found = cut(io.BytesIO(content), len(content))
    manager = Manager(tmp_path)
    try:
        manager.http.post("/api/users", json={"name": "ada"}).raise_for_status()
        made = manager.http.post("/api/users/ada/tokens", json={"name": "t"}).json()
        headers = bearer(made["token"])
        for pack in packs_of(found, io.BytesIO(content), [it.name for it in found.chunks]):
            body = zstandard.ZstdCompressor().compress(pack)
            manager.http.put("/api/uploads/chunks", content=body, headers=headers)
    finally:
        manager.close()

    manager = Manager(tmp_path)
    try:
        with Farm(manager.server.url, token=made["token"]) as farm:
            sent: list[int] = []
            farm.upload_in_chunks(io.BytesIO(content), len(content), count=sent.append)
        assert sum(sent) < 1_000
        path = f"/api/blobs/{found.sha256}"
        assert manager.http.get(path, headers=headers).content == content
    finally:
        manager.close()


# --- who else -------------------------------------------------------------------------------------


def test_admins_and_the_managers_own_machine_have_all_files(
    people: People, blends: dict[str, bytes]
):
    content = own_copy(blends["plain"], "for all to see")
    whole(people, "ada", content)
    path = f"/api/blobs/{hash_of(content)}"

    assert [people.ask(who, "HEAD", path).status_code for who in ("root", "vic")] == [200, 200]
    assert whole(people, "root", content) == 200
    assert people.manager.http.head(path).status_code == 200
    assert submit(people, "root", hash_of(content)).status_code == 201


def test_viewer_sends_nothing_and_names_nothing(people: People):
    path = f"/api/blobs/{hash_of(b'x')}"

    is_problem(people.ask("vic", "PUT", path, content=b"x"), 403, "not_allowed")
    is_problem(submit(people, "vic", NOWHERE), 403, "not_allowed")


def test_who_gets_the_name_of_somebody_removed_gets_no_file(people: People):
    content = b"cyd's file"
    people.tokens["cyd"] = people.add("cyd", "artist")
    assert whole(people, "cyd", content) == 201
    people.manager.http.delete("/api/users/cyd").raise_for_status()
    people.tokens["cyd"] = people.add("cyd", "artist")

    assert people.ask("cyd", "HEAD", f"/api/blobs/{hash_of(content)}").status_code == 404
    assert whole(people, "cyd", content) == 201
    people.manager.http.delete("/api/users/cyd").raise_for_status()


def test_artist_points_no_worker_to_a_file_on_its_disk(people: People, blends: dict[str, bytes]):
    """From there relative links would lead to what lies beside it, whosever that is."""
    content = own_copy(blends["plain"], "ada's, in place")
    whole(people, "ada", content)
    for who, kept in (("ada", ""), ("root", "/srv/bob/shot.blend")):
        made = submit(people, who, hash_of(content), source_path="/srv/bob/shot.blend")
        assert made.status_code == 201, made.text
        with people.manager.worker(boot_id=who) as worker:
            worker.say({"type": "ready", "slot": "cpu"})
            assert worker.hear("task")["settings"].get("source_path", "") == kept
        delete_jobs(people)


def test_who_brought_a_file_is_forgotten_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("framefarm.farm.duties._TIDY_EVERY_S", 0.05)
    manager = Manager(tmp_path, keep_blobs_s=60.0)
    try:
        manager.http.post("/api/users", json={"name": "ada"}).raise_for_status()
        made = manager.http.post("/api/users/ada/tokens", json={"name": "t"}).json()
        headers = bearer(made["token"])
        path = f"/api/blobs/{hash_of(b'old')}"
        assert manager.http.put(path, content=b"old", headers=headers).status_code == 201
        body = zstandard.ZstdCompressor().compress(encode_pack([b"of no file"]))
        manager.http.put("/api/uploads/chunks", content=body, headers=headers)
        blob = manager.settings.blobs / path[11:13] / path[11:]
        [pack] = (manager.settings.blobs / "packs-of").rglob("*/*")
        for file in (blob, pack):
            os.utime(file, (time.time() - 3_600,) * 2)

        def forgotten() -> bool:
            with sqlite3.connect(tmp_path / "farm.db") as database:
                left = database.execute("SELECT count(*) FROM blob_owners").fetchone()
            return left == (0,) and not blob.exists() and not pack.exists()

        until(forgotten, "the tidying")
        assert manager.http.head(path, headers=headers).status_code == 404
    finally:
        manager.close()


def test_chunk_is_a_chunk(people: People):
    """The name of a chunk is made of its bytes by the manager, so none can be claimed."""
    content = b"ada's bytes" * 100
    chunk = chunk_of(content)
    listed = encode_chunks([Chunk(chunk.name, chunk.size)])
    put(people, "bob", encode_pack([b"bob's bytes" * 100, listed]))
    found = CutFile(hash_of(content), len(content), (chunk,), (listed,))

    assert missing(offer(people, "bob", found)) == [chunk.name.hex()]
