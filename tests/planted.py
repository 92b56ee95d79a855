"""An image with something in every place where secrets have been found: one of its own in each."""

from __future__ import annotations

import base64
import bz2
import io
import json
import lzma
import secrets
import sqlite3
import string
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import images
from images import Image, Layer

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


class Spot(NamedTuple):
    """A place: where it is told to be, by which layer (None: by none), and how the final image shows it."""

    path: str
    layer: int | None
    shown: str = ""


class Planted(NamedTuple):
    """An image, where each of the values in it lies, and the files of its first layer."""

    image: Image
    spots: dict[str, Spot]
    values: dict[str, str]
    base: dict[str, bytes]


def token() -> str:
    """Return a new token in GitHub's format, with its checksum: it opens nothing."""
    body = "".join(secrets.choice(_DIGITS) for _ in range(30))
    number, check = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        check = _DIGITS[digit] + check
    return f"ghp_{body}{check}"


def word() -> str:
    """Return a new password as people choose them: no pattern knows it."""
    return "correcthorse" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(4))


def _last(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name.rpartition("!/")[2]: data for name, data in files.items()}


def _kubernetes(held: str) -> bytes:
    coded = base64.b64encode(held.encode()).decode()
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata:\n  token: {coded}\n".encode()


def _docker_login(held: str) -> bytes:
    auth = base64.b64encode(f"someone:{held}".encode()).decode()
    return json.dumps({"auths": {"registry.example.org": {"auth": auth}}}, indent=1).encode()


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _debian(files: Mapping[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, data in files.items():
        parts.append(f"{name:<16}{'0':<32}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2))
    return b"".join(parts)


def _database(held: str, after: tuple[str, ...]) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE users (id INTEGER, token TEXT)")
    connection.execute("INSERT INTO users VALUES (1, ?)", (held,))
    for statement in after:
        connection.execute(statement)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


# What a file in the base layer is, for a value.
_FILES: dict[str, Callable[[str], bytes]] = {
    "srv/app/.env": lambda v: f"DEBUG=1\nGITHUB_TOKEN={v}\n".encode(),
    "srv/app/config.yml": lambda v: f"git:\n  token: {v}\n".encode(),
    "srv/app/settings.json": lambda v: json.dumps({"git": {"token": v}}, indent=1).encode(),
    "srv/app/app.properties": lambda v: f"git.token={v}\n".encode(),
    "srv/app/main.py": lambda v: f"import os\n\nTOKEN = '{v}'\n".encode(),
    "srv/app/Main.java": lambda v: f'class Main {{ static final String TOKEN = "{v}"; }}\n'.encode(),
    "srv/app/tests/test_main.py": lambda v: f"def test():\n    login(token='{v}')\n".encode(),
    "srv/app/docs/README.md": lambda v: f"# Use\n\n    curl -H 'Authorization: token {v}'\n".encode(),
    "srv/app/node_modules/left-pad/index.js": lambda v: f"const token = '{v}';\n".encode(),
    "usr/lib/python3/site-packages/lib/__init__.py": lambda v: f"token = '{v}'\n".encode(),
    "srv/app/package-lock.json": lambda v: f'{{"resolved": "https://x:{v}@example.org/a.tgz"}}\n'.encode(),
    "srv/app/logo.svg": lambda v: f"<svg><!-- token={v} --><path d='M0 0'/></svg>".encode(),
    "srv/app/min.js": lambda v: b"var a=1;" * 20_000 + f"t='{v}';".encode() + b"var b=2;" * 20_000,
    "srv/app/app.log": lambda v: b"INFO started\n" * 1000 + f"DEBUG token={v}\n".encode(),
    "root/.bash_history": lambda v: f"ls\nexport GITHUB_TOKEN={v}\n".encode(),
    "root/.netrc": lambda v: f"machine example.org login x password {v}\n".encode(),
    "root/.npmrc": lambda v: f"//example.org/:_authToken={v}\n".encode(),
    "srv/app/.git/config": lambda v: f"[remote]\n\turl = https://x:{v}@example.org/a.git\n".encode(),
    "srv/app/utf16.txt": lambda v: f"token={v}\r\n".encode("utf-16"),
    "srv/app/utf16be.txt": lambda v: f"token={v}\n".encode("utf-16-be"),
    "srv/app/secret.yaml": _kubernetes,
    "root/.docker/config.json": _docker_login,
    "srv/app/hex.txt": lambda v: f"blob = {v.encode().hex()}\n".encode(),
    "srv/app/form.txt": lambda v: f"next=https%3A%2F%2Fx%3A{v}%40example.org%2F&end=1\n".encode(),
    "srv/app/escaped.json": lambda v: f'{{"line": "GET /?token\\u003d{v}\\u0026end\\u003d1"}}\n'.encode(),
    "usr/bin/program": lambda v: (
        b"\x7fELF" + bytes(range(256)) * 40 + f"\0token={v}\0".encode() + bytes(range(256)) * 40
    ),
    "srv/app/data.db": lambda v: _database(v, ()),
    "srv/app/long.db": lambda v: _database("x " * 4500 + v, ()),
    "srv/app/deleted.db": lambda v: _database(v, ("DELETE FROM users",)),
}
# What is in an archive: the archive's path, the file's in it, and what packs one.
_ARCHIVES: dict[str, tuple[str, Callable[[dict[str, bytes]], bytes]]] = {
    "opt/app.jar": ("conf/db.yml", zipped),
    "opt/app.war": ("WEB-INF/web.xml", lambda files: zipped(files, zipfile.ZIP_STORED)),
    "opt/lib.whl": ("lib/settings.py", zipped),
    "opt/letter.docx": ("word/document.xml", zipped),
    "opt/app.apk": ("assets/config.json", zipped),
    "opt/tool.pyz": ("__main__.py", lambda files: b"#!/usr/bin/env python3\n" + zipped(files)),
    "opt/backup.tar": ("etc/app.conf", images.tar),
    "opt/backup.tar.gz": ("etc/app.conf", lambda files: images.gzipped(images.tar(files))),
    "opt/backup.tar.bz2": ("etc/app.conf", lambda files: bz2.compress(images.tar(files))),
    "opt/backup.tar.xz": ("etc/app.conf", lambda files: lzma.compress(images.tar(files))),
    "opt/backup.tar.zst": ("etc/app.conf", lambda files: images.zstd(images.tar(files))),
    "var/log/app.log.1.gz": ("app.log.1", lambda files: images.gzipped(next(iter(files.values())))),
    "opt/nested.zip": (
        "lib/inner.jar!/conf.tgz!/db.yml",
        lambda files: zipped({"lib/inner.jar": zipped({"conf.tgz": images.gzipped(images.tar(_last(files)))})}),
    ),
    "opt/package.deb": (
        "data.tar.xz!/etc/app.conf",
        lambda files: _debian({"data.tar.xz": lzma.compress(images.tar(_last(files)))}),
    ),
}


def plant(new: Callable[[], str] = token) -> Planted:
    """Return an image with a value of ``new`` in each place."""
    values: dict[str, str] = {}
    spots: dict[str, Spot] = {}

    def value(name: str, spot: Spot) -> str:
        values[name], spots[name] = new(), spot
        return values[name]

    base = {path: make(value(path, Spot(_inside(path), 0))) for path, make in _FILES.items()}
    for path, (inside, pack) in _ARCHIVES.items():
        held = value(path, Spot(f"{path}!/{inside}", 0))
        base[path] = pack({inside: f"first: line\ntoken: {held}\n".encode()})
    gone = "by layer 1 (RUN rm -rf /srv/old)"
    for path, shown in (
        ("srv/old/deleted.env", f"deleted {gone}"), ("srv/old/deep/er/file", f"deleted {gone}"),
        ("srv/over.env", f"overwritten {gone}"), ("srv/opaque/a.env", f"hidden {gone}"),
        ("srv/was-file", f"overwritten {gone}"),
    ):  # fmt: skip
        base[path] = f"token={value(f'{path}, gone', Spot(path, 0, shown))}\n".encode()
    base |= _git(value)
    top = {
        "srv/.wh.old": b"", "srv/opaque/.wh..wh..opq": b"", "srv/was-file/": b"",
        "srv/over.env": f"token={value('srv/over.env, new', Spot('srv/over.env', 1))}\n".encode(),
        "srv/opaque/b.env": f"token={value('srv/opaque/b.env', Spot('srv/opaque/b.env', 1))}\n".encode(),
    }  # fmt: skip
    argument = value("build argument", Spot("ARG NPM_TOKEN", 1))
    run = value("RUN line", Spot("history 3", 2))
    config = {
        "Env": ["PATH=/bin", f"GITHUB_TOKEN={value('Env', Spot('Env GITHUB_TOKEN', None))}"],
        "Labels": {"org.example.token": value("Label", Spot("Label org.example.token", None))},
        "Cmd": ["serve", f"--token={value('Cmd', Spot('Cmd', None))}"],
        "Entrypoint": ["/entry", f"--token={value('Entrypoint', Spot('Entrypoint', None))}"],
        "Healthcheck": {"Test": ["CMD", "check", f"--token={value('Healthcheck', Spot('Healthcheck', None))}"]},
        "OnBuild": [f"RUN login --token={value('OnBuild', Spot('OnBuild 0', None))}"],
    }
    former = value("former ENV", Spot("history 0", None))
    layers = [
        Layer(images.tar(base), "COPY . / # buildkit"),
        Layer(images.tar(top), f"RUN |1 NPM_TOKEN={argument} /bin/sh -c rm -rf /srv/old # buildkit"),
        Layer(images.tar({"done": b"1"}), f"RUN /bin/sh -c login --token={run} # buildkit"),
    ]
    return Planted(Image(layers, config, empty=[f"/bin/sh -c #(nop)  ENV GITHUB_TOKEN={former}"]), spots, values, base)


def _inside(path: str) -> str:
    """Return the path at which a file's value is told."""
    return {
        "srv/app/data.db": "srv/app/data.db!/users",
        "srv/app/long.db": "srv/app/long.db!/users",
        "srv/app/deleted.db": "srv/app/deleted.db!/deleted rows",
    }.get(path, path)


def _git(value: Callable[[str, Spot], str]) -> dict[str, bytes]:
    """Return the objects of two repositories: loose ones, and a pack."""
    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as directory:
        for kind in ("loose", "pack"):
            root = Path(directory, kind)
            blob = value(f"Git blob, {kind}", Spot("", 0))
            message = value(f"Git commit message, {kind}", Spot("", 0))
            (root / "conf").mkdir(parents=True)
            (root / "conf/app.yml").write_text("a: 1\n" * 200 + f"token: {blob}\n")
            _run_git(root, "init", "-q")
            _run_git(root, "add", ".")
            _run_git(root, "commit", "-q", "-F", "-", given=f"use the token {message}")
            (root / "conf/app.yml").write_text("a: 1\n" * 200)
            _run_git(root, "commit", "-q", "-a", "-m", "remove it")
            if kind == "pack":
                _run_git(root, "gc", "-q")
            for file in sorted((root / ".git/objects").rglob("*")):
                if file.is_file() and "info" not in file.parts:
                    found[f"srv/{kind}/{file.relative_to(root)}"] = file.read_bytes()
    return found


def _run_git(root: Path, *arguments: str, given: str = "") -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-C", str(root), *arguments]
    subprocess.run(command, input=given, text=True, check=True, capture_output=True)
