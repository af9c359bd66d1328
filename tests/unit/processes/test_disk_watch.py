"""When a child wrote too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from framefarm.processes.disk_watch import MOST_FILES, DiskLimits, DiskUse, disk_use, excess_of

MIB = 1 << 20
LIMITS = DiskLimits(most_bytes=100 * MIB, reserve_bytes=10 * MIB)


@pytest.mark.parametrize(
    ("used", "free", "files", "ended"),
    [
        (100, 1_000, 1, False),
        (101, 1_000, 1, True),
        (0, 1_000, MOST_FILES + 1, True),
        # The disk is full, and it is this one's doing, or it is not.
        (10, 4, 1, True),
        (9, 4, 1, False),
        (10, 5, 1, False),
    ],
)
def test_who_wrote_too_much_or_filled_the_disk_is_ended(used, free, files, ended):
    excess = excess_of(DiskUse(used * MIB, files), free * MIB, LIMITS)

    assert (excess is not None) == ended


def test_without_limits_nothing_is_too_much():
    assert excess_of(DiskUse(1 << 50, 1), 0, DiskLimits()) is None


def test_files_count_with_the_room_that_they_take_and_links_lead_nowhere(tmp_path: Path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "full").write_bytes(b"x" * MIB)
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "outside").symlink_to("/usr")

    use = disk_use([tmp_path, tmp_path / "not there"])

    assert MIB <= use.size_bytes < 2 * MIB
    assert use.files == 5
