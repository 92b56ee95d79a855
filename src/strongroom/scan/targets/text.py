"""Text as it is: a Compose file with the files that it takes variables from, a Dockerfile, standard input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...errors import TargetError
from ..model import Piece, Place
from .archives import stream_pieces
from .base import Target
from .directory import file_pieces
from .stream import file_chunks


class Files(Target):
    """Some files, each called as it is named."""

    def __init__(self, name: str, paths: Iterable[Path]) -> None:
        """Look at ``paths``; ``name`` is what they are together."""
        super().__init__(name)
        self._paths = list(dict.fromkeys(paths))

    def pieces(self) -> Iterator[Piece]:
        """Yield each file."""
        for path in self._paths:
            yield from file_pieces(path.resolve(), str(path), self._reading)


class Input(Target):
    """Standard input: logs, or an archive."""

    def __init__(self, file: BinaryIO) -> None:
        """Read ``file`` to its end."""
        super().__init__("standard input")
        self._file = file

    def pieces(self) -> Iterator[Piece]:
        """Yield what comes."""
        yield from stream_pieces(Place("-"), self._counted(), self._reading)

    def _counted(self) -> Iterator[bytes]:
        for chunk in file_chunks(self._file):
            self._reading.read(len(chunk))
            yield chunk


def compose(path: Path) -> Files:
    """Return a Compose file, the ``.env`` beside it, and the ``env_file``s that it names and that are there.

    Raises:
        TargetError: the file is not there.
    """
    if not path.is_file():
        raise TargetError(f"{path} is not a file, so it is no Compose file.")
    named = [path.parent / ".env", *(path.parent / each for each in _env_files(path))]
    return Files(f"compose {path}", [path, *(each for each in named if each.is_file())])


def _env_files(path: Path) -> Iterator[str]:
    """Yield the files that services take their variables from. A Compose file that is no YAML is still a text."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Compose's own tags, such as ``!reset``, mean nothing here."""

    Loader.add_multi_constructor("!", lambda *_: None)
    try:
        document = yaml.load(path.read_bytes(), Loader)  # noqa: S506 - a SafeLoader
        services = document["services"].values()
        given = [service.get("env_file") for service in services if isinstance(service, dict)]
    except (OSError, yaml.YAMLError, RecursionError, KeyError, TypeError, AttributeError, ValueError):
        return
    for each in given:
        for file in each if isinstance(each, list) else [each]:
            name = file.get("path") if isinstance(file, dict) else file
            if isinstance(name, str) and "\0" not in name:
                yield name
