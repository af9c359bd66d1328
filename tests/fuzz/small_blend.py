"""A .blend of some kilobytes that has all that is read of one: what mutations can reach quickly.

Blender describes its structs in each file (DNA), hundreds of them; this writer describes only those
that the reader asks for. Three shapes: that of 5.0, and those of older ones, with 64 and 32 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Shape = Literal["5.0", "4.5", "2.8, 32 bit"]
Values = Mapping[str, Any]

_BASIC = {"char": 1, "short": 2, "int": 4, "float": 4, "void": 0}
_STRUCTS: dict[str, list[str]] = {
    "ListBase": ["void *first", "void *last"],
    "Library": ["ID id", "char name[96]", "void *packedfile"],
    "ID": [
        *("void *next", "void *prev", "Library *lib", "char name[66]", "char pad[6]"),
        *("IDProperty *properties", "IDProperty *system_properties"),
    ],
    "IDPropertyData": ["void *pointer", "ListBase group", "int val", "int val2"],
    "IDProperty": [
        *("IDProperty *next", "IDProperty *prev", "char type", "char subtype", "short flag"),
        *("char name[64]", "int saved", "IDPropertyData data"),
    ],
    "rctf": ["float xmin", "float xmax", "float ymin", "float ymax"],
    "ImageFormatData": ["char imtype", "char depth", "char planes", "char flag"],
    "FFMpegCodecData": ["int type", "int codec"],
    "RenderData": [
        *("ImageFormatData im_format", "FFMpegCodecData ffcodecdata", "char engine[32]"),
        *("int sfra", "int efra", "int frame_step", "int xsch", "int ysch", "int scemode"),
        *("int mode", "float frs_sec_base", "short frs_sec", "short size", "rctf border"),
        "char pic[64]",
    ],
    "ColorManagedViewSettings": [
        *("char look[64]", "char view_transform[64]", "float exposure", "float gamma")
    ],
    "ColorManagedDisplaySettings": ["char display_device[64]"],
    "SceneEEVEE": ["int taa_render_samples", "int flag"],
    "Scene": [
        *("ID id", "AnimData *adt", "Object *camera", "void *ed", "bNodeTree *nodetree"),
        *("ListBase view_layers", "RenderData r", "ColorManagedViewSettings view_settings"),
        *("ColorManagedDisplaySettings display_settings", "SceneEEVEE eevee"),
    ],
    "ViewLayer": ["ViewLayer *next", "ViewLayer *prev", "ListBase object_bases"],
    "Base": ["Base *next", "Base *prev", "Object *object"],
    "AnimData": ["void *action"],
    "Object": [
        *("ID id", "AnimData *adt", "short type", "short pad0", "int totcol", "void **mat"),
        *("ListBase modifiers", "void *data", "Object *parent"),
    ],
    "ModifierData": ["ModifierData *next", "ModifierData *prev", "int type", "int mode"],
    "Image": [
        *("ID id", "char name[96]", "void *packedfile", "ListBase packedfiles", "short source"),
        *("short type", "int flag"),
    ],
    "bNodeTree": ["ID id", "AnimData *adt", "ListBase nodes"],
    "bNode": ["bNode *next", "bNode *prev", "ID *id", "void *storage", "ListBase inputs"],
    "FileGlobal": ["char subvstr[4]", "short subversion", "short pad", "Scene *curscene"],
}


class SmallBlend:
    """One file as it is put together."""

    def __init__(self, shape: Shape) -> None:
        self._large = shape == "5.0"
        self._pointer = 4 if "32" in shape else 8
        self._head = {
            "5.0": b"BLENDER17-01v0500",
            "4.5": b"BLENDER-v405",
            "2.8, 32 bit": b"BLENDER_v280",
        }[shape]
        self._blocks: list[bytes] = []
        self._numbers = {name: number for number, name in enumerate(_STRUCTS)}

    def add(self, code: str, kind: str, address: int, **values: Any) -> None:
        """A data-block of one struct; what is not said is zero."""
        content = self._packed(kind, values)
        self._blocks.append(self._block(code, self._numbers[kind], address, content))

    def done(self) -> bytes:
        """The whole file."""
        catalog = self._block("DNA1", 0, 1, self._catalog())
        return self._head + b"".join([*self._blocks, catalog, self._block("ENDB", 0, 0, b"")])

    def _block(self, code: str, number: int, address: int, content: bytes) -> bytes:
        name = code.encode().ljust(4, b"\0")
        if self._large:
            head = struct.pack("<4siQqq", name, number, address, len(content), 1)
        else:
            width = "Q" if self._pointer == 8 else "I"
            head = struct.pack(f"<4si{width}ii", name, len(content), address, number, 1)
        return head + content

    def _packed(self, kind: str, values: Values) -> bytes:
        return b"".join(
            self._value(*field.rsplit(" ", 1), values.get(_plain(field)))  # type: ignore[misc]
            for field in _STRUCTS[kind]
        )

    def _value(self, kind: str, name: str, value: Any) -> bytes:
        if name.startswith("*"):
            return int(value or 0).to_bytes(self._pointer, "little")
        if "[" in name:
            return (value or b"").ljust(int(name.split("[")[1][:-1]), b"\0")
        if kind in _STRUCTS:
            return self._packed(kind, value or {})
        letter = {"char": "b", "short": "h", "int": "i", "float": "f"}[kind]
        return struct.pack(f"<{letter}", value or 0)

    def _catalog(self) -> bytes:
        fields = {struct_: [f.rsplit(" ", 1) for f in fs] for struct_, fs in _STRUCTS.items()}
        names = sorted({name for some in fields.values() for _, name in some})
        types = [*_BASIC, *_STRUCTS]
        sizes = [*_BASIC.values(), *(len(self._packed(kind, {})) for kind in _STRUCTS)]
        parts = [_list(b"SDNANAME", names), _list(b"TYPE", types)]
        parts.append(_aligned(b"TLEN" + struct.pack(f"<{len(sizes)}H", *sizes)))
        rows = b"".join(
            struct.pack("<HH", types.index(kind), len(some))
            + b"".join(struct.pack("<HH", types.index(t), names.index(n)) for t, n in some)
            for kind, some in fields.items()
        )
        parts.append(b"STRC" + struct.pack("<I", len(_STRUCTS)) + rows)
        return b"".join(parts)


def _plain(field: str) -> str:
    return field.rsplit(" ", 1)[1].lstrip("*").split("[")[0]


def _list(head: bytes, words: Sequence[str]) -> bytes:
    joined = b"".join(word.encode() + b"\0" for word in words)
    return _aligned(head + struct.pack("<I", len(words)) + joined)


def _aligned(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)


def small_blend(shape: Shape) -> bytes:
    """A scene with a camera, a texture, a node, a modifier and a linked object."""
    made = SmallBlend(shape)
    made.add("GLOB", "FileGlobal", 2, subversion=3, curscene=16)
    view = {"view_transform": b"AgX", "gamma": 1.0}
    made.add(
        *("SC", "Scene", 16),
        id={"name": b"SCScene", "properties": 80, "system_properties": 80},
        camera=32,
        nodetree=144,
        view_layers={"first": 48, "last": 48},
        r={
            "im_format": {"imtype": 17, "depth": 8, "planes": 32},
            "engine": b"CYCLES",
            "pic": b"//render/shot_####",
        }
        | {"sfra": 1, "efra": 48, "frame_step": 1, "xsch": 1920, "ysch": 1080, "size": 100}
        | {"frs_sec": 24, "frs_sec_base": 1.0, "scemode": 16, "border": {"xmax": 1.0}},
        view_settings=view,
        display_settings={"display_device": b"sRGB"},
    )
    made.add("DATA", "IDProperty", 80, type=6, data={"group": {"first": 96, "last": 96}})
    cycles = {"group": {"first": 112, "last": 112}}
    made.add("DATA", "IDProperty", 96, type=6, name=b"cycles", data=cycles)
    made.add("DATA", "IDProperty", 112, type=1, name=b"samples", data={"val": 64})
    made.add("DATA", "ViewLayer", 48, object_bases={"first": 64, "last": 65})
    made.add("DATA", "Base", 64, next=65, object=32)
    made.add("DATA", "Base", 65, prev=64, object=192)
    made.add("OB", "Object", 32, id={"name": b"OBCamera"}, type=11, modifiers={"first": 128})
    made.add("DATA", "ModifierData", 128, type=5)
    made.add("NT", "bNodeTree", 144, id={"name": b"NTNodes"}, nodes={"first": 160, "last": 160})
    made.add("DATA", "bNode", 160, id=176)
    made.add("IM", "Image", 176, id={"name": b"IMwood"}, name=b"//maps/wood.<UDIM>.png", source=3)
    made.add("ID", "ID", 192, name=b"OBprops", lib=208)
    made.add("LI", "Library", 208, id={"name": b"LIprops"}, name=b"//../assets/props.blend")
    return made.done()
