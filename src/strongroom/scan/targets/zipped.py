"""Zip archives (jar, war, wheel, apk, docx), read forward by the header before each file.

Their directory is at the end, so it is of no use in a stream; PKWARE's APPNOTE.TXT, 4.3 and 4.4, is the format.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from .magic import HEAD_BYTES
from .packed import Deflate, Unpacker, one
from .reading import Reading, shown
from .stream import CHUNK_BYTES, Stream

_FILE, _DESCRIPTOR, _DIRECTORY, _END = b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02", b"PK\x05\x06"
_END_64, _END_64_LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
_HEADER = struct.Struct("<4sHHHHHLLLHH")
_STORED, _DEFLATED, _BZIP2, _LZMA, _ZSTD = 0, 8, 12, 14, 93
_ENCRYPTED, _DESCRIBED = 1, 8
_UNKNOWN = 0xFFFFFFFF


class File(NamedTuple):
    """A file of the archive: its name, its beginning and all of it. Without a name it is what lies between files."""

    path: str
    head: bytes
    chunks: Iterator[bytes]


class _Header(NamedTuple):
    name: str
    flags: int
    method: int
    packed: int


def files(stream: Stream, path: str, reading: Reading) -> Iterator[File]:
    """Yield the files of the archive at ``path``."""
    if stream.peek(2) == b"#!":
        yield File("", b"", iter((_line(stream),)))
    while (signature := stream.peek(4)) == _FILE:
        header = _header(stream, path, reading)
        if header is None:
            return
        if not header.packed and not header.flags & _DESCRIBED:
            continue
        opened = _open(header, stream, path, reading)
        if opened is None:
            if not header.packed or stream.skip(header.packed):
                break
            continue
        inner = Stream(opened)
        yield File(header.name, inner.peek(HEAD_BYTES), inner.rest())
        for _ in inner.rest():
            pass
        if header.flags & _DESCRIBED:
            _skip_descriptor(stream)
    if signature == _DIRECTORY:
        _skip_directory(stream)
    elif signature[:2] != b"PK" and signature:
        reading.notice(path, "is no zip archive all through: what is left is looked at without regard to its files")
    # A comment, a signature, or what somebody hid behind the archive.
    if rest := stream.peek(HEAD_BYTES):
        yield File("", rest, stream.rest())


def _line(stream: Stream) -> bytes:
    head = stream.peek(HEAD_BYTES)
    return stream.take(head.find(b"\n") + 1)


def _header(stream: Stream, path: str, reading: Reading) -> _Header | None:
    fixed = stream.take(_HEADER.size)
    if len(fixed) < _HEADER.size:
        reading.notice(path, "is cut short: the archive ends in the middle of an entry")
        return None
    _, _, flags, method, _, _, _, packed, size, name_length, extra_length = _HEADER.unpack(fixed)
    name, extra = stream.take(name_length), stream.take(extra_length)
    if _UNKNOWN in (packed, size):
        packed = _zip64(extra, size == _UNKNOWN, packed)
    return _Header(shown(name), flags, method, 0 if flags & _DESCRIBED and method != _STORED else packed)


def _zip64(extra: bytes, with_size: bool, packed: int) -> int:
    at = 0
    while at + 4 <= len(extra):
        identifier, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if identifier == 1 and packed == _UNKNOWN:
            packed_field = field[8:16] if with_size else field[:8]
            return int.from_bytes(packed_field, "little")
        at += 4 + length
    return packed


def _open(header: _Header, stream: Stream, path: str, reading: Reading) -> Iterator[bytes] | None:
    """Return a file's bytes, from which the stream stands behind it when they were read; None if they cannot be."""
    place = f"{path}!/{header.name}"
    if header.flags & _ENCRYPTED:
        reading.notice(place, "is encrypted, and was not looked at")
        return None
    if header.method == _STORED:
        if header.flags & _DESCRIBED and not header.packed:
            return _until_descriptor(stream)
        return _whole(stream.body(header.packed), place, reading)
    source = Stream(_whole(stream.body(header.packed), place, reading)) if header.packed else stream
    if header.method == _DEFLATED:
        return one(Deflate(-zlib.MAX_WBITS), source, place, reading, feed=4096)
    if header.method == _BZIP2:
        from bz2 import BZ2Decompressor

        return one(BZ2Decompressor(), source, place, reading, feed=4096)
    if header.method == _LZMA and (unpacker := _lzma(source)):
        return one(unpacker, source, place, reading, feed=4096)
    if header.method == _ZSTD and header.packed:
        from .magic import Kind
        from .packed import unpacked

        return unpacked(Kind.ZSTD, source, place, reading)
    reading.notice(place, f"is packed in a way that is not known here (method {header.method})")
    return None


def _whole(body: Iterator[bytes], place: str, reading: Reading) -> Iterator[bytes]:
    yield from body
    if getattr(body, "left", 0):
        reading.notice(place, "is cut short: the archive ends in the middle of it")


def _lzma(stream: Stream) -> Unpacker | None:
    """Return a decompressor for APPNOTE 5.8: two bytes of version, two of length, and the properties."""
    import lzma

    properties = stream.take(9)[4:]
    if len(properties) < 5 or properties[0] >= 9 * 5 * 5:
        return None
    dictionary = min(int.from_bytes(properties[1:5], "little"), 64 << 20)
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    if lc + lp > 4:
        return None
    chosen = {"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096), "lc": lc, "lp": lp, "pb": pb}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chosen])


def _until_descriptor(stream: Stream) -> Iterator[bytes]:
    """Yield a stored file of unknown length: it ends where a descriptor says that as many bytes went before it."""
    seen = 0
    while len(window := stream.peek(CHUNK_BYTES)) > 0:
        at = window.find(_DESCRIPTOR)
        while at >= 0:
            sizes = window[at + 8 : at + 16]
            if len(sizes) == 8 and sizes == struct.pack("<LL", (seen + at) & _UNKNOWN, (seen + at) & _UNKNOWN):
                if at:
                    yield stream.take(at)
                return
            at = window.find(_DESCRIPTOR, at + 1)
        keep = 15 if len(window) == CHUNK_BYTES else 0
        yield stream.take(len(window) - keep)
        seen += len(window) - keep


def _skip_descriptor(stream: Stream) -> None:
    """Pass over the sizes after a file, with or without a signature, of four bytes or (zip64) of eight."""
    ends = (_FILE, _DIRECTORY)
    head = stream.peek(28)
    for length in (16, 12, 24, 20):
        if head[length : length + 4] in ends and (length in (12, 20) or head[:4] == _DESCRIPTOR):
            stream.take(length)
            return


def _skip_directory(stream: Stream) -> None:
    """Pass over the archive's directory, which repeats what went before, up to its comment."""
    while (head := stream.peek(46))[:4] == _DIRECTORY and len(head) == 46:
        name, extra, comment = struct.unpack_from("<HHH", head, 28)
        stream.take(46 + name + extra)
        stream.skip(comment)
    if stream.peek(4) == _END_64:
        stream.skip(12 + min(int.from_bytes(stream.peek(12)[4:], "little"), CHUNK_BYTES))
    if stream.peek(4) == _END_64_LOCATOR:
        stream.take(20)
    if stream.peek(4) == _END:
        stream.take(22)
