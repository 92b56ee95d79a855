"""Archives in anything, recognised by what they are, read forward; databases and Git's objects."""

from __future__ import annotations

import bz2
import io
import lzma
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
from strongroom.scan.model import Place
from strongroom.scan.targets.archives import stream_pieces
from strongroom.scan.targets.reading import Reading

TOKEN = b"some-token"


def opened(data: bytes, name: str = "file", step: int = 0) -> dict[str, bytes]:
    """Return what is found in a file, which comes in chunks of ``step`` bytes."""
    found, reading = looked(data, name, step)
    assert reading.notices == []
    return found


def looked(data: bytes, name: str = "file", step: int = 0) -> tuple[dict[str, bytes], Reading]:
    reading = Reading()
    reading.read(len(data))
    found: dict[str, bytes] = {}
    for piece in stream_pieces(Place(name), _chunks(data, step or len(data)), reading):
        found[piece.place.path] = found.get(piece.place.path, b"") + b"".join(piece.chunks)
    return found, reading


def _chunks(data: bytes, step: int) -> Iterator[bytes]:
    for start in range(0, len(data), step or 1):
        yield data[start : start + step]


class _Pipe(io.BytesIO):
    """What cannot go back, so that sizes are written behind each file."""

    def seek(self, *_: object) -> int:
        raise OSError("a pipe")

    tell = seek


def zipped(
    files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, seekable: bool = True, comment: bytes = b""
) -> bytes:
    out = io.BytesIO() if seekable else _Pipe()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.comment = comment
    return out.getvalue()


