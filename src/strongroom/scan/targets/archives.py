"""Archives in anything that is looked at, and archives in those: each file in them is a piece of its own.

The path of a file in an archive is the archive's, ``!/`` and its own: ``lib/app.jar!/conf/db.yml``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Piece, Place
from .magic import HEAD_BYTES, Kind, recognise
from .reading import MAX_DEPTH, Reading, shown
from .stream import Stream

_COMPRESSED = (Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.ZSTD)
_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd")
_SHORT = {".tgz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar"}


def pieces(place: Place, head: bytes, chunks: Iterator[bytes], reading: Reading, depth: int = 0) -> Iterator[Piece]:
    """Yield a file as it is, or what is in it. ``head`` is its beginning, of ``HEAD_BYTES`` or more."""
    kind = recognise(head)
    if kind is None:
        yield Piece(place, chunks)
    elif depth >= MAX_DEPTH:
        reading.notice(place.path, f"lies in more than {MAX_DEPTH} archives, and was looked at as it is")
        yield Piece(place, chunks)
    else:
        yield from _opened(kind, place, Stream(chunks), reading, depth + 1)


def stream_pieces(place: Place, chunks: Iterator[bytes], reading: Reading, depth: int = 0) -> Iterator[Piece]:
    """Yield a file of which the beginning is not known yet, as it is, or what is in it. An empty one is no piece."""
    stream = Stream(chunks)
    if head := stream.peek(HEAD_BYTES):
        yield from pieces(place, head, stream.rest(), reading, depth)


def _opened(kind: Kind, place: Place, stream: Stream, reading: Reading, depth: int) -> Iterator[Piece]:
    if kind is Kind.TAR:
        yield from _tar(place, stream, reading, depth)
    elif kind is Kind.ZIP:
        yield from _zip(place, stream, reading, depth)
    elif kind is Kind.AR:
        yield from _ar(place, stream, reading, depth)
    elif kind in _COMPRESSED:
        yield from _compressed(kind, place, stream, reading, depth)
    elif kind is Kind.SQLITE:
        from .sqlite import database_pieces

        yield from database_pieces(place, stream, reading)
    elif kind is Kind.OBJECT:
        from .packs import object_pieces

        yield from object_pieces(place, stream, reading, depth)
    elif kind is Kind.PACK:
        from .packs import pack_pieces

        yield from pack_pieces(place, stream, reading, depth)
    else:
        reading.notice(place.path, f"is a {kind.value}, which is not unpacked")
        yield Piece(place, stream.rest())


def _inside(place: Place, name: str) -> Place:
    return place._replace(path=f"{place.path}!/{name}") if name else place


def _tar(place: Place, stream: Stream, reading: Reading, depth: int) -> Iterator[Piece]:
    from .tar import FILE, members

    for member in members(stream, place.path, reading):
        if member.kind == FILE and (member.size or not member.path):
            yield from pieces(_inside(place, member.path), member.head, member.chunks, reading, depth)


def _zip(place: Place, stream: Stream, reading: Reading, depth: int) -> Iterator[Piece]:
    from .zipped import files

    for file in files(stream, place.path, reading):
        if file.path and not file.head:
            continue
        yield from pieces(_inside(place, file.path), file.head if file.path else b"", file.chunks, reading, depth)


def _compressed(kind: Kind, place: Place, stream: Stream, reading: Reading, depth: int) -> Iterator[Piece]:
    from .packed import unpacked

    inner = Stream(unpacked(kind, stream, place.path, reading))
    head = inner.peek(HEAD_BYTES)
    if recognise(head) is Kind.TAR:
        yield from _tar(place, inner, reading, depth)
    elif head:
        yield from pieces(_inside(place, _without_suffix(place.path)), head, inner.rest(), reading, depth)
    for _ in inner.rest():  # so that the stream stands behind it
        pass
    if any(stream.peek(HEAD_BYTES)):
        yield Piece(place, stream.rest())


def _without_suffix(path: str) -> str:
    """Return the name of what a compressed file was."""
    name = path.rpartition("/")[2]
    for suffix, was in (*((each, "") for each in _SUFFIXES), *_SHORT.items()):
        if name.endswith(suffix) and name != suffix:
            return name.removesuffix(suffix) + was
    return name


def _ar(place: Place, stream: Stream, reading: Reading, depth: int) -> Iterator[Piece]:
    """Yield the files of an ar archive: a Debian package, or a static library."""
    stream.take(8)
    while len(header := stream.take(60)) == 60:
        digits = header[48:58].strip()
        if header[58:] != b"`\n" or not digits.isdigit():
            reading.notice(place.path, "is damaged: what follows is looked at without regard to its files")
            yield Piece(place, stream.rest())
            return
        size = int(digits)
        body = stream.body(size)
        name = shown(header[:16].strip().rstrip(b"/")) or "/"
        yield from pieces(_inside(place, name), stream.peek(min(size, HEAD_BYTES)), body, reading, depth)
        if not body.finish():
            reading.notice(place.path, f"is cut short: it ends in the middle of {name}")
            return
        stream.skip(size % 2)
