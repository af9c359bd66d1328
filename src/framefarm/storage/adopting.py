"""Making files blobs that lie on the blobs' disk already."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from framefarm.storage.blobs import BlobFolder, sync_folder, translated


@contextlib.contextmanager
def workplace(blobs: BlobFolder) -> Iterator[Path]:
    """An empty folder on the blobs' disk, for what may become blobs; removed in the end.

    Raises:
        StorageFullError: The disk is full.
    """
    folder = blobs.workplaces / secrets.token_hex(16)
    with translated(folder):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def adopt(blobs: BlobFolder, files: Iterable[tuple[Path, str]]) -> None:
    """Move files in among the blobs; all are durable and visible when this returns.

    Args:
        blobs: The folder of blobs.
        files: Each with the SHA-256 of its content, which is believed.

    Raises:
        StorageFullError: The disk is full.
    """
    folders = set()
    for path, sha256 in files:
        target = blobs.path_of(sha256)
        with translated(target):
            _sync(path)
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
            # Its time is when it was unpacked, which may be a while ago.
            os.utime(target)
        folders.add(target.parent)
    with translated(blobs.root):
        for folder in folders:
            sync_folder(folder)
        sync_folder(blobs.root)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
