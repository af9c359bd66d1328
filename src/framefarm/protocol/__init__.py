"""The messages between the manager and its workers, and the limits both sides keep.

Pure: types, encoding and decoding, no sockets. `docs/reference/protocol.md` lists every message
with the reaction it calls for.
"""

from framefarm.protocol.codec import (
    MalformedMessageError,
    decode_orders,
    decode_reports,
    encode_orders,
    encode_reports,
)
from framefarm.protocol.manifest import (
    FileRole,
    ManifestError,
    ResultFile,
    ResultManifest,
    decode_manifest,
    encode_manifest,
)

__all__ = [
    "FileRole",
    "MalformedMessageError",
    "ManifestError",
    "ResultFile",
    "ResultManifest",
    "decode_manifest",
    "decode_orders",
    "decode_reports",
    "encode_manifest",
    "encode_orders",
    "encode_reports",
]
