"""Tar archives, read forward: ustar, pax, GNU's long names and sparse files.

The standard library's reader takes 50 µs a file, which on an image is more than looking at what is in it.
The format: POSIX.1-2017 pax, "pax Interchange Format"; GNU tar's manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .magic import HEAD_BYTES
from .reading import Reading, shown
from .stream import Stream

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_SPARSE = ord("S")
# A pax header or a long name: of the latter, Linux takes 4 KiB.
_MAX_HEADER_BYTES = 1 << 20
FILE, DIRECTORY, LINK, OTHER = range(4)
_KINDS = {ord(code): FILE for code in "07S\0"} | {ord("5"): DIRECTORY, ord("1"): LINK, ord("2"): LINK}
_KINDS |= {ord(code): OTHER for code in "346"}


class Member(NamedTuple):
    """An entry. ``head`` is its beginning, ``chunks`` all of it; ``target`` is where a link leads."""

    path: str
    kind: int
    size: int
    head: bytes
    chunks: Iterator[bytes]
    target: str = ""


class _Names:
    """What headers say about the entry after them."""

    __slots__ = ("link", "path", "size")

    def __init__(self) -> None:
        self.path = self.link = b""
        self.size = -1


def members(stream: Stream, path: str, reading: Reading) -> Iterator[Member]:
    """Yield the entries of the archive at ``path``. What follows something that is no entry is one without a name."""
    names: _Names | None = None
    while len(header := stream.take(_BLOCK)) == _BLOCK:
        if header == _ZEROS:
            continue
        code, size = header[156], _number(header[124:136])
        kind = _KINDS.get(code, FILE if 32 < code < 127 else -1)
        if size < 0 or kind < 0:
            reading.notice(path, "is damaged: what follows is looked at without regard to its files")
            stream.give_back(header)
            yield Member("", FILE, -1, b"", stream.rest())
            return
        if code in b"xLKg":
            names = _extended(code, size, stream, path, reading, names or _Names())
            continue
        name, target = _name(header), _text(header[157:257]) if kind == LINK else b""
        if names:
            size = names.size if names.size >= 0 else size
            name, target = names.path or name, names.link or target
            names = None
        if code == _SPARSE and header[482]:
            while len(more := stream.take(_BLOCK)) == _BLOCK and more[504]:
                pass  # more of its map
        if kind != FILE or name.endswith(b"/"):
            yield Member(tidy(name), kind or DIRECTORY, 0, b"", iter(()), shown(target))
            continue
        padded = size + -size % _BLOCK
        if stream.holds(padded):
            data = stream.take(padded)[:size]
            yield Member(tidy(name), FILE, size, data, iter((data,)))
            continue
        body = stream.body(size)
        yield Member(tidy(name), FILE, size, stream.peek(min(size, HEAD_BYTES)), body)
        if not body.finish():
            reading.notice(path, f"is cut short: it ends in the middle of {shown(name)}")
            return
        stream.skip(-size % _BLOCK)
    if header.strip(b"\0"):
        reading.notice(path, "is cut short: the archive ends in the middle of an entry")


def _extended(code: int, size: int, stream: Stream, path: str, reading: Reading, names: _Names) -> _Names:
    """Read what is said of the entry that comes next."""
    if size > _MAX_HEADER_BYTES:
        reading.notice(path, "has a file's name of more than a megabyte, which is passed over")
        stream.skip(size)
    else:
        _read_names(code, stream.take(size), names)
    stream.skip(-size % _BLOCK)
    return names


def tidy(name: bytes) -> str:
    """Return a name without what says nothing: ``./`` and ``/`` at the beginning, doubled slashes."""
    name = name.removeprefix(b"./")
    if name.startswith((b"./", b"/")) or b"//" in name or b"/./" in name or name.endswith((b"/", b"/.")):
        name = b"/".join(part for part in name.split(b"/") if part not in (b"", b"."))
    return shown(name)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _name(header: bytes) -> bytes:
    name = _text(header[:100])
    if header[345] and header[257:263] == b"ustar\0":
        return _text(header[345:500]) + b"/" + name
    return name


def _number(field: bytes) -> int:
    """Return a header's number, octal digits or binary; below 0 where it is none."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    digits = field.strip(b"\0 ")
    try:
        return int(digits, 8) if digits.isdigit() else -1 if digits else 0
    except ValueError:
        return -1


def _read_names(code: int, data: bytes, names: _Names) -> None:
    if code == ord("L"):
        names.path = _text(data)
    elif code == ord("K"):
        names.link = _text(data)
    elif code == ord("x"):
        for key, value in _records(data):
            if key in (b"path", b"GNU.sparse.name"):
                names.path = value
            elif key == b"linkpath":
                names.link = value
            elif key == b"size" and value.isdigit() and len(value) < 20:
                names.size = int(value)


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records of a pax header, ``LENGTH KEY=VALUE``, as far as they are some."""
    at = 0
    while at < len(data):
        digits = data[at : at + 8].partition(b" ")[0]
        if not digits.isdigit() or len(digits) > 7 or not len(digits) + 2 < int(digits) <= len(data) - at:
            return
        key, _, value = data[at + len(digits) + 1 : at + int(digits) - 1].partition(b"=")
        yield key, value
        at += int(digits)
