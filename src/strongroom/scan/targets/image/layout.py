"""Which images an archive or a directory holds: Docker's ``manifest.json``, or OCI's ``index.json``.

Nothing that they say is believed: what is missing, or no JSON, is told; what no manifest names is looked at as files.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ...model import Layer
from ..reading import Reading
from .config import Json, instructions, mapping

# A configuration has a few KiB; the largest known of them some hundred.
MAX_DOCUMENT_BYTES = 8 << 20
_MAX_DEPTH = 4
_ATTESTATION = "vnd.docker.reference.type"
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
# What is only about the images: not looked at as files.
DESCRIPTIONS = ("manifest.json", "index.json", "oci-layout", "repositories")
_FORMER_KEYS = frozenset(
    ("id", "parent", "created", "container", "container_config", "config", "docker_version", "author", "architecture",
     "os", "os.version", "os.features", "variant", "comment", "Size", "layer_id")
)  # fmt: skip
Read = Callable[[str], bytes | None]


class Image(NamedTuple):
    """An image of one platform. ``files`` are its layers' files in the archive, base first."""

    name: str
    platform: str
    config: Json
    files: tuple[str, ...]
    layers: tuple[Layer, ...]


class Layout:
    """The images, and the files that describe them."""

    def __init__(self, read: Read, reading: Reading) -> None:
        """Read documents with ``read``, which returns None for a file that is not there."""
        self._read, self._reading = read, reading
        self.described: set[str] = set(DESCRIPTIONS)
        self.images: list[Image] = []
        index = self._document("index.json")
        if index is not None:
            self._index(index, "", "", 0)
        if not self.images:
            self._saved(self._document("manifest.json"))
        if not self.images:
            reading.notice("", "names no image in a manifest: what is in it was looked at as files")

    def _document(self, path: str) -> object:
        data = self._read(path)
        if data is None:
            return None
        self.described.add(path)
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            self._reading.notice(path, "is not JSON, and what it should say is not known")
            return None

    def _index(self, index: object, name: str, platform: str, depth: int) -> None:
        for entry in map(mapping, _list(mapping(index).get("manifests"))):
            annotations = mapping(entry.get("annotations"))
            path = _blob(entry.get("digest"))
            if annotations.get(_ATTESTATION) or path is None or path in self.described:
                if path:
                    self._describe_attestation(path)
                continue
            called = next((str(annotations[key]) for key in _NAMES if annotations.get(key)), name)
            meant = _platform(mapping(entry.get("platform"))) or platform
            document = self._document(path)
            if document is None:
                self._reading.notice(meant or path, "is named in the index, and is not in the archive")
            elif mapping(document).get("manifests") and depth < _MAX_DEPTH:
                self._index(document, called, meant, depth + 1)
            else:
                self._manifest(mapping(document), called, meant)

    def _describe_attestation(self, path: str) -> None:
        manifest = mapping(self._document(path))
        for entry in (manifest.get("config"), *_list(manifest.get("layers"))):
            if blob := _blob(mapping(entry).get("digest")):
                self.described.add(blob)

    def _manifest(self, manifest: Json, name: str, platform: str) -> None:
        config = _blob(mapping(manifest.get("config")).get("digest"))
        files = [_blob(mapping(entry).get("digest")) for entry in _list(manifest.get("layers"))]
        self._add(config, [each for each in files if each], name, platform)

    def _saved(self, manifest: object) -> None:
        for entry in map(mapping, _list(manifest)):
            config, tags = entry.get("Config"), _list(entry.get("RepoTags"))
            files = [posixpath.normpath(str(each)) for each in _list(entry.get("Layers"))]
            self._add(str(config) if config else None, files, str(tags[0]) if tags else "", "")

    def _add(self, path: str | None, files: list[str], name: str, platform: str) -> None:
        config = mapping(self._document(path)) if path else {}
        if not config:
            self._reading.notice(path or "manifest.json", "is an image's configuration, and cannot be read")
        digests = [str(each) for each in _list(mapping(config.get("rootfs")).get("diff_ids"))]
        made = instructions(config)
        layers = tuple(
            Layer(i, digests[i] if i < len(digests) else digest_of(file), made[i] if i < len(made) else "")
            for i, file in enumerate(files)
        )
        self.images.append(Image(name, platform or _platform(config), config, tuple(files), layers))

    def known(self, path: str) -> bool:
        """Tell whether a file of the archive is looked at as something else, or only describes the images."""
        name = posixpath.basename(path)
        return path in self.described or (name in ("json", "VERSION") and path.count("/") == 1)


def is_former(data: bytes) -> bool:
    """Tell whether this is a layer's description of before Docker 1.10, which repeats the image's configuration.

    Engines still save them, up to 24 as ``ID/json`` and since 25 among the blobs.
    """
    try:
        document = mapping(json.loads(data))
    except (ValueError, RecursionError):
        return False
    return "id" in document and "created" in document and _FORMER_KEYS.issuperset(document)


def digest_of(file: str) -> str:
    """Return the digest that a file of an archive is called after."""
    parts = file.split("/")
    return f"{parts[1]}:{parts[2]}" if file.startswith("blobs/") and len(parts) == 3 else file


def shared(images: list[Image]) -> Iterator[tuple[str, Layer, str]]:
    """Yield each file of layers once, with what the first image says of it and the platforms of all."""
    platforms: dict[str, list[str]] = {}
    first: dict[str, Layer] = {}
    several = len({image.platform for image in images}) > 1
    for image in images:
        for file, layer in zip(image.files, image.layers, strict=True):
            first.setdefault(file, layer)
            if image.platform not in platforms.setdefault(file, []):
                platforms[file].append(image.platform)
    for file, layer in first.items():
        yield file, layer, ", ".join(platforms[file]) if several else ""


def prefixes(images: list[Image]) -> Iterator[tuple[Image, str, str]]:
    """Yield each image with the word before what its configuration holds, and its platform where there are several."""
    names = {image.name for image in images}
    platforms = {image.platform for image in images}
    for image in images:
        prefix = f"{image.name}: " if len(names) > 1 and image.name else ""
        yield image, prefix, image.platform if len(platforms) > 1 else ""


def _blob(digest: object) -> str | None:
    algorithm, _, digits = str(digest or "").partition(":")
    return f"blobs/{algorithm}/{digits}" if algorithm.isalnum() and digits.isalnum() else None


def _platform(said: Json) -> str:
    words = [str(said.get(key) or "") for key in ("os", "architecture", "variant")]
    return "/".join(word for word in words if word)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
