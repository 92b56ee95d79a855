"""Images as what is looked at: from the Engine, of an archive, or of a directory in OCI's layout."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ....errors import TargetError
from ...model import Finding, Layer, Piece, Place
from ..archives import pieces, stream_pieces
from ..base import Target
from ..magic import HEAD_BYTES, Kind, recognise
from ..packed import unpacked
from ..stream import CHUNK_BYTES, Stream, file_chunks
from ..tar import FILE, LINK, members
from .config import config_pieces
from .files import ArchiveFiles, DirectoryFiles, Files, counted
from .layers import Changes, layer_pieces, with_parents
from .layout import DESCRIPTIONS, MAX_DOCUMENT_BYTES, Image, Layout, digest_of, is_former, prefixes, shared

if TYPE_CHECKING:
    from ....docker.engine import Engine

_COMPRESSED = (Kind.GZIP, Kind.ZSTD, Kind.BZIP2, Kind.XZ)
_MAX_DOCUMENTS_BYTES = 16 << 20
_SHORT = 60


class _Images(Target):
    """What the ways to images share: the configurations, and what layers above do to a file."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._changes: dict[str, Changes] = {}
        self._files: dict[str, str] = {}
        self._images: list[Image] = []
        self._found: set[str] = set()

    def findings(self, scan: Callable[[Iterable[Piece]], Iterable[Finding]]) -> list[Finding]:
        """Return what ``scan`` finds, with the layer that it lies in, and whether those above leave it to be seen."""
        found = []
        for finding in scan(self.pieces()):
            if finding.place.layer:
                self._found.update(with_parents(_file(finding.place)))
            found.append(finding)
        return [self._settled(finding) for finding in found]

    def _settled(self, finding: Finding) -> Finding:
        place = finding.place
        file = self._files.get(place.layer.digest) if place.layer else None
        if file is None:
            return finding
        path = _file(place)
        shown, layer = "", None
        for image in self._images:
            if file not in image.files:
                continue
            index = len(image.files) - 1 - image.files[::-1].index(file)
            layer = layer or image.layers[image.files.index(file)]
            shown = self._shown(image, index, path)
            if not shown:
                break
        return finding._replace(place=place._replace(layer=layer or place.layer, shown=shown))

    def _shown(self, image: Image, index: int, path: str) -> str:
        for file, layer in zip(image.files[index + 1 :], image.layers[index + 1 :], strict=True):
            changes = self._changes.get(file)
            if changes and (what := changes.hides(path)):
                made = layer.instruction if len(layer.instruction) <= _SHORT else f"{layer.instruction[:_SHORT]}…"
                return f"{what} by layer {layer.number}{f' ({made})' if made else ''}"
        return ""

    def _settings(self, layout: Layout) -> Iterator[Piece]:
        self._images = layout.images
        for image, prefix, platform in prefixes(layout.images):
            yield from config_pieces(image.config, prefix, platform, image.layers)

    def _layer(
        self, file: str, chunks: Iterator[bytes], layer: Layer, platform: str = "", *, last: bool = False
    ) -> Iterator[Piece]:
        """Yield what is in a layer; ``last`` if none that it lies above is read after it."""
        changes = self._changes[file] = Changes(self._found if last else None)
        self._files[layer.digest] = file
        yield from layer_pieces(chunks, layer, platform, changes, self._reading)

    def _stored(self, layout: Layout, files: Files) -> Iterator[Piece]:
        """Yield all of an archive or directory of which each file can be read when it is wanted."""
        yield from self._settings(layout)
        listed = list(shared(layout.images))
        places = {file: found for file, _, _ in listed if (found := files.resolved(file))}
        early = _early(layout.images, places)
        done: dict[str, str] = {}
        for file, layer, platform in listed:
            found = places.get(file)
            if found is None:
                self._reading.notice(f"layer {layer.digest}", "is named in a manifest, and is not in the archive")
            elif found in done:
                self._changes[file] = self._changes[done[found]]
            else:
                done[found] = file
                yield from self._layer(file, files.chunks(found), layer, platform, last=found not in early)
        for file in files.names():
            if file not in done and not layout.known(file):
                yield from self._other(file, Stream(files.chunks(file)))
        yield from files.others()

    def _other(self, file: str, stream: Stream) -> Iterator[Piece]:
        """Yield a file that no manifest names."""
        head = stream.peek(HEAD_BYTES)
        if head.startswith(b"{"):
            data = stream.take(MAX_DOCUMENT_BYTES)
            if is_former(data):
                return
            yield Piece(Place(file), chain((data,), stream.rest()))
        elif head:
            yield from pieces(Place(file), head, stream.rest(), self._reading)


