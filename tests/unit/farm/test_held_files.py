"""What the manager remembers of a worker's disk."""

from __future__ import annotations

from framefarm.farm.held_files import HeldFiles


def test_what_a_worker_says_and_what_it_is_sent_are_known():
    files = HeldFiles(("newest", "oldest"))
    files.note(["sent"])

    assert files.known == {"newest", "oldest", "sent"}


def test_what_was_used_longest_ago_is_forgotten_first():
    files = HeldFiles([f"f{n}" for n in range(2_000)])
    assert len(files.known) == 1_000
    assert {"f0", "f999"} <= files.known

    files.note(["f999", "new"])

    assert len(files.known) == 1_000
    assert "f998" not in files.known
    assert {"f0", "f999", "new"} <= files.known


def test_nothing_is_made_anew_for_a_claim_while_nothing_changes():
    files = HeldFiles(("a",))
    before = files.known
    files.note(["a"])

    assert files.known is before
