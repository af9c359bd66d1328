"""Jobs of several files: which are taken, and who gets which of their files."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import msgspec
import pytest

from framefarm.protocol.trees import Tree, TreeFile, encode_tree
from tests.integration.api.far import Far
from tests.integration.api.manager import Manager, is_problem

WOOD = b"the picture of a plank"


def entry(path: str, content: bytes) -> TreeFile:
    return TreeFile(path, hashlib.sha256(content).hexdigest(), len(content))


def submit(manager: Manager, blend: bytes, listed: bytes, **changes: Any) -> httpx.Response:
    manager.upload(blend)
    named = {
        "sha256": hashlib.sha256(blend).hexdigest(),
        "name": "shot.blend",
        "tree": manager.upload(listed),
        **changes,
    }
    body = {"kind": "render", "blend": named, "settings": {"frames": "1-2", "movie": "none"}}
    return manager.http.post("/api/jobs", json=body)


def project(blend: bytes, *files: TreeFile) -> bytes:
    return encode_tree(Tree("shots/shot.blend", (entry("shots/shot.blend", blend), *files)))


def test_worker_is_told_of_a_project_and_gets_all_its_files_and_no_others(
    far: Far, blends: dict[str, bytes]
):
    blend, manager = blends["plain"], far.manager
    wood, other = manager.upload(WOOD), manager.upload(b"somebody else's")
    tree = project(blend, entry("maps/wood.png", WOOD))
    tree_sha256 = hashlib.sha256(tree).hexdigest()
    with manager.worker() as worker:
        assert far.refuses(worker, wood)
        assert submit(manager, blend, tree).status_code == 201
        worker.say({"type": "ready", "slot": "cpu"})
        settings = worker.hear("task")["settings"]
        worker.hear("lease")

        assert settings["blend_sha256"] == tree_sha256
        assert settings["in_tree"] is True
        assert settings["blend_size_bytes"] == len(tree)
        assert far.get(worker, tree_sha256) == (200, tree)
        assert far.get(worker, wood) == (200, WOOD)
        assert far.get(worker, hashlib.sha256(blend).hexdigest()) == (200, blend)
        assert far.refuses(worker, other)
        with manager.worker(name="idle", boot_id="idle") as idle:
            assert far.refuses(idle, wood)
            assert far.refuses(idle, tree_sha256)


def test_project_whose_files_were_not_all_uploaded_is_refused(
    shared: Manager, blends: dict[str, bytes]
):
    blend = blends["plain"]
    tree = project(blend, entry("maps/gone.png", b"never uploaded"))

    told = is_problem(submit(shared, blend, tree), 422, "lacking_files")

    assert "'maps/gone.png'" in told["detail"]


def test_file_of_another_size_than_said_is_lacking(shared: Manager, blends: dict[str, bytes]):
    blend, wood = blends["plain"], entry("maps/wood.png", WOOD)
    shared.upload(WOOD)
    tree = project(blend, msgspec.structs.replace(wood, size_bytes=wood.size_bytes + 1))

    is_problem(submit(shared, blend, tree), 422, "lacking_files")


def listed(*files: tuple[str, bytes], blend: str = "shot.blend") -> bytes:
    """A list as anybody may write one."""
    return json.dumps(
        {"blend": blend, "files": [msgspec.to_builtins(entry(*file)) for file in files]}
    ).encode()


@pytest.mark.parametrize(
    ("tree", "code"),
    [
        (b"", "bad_tree"),
        (b"\x00\xff", "bad_tree"),
        (b"[]", "bad_tree"),
        (listed(("other.blend", b"x")), "bad_tree"),
        (listed(("shot.blend", b"another file")), "bad_tree"),
        (listed(("../shot.blend", b"x"), blend="../shot.blend"), "bad_path"),
        (listed(("/etc/shot.blend", b"x"), blend="/etc/shot.blend"), "bad_path"),
        (listed(("shot.blend", b"x"), ("SHOT.blend", b"y")), "bad_path"),
        (listed(("shot.blend", b"x"), ("a", b"y"), ("a/b", b"z")), "bad_path"),
    ],
)
def test_what_is_no_project_is_refused(
    shared: Manager, blends: dict[str, bytes], tree: bytes, code: str
):
    is_problem(submit(shared, blends["plain"], tree), 422, code)


def test_list_that_is_written_otherwise_is_refused(shared: Manager, blends: dict[str, bytes]):
    blend = blends["plain"]
    spaced = json.dumps(json.loads(project(blend))).encode()

    is_problem(submit(shared, blend, spaced), 422, "bad_tree")


def test_list_that_was_not_uploaded_is_missed(shared: Manager, blends: dict[str, bytes]):
    blend = blends["plain"]

    is_problem(submit(shared, blend, project(blend), tree="0" * 64), 404, "no_such_blob")
