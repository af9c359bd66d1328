"""Archives that must not be unpacked, each with why; and some that must."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable

Name = str | zipfile.ZipInfo
BLEND = ("shot.blend", b"BLENDER")


def zipped(
    *files: tuple[Name, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    """A .zip with files under whatever names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
        archive.comment = comment
    return buffer.getvalue()


def entry(name: str, *, mode: int = 0, attributes: int = 0) -> zipfile.ZipInfo:
    """A file's entry with a kind of its own."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16 | attributes
    return info


def renamed(old: bytes, new: bytes, *files: tuple[Name, bytes]) -> bytes:
    """A .zip in which a name is replaced by raw bytes of the same length, in both its places."""
    assert len(old) == len(new)
    made = zipped(*files)
    assert made.count(old) == 2
    return made.replace(old, new)


def _central(made: bytes) -> int:
    """Where the directory begins."""
    return made.index(b"PK\x01\x02")


def directory_patched(made: bytes, offset: int, value: bytes) -> bytes:
    """With bytes of the directory's first entry replaced."""
    at = _central(made) + offset
    return made[:at] + value + made[at + len(value) :]


def both_patched(made: bytes, local: int, central: int, value: bytes) -> bytes:
    """With a field of the first entry replaced, where it begins and in the directory."""
    at = made.index(b"PK\x03\x04") + local
    return directory_patched(made[:at] + value + made[at + len(value) :], central, value)


def overlapping() -> bytes:
    """Many entries that share one file's bytes, as the densest bombs are made."""
    made = zipped(("a", b"0" * 100_000))
    end, central = made.index(b"PK\x05\x06"), _central(made)
    one = made[central:end]
    directory = b"".join(one[:46] + b"a" + one[47:] if n == 0 else _named(one, n) for n in range(9))
    tail = bytearray(made[end:])
    struct.pack_into("<HHII", tail, 8, 9, 9, len(directory), central)
    return made[:central] + directory + bytes(tail)


def _named(one: bytes, number: int) -> bytes:
    return one[:46] + b"abcdefghi"[number : number + 1] + one[47:]


