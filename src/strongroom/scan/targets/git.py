"""A Git repository with all its history, through the ``git`` program: nothing that the repository configures is run.

Each blob is looked at once, under its path and the commit that first had it: from commits that a branch, a tag, a stash
or a reflog leads to, oldest first; then objects that nothing leads to; then the files of the working tree that are in
no commit.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, NamedTuple

from ...errors import TargetError
from ..model import Piece, Place
from .archives import stream_pieces
from .base import Target
from .directory import file_pieces, read, walk
from .reading import Reading, shown
from .stream import CHUNK_BYTES

# A repository may be somebody else's: no hook, no filter, no helper, no network of its choice.
_OPTIONS = (
    "--no-pager", "--no-replace-objects", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "-c", "core.quotePath=false",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_PAGER": "cat", "LC_ALL": "C",
}  # fmt: skip
# What the history says too.
_TOLD = ("objects", "index", "COMMIT_EDITMSG")
_LINK_MODE, _MODULE_MODE = b"120000", b"160000"


class _Blob(NamedTuple):
    commit: str
    path: bytes
    name: bytes


class Repository(Target):
    """A Git repository."""

    def __init__(self, path: Path) -> None:
        """Look at the repository at ``path``: a working tree, or a bare one.

        Raises:
            TargetError: there is none, or there is no ``git``.
        """
        program = shutil.which("git")
        if program is None:
            raise TargetError("looking at a repository's history takes git, which is not in PATH. Install git.")
        super().__init__(f"git {path}")
        self._program, self._path = program, path
        done = subprocess.run(
            self._command("rev-parse", "--git-dir"), capture_output=True, check=False, env=self._environment()
        )
        if done.returncode != 0:
            raise TargetError(f"{path} is not a Git repository that git can read: {_reason(done.stderr)}.")
        self._bare = done.stdout.strip() == b"."
        self._seen: set[bytes] = set()
        self._sizes: set[int] = set()

    def pieces(self) -> Iterator[Piece]:
        """Yield the blobs of the history, the commits' messages, lost objects, and the working tree's own files."""
        self._seen.clear()
        present = self._present()
        with self._objects() as objects:
            for blob in self._history():
                identifier = bytes.fromhex(blob.name.decode())
                if identifier not in self._seen:
                    self._seen.add(identifier)
                    place = Place(
                        shown(blob.path), commit=blob.commit,
                        shown="" if identifier in present else "not in the present commit",
                    )  # fmt: skip
                    yield from stream_pieces(place, objects.read(blob.name), self._reading)
            for kind, name in self._all():
                yield from self._other(kind, name, objects)
        if not self._bare:
            yield from self._working_tree()

    def _other(self, kind: bytes, name: bytes, objects: _Objects) -> Iterator[Piece]:
        text = name.decode()
        if kind == b"blob":
            identifier = bytes.fromhex(text)
            if identifier not in self._seen:
                self._seen.add(identifier)
                place = Place(f"object {text[:12]}", shown="in no commit")
                yield from stream_pieces(place, objects.read(name), self._reading)
        elif kind == b"commit":
            yield Piece(Place("commit message", commit=text), objects.read(name))
        elif kind == b"tag":
            yield Piece(Place(f"tag {text[:12]}"), objects.read(name))

    def _working_tree(self) -> Iterator[Piece]:
        for path, size in walk(self._path, self._reading, lambda path, directory: directory and path == ".git"):
            file = f"{self._path}/{path}"
            # Most files of a working tree are of no size that a blob has, and need not be read twice.
            if size and (size not in self._sizes or self._blob_name(file, size) not in self._seen):
                yield from file_pieces(file, path, self._reading)
        inside = self._path / ".git"
        if inside.is_dir():
            for path, size in walk(inside, self._reading, lambda path, _: path in _TOLD):
                if path.startswith("logs/"):
                    yield Piece(Place(f".git/{path}"), self._moves(inside / path, path))
                elif size:
                    yield from file_pieces(inside / path, f".git/{path}", self._reading)

    def _moves(self, file: Path, path: str) -> Iterator[bytes]:
        """Yield a reflog without what only repeats a commit's message: where it was cloned from, for one."""
        with closing(read(file, f".git/{path}", self._reading)) as chunks:
            lines = b"".join(chunks).splitlines(keepends=True)
        yield b"".join(line for line in lines if b"\tcommit" not in line)

    def _blob_name(self, file: str, size: int) -> bytes:
        """Return what Git would call a file's content, or nothing where it cannot be read: that is told of later."""
        wide = bool(self._seen) and len(next(iter(self._seen))) == 32
        digest = hashlib.sha256() if wide else hashlib.sha1(usedforsecurity=False)
        digest.update(b"blob %d\0" % size)
        try:
            with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 - a name need not become a Path
                while chunk := opened.read(CHUNK_BYTES):
                    digest.update(chunk)
        except OSError:
            return b""
        return digest.digest()

    def _present(self) -> set[bytes]:
        """Return the names of the blobs of the present commit."""
        found: set[bytes] = set()
        with self._running("ls-tree", "-r", "-z", "HEAD", quiet=True) as output:
            for entry in _records(output):
                words = entry.partition(b"\t")[0].split()
                if len(words) == 3 and words[1] == b"blob":
                    found.add(bytes.fromhex(words[2].decode()))
        return found

    def _history(self) -> Iterator[_Blob]:
        """Yield what each commit added or changed, oldest first."""
        commit = ""
        arguments = (
            "log", "--all", "--reflog", "--reverse", "--topo-order", "--raw", "-c", "--root", "--no-renames", "-z",
            "--no-abbrev", "--no-ext-diff", "--no-textconv", "--ignore-submodules", "--format=commit %H",
        )  # fmt: skip
        with self._running(*arguments) as output:
            records = _records(output)
            for record in records:
                text = record.lstrip(b"\n")
                if text.startswith(b"commit "):
                    commit = text[7:].decode()
                elif text.startswith(b":"):
                    parents = len(text) - len(text.lstrip(b":"))
                    words = text[parents:].split()
                    path = next(records, b"")
                    mode, name = words[parents], words[2 * parents + 1]
                    if mode not in (_MODULE_MODE, _LINK_MODE) and name.strip(b"0"):
                        yield _Blob(commit, path, name)

    def _all(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the kind and name of every object that there is, reached or not."""
        check = "--batch-check=%(objecttype) %(objectname)"
        with self._running("cat-file", "--batch-all-objects", check, "--unordered") as output:
            for line in output:
                kind, _, name = line.strip().partition(b" ")
                if kind != b"tree":
                    yield kind, name

    @contextmanager
    def _objects(self) -> Iterator[_Objects]:
        process = subprocess.Popen(
            self._command("cat-file", "--batch"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=self._environment(), bufsize=CHUNK_BYTES,
        )  # fmt: skip
        try:
            yield _Objects(process, self._reading, self._sizes)
        finally:
            process.kill()
            process.communicate()

    @contextmanager
    def _running(self, *arguments: str, quiet: bool = False) -> Iterator[IO[bytes]]:
        """Run git and give its output; what it complains of is told at the end."""
        with subprocess.Popen(
            self._command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self._environment(), bufsize=CHUNK_BYTES,
        ) as process:  # fmt: skip
            assert process.stdout and process.stderr  # noqa: S101, PT018 - for the type checker
            # Read meanwhile: git waits while nobody takes what it says of each damaged object.
            said: deque[bytes] = deque(maxlen=1)
            listener = Thread(target=said.extend, args=(process.stderr,), daemon=True)
            listener.start()
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
            finally:
                listener.join()
            if process.wait() != 0 and not quiet:
                self._reading.notice(f"git {arguments[0]}", f"did not come to its end: {_reason(b''.join(said))}")

    def _command(self, *arguments: str) -> list[str]:
        return [self._program, *_OPTIONS, "-C", str(self._path), *arguments]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return kept | _ENVIRONMENT


class _Objects:
    """``git cat-file --batch``: names in, contents out."""

    def __init__(self, process: subprocess.Popen[bytes], reading: Reading, sizes: set[int]) -> None:
        assert process.stdin and process.stdout  # noqa: S101, PT018 - for the type checker
        self._in, self._out = process.stdin, process.stdout
        self._reading, self._sizes = reading, sizes
        self._left = 0

    def read(self, name: bytes) -> Iterator[bytes]:
        """Yield an object's content. It has to be asked for when the one before was read, or will not be."""
        self._skip()
        try:
            self._in.write(name + b"\n")
            self._in.flush()
        except OSError:
            self._reading.notice("git cat-file", "ended before its time")
            return
        words = self._out.readline().split()
        if len(words) != 3 or not words[2].isdigit():
            self._reading.notice(f"object {name[:12].decode()}", "is missing, or damaged")
            return
        self._left = int(words[2]) + 1
        self._sizes.add(int(words[2]))
        while self._left > 1:
            chunk = self._out.read(min(self._left - 1, CHUNK_BYTES))
            if not chunk:
                self._reading.notice("git cat-file", "ended before its time")
                self._left = 0
                return
            self._left -= len(chunk)
            self._reading.read(len(chunk))
            yield chunk
        self._skip()

    def _skip(self) -> None:
        while self._left:
            chunk = self._out.read(min(self._left, CHUNK_BYTES))
            self._left = self._left - len(chunk) if chunk else 0


def _records(output: IO[bytes]) -> Iterator[bytes]:
    """Yield what NULs end."""
    rest = b""
    while chunk := output.read(CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _reason(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("fatal: ").rstrip(".") if lines else "it said nothing"
