"""Blobs: files kept by the SHA-256 of their content."""

from framefarm.storage.blobs import (
    BlobFolder,
    BlobMismatchError,
    BlobMissingError,
    IncomingBlob,
    StorageError,
    StorageFullError,
)
from framefarm.storage.placing import place

__all__ = [
    "BlobFolder",
    "BlobMismatchError",
    "BlobMissingError",
    "IncomingBlob",
    "StorageError",
    "StorageFullError",
    "place",
]