def bomb() -> bytes:
    """An honest directory of a file of 300 MiB of nothing, packed a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    size, crc, piece, packed = 300 << 20, 0, bytes(1 << 20), []
    for _ in range(size >> 20):
        packed.append(packer.compress(piece))
        crc = zlib.crc32(piece, crc)
    packed.append(packer.flush())
    content = b"".join(packed)
    sizes = struct.pack("<III", crc, len(content), size)
    local = struct.pack("<4sHHHHH", b"PK\x03\x04", 20, 0, 8, 0, 33) + sizes
    local += struct.pack("<HH", 1, 0) + b"b"
    central = struct.pack("<4sHHHHHH", b"PK\x01\x02", 20, 20, 0, 8, 0, 33) + sizes
    central += struct.pack("<HHHHHII", 1, 0, 0, 0, 0, 0, 0) + b"b"
    return _ended(local + content, central, 1)


def _ended(body: bytes, central: bytes, count: int) -> bytes:
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(central), len(body), 0)
    return body + central + end


def lying_size(size: int) -> bytes:
    """A file that says to have another size than its bytes unpack to."""
    made = zipped(("a", b"0" * 5_000))
    return both_patched(made, 22, 24, struct.pack("<I", size))


def large_directory() -> bytes:
    """A directory that says to have 17 MiB; they are there."""
    return _ended(b"PK\x03\x04", bytes(17 << 20), 1)


def many(count: int) -> bytes:
    """Empty files by the ten thousand."""
    return zipped(*((f"{number}", b"") for number in range(count)))


def _flagged(flags: int) -> bytes:
    return both_patched(zipped(BLEND), 6, 8, struct.pack("<H", flags))


LINK, DEVICE, PIPE = stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600

BAD: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "absolute": (lambda: zipped(("/etc/passwd", b"x")), "bad_path", "absolute"),
    "above": (lambda: zipped(("../a.blend", b"x")), "bad_path", "not plainly below"),
    "above in the middle": (lambda: zipped(("a/../../b", b"x")), "bad_path", "not plainly"),
    "above as a folder": (lambda: zipped(("../", b"")), "bad_path", "not plainly below"),
    "above by backslashes": (lambda: zipped(("..\\..\\a", b"x")), "bad_path", "not plainly"),
    "drive": (lambda: zipped(("C:\\film\\a.blend", b"x")), "bad_path", "leads elsewhere"),
    "share": (lambda: zipped(("\\\\server\\a.blend", b"x")), "bad_path", "absolute"),
    "stream": (lambda: zipped(("a.blend:b", b"x")), "bad_path", "leads elsewhere"),
    "empty part": (lambda: zipped(("a//b", b"x")), "bad_path", "not plainly"),
    "junk outside": (lambda: zipped(("__MACOSX/../../a", b"x")), "bad_path", "not plainly"),
    "zero byte": (lambda: renamed(b"aQb", b"a\0b", ("aQb", b"x")), "bad_path", "cannot be seen"),
    "line feed": (lambda: zipped(("a\nb", b"x")), "bad_path", "cannot be seen"),
    "turned text": (lambda: zipped(("a\u202eb", b"x")), "bad_path", "cannot be seen"),
    "long name": (lambda: zipped(("a" * 256, b"x")), "bad_path", "more than 255 bytes"),
    "long path": (lambda: zipped(("/".join(["a" * 99] * 11), b"x")), "bad_path", "1,000"),
    "same twice": (
        lambda: renamed(b"bQ", b"aQ", ("aQx", b"x"), ("bQy", b"y")).replace(b"aQy", b"aQx"),
        "bad_path",
        "would be one file",
    ),
    "same but for case": (lambda: zipped(("A.png", b"x"), ("a.PNG", b"y")), "bad_path", "one file"),
    "same but for accents": (
        lambda: zipped(("caf\u00e9", b"x"), ("cafe\u0301", b"y")),
        "bad_path",
        "would be one file",
    ),
    "same but for slashes": (lambda: zipped(("a/b", b"x"), ("a\\b", b"y")), "bad_path", "one file"),
    "file and folder": (lambda: zipped(("a", b"x"), ("a/b", b"y")), "bad_path", "folder of"),
    "link": (lambda: zipped((entry("a", mode=LINK), b"/etc/passwd")), "bad_zip", "is a link"),
    "link of Windows": (lambda: zipped((entry("a", attributes=0x400), b"")), "bad_zip", "a link"),
    "device": (lambda: zipped((entry("a", mode=DEVICE), b"")), "bad_zip", "a device"),
    "pipe": (lambda: zipped((entry("a", mode=PIPE), b"")), "bad_zip", "a pipe"),
    "encrypted": (lambda: _flagged(0x0001), "bad_zip", "is encrypted"),
    "strongly encrypted": (lambda: _flagged(0x0041), "bad_zip", "is encrypted"),
    "masked": (lambda: _flagged(0x2000), "bad_zip", "is encrypted"),
    "not utf-8 as said": (
        lambda: renamed("ä".encode(), b"\xff\xfe", ("ä", b"x")),
        "bad_zip",
        "damaged",
    ),
    "lzma": (lambda: zipped(BLEND, method=zipfile.ZIP_LZMA), "bad_zip", "method 14"),
    "bzip2": (lambda: zipped(BLEND, method=zipfile.ZIP_BZIP2), "bad_zip", "method 12"),
    "deflate64": (
        lambda: both_patched(zipped(BLEND), 8, 10, struct.pack("<H", 9)),
        "bad_zip",
        "method 9",
    ),
    "overlapping": (overlapping, "bad_zip", "share bytes"),
    "into the directory": (
        lambda: both_patched(
            zipped(("a", b"x" * 50), method=zipfile.ZIP_STORED), 18, 20, struct.pack("<II", 70, 70)
        ),
        "bad_zip",
        "share bytes",
    ),
    "bomb": (bomb, "zip_too_large", "more than 500 times"),
    "terabytes": (lambda: lying_size(0xFFFF_FFFE), "zip_too_large", "more than 500 times"),
    "more than said": (lambda: lying_size(10), "bad_zip", "damaged"),
    "less than said": (lambda: lying_size(6_000), "bad_zip", "cut off"),
    "wrong sum": (
        lambda: both_patched(zipped(("a", b"x" * 99)), 14, 16, b"\0\0\0\0"),
        "bad_zip",
        "damaged",
    ),
    "damaged inside": (
        lambda: (made := zipped(("a", bytes(range(256)) * 9)))[:60] + b"\xff" * 40 + made[100:],
        "bad_zip",
        "damaged",
    ),
    "another name where it begins": (
        lambda: zipped(("aa", b"x")).replace(b"aa", b"bb", 1),
        "bad_zip",
        "damaged",
    ),
    "nothing where it begins": (
        lambda: directory_patched(zipped(("a", b"x" * 99)), 42, struct.pack("<I", 7)),
        "bad_zip",
        "not where it should be",
    ),
    "beyond the end": (
        lambda: directory_patched(zipped(("a", b"x" * 99)), 42, struct.pack("<I", 1 << 30)),
        "bad_zip",
        "damaged",
    ),
    "cut off": (lambda: zipped(BLEND)[:-30], "bad_zip", "damaged"),
    "one of several disks": (
        lambda: directory_patched(zipped(BLEND), 34, b"\1\0"),
        "bad_zip",
        "on another disk",
    ),
    "beginning only": (lambda: b"PK\x03\x04", "bad_zip", "damaged"),
    "large directory": (large_directory, "zip_too_large", "directory"),
    "too many": (lambda: many(50_001), "zip_too_large", "50,001 entries"),
}


def cases() -> Iterable[str]:
    """The names of all bad ones."""
    return list(BAD)
