"""A container or a service of the Engine: how it was configured, what it wrote to its logs, and what it changed."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...errors import EngineError
from ..model import Piece, Place
from .archives import pieces
from .base import Target
from .image.config import mapping, settings, text_piece
from .stream import CHUNK_BYTES, Stream

if TYPE_CHECKING:
    from ...docker.engine import Engine

_MODIFIED, _ADDED, _DELETED = 0, 1, 2
# What the Engine mounts there is no file of the container's; of secrets, that is what they are for.
_MOUNTED = ("/run/secrets", "/dev", "/proc", "/sys")


class _Running(Target):
    """What a container and a service share."""

    def __init__(self, name: str, engine: Engine) -> None:
        super().__init__(name)
        self._engine = engine

    def _settings(self, config: object) -> Iterator[Piece]:
        for where, text in settings(mapping(config)):
            yield text_piece(Place(where), text)

    def _logs(self, path: str, terminal: bool) -> Iterator[Piece]:
        chunks = self._engine.stream(path, CHUNK_BYTES, stdout=1, stderr=1)
        with closing(chunks):
            yield Piece(Place("logs"), self._guarded(chunks if terminal else _unframed(Stream(chunks))))

    def _guarded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the logs; a driver that keeps none is told of."""
        try:
            for chunk in chunks:
                self._reading.read(len(chunk))
                yield chunk
        except EngineError as error:
            self._reading.notice("logs", f"cannot be read: {str(error).rstrip('.')}")


class Container(_Running):
    """A container, running or not."""

    def __init__(self, name: str, engine: Engine) -> None:
        """Look at container ``name``.

        Raises:
            EngineError: there is none.
        """
        super().__init__(f"container {name}", engine)
        self._found = engine.get(f"/containers/{quote(name, safe='')}/json")

    def pieces(self) -> Iterator[Piece]:
        """Yield the configuration, the logs, and the files that it added or changed since it was created."""
        config = mapping(self._found.get("Config"))
        yield from self._settings(config)
        yield from self._logs(f"/containers/{self._found['Id']}/logs", bool(config.get("Tty")))
        for path, kind in self._changed():
            yield from self._files(path, kind)

    def _changed(self) -> list[tuple[str, int]]:
        """Return the changed files, and directories that are new as a whole."""
        changes = self._engine.get(f"/containers/{self._found['Id']}/changes") or []
        kinds = {str(each["Path"]): int(each["Kind"]) for each in changes}
        mounted = [*_MOUNTED, *(str(each.get("Destination")) for each in self._found.get("Mounts") or [])]
        above = {posixpath.dirname(path) for path in kinds}
        found = []
        for path, kind in sorted(kinds.items()):
            if kind == _DELETED or _below(path, mounted):
                continue
            # Of a directory that is new, everything is; one that has a mount in it is taken file by file.
            parent = posixpath.dirname(path)
            whole = kinds.get(parent) == _ADDED and not self._has_mount(parent, mounted)
            if whole or (path in above and (kind == _MODIFIED or self._has_mount(path, mounted))):
                continue
            found.append((path, kind))
        return found

    def _has_mount(self, path: str, mounted: list[str]) -> bool:
        return any(_below(mount, [path]) for mount in mounted)

    def _files(self, path: str, kind: int) -> Iterator[Piece]:
        from .tar import DIRECTORY, FILE, members

        chunks = self._engine.stream(f"/containers/{self._found['Id']}/archive", CHUNK_BYTES, path=path)
        parent = posixpath.dirname(path).strip("/")
        with closing(chunks):
            try:
                for member in members(Stream(self._counted(chunks)), path, self._reading):
                    if member.kind == DIRECTORY and kind == _MODIFIED:
                        return  # only its times or its mode
                    if member.kind == FILE and member.size:
                        where = Place(f"{parent}/{member.path}" if parent else member.path)
                        yield from pieces(where, member.head, member.chunks, self._reading)
            except EngineError as error:
                self._reading.notice(path, f"cannot be read: {str(error).rstrip('.')}")

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._reading.read(len(chunk))
            yield chunk


class Service(_Running):
    """A Swarm service."""

    def __init__(self, name: str, engine: Engine) -> None:
        """Look at service ``name``.

        Raises:
            EngineError: there is none, or this Engine manages no swarm.
        """
        super().__init__(f"service {name}", engine)
        self._found = engine.get(f"/services/{quote(name, safe='')}")

    def pieces(self) -> Iterator[Piece]:
        """Yield the specification, the configs that its tasks see, and their logs."""
        spec = mapping(self._found.get("Spec"))
        template = mapping(spec.get("TaskTemplate"))
        container = mapping(template.get("ContainerSpec"))
        yield from self._settings({"Labels": spec.get("Labels")})
        yield from self._settings({**container, "Labels": _renamed(container.get("Labels"), spec.get("Labels"))})
        for reference in container.get("Configs") or []:
            yield from self._config(mapping(reference))
        terminal = bool(container.get("TTY"))
        yield from self._logs(f"/services/{self._found['ID']}/logs", terminal)

    def _config(self, reference: Mapping[str, Any]) -> Iterator[Piece]:
        name = str(reference.get("ConfigName") or reference.get("ConfigID"))
        try:
            found = self._engine.get(f"/configs/{quote(str(reference.get('ConfigID')), safe='')}")
        except EngineError as error:
            self._reading.notice(f"config {name}", f"cannot be read: {str(error).rstrip('.')}")
            return
        data = base64.b64decode(mapping(found.get("Spec")).get("Data") or "")
        if data:
            yield from pieces(Place(f"config {name}"), data[:512], iter((data,)), self._reading)


def _renamed(labels: object, told: object) -> dict[str, Any]:
    """Return the labels of a service's containers without those that the service has with the same text."""
    known = mapping(told)
    return {key: value for key, value in mapping(labels).items() if known.get(key) != value}


def _below(path: str, places: list[str]) -> bool:
    return any(path == place or path.startswith(f"{place.rstrip('/')}/") for place in places)


def _unframed(stream: Stream) -> Iterator[bytes]:
    """Yield what both outputs wrote; each part has 8 bytes before it (Engine API, "Attach to a container")."""
    while len(header := stream.take(8)) == 8:
        if header[0] > 3 or header[1:4] != b"\0\0\0":
            yield header
            yield from stream.rest()
            return
        yield from stream.body(int.from_bytes(header[4:], "big"))
