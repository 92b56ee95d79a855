"""Makes the small archives in ``tests/corpus`` from which the fuzzer starts: python tests/make_corpus.py"""

from __future__ import annotations

import bz2
import io
import lzma
import sqlite3
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

import images
from images import Image, Layer

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    base = Layer(
        images.tar({"etc/app.conf": b"password=x\n", "srv/a": b"1", "bin/": b""}, tarfile.GNU_FORMAT), "ADD . /"
    )
    top = Layer(images.tar({"srv/.wh.a": b"", "etc/.wh..wh..opq": b""}), "RUN |1 T=x /bin/sh -c rm # buildkit")
    image = Image([base, top], {"Env": ["A=b"], "Labels": {"a": "b"}}, empty=["ENV A=b"])
    inner = images.tar({"a": b"token", "n" * 150: b"token"})
    seeds = {
        "old.tar": images.tar(images.old(image)),
        "new.tar": images.tar(images.new(image)),
        "oci.tar": images.tar(images.oci([image, Image([top], architecture="arm64")], images.gzipped)),
        "oci-zstd.tar": images.tar(images.oci([image], images.zstd)),
        "old.tar.gz": images.gzipped(images.tar(images.old(image))),
        "gnu.tar": images.tar({"n" * 150: b"token"}, tarfile.GNU_FORMAT, {"l": "m" * 150}),
        "ustar.tar": images.tar({"a" * 80 + "/" + "b" * 80: b"token"}, tarfile.USTAR_FORMAT),
        "a.tar.gz": images.gzipped(inner),
        "a.tar.bz2": bz2.compress(inner),
        "a.tar.xz": lzma.compress(inner),
        "a.tar.zst": images.zstd(inner),
        "deflated.zip": _zip(zipfile.ZIP_DEFLATED, inner),
        "stored.zip": _zip(zipfile.ZIP_STORED, inner),
        "lzma.zip": _zip(zipfile.ZIP_LZMA, b"token"),
        "nested.jar": _zip(zipfile.ZIP_DEFLATED, _zip(zipfile.ZIP_DEFLATED, images.gzipped(inner))),
        "a.deb": b"!<arch>\n" + f"{'data.tar.gz':<16}{'0':<32}{len(images.gzipped(inner)):<10}`\n".encode()
        + images.gzipped(inner),
        "a.db": _database(),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        seeds |= _git(Path(directory))
    CORPUS.mkdir(exist_ok=True)
    for name, data in seeds.items():
        (CORPUS / name).write_bytes(_short(name, data))


def _short(name: str, data: bytes) -> bytes:
    """Return a tar without the zeros that fill it up."""
    return data.rstrip(b"\0") + bytes(1024) if name.endswith(".tar") else data


def _zip(method: int, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("lib/a"), data, method)
        archive.writestr(zipfile.ZipInfo("b"), b"token", method)
    return out.getvalue()


def _database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA page_size = 512")
    connection.execute("CREATE TABLE t (name TEXT, value TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [("password", "x" * 600), ("b", "token"), ("c", "gone")])
    connection.execute("DELETE FROM t WHERE name = 'c'")
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


def _git(path: Path) -> dict[str, bytes]:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        dates = {
            "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
            "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
            "PATH": "/usr/bin:/bin",
        }
        subprocess.run(["git", *identity, "-C", str(path), *arguments], check=True, capture_output=True, env=dates)

    git("init", "-q")
    for number in range(3):
        (path / "a.conf").write_text("".join(f"line {line}\n" for line in range(100)) + f"token {number}\n")
        git("add", ".")
        git("commit", "-q", "-m", f"commit {number}")
    loose = next(file for file in (path / ".git/objects").glob("??/*") if file.stat().st_size > 200)
    found = {"loose": loose.read_bytes()}
    git("gc", "-q")
    (pack,) = (path / ".git/objects/pack").glob("*.pack")
    return found | {"a.pack": pack.read_bytes()}


if __name__ == "__main__":
    main()
