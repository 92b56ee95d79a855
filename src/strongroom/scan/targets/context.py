"""A build context as Docker would send it, and what its ``.dockerignore`` should have kept out of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import TargetError
from ..model import Piece
from .base import Target
from .directory import file_pieces, walk
from .dockerignore import Ignore
from .unwanted import unwanted


class Context(Target):
    """A build context."""

    def __init__(self, path: Path, dockerfile: str = "Dockerfile") -> None:
        """Look at what ``docker build -f DOCKERFILE PATH`` would send.

        Raises:
            TargetError: ``path`` is no directory, or its ignore file cannot be read.
            DeclarationError: the ignore file has a pattern that Docker refuses.
        """
        if not path.is_dir():
            raise TargetError(f"{path} is not a directory, so it is no build context.")
        super().__init__(f"context {path}")
        self._path = path
        # Docker takes the Dockerfile's own ignore file where there is one. It sends both files whatever they say.
        names = (f"{dockerfile}.dockerignore", ".dockerignore")
        self._ignored_by = next((name for name in names if (path / name).is_file()), ".dockerignore")
        self._sent = (dockerfile, self._ignored_by)
        self._ignore = Ignore(_lines(path / self._ignored_by), self._ignored_by)

    def pieces(self) -> Iterator[Piece]:
        """Yield the files that Docker would send, in the order of their names."""
        for path, size in self.files():
            if what := unwanted(path):
                self._tell(path, what)
            if size:
                yield from file_pieces(f"{self._path}/{path}", path, self._reading)

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield the path and the size of each file that Docker would send, without reading it."""
        return walk(self._path, self._reading, self._skips)

    def _skips(self, path: str, directory: bool) -> bool:
        if path in self._sent or not self._ignore.excludes(path):
            return False
        return not (directory and self._ignore.has_exceptions)

    def _tell(self, path: str, what: str) -> None:
        """Say it once for a directory of which all is unwanted."""
        parts = path.split("/")
        topmost = next("/".join(parts[: i + 1]) for i in range(len(parts)) if unwanted("/".join(parts[: i + 1])))
        self._reading.notice(
            topmost,
            f"is in the build context: {what}. Keep it out: add it to {self._ignored_by}, or run strongroom ignore",
        )


def _lines(path: Path) -> list[str]:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise TargetError(f"{path} cannot be read: it is not a file.")
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}.") from None
