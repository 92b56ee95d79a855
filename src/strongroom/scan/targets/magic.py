"""What bytes are, as their beginning says: names are not believed."""

from __future__ import annotations

from enum import Enum

# Enough for a tar's header, the latest of all beginnings.
HEAD_BYTES = 512


class Kind(Enum):
    """What can be opened."""

    TAR = "tar archive"
    ZIP = "zip archive"
    AR = "ar archive"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"
    SQLITE = "SQLite database"
    PACK = "Git pack"
    OBJECT = "Git object"
    SEVEN_ZIP = "7-Zip archive"
    RAR = "RAR archive"


_BEGINNINGS = (
    (b"PK\x03\x04", Kind.ZIP),
    (b"!<arch>\n", Kind.AR),
    (b"\x1f\x8b\x08", Kind.GZIP),
    (b"BZh", Kind.BZIP2),
    (b"\xfd7zXZ\0", Kind.XZ),
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"SQLite format 3\0", Kind.SQLITE),
    (b"PACK\0\0\0\x02", Kind.PACK),
    (b"x\x01", Kind.OBJECT),
    (b"x\x9c", Kind.OBJECT),
    (b"x\x5e", Kind.OBJECT),
    (b"x\xda", Kind.OBJECT),
    (b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (b"Rar!\x1a\x07", Kind.RAR),
)
_BY_TWO: dict[bytes, tuple[tuple[bytes, Kind], ...]] = {}
for _beginning, _kind in _BEGINNINGS:
    _BY_TWO[_beginning[:2]] = (*_BY_TWO.get(_beginning[:2], ()), (_beginning, _kind))


def recognise(head: bytes) -> Kind | None:
    """Return what begins with ``head``, of which ``HEAD_BYTES`` are needed; None for anything else."""
    candidates = _BY_TWO.get(head[:2])
    if candidates:
        for beginning, kind in candidates:
            if head.startswith(beginning) and (kind is not Kind.OBJECT or _is_object(head)):
                return kind
    if head[257:262] == b"ustar":
        return Kind.TAR
    # An archive of Python's zipapp, pex or shiv is a program: its first line names the interpreter.
    if head[:2] == b"#!" and head.partition(b"\n")[2].startswith(b"PK\x03\x04"):
        return Kind.ZIP
    return None


def _is_object(head: bytes) -> bool:
    import zlib

    try:
        return zlib.decompressobj().decompress(head, 16).startswith((b"blob ", b"commit ", b"tag ", b"tree "))
    except zlib.error:
        return False
