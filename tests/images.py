"""Image archives that the tests write themselves, in each form that Docker and others know."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Pack = Callable[[bytes], bytes]


def tar(files: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT, links: Mapping[str, str] | None = None) -> bytes:
    """Return a tar of files; a name that ends with a slash is a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.size = 0 if name.endswith("/") else len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


@dataclass
class Layer:
    """A layer: a tar, and the line of the history that made it."""

    data: bytes
    made_by: str = "COPY . / # buildkit"

    @property
    def digest(self) -> str:
        return digest(self.data)


@dataclass
class Image:
    """An image."""

    layers: Sequence[Layer]
    config: Mapping[str, Any] = field(default_factory=dict)
    empty: Sequence[str] = ()  # lines of the history that made no layer, before the others
    architecture: str = "amd64"

    def document(self) -> bytes:
        history = [{"created_by": line, "empty_layer": True} for line in self.empty]
        history += [{"created_by": layer.made_by} for layer in self.layers]
        return json.dumps(
            {
                "architecture": self.architecture, "os": "linux", "config": self.config, "history": history,
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in self.layers]},
            }
        ).encode()  # fmt: skip


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def old(image: Image, tag: str = "shop:1", manifest_last: bool = True) -> dict[str, bytes]:
    """Return the files of what Docker before 25 saved."""
    config = image.document()
    files: dict[str, bytes] = {}
    names = []
    for index, layer in enumerate(image.layers):
        directory = hashlib.sha256(f"{index}".encode() + layer.data).hexdigest()
        names.append(f"{directory}/layer.tar")
        files |= {f"{directory}/": b"", f"{directory}/VERSION": b"1.0", f"{directory}/json": b'{"id": "x"}'}
        files[names[-1]] = layer.data
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": names}]).encode()
    described = {name: config, "manifest.json": manifest, "repositories": b"{}"}
    return files | described if manifest_last else described | files


def oci(images: Sequence[Image], pack: Pack | None = None, tag: str = "shop:1") -> dict[str, bytes]:
    """Return the files of an OCI layout with an image for each platform."""
    blobs: dict[str, bytes] = {}

    def blob(data: bytes, kind: str) -> dict[str, Any]:
        name = digest(data)
        blobs[f"blobs/sha256/{name[7:]}"] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": name, "size": len(data)}

    manifests = []
    for image in images:
        layers = [blob(pack(layer.data) if pack else layer.data, "layer.v1.tar") for layer in image.layers]
        manifest = {"schemaVersion": 2, "config": blob(image.document(), "config.v1+json"), "layers": layers}
        platform = {"os": "linux", "architecture": image.architecture}
        manifests.append(blob(json.dumps(manifest).encode(), "manifest.v1+json") | {"platform": platform})
    if len(manifests) > 1:
        manifests = [blob(json.dumps({"schemaVersion": 2, "manifests": manifests}).encode(), "index.v1+json")]
    manifests[0]["annotations"] = {"io.containerd.image.name": tag}
    index = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    layout = b'{"imageLayoutVersion": "1.0.0"}'
    return dict(sorted(blobs.items())) | {"index.json": index, "oci-layout": layout}


def new(image: Image, tag: str = "shop:1") -> dict[str, bytes]:
    """Return the files of what Docker since 25 saves: an OCI layout that has the old manifest too."""
    files = oci([image], tag=tag)
    config = image.document()
    layers = [f"blobs/sha256/{layer.digest[7:]}" for layer in image.layers]
    entry = {"Config": f"blobs/sha256/{digest(config)[7:]}", "RepoTags": [tag], "Layers": layers}
    return files | {"manifest.json": json.dumps([entry]).encode(), "repositories": b"{}"}


def write(path: Path, files: Mapping[str, bytes], pack: Pack | None = None) -> Path:
    """Write an archive of files, and return where it is."""
    data = tar(files)
    path.write_bytes(pack(data) if pack else data)
    return path


def unpack(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a directory, and return where it is."""
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(data)
