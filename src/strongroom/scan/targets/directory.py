"""A directory: all its files, hidden ones too. Links are not followed, and devices, sockets and pipes passed over."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from ..model import Piece, Place
from .archives import pieces
from .base import Target
from .magic import HEAD_BYTES
from .reading import Reading, shown
from .stream import CHUNK_BYTES

Skips = Callable[[str, bool], bool]


class Directory(Target):
    """A directory, or one file."""

    def __init__(self, path: Path) -> None:
        """Look at all below ``path``."""
        super().__init__(f"dir {path}")
        self._path = path

    def pieces(self) -> Iterator[Piece]:
        """Yield the files, in the order of their names."""
        if self._path.is_dir():
            yield from files(self._path, self._reading, self._is_passed_over)
        else:
            # Who names a link means the file.
            yield from file_pieces(self._path.resolve(), self._path.name, self._reading)

    def _is_passed_over(self, path: str, directory: bool) -> bool:
        return self._is_history(path, directory) or self._is_store(path, directory)

    def _is_store(self, path: str, directory: bool) -> bool:
        """Tell whether a file is the store's: what is random and sealed looks like secrets."""
        where, _, name = f"/{path}".rpartition("/")
        if directory or not where.endswith("/.strongroom") or not name.startswith("store.db"):
            return False
        if name == "store.db":
            self._reading.notice(path, "is strongroom's own store, which is encrypted, and was not looked at")
        return True

    def _is_history(self, path: str, directory: bool) -> bool:
        if not directory or path.rpartition("/")[2] != "objects" or not (self._path / path / "../HEAD").is_file():
            return False
        repository = (self._path / path).parent
        repository = repository.parent if repository.name == ".git" else repository
        self._reading.notice(
            path, f"is the history of a Git repository. To look at it: strongroom scan git:{repository}"
        )
        return True


def files(root: Path, reading: Reading, skips: Skips | None = None) -> Iterator[Piece]:
    """Yield the files below ``root`` except those that ``skips`` names, and what is in archives."""
    for path, size in walk(root, reading, skips):
        if size:
            yield from file_pieces(f"{root}/{path}", path, reading)


def walk(root: Path, reading: Reading, skips: Skips | None = None) -> Iterator[tuple[str, int]]:
    """Yield the path below ``root`` and the size of each file, in the order of their names."""
    pending = [""]
    while pending:
        directory = pending.pop()
        try:
            with os.scandir(f"{root}/{directory}") as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            reading.notice(_printable(directory or str(root)), f"cannot be read: {error.strerror}")
            continue
        below = []
        for entry in found:
            path = f"{directory}/{entry.name}" if directory else entry.name
            try:
                is_directory = entry.is_dir(follow_symlinks=False)
                if not is_directory and not entry.is_file(follow_symlinks=False):
                    continue
                if skips and skips(path, is_directory):
                    continue
                if is_directory:
                    below.append(path)
                else:
                    yield path, entry.stat(follow_symlinks=False).st_size
            except OSError as error:
                reading.notice(_printable(path), f"cannot be read: {error.strerror}")
        pending += reversed(below)


def file_pieces(file: str | Path, path: str, reading: Reading) -> Iterator[Piece]:
    """Yield a file as it is, or what is in it; ``path`` is what it is called."""
    chunks = read(file, path, reading)
    first = next(chunks, b"")
    if not first:
        return
    place = Place(_printable(path))
    yield from pieces(place, first[:HEAD_BYTES], _joined(first, chunks), reading)


def read(file: str | Path, path: str, reading: Reading) -> Generator[bytes, None, None]:
    """Yield a file's bytes. One that cannot be read, or is none any more, is told of."""
    try:
        # Without blocking, should it have become a pipe.
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reading.notice(_printable(path), f"cannot be read: {error.strerror}")
        return
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return
        size = min(status.st_size + 1, CHUNK_BYTES)
        while chunk := os.read(descriptor, size):
            reading.read(len(chunk))
            yield chunk
            if len(chunk) < size:
                break
    except OSError as error:
        reading.notice(_printable(path), f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _printable(path: str) -> str:
    return shown(os.fsencode(path))
