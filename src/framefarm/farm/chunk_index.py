"""Where the chunks are of which the farm's files are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from framefarm.db import tables as t
from framefarm.protocol.chunks import Chunk

_AT_A_TIME = 500
_ROWS_AT_A_TIME = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk's bytes are.

    Attributes:
        sha256: Of the blob.
        of_list: Whether they are in the list of the blob's chunks, and not in the blob.
    """

    sha256: str
    of_list: bool
    offset: int
    size: int


def places_of(connection: Connection, names: Sequence[bytes]) -> dict[bytes, list[Place]]:
    """Where chunks are, as far as they are anywhere."""
    found: dict[bytes, list[Place]] = {}
    for start in range(0, len(names), _AT_A_TIME):
        rows = connection.execute(
            select(t.chunks, t.chunked.c.sha256)
            .join(t.chunked, t.chunked.c.id == t.chunks.c.chunked_id)
            .where(t.chunks.c.name.in_(names[start : start + _AT_A_TIME]))
        )
        for row in rows:
            place = Place(row.sha256, row.of_list, row.offset, row.size)
            found.setdefault(bytes(row.name), []).append(place)
    return found


def begin_index(connection: Connection, sha256: str) -> int:
    """The number under which a blob's chunks are kept; those kept before are forgotten."""
    connection.execute(delete(t.chunked).where(t.chunked.c.sha256 == sha256))
    made = connection.execute(insert(t.chunked).values(sha256=sha256).returning(t.chunked.c.id))
    return int(made.scalar_one())


def rows_of(chunked_id: int, chunks: Iterable[Chunk], *, of_list: bool) -> list[dict[str, object]]:
    """A row for each different chunk of a file."""
    rows: dict[bytes, dict[str, object]] = {}
    offset = 0
    for chunk in chunks:
        rows.setdefault(
            chunk.name,
            {
                "name": chunk.name,
                "chunked_id": chunked_id,
                "of_list": of_list,
                "offset": offset,
                "size": chunk.size,
            },
        )
        offset += chunk.size
    return list(rows.values())


def add_rows(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Store rows of chunks, unless their blob was forgotten meanwhile."""
    chunked_id = rows[0]["chunked_id"]
    known = select(t.chunked.c.id).where(t.chunked.c.id == chunked_id)
    if connection.execute(known).first() is not None:
        connection.execute(insert(t.chunks), list(rows))


def forget_some(connection: Connection, sha256: str) -> bool:
    """Forget some chunks of a blob; returns whether there may be more."""
    chunked_id = connection.execute(
        select(t.chunked.c.id).where(t.chunked.c.sha256 == sha256)
    ).scalar_one_or_none()
    if chunked_id is None:
        return False
    some = (
        select(t.chunks.c.name)
        .where(t.chunks.c.chunked_id == chunked_id)
        .limit(_ROWS_AT_A_TIME)
        .scalar_subquery()
    )
    gone = connection.execute(
        delete(t.chunks).where(t.chunks.c.chunked_id == chunked_id, t.chunks.c.name.in_(some))
    )
    if gone.rowcount:
        return True
    connection.execute(delete(t.chunked).where(t.chunked.c.id == chunked_id))
    return False


def chunked_blobs(connection: Connection, after: str, limit: int) -> list[str]:
    """Hashes of blobs whose chunks are known, those after one."""
    query = select(t.chunked.c.sha256).where(t.chunked.c.sha256 > after)
    rows = connection.execute(query.order_by(t.chunked.c.sha256).limit(limit))
    return list(rows.scalars())