def _early(images: list[Image], places: Mapping[str, str]) -> set[str]:
    """Return the files, each where it is stored, that are read before one that some image has below them."""
    order = {place: number for number, place in enumerate(dict.fromkeys(places.values()))}
    early = set()
    for image in images:
        below = 0
        for place in (places[file] for file in image.files if file in places):
            if order[place] < below:
                early.add(place)
            below = max(below, order[place])
    return early


class ImageArchive(_Images):
    """What ``docker save`` wrote, or an OCI archive; compressed or not."""

    def __init__(self, path: Path) -> None:
        """Look at the archive at ``path``."""
        super().__init__(f"archive {path}")
        self._path = path

    def pieces(self) -> Iterator[Piece]:
        """Yield the configurations, the layers from the base up, and what else is in the archive."""
        with _opened(self._path) as file:
            head = file.read(HEAD_BYTES)
            file.seek(0)
            kind = recognise(head)
            if kind is Kind.TAR:
                files = ArchiveFiles(file, self._reading)
                yield from self._stored(Layout(files.document, self._reading), files)
            elif kind in _COMPRESSED and kind:
                stream = Stream(unpacked(kind, Stream(counted(file_chunks(file), self._reading)), "", self._reading))
                yield from self._streamed(stream)
            else:
                chunks = counted(file_chunks(file), self._reading)
                yield from stream_pieces(Place(self._path.name), chunks, self._reading)

    def _streamed(self, stream: Stream) -> Iterator[Piece]:
        if recognise(stream.peek(HEAD_BYTES)) is Kind.TAR:
            yield from streamed(self, stream)
        else:
            yield from stream_pieces(Place(self._path.name), stream.rest(), self._reading)


class OciDirectory(_Images):
    """A directory in OCI's layout."""

    def __init__(self, path: Path) -> None:
        """Look at the directory at ``path``."""
        super().__init__(f"oci {path}")
        self._path = path

    def pieces(self) -> Iterator[Piece]:
        """Yield the configurations, the layers from the base up, and what else is in the directory."""
        files = DirectoryFiles(self._path, self._reading)
        yield from self._stored(Layout(files.document, self._reading), files)


class EngineImage(_Images):
    """An image that the Engine has, as it comes over the API."""

    def __init__(self, name: str, engine: Engine) -> None:
        """Look at image ``name``.

        Raises:
            EngineError: there is none.
        """
        super().__init__(f"image {name}")
        self._image, self._engine = name, engine
        engine.get(f"/images/{name}/json")

    def pieces(self) -> Iterator[Piece]:
        """Yield the layers in the order in which the Engine sends them, and the configuration."""
        chunks = self._engine.stream("/images/get", CHUNK_BYTES, names=self._image)
        with closing(chunks):
            yield from streamed(self, Stream(counted(chunks, self._reading)))


def streamed(images: _Images, stream: Stream) -> Iterator[Piece]:
    """Yield the images of an archive that is read once: what a layer is, its manifest says only afterwards."""
    reading = images._reading
    documents: dict[str, bytes] = {}
    links: dict[str, str] = {}
    room = _MAX_DOCUMENTS_BYTES
    for path, kind, size, head, chunks, target in members(stream, "", reading):
        if kind == LINK:
            links[path] = target
        elif kind != FILE:
            continue
        elif _is_document(path, head) and 0 <= size <= min(room, MAX_DOCUMENT_BYTES) and path not in documents:
            documents[path] = b"".join(chunks)
            room -= size
        elif path.startswith("blobs/") or path.endswith("layer.tar"):
            yield from images._layer(path, chunks, Layer(-1, digest_of(path)))
        else:
            yield from pieces(Place(path), head, chunks, reading)
    layout = Layout(documents.get, reading)
    _follow(images, layout, links)
    yield from images._settings(layout)
    for path, data in documents.items():
        if not layout.known(path):
            yield from images._other(path, Stream((data,)))


def _is_document(path: str, head: bytes) -> bool:
    return path in DESCRIPTIONS or path.endswith((".json", "/json", "/VERSION")) or head.lstrip()[:1] == b"{"


def _follow(images: _Images, layout: Layout, links: dict[str, str]) -> None:
    """Let the layers that are links to others be what those are, and say which are missing."""
    for image in layout.images:
        for file, layer in zip(image.files, image.layers, strict=True):
            target = links.get(file)
            where = posixpath.normpath(posixpath.join(posixpath.dirname(file), target)) if target else file
            if where in images._changes:
                images._changes[file] = images._changes[where]
            else:
                images._reading.notice(f"layer {layer.digest}", "is named in a manifest, and is not in the archive")


def _file(place: Place) -> str:
    """Return the path of the layer's own file that a place is in."""
    return place.path.partition("!/")[0]


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}.") from None
