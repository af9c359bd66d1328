"""Chunks that came, and wait for the rest of their file."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from framefarm.protocol.chunks import ChunkError, chunk_of, decode_pack
from framefarm.storage.blobs import BlobFolder, sync_folder, translated


class _Place(NamedTuple):
    pack: str
    offset: int
    size: int


class Packs:
    """A folder of packs, each with the chunks of one request. For use from any thread.

    Args:
        blobs: The folder of blobs, on whose disk it is.
        folder: Where it is, or will be.
    """

    def __init__(self, blobs: BlobFolder, folder: Path) -> None:
        self._blobs = blobs
        self._folder = folder
        self._places: dict[bytes, _Place] = {}
        self._lock = threading.Lock()
        self._loaded = False

    def load(self) -> None:
        """Learn what an earlier process has kept. Reads all of it, the first time."""
        with self._lock:
            if self._loaded:
                return
            for path in self._packs():
                with contextlib.suppress(ChunkError):
                    self._places |= _places(path.name, path.read_bytes())
            self._loaded = True

    def keep(self, pack: bytes) -> int:
        """Store a pack; it survives a power cut once this returns.

        Returns:
            How many chunks are in it.

        Raises:
            ChunkError: It is none.
            StorageFullError: There is no room for it (L14).
        """
        name = secrets.token_hex(16)
        places = _places(name, pack)
        self._blobs.make_sure_of_room(len(pack))
        coming = self._blobs.write_aside(pack)
        with translated(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            # At one moment for `forget`, which removes what nobody has a place in.
            with self._lock:
                coming.rename(self._folder / name)
                self._places |= places
            sync_folder(self._folder)
        return len(places)

    def waiting_bytes(self) -> int:
        """What all packs here take."""
        taken = 0
        for path in self._packs():
            with contextlib.suppress(FileNotFoundError):  # part of a blob meanwhile
                taken += path.stat().st_size
        return taken

    def has(self, name: bytes) -> bool:
        """Whether a chunk is here."""
        return name in self._places

    def read(self, name: bytes) -> bytes | None:
        """A chunk's bytes, None when it is not here (any more)."""
        place = self._places.get(name)
        if place is None:
            return None
        try:
            with (self._folder / place.pack).open("rb") as file:
                file.seek(place.offset)
                return file.read(place.size)
        except FileNotFoundError:
            return None

    def forget(self, names: Iterable[bytes]) -> None:
        """Chunks that are part of a blob now; packs that have no others go."""
        paths = self._packs()
        with self._lock:
            for name in names:
                self._places.pop(name, None)
            used = {place.pack for place in self._places.values()}
        for path in paths:
            if path.name not in used:
                path.unlink(missing_ok=True)

    def remove_older(self, seconds: float) -> None:
        """Remove what came so long ago that nobody goes on with it."""
        before = time.time() - seconds
        for path in self._packs():
            if path.stat().st_mtime < before:
                with self._lock:
                    left = {k: v for k, v in self._places.items() if v.pack != path.name}
                    self._places = left
                path.unlink(missing_ok=True)

    def _packs(self) -> list[Path]:
        return list(self._folder.iterdir()) if self._folder.exists() else []


def _places(name: str, pack: bytes) -> dict[bytes, _Place]:
    return {
        chunk_of(content).name: _Place(name, offset, len(content))
        for offset, content in decode_pack(pack)
    }
