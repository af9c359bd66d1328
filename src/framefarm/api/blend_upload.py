"""A file in the body of a request, raw or in a form, written to disk as it comes.

A form is read here, piece by piece, rather than by the framework, which would first write all of it
to a temporary file of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from framefarm.api.results import Body
from framefarm.core.errors import FrameFarmError
from framefarm.storage import UnannouncedBlob

_FORM = b"multipart/form-data"
_MAX_FIELDS = 50
_MAX_FIELD_BYTES = 65_536


class FormError(FrameFarmError):
    """A form cannot be read, or is not what it should be."""

    code = "bad_form"


@dataclass
class Upload:
    """What came beside the bytes.

    Attributes:
        file_name: The file's name as the form has it; empty when the body was the file itself.
        fields: The form's other fields.
    """

    file_name: str = ""
    fields: dict[str, str] = field(default_factory=dict)


async def receive_file(request: Request, incoming: UnannouncedBlob) -> Upload:
    """Take in the one file of a request.

    Raises:
        FormError: It is a form that cannot be read, or has not exactly one file.
        BlobTooLargeError: The file is larger than is taken.
        StorageFullError: There is no room for it.
    """
    pieces = Body(request).pieces()
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == _FORM:
        return await _read_form(pieces, options.get(b"boundary", b""), incoming)
    async for piece in pieces:
        await asyncio.to_thread(incoming.write, piece)
    return Upload()


async def _read_form(
    pieces: AsyncIterator[memoryview], boundary: bytes, incoming: UnannouncedBlob
) -> Upload:
    form = _Form(boundary)
    async for piece in pieces:
        for part in form.read(bytes(piece)):
            await asyncio.to_thread(incoming.write, part)
    return form.upload()


class _Form:
    """A form's parts as they come: fields are kept, pieces of the file are handed on."""

    def __init__(self, boundary: bytes) -> None:
        if not boundary:
            raise FormError("The Content-Type of this form names no boundary.")
        self._upload = Upload()
        self._files = 0
        self._ended = False
        self._file: list[bytes] = []
        self._header = [b"", b""]
        self._disposition = b""
        self._field: str | None = None
        self._value = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._name_header,
                "on_header_value": self._fill_header,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_content,
                "on_part_data": self._add,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def read(self, piece: bytes) -> list[bytes]:
        """Read on; returns what of it belongs to the file."""
        try:
            self._parser.write(piece)
        except MultipartParseError as error:
            raise FormError(f"This form cannot be read: {error}.") from error
        found, self._file = self._file, []
        return found

    def upload(self) -> Upload:
        """All that came, once it has."""
        if not self._ended:
            raise FormError("This form has no end: its last boundary is missing.")
        if self._files != 1:
            raise FormError(f"A form must have one file, this one has {self._files}.")
        return self._upload

    def _begin(self) -> None:
        self._disposition = b""

    def _name_header(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _fill_header(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _end_header(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = [b"", b""]

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._disposition)
        file_name, name = options.get(b"filename"), options.get(b"name", b"")
        self._value.clear()
        self._field = None
        if file_name is not None:
            self._files += 1
            self._upload.file_name = file_name.decode(errors="replace")
            return
        self._field = name.decode(errors="replace")
        if self._field in self._upload.fields or len(self._upload.fields) >= _MAX_FIELDS:
            raise FormError(f"This form has the field {self._field!r} twice, or too many fields.")

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            if self._files == 1:
                self._file.append(data[start:end])
        elif len(self._value) + end - start > _MAX_FIELD_BYTES:
            raise FormError(f"The field {self._field!r} has more than {_MAX_FIELD_BYTES:,} bytes.")
        else:
            self._value += data[start:end]

    def _end_part(self) -> None:
        if self._field is not None:
            self._upload.fields[self._field] = self._value.decode(errors="replace")

    def _end(self) -> None:
        self._ended = True
