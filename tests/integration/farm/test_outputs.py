"""Placing finished files where people look for them."""

from __future__ import annotations

from pathlib import Path

from framefarm.farm.outputs import OutputFile, Outputs
from framefarm.farm.settings import ManagerSettings


class Blobs:
    """One blob; whoever asks for it stops the placing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outputs: Outputs

    def existing(self, _: str) -> Path:
        self.outputs.stop()
        return self.path


def test_a_stop_ends_placing_after_the_file_in_hand(tmp_path: Path):
    blobs = Blobs(tmp_path / "blob")
    blobs.path.write_bytes(b"picture")
    blobs.outputs = Outputs(ManagerSettings(tmp_path / "manager"), blobs)  # type: ignore[arg-type]
    files = [OutputFile(f"{n}.png", "image", "0" * 64, 7, n) for n in range(1, 4)]

    blobs.outputs.deliver(tmp_path / "out", files)

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1.png"]