def debian(files: dict[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, data in files.items():
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)


INNER = images.tar({"conf/db.yml": TOKEN, "empty": b"", "other": b"x" * 2000})


@pytest.mark.parametrize("step", [0, 1, 7, 4096])
@pytest.mark.parametrize(
    ("name", "data", "path"),
    [
        ("a.bin", INNER, "a.bin!/conf/db.yml"),
        ("a.tar.gz", images.gzipped(INNER), "a.tar.gz!/conf/db.yml"),
        ("a.bz2", bz2.compress(INNER), "a.bz2!/conf/db.yml"),
        ("a.xz", lzma.compress(INNER), "a.xz!/conf/db.yml"),
        ("a.zst", images.zstd(INNER), "a.zst!/conf/db.yml"),
        ("log.1.gz", images.gzipped(TOKEN), "log.1.gz!/log.1"),
        ("log.gz", images.gzipped(b"a") + images.gzipped(TOKEN), "log.gz!/log"),
        ("dump.sql.xz", lzma.compress(b"a") + lzma.compress(TOKEN), "dump.sql.xz!/dump.sql"),
        ("a.jar", zipped({"x": b"", "conf/db.yml": TOKEN, "z": b"z" * 5000}), "a.jar!/conf/db.yml"),
        ("a.jar", zipped({"conf/db.yml": TOKEN, "z": b"z"}, zipfile.ZIP_STORED), "a.jar!/conf/db.yml"),
        ("a.zip", zipped({"conf/db.yml": TOKEN}, zipfile.ZIP_BZIP2), "a.zip!/conf/db.yml"),
        ("a.zip", zipped({"conf/db.yml": TOKEN}, zipfile.ZIP_LZMA), "a.zip!/conf/db.yml"),
        ("a.zip", zipped({"z": b"z" * 9000, "conf/db.yml": TOKEN}, seekable=False), "a.zip!/conf/db.yml"),
        ("a.zip", zipped({"z": b"z", "b": TOKEN}, zipfile.ZIP_STORED, seekable=False), "a.zip!/b"),
        ("a.war", zipped({"lib/b.jar": zipped({"c": TOKEN})}, zipfile.ZIP_STORED), "a.war!/lib/b.jar!/c"),
        ("a.pyz", b"#!/usr/bin/env python3\n" + zipped({"c.py": TOKEN}), "a.pyz!/c.py"),
        ("a.zip", zipped({"c.py": b"x"}, comment=TOKEN), "a.zip"),
        ("a.zip", zipped({"c.py": b"x"}) + b"\n" + TOKEN, "a.zip"),
        ("a.gz", images.gzipped(b"x") + b"\n" + TOKEN, "a.gz"),
        ("a.deb", debian({"debian-binary": b"2.0\n", "data.tar.xz": lzma.compress(INNER)}),
         "a.deb!/data.tar.xz!/conf/db.yml"),
        ("a.deb", debian({"control": b"odd", "data.tar": INNER}), "a.deb!/data.tar!/conf/db.yml"),
    ],
)  # fmt: skip
def test_a_file_in_an_archive_is_a_piece(name: str, data: bytes, path: str, step: int) -> None:
    found = opened(data, name, step)
    assert TOKEN in found[path]
    assert sum(content.count(TOKEN) for content in found.values()) == 1


def test_what_is_no_archive_is_itself() -> None:
    for data in (b"PK", b"#!/bin/sh\necho", b"BZ", b"x\x9cnothing", b"\x1f\x8b", b"plain"):
        assert opened(data) == {"file": data}
    assert opened(b"") == {}


def test_a_large_stored_file_of_unknown_length_is_whole() -> None:
    content = b"PK\x07\x08" + b"0123456789" * 200_000 + TOKEN
    found = opened(zipped({"a": content, "b": b"after"}, zipfile.ZIP_STORED, seekable=False), "a.zip", 100_000)
    assert found["a.zip!/a"] == content and found["a.zip!/b"] == b"after"


def test_zip64_is_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a", "w", force_zip64=True) as file:
            file.write(TOKEN)
        archive.writestr("b", b"after")
    assert opened(out.getvalue(), "a.zip") == {"a.zip!/a": TOKEN, "a.zip!/b": b"after"}


def test_what_cannot_be_unpacked_is_told() -> None:
    encrypted = bytearray(zipped({"secret": b"x" * 10, "open": TOKEN}, zipfile.ZIP_STORED))
    encrypted[6] |= 1
    found, reading = looked(bytes(encrypted), "a.zip")
    assert found == {"a.zip!/open": TOKEN}
    assert reading.notices[0] == ("a.zip!/secret", "is encrypted, and was not looked at")
    _, reading = looked(b"7z\xbc\xaf\x27\x1c" + b"x", "a.7z")
    assert reading.notices == [("a.7z", "is a 7-Zip archive, which is not unpacked")]


def database(*statements: str, wal: bool = False) -> bytes:
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data[:18] + b"\2\2" + data[20:] if wal else data


@pytest.mark.parametrize("wal", [False, True])
def test_a_cell_of_a_database_is_told_with_its_column(wal: bool) -> None:
    long = "x" * 9000 + "some-token"
    data = database(
        "CREATE TABLE users (id INTEGER, password TEXT, picture BLOB)",
        f"INSERT INTO users VALUES (1, '{long}', x'00ff')",
        "CREATE TABLE settings (name TEXT, value TEXT)",
        "INSERT INTO settings VALUES ('smtp_password', 'hunter22')",
        wal=wal,
    )
    found = opened(data, "shop.db")
    assert found["shop.db!/users"] == b"password=" + long.encode() + b"\npicture=\0\xff\n"
    assert b"\nsmtp_password=hunter22\n" in found["shop.db!/settings"]
    assert sum(content.count(TOKEN) for content in found.values()) == 1


def test_deleted_rows_of_a_database_are_found() -> None:
    rows = [f"INSERT INTO t VALUES ({i}, 'row {i} {'y' * 300}')" for i in range(200)]
    for deleted in ("DELETE FROM t WHERE a = 7", "DROP TABLE t", "DELETE FROM t"):
        data = database(
            "PRAGMA secure_delete = OFF", "CREATE TABLE keep (a)", "INSERT INTO keep VALUES ('kept')",
            "CREATE TABLE t (a INTEGER, b TEXT)", "INSERT INTO t VALUES (7, 'some-token')", *rows, deleted,
        )  # fmt: skip
        assert opened(data, "a.db")["a.db!/deleted rows"].count(TOKEN) == 1


def test_a_damaged_database_is_looked_at_as_it_lies() -> None:
    data = database("CREATE TABLE t (a)", *(f"INSERT INTO t VALUES ('{'z' * 500} some-token {i}')" for i in range(50)))
    found, _ = looked(data[:12_500], "a.db")
    assert any(TOKEN in content for content in found.values())
    assert looked(data[:100] + b"\xff" * 400 + TOKEN, "a.db")[0]["a.db"].endswith(TOKEN)


def repository(path: Path) -> Path:
    """Return a repository with a token that a later commit removed."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, "-C", str(path), *arguments], check=True, capture_output=True)

    path.mkdir()
    git("init", "-q", "-b", "main")
    text = "".join(f"line {number}\n" for number in range(300))
    (path / "app.conf").write_text(text + "some-token\n")
    (path / ".env").write_text("env-token\n")
    git("add", ".")
    git("commit", "-q", "-m", "first msg-token")
    (path / "app.conf").write_text(text + "removed\n")
    git("commit", "-q", "-a", "-m", "second")
    (path / "app.conf").write_text("third-token\n" + text + "removed\n")
    git("commit", "-q", "-a", "-m", "third")
    git("tag", "-a", "v1", "-m", "tag-token")
    return path


def test_loose_objects_of_git_are_opened(tmp_path: Path) -> None:
    objects = repository(tmp_path / "r") / ".git/objects"
    found: dict[str, bytes] = {}
    for file in objects.rglob("??/*"):
        found |= opened(file.read_bytes(), f"objects/{file.parent.name}/{file.name}")
    everything = b"\n".join(found.values())
    for token in (TOKEN, b"env-token", b"msg-token", b"third-token", b"tag-token"):
        assert everything.count(token) == 1
    assert not any(path.endswith("!") for path in found)


@pytest.mark.parametrize("step", [0, 13])
def test_a_pack_of_git_is_opened_with_its_changes(tmp_path: Path, step: int) -> None:
    path = repository(tmp_path / "r")
    subprocess.run(["git", "-C", str(path), "gc", "-q"], check=True)
    (pack,) = (path / ".git/objects/pack").glob("*.pack")
    found = opened(pack.read_bytes(), "p.pack", step)
    (env,) = (name for name in found if name.endswith("/.env"))
    assert found[env] == b"env-token\n"
    everything = b"\n".join(found.values())
    for token in (TOKEN, b"env-token", b"msg-token", b"third-token", b"tag-token"):
        assert everything.count(token) == 1
    assert not any("change at" in name for name in found)


def test_a_pack_whose_bases_are_not_at_hand_shows_what_was_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strongroom.scan.targets import packs

    monkeypatch.setattr(packs, "_MEMORY_BYTES", 0)
    path = repository(tmp_path / "r")
    subprocess.run(["git", "-C", str(path), "gc", "-q"], check=True)
    (pack,) = (path / ".git/objects/pack").glob("*.pack")
    assert TOKEN in b"\n".join(opened(pack.read_bytes(), "p.pack").values())


def test_a_pack_of_large_objects_is_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "r"
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    subprocess.run(
        ["git", "-C", str(path), "hash-object", "-w", "--stdin"], input=b"0123456789" * 500_000 + TOKEN, check=True,
        capture_output=True,
    )  # fmt: skip
    names = b"".join(f.parent.name.encode() + f.name.encode() + b"\n" for f in path.glob(".git/objects/??/*"))
    packed = subprocess.run(
        ["git", "-C", str(path), "pack-objects", "--stdout"], input=names, check=True, capture_output=True
    ).stdout
    assert sum(content.count(TOKEN) for content in opened(packed, "p.pack", 5000).values()) == 1


pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
