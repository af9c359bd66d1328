"""Blobs: files kept by the SHA-256 of their content."""

from framefarm.storage.adopting import adopt, workplace
from framefarm.storage.blobs import (
    BlobFolder,
    BlobMismatchError,
    BlobMissingError,
    BlobTooLargeError,
    IncomingBlob,
    StorageError,
    StorageFullError,
    UnannouncedBlob,
    translated,
)
from framefarm.storage.packs import Packs
from framefarm.storage.placing import place

__all__ = [
    "BlobFolder",
    "BlobMismatchError",
    "BlobMissingError",
    "BlobTooLargeError",
    "IncomingBlob",
    "Packs",
    "StorageError",
    "StorageFullError",
    "UnannouncedBlob",
    "adopt",
    "place",
    "translated",
    "workplace",
]
