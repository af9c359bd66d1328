"""The calls that carry files."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from framefarm.client.asking import OK
from framefarm.client.chunked import CutFile, cut, send
from framefarm.client.connected import Connected
from framefarm.client.errors import UnreadableAnswerError
from framefarm.client.reading import read_json
from framefarm.client.refusals import refusal
from framefarm.client.transport import MAX_ANSWER_BYTES, read_piece
from framefarm.client.views import MissingChunks
from framefarm.protocol.chunks import chunk_of

_CHUNK = 1 << 20
_PUT_TOGETHER_S = 900.0

Counter = Callable[[int], None]
"""Told how many more bytes are through."""


class BlobCalls(Connected):
    """The part of `Farm` that carries files."""

    def upload_blob(
        self, path: Path, *, sha256: str | None = None, count: Counter | None = None
    ) -> str:
        """Give the manager a file, unless it has it.

        Args:
            path: The file.
            sha256: Of its content, where known already.
            count: Told how many more bytes are sent.

        Returns:
            The SHA-256 of its content.

        Raises:
            FarmAnswerError: It was refused: the disk is full, or the file changed meanwhile.
            OSError: The file cannot be read.
        """
        sha256 = sha256 or hash_file(path)
        if self.has_blob(sha256):
            return sha256
        with path.open("rb") as file:
            size = path.stat().st_size
            headers = {
                "Content-Length": str(size),
                "Content-Type": "application/octet-stream",
            }

            def body() -> Iterator[bytes]:
                file.seek(0)
                return _counted(file, size, count)

            address = f"/api/blobs/{sha256}"
            with self._transport.open("PUT", address, body=body, headers=headers) as response:
                if response.status not in OK:
                    raise refusal(response.status, response.read(_CHUNK))
        return sha256

    def upload_in_chunks(
        self, file: IO[bytes], size_bytes: int, *, count: Counter | None = None
    ) -> str:
        """Give the manager a file, of which only what it lacks is sent.

        What broke off goes on where it was when it is called again. The file is read twice.

        Args:
            file: At its start; it must be able to seek.
            size_bytes: Its size.
            count: Told how many more bytes are sent, as they travel.

        Returns:
            The SHA-256 of its content.

        Raises:
            NotTakenError: The manager does not come to an end.
            FarmAnswerError: It was refused: the disk is full, or the file changed meanwhile.
            OSError: The file cannot be read.
        """
        import zstandard  # noqa: PLC0415  slow, and for few commands

        packer = zstandard.ZstdCompressor()

        def put(pack: bytes) -> None:
            body = packer.compress(pack)
            answer = self._transport.request("PUT", "/api/uploads/chunks", body=body)
            if answer.status not in OK:
                raise refusal(answer.status, answer.content)
            if count is not None:
                count(len(body))

        cut_file = cut(file, size_bytes)
        send(file, cut_file, offer=self._offer, put=put)
        return cut_file.sha256

    def _offer(self, cut_file: CutFile) -> list[bytes]:
        """What is missing of a file."""
        pieces = [(name.hex(), size) for name, size in map(chunk_of, cut_file.pieces)]
        offered = {"sha256": cut_file.sha256, "size_bytes": cut_file.size_bytes, "pieces": pieces}
        headers = {"Content-Type": "application/json"}
        with self._transport.open(
            "POST",
            "/api/uploads",
            body=msgspec.json.encode(offered),
            headers=headers,
            timeout_s=_PUT_TOGETHER_S,
        ) as response:
            content = read_piece(response, MAX_ANSWER_BYTES)
            if response.status not in OK:
                raise refusal(response.status, content)
        try:
            return [bytes.fromhex(name) for name in read_json(content, MissingChunks).missing]
        except (ValueError, RecursionError) as error:
            raise UnreadableAnswerError(self.url, error) from error

    def has_blob(self, sha256: str) -> bool:
        """Whether the manager has a file with this content."""
        answer = self._transport.request("HEAD", f"/api/blobs/{sha256}")
        if answer.status in (200, 404):
            return answer.status == 200  # noqa: PLR2004  HTTP
        raise refusal(answer.status, answer.content)

    def read_blob(self, sha256: str, *, start: int = 0) -> Generator[bytes, None, None]:
        """A file's bytes from `start` on, in pieces of up to 1 MiB.

        Raises:
            FarmAnswerError: The manager does not have it.
            FarmUnreachableError: The connection broke.
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._transport.open("GET", f"/api/blobs/{sha256}", headers=headers) as response:
            if response.status not in OK:
                raise refusal(response.status, response.read(_CHUNK))
            skip = start if response.status == 200 else 0  # noqa: PLR2004  a server without ranges
            while piece := _read_or_last(response):
                yield piece[skip:]
                skip = max(0, skip - len(piece))


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content, lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_or_last(response: http.client.HTTPResponse) -> bytes:
    """The next piece of a body. What came before a break is handed out before the break is told."""
    try:
        return read_piece(response, _CHUNK)
    except http.client.IncompleteRead as error:
        if not error.partial:
            raise
        return error.partial


def _counted(file: BinaryIO, size: int, count: Counter | None) -> Iterator[bytes]:
    """A file's first `size` bytes; the length was promised before the first of them."""
    left = size
    while left > 0 and (piece := file.read(min(_CHUNK, left))):
        yield piece
        left -= len(piece)
        if count is not None:
            count(len(piece))
