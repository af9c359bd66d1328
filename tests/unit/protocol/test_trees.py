"""Projects of several files, as they travel."""

from __future__ import annotations

import msgspec
import pytest

from framefarm.core.errors import FrameFarmError
from framefarm.protocol.trees import Tree, TreeError, TreeFile, decode_tree, encode_tree

HASH = "0123456789abcdef" * 4
BLEND = TreeFile("shots/one.blend", HASH, 100)
WOOD = TreeFile("textures/wood.png", HASH[::-1], 7)


def test_a_project_survives_travelling_and_its_order_says_nothing():
    tree = Tree("shots/one.blend", (WOOD, BLEND))

    assert decode_tree(encode_tree(tree)) == Tree("shots/one.blend", (BLEND, WOOD))
    assert encode_tree(tree) == encode_tree(Tree("shots/one.blend", (BLEND, WOOD)))
    assert (tree.main, tree.size_bytes) == (BLEND, 107)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"blend": 3, "files": []}',
        b'{"blend": "a", "files": []}',
        b'{"blend": "a", "files": [["a", "b", 1]]}',
        b'{"blend": "../a", "files": [["../a", "%b", 1]]}' % HASH.encode(),
        b'{"blend": "a", "files": [["a", "%b", -1]]}' % HASH.encode(),
        b'{"blend": "a", "files": [["a", "%b", 1.5]]}' % HASH.encode(),
        b'{"blend": "a", "files": [["a", "%b", 1], ["A", "%b", 1]]}'
        % (HASH.encode(), HASH.encode()),
        b'{"blend": "a\xff", "files": []}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_project_is_refused(content: bytes):
    with pytest.raises(FrameFarmError):
        decode_tree(content)


def test_a_project_has_a_bounded_number_of_files():
    files = [[f"f{number}", HASH, 1] for number in range(50_001)]

    with pytest.raises(TreeError, match="at most 50,000 files"):
        decode_tree(msgspec.json.encode({"blend": "f0", "files": files}))
