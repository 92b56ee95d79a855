"""The layers of images: their files, and what layers above do to them.

Of a layer that is read after those below it, names are only kept that something was found under; otherwise a number of
8 bytes for each, so that memory stays small however many files there are.
What a whiteout and an opaque directory are: OCI image-spec, layer.md.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Container, Iterator
from itertools import islice

from ...model import Layer, Piece, Place
from ..archives import pieces
from ..magic import HEAD_BYTES, Kind, recognise
from ..packed import unpacked
from ..reading import Reading
from ..stream import Stream
from ..tar import DIRECTORY, FILE, members

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


class Names:
    """A set of paths, kept as their hashes: Python's, which nobody outside can foresee."""

    __slots__ = ("_hashes", "_only", "_sorted")

    def __init__(self, only: Container[str] | None = None) -> None:
        """Keep all paths, or ``only`` these."""
        self._only = only
        self._hashes = array("q")
        self._sorted = True

    def add(self, path: str) -> None:
        """Add a path."""
        if self._only is None or path in self._only:
            self._hashes.append(hash(path))
            self._sorted = False

    def __contains__(self, path: str) -> bool:
        if not self._sorted:
            self._hashes = array("q", sorted(self._hashes))
            self._sorted = True
        wanted = hash(path)
        at = bisect_left(self._hashes, wanted)
        return at < len(self._hashes) and self._hashes[at] == wanted


class Changes:
    """What one layer does to those below."""

    __slots__ = ("deleted", "directories", "files", "opaque")

    def __init__(self, only: Container[str] | None = None) -> None:
        """Keep all that it does, or what it does to ``only`` these paths."""
        self.files, self.directories = Names(only), Names(only)
        self.deleted, self.opaque = Names(only), Names(only)

    def hides(self, path: str) -> str:
        """Return what becomes of a lower layer's file: ``deleted``, ``overwritten``, ``hidden``, or nothing."""
        if path in self.files or path in self.directories:
            return "overwritten"
        if path in self.deleted:
            return "deleted"
        for above in islice(with_parents(path), 1, None):
            if above in self.opaque:
                return "hidden"
            if above and above in self.deleted:
                return "deleted"
            if above and above in self.files:
                return "hidden"
        return ""


def with_parents(path: str) -> Iterator[str]:
    """Yield a path and those of the directories that it is in, to the root, which is empty."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""


def layer_pieces(
    chunks: Iterator[bytes], layer: Layer, platform: str, changes: Changes, reading: Reading
) -> Iterator[Piece]:
    """Yield the files of a layer, and remember in ``changes`` what it does to lower ones."""
    label = f"layer {layer.digest}"
    stream = Stream(chunks)
    head = stream.peek(HEAD_BYTES)
    kind = recognise(head)
    packed = kind in (Kind.GZIP, Kind.ZSTD, Kind.BZIP2, Kind.XZ)
    if kind and packed:
        inner = Stream(unpacked(kind, stream, label, reading))
        head = inner.peek(HEAD_BYTES)
    else:
        inner = stream
    if head and any(head) and recognise(head) is not Kind.TAR and not _is_old_tar(head):
        reading.notice(label, "is not a tar archive, and was looked at as it is")
        yield from pieces(Place(label, layer, platform), head, inner.rest(), reading)
    else:
        yield from _files(inner, label, layer, platform, changes, reading)
    if packed:
        for _ in inner.rest():
            pass
        if any(stream.peek(HEAD_BYTES)):
            yield Piece(Place(f"behind {label}", layer, platform), stream.rest())


def _is_old_tar(head: bytes) -> bool:
    """Tell whether this is a tar header without a magic number, as its checksum says."""
    digits = head[148:156].strip(b"\0 ")
    try:
        return len(head) == HEAD_BYTES and int(digits or b"-1", 8) == sum(head) - sum(head[148:156]) + 8 * 32
    except ValueError:
        return False


def _files(
    stream: Stream, label: str, layer: Layer, platform: str, changes: Changes, reading: Reading
) -> Iterator[Piece]:
    files = changes.files
    for path, kind, size, head, chunks, _ in members(stream, label, reading):
        if ".wh." in path and _whiteout(path, changes) and not size:
            continue
        if ".." in path and ".." in path.split("/"):
            reading.notice(f"{label}: {path}", "has a name that leads out of the image: Docker refuses such a layer")
        if kind == DIRECTORY:
            changes.directories.add(path)
            continue
        files.add(path)
        if kind == FILE and (size or not path):
            place = Place(path or label, layer, platform)
            if recognise(head) is None:
                yield Piece(place, chunks)
            else:
                yield from pieces(place, head, chunks, reading)


def _whiteout(path: str, changes: Changes) -> bool:
    directory, _, name = path.rpartition("/")
    if name == _OPAQUE:
        changes.opaque.add(directory)
    elif name.startswith(_WHITEOUT) and not name.startswith(".wh..wh."):
        changes.deleted.add(f"{directory}/{name[4:]}" if directory else name[4:])
    else:
        return False
    return True
