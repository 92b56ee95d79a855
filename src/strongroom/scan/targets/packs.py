"""Git's objects where no git program can be pointed at them: in images, archives and build contexts.

Loose ones, and packs of version 2, read forward: gitformat-pack(5). An object that is a change to another one is put
together as long as the other is still in memory; of a change to one that is not, what it adds is looked at.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from ..model import Piece, Place
from .archives import pieces, stream_pieces
from .magic import HEAD_BYTES
from .packed import Deflate, one
from .reading import Reading, shown
from .stream import Stream

_COMMIT, _TREE, _BLOB, _TAG, _OFFSET_DELTA, _NAME_DELTA = 1, 2, 3, 4, 6, 7
_KINDS = {_COMMIT: "commit", _TREE: "tree", _BLOB: "blob", _TAG: "tag"}
# Larger objects are passed on as they come: nothing can be built upon them.
_MAX_OBJECT_BYTES = 4 << 20
_MEMORY_BYTES = 12 << 20
_MAX_NAMES = 20_000


class _Object(NamedTuple):
    kind: int
    name: bytes
    data: bytes


class _Memory:
    """The last objects, by their offset and name; and what trees call the blobs."""

    def __init__(self) -> None:
        self._objects: OrderedDict[int, _Object] = OrderedDict()
        self._offsets: dict[bytes, int] = {}
        self._size = 0
        self.names: dict[bytes, str] = {}

    def keep(self, offset: int, item: _Object) -> None:
        self._objects[offset] = item
        self._offsets[item.name] = offset
        self._size += len(item.data)
        while self._size > _MEMORY_BYTES:
            _, oldest = self._objects.popitem(last=False)
            self._offsets.pop(oldest.name, None)
            self._size -= len(oldest.data)
        if item.kind == _TREE:
            self._read_tree(item.data)

    def at(self, offset: int) -> _Object | None:
        found = self._objects.get(offset)
        if found:
            self._objects.move_to_end(offset)
        return found

    def named(self, name: bytes) -> _Object | None:
        return self.at(self._offsets.get(name, -1))

    def _read_tree(self, data: bytes) -> None:
        at = 0
        while (end := data.find(b"\0", at)) >= 0 and len(self.names) < _MAX_NAMES:
            self.names.setdefault(data[end + 1 : end + 21], shown(data[at:end].partition(b" ")[2]))
            at = end + 21


def object_pieces(place: Place, stream: Stream, reading: Reading, depth: int) -> Iterator[Piece]:
    """Yield what a loose object is; a tree has nothing but names."""
    inner = Stream(one(Deflate(15), stream, place.path, reading))
    kind = inner.take(inner.peek(32).find(b"\0") + 1)
    if not kind.startswith(b"tree "):
        yield from stream_pieces(place, inner.rest(), reading, depth)


def pack_pieces(place: Place, stream: Stream, reading: Reading, depth: int) -> Iterator[Piece]:
    """Yield the blobs, commits and tags of a pack."""
    memory = _Memory()
    count = int.from_bytes(stream.take(12)[8:], "big")
    for _ in range(count):
        start = stream.position
        header = _header(stream)
        if header is None:
            reading.notice(place.path, "is damaged: the Git pack was not read to its end")
            return
        kind, size = header
        base: _Object | None = None
        if kind == _OFFSET_DELTA:
            base = memory.at(start - _offset(stream))
        elif kind == _NAME_DELTA:
            base = memory.named(stream.take(20))
        content = one(Deflate(15), stream, place.path, reading, feed=4096)
        if size > _MAX_OBJECT_BYTES:
            inner = Stream(content)
            if kind in (_BLOB, _OFFSET_DELTA, _NAME_DELTA):
                yield from stream_pieces(_inside(place, f"object at {start}"), inner.rest(), reading, depth)
            for _chunk in inner.rest():
                pass
            continue
        data = _whole(content, size)
        if data is None:
            reading.notice(place.path, "is damaged: the Git pack was not read to its end")
            return
        if kind in _KINDS:
            yield from _yielded(place, start, kind, data, memory, reading, depth)
        elif base and (target := _applied(base.data, data)) is not None:
            if not reading.unpacked(len(target)):
                reading.notice(place.path, "was not read to its end: it unpacks to far more than a pack does (a bomb?)")
                return
            yield from _yielded(place, start, base.kind, target, memory, reading, depth)
        else:
            yield Piece(_inside(place, f"change at {start}"), iter((b"\n".join(_added(data)),)))


def _yielded(
    place: Place, start: int, kind: int, data: bytes, memory: _Memory, reading: Reading, depth: int
) -> Iterator[Piece]:
    name = hashlib.sha1(b"%s %d\0" % (_KINDS[kind].encode(), len(data)), usedforsecurity=False)
    name.update(data)
    memory.keep(start, _Object(kind, name.digest(), data))
    if kind == _TREE or not data:
        return
    short = name.hexdigest()[:10]
    if kind == _BLOB:
        known = memory.names.get(name.digest())
        where = _inside(place, f"{short}/{known}" if known else short)
        yield from pieces(where, data[:HEAD_BYTES], iter((data,)), reading, depth)
    else:
        where = _inside(place, f"{_KINDS[kind]} {short}")
        yield Piece(where._replace(commit=name.hexdigest() if kind == _COMMIT else ""), iter((data,)))


def _inside(place: Place, name: str) -> Place:
    return place._replace(path=f"{place.path}!/{name}")


def _header(stream: Stream) -> tuple[int, int] | None:
    byte = stream.take(1)
    if not byte:
        return None
    kind, size, shift = byte[0] >> 4 & 7, byte[0] & 15, 4
    while byte and byte[0] & 0x80 and shift < 64:
        byte = stream.take(1)
        size |= (byte[0] & 0x7F if byte else 0) << shift
        shift += 7
    return (kind, size) if byte and kind not in (0, 5) else None


def _offset(stream: Stream) -> int:
    byte = stream.take(1)
    offset = byte[0] & 0x7F if byte else 0
    while byte and byte[0] & 0x80 and offset < 1 << 60:
        byte = stream.take(1)
        offset = (offset + 1) << 7 | (byte[0] & 0x7F if byte else 0)
    return offset


def _whole(content: Iterator[bytes], size: int) -> bytes | None:
    """Return an object, or None where it has not the length that it should have."""
    parts, length = [], 0
    for chunk in content:
        parts.append(chunk)
        length += len(chunk)
        if length > size:
            return None
    return b"".join(parts) if length == size else None


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return value, at


def _steps(delta: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the steps of a change: where to copy from and how much, or 0, 0 and what is added."""
    while at < len(delta):
        code = delta[at]
        at += 1
        if code & 0x80:
            fields = [0] * 7
            for bit in range(7):
                if code >> bit & 1:
                    fields[bit] = delta[at] if at < len(delta) else 0
                    at += 1
            length = fields[4] | fields[5] << 8 | fields[6] << 16
            yield fields[0] | fields[1] << 8 | fields[2] << 16 | fields[3] << 24, length or 0x10000, b""
        else:
            yield 0, 0, delta[at : at + code]
            at += code


def _applied(base: bytes, delta: bytes) -> bytes | None:
    """Return what a change makes of its base; None where it is damaged, or makes something large."""
    source, at = _number(delta, 0)
    target, at = _number(delta, at)
    if source != len(base) or target > _MAX_OBJECT_BYTES:
        return None
    parts, left = [], target
    for start, length, added in _steps(delta, at):
        part = added or base[start : start + length]
        left -= len(part)
        if left < 0:
            return None
        parts.append(part)
    return b"".join(parts) if not left else None


def _added(delta: bytes) -> Iterator[bytes]:
    _, at = _number(delta, 0)
    _, at = _number(delta, at)
    return (added for _, _, added in _steps(delta, at) if added)
