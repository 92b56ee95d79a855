"""The files of an archive or a directory that can be read in any order."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...model import Piece, Place
from ..archives import stream_pieces
from ..directory import read, walk
from ..reading import Reading
from ..stream import Body, Stream, file_chunks
from ..tar import FILE, LINK, members
from .layout import MAX_DOCUMENT_BYTES

_MAX_ENTRIES = 50_000


class Files:
    """Files that can be read in any order: an archive's, or a directory's."""

    def names(self) -> Iterable[str]:
        """Return all, in order."""
        raise NotImplementedError

    def resolved(self, file: str) -> str | None:
        """Return the name of the file that ``file`` is; None where there is none."""
        raise NotImplementedError

    def chunks(self, file: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        raise NotImplementedError

    def others(self) -> Iterator[Piece]:
        """Yield what has a name that another one has."""
        return iter(())

    def document(self, file: str) -> bytes | None:
        """Return a small file."""
        found = self.resolved(file)
        if found is None:
            return None
        stream = Stream(self.chunks(found))
        data = stream.take(MAX_DOCUMENT_BYTES + 1)
        return data if len(data) <= MAX_DOCUMENT_BYTES else None


class ArchiveFiles(Files):
    """The files of a tar on a disk: found in one pass over its headers."""

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        """Read ``file``, which can go back."""
        self._file = file
        self._reading = reading
        self._places: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        self._others: list[tuple[str, int, int]] = []
        stream = _Seeking(file)
        for count, member in enumerate(members(stream, "", reading)):
            if count > _MAX_ENTRIES:
                reading.notice("", f"has more than {_MAX_ENTRIES:,} files, which no image has: the rest was not read")
                break
            if member.kind == LINK and member.target:
                self._links[member.path] = member.target
            elif member.kind == FILE:
                inside = isinstance(member.chunks, Body)
                size = member.size if member.size >= 0 else stream.size - stream.position
                start = stream.position - (0 if inside or member.size < 0 else size + -size % 512)
                if member.path in self._places or not member.path:
                    self._others.append((member.path, start, size))
                else:
                    self._places[member.path] = (start, size)
                if member.size < 0:
                    break

    def names(self) -> Iterable[str]:
        """Return all, in order."""
        return self._places

    def resolved(self, file: str) -> str | None:
        """Return the name of the file that ``file`` is; None where there is none."""
        for _ in range(8):
            if file in self._places:
                return file
            target = self._links.get(file)
            if target is None:
                return None
            # A link of the old layout leads to the layer of another directory: ../ID/layer.tar
            here = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
            file = here if here in self._places or here in self._links else posixpath.normpath(target)
        return None

    def chunks(self, file: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        return self._read(*self._places[file])

    def others(self) -> Iterator[Piece]:
        """Yield what has a name that another one has."""
        for name, start, size in self._others:
            yield from stream_pieces(Place(name), self._read(start, size), self._reading)

    def _read(self, start: int, size: int) -> Iterator[bytes]:
        self._file.seek(start)
        return counted(file_chunks(self._file, size), self._reading)


class _Seeking(Stream):
    """A file of which bodies are passed over without being read."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(iter(lambda: file.read(4096), b""))
        self._file = file
        self.size = file.seek(0, 2)
        file.seek(0)

    def skip(self, size: int) -> int:
        size -= len(self.some(size)) if size else 0
        here = self._file.tell()
        step = min(size, self.size - here)
        if step > 0:
            self._file.seek(here + step)
            self._given += step
        return size - max(step, 0)


class DirectoryFiles(Files):
    """The files of a directory, and none to which a link or a name in a manifest leads out of it."""

    def __init__(self, path: Path, reading: Reading) -> None:
        """Read below ``path``."""
        self._path = path.resolve()
        self._reading = reading

    def names(self) -> Iterable[str]:
        """Return all, in order."""
        return (path for path, _ in walk(self._path, self._reading))

    def resolved(self, file: str) -> str | None:
        """Return the name of the file that ``file`` is; None where there is none."""
        path = self._path / file
        inside = path.is_relative_to(self._path) and path.resolve() == path
        return file if inside and path.is_file() else None

    def chunks(self, file: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        return read(self._path / file, file, self._reading)


def counted(chunks: Iterator[bytes], reading: Reading) -> Iterator[bytes]:
    """Count what is read, which says how much may come out of it."""
    for chunk in chunks:
        reading.read(len(chunk))
        yield chunk
