"""Ignore files: what keeps secrets out of build contexts and repositories."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from .errors import IgnoreError
from .files import replace

DOCKER, GIT = ".dockerignore", ".gitignore"
_HEADING = "# Secrets. Lines below these win: '!name' lets a file in."
# What makes a file of such a name a secret: others of that name are public certificates, and settings alone.
_ASSIGNED = re.compile(rb"(?m)^\s*(export\s+)?\w+\s*=\s*[^\s#]")
_CONTENTS = {
    "*.pem": re.compile(rb"PRIVATE KEY"),
    ".npmrc": re.compile(rb"(?i)_auth(token)?\s*=|_password\s*="),
    ".env*": _ASSIGNED,
    "*.env": _ASSIGNED,
}
_LOOKED_AT = 1 << 20  # bytes


class Exposed(NamedTuple):
    """A file that is where it should not be."""

    path: str
    problem: str
    fix: str


def add_line(path: Path, line: str) -> bool:
    """Make sure that an ignore file has a line; return whether it had to be added (or the file made)."""
    text = path.read_text() if path.exists() else ""
    if line in (each.strip() for each in text.splitlines()):
        return False
    with path.open("a") as file:
        file.write(f"{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n")
    return True


def lines(kind: str) -> list[str]:
    """Return what an ignore file should have: ``DOCKER`` or ``GIT``, whose patterns mean different things."""
    from .scan.targets.unwanted import UNWANTED

    patterns = [pattern for pattern, _ in UNWANTED]
    return patterns if kind == DOCKER else [_for_git(pattern) for pattern in patterns if pattern != ".git"]


def _for_git(pattern: str) -> str:
    """Return a pattern of Docker's as Git reads it: one without a slash in it holds at any depth."""
    negation, path = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    anywhere = path.removeprefix("**/")
    if anywhere == path:
        return f"{negation}/{path}"
    return f"{negation}{path if '/' in anywhere else anywhere}"


def missing(directory: Path, kind: str) -> list[str]:
    """Return the lines that an ignore file does not have yet, in one spelling or another.

    Raises:
        IgnoreError: it cannot be read.
    """
    present = {_spelling(line) for line in _read(directory / kind).splitlines()}
    return [line for line in lines(kind) if _spelling(line) not in present]


def write(directory: Path, kind: str) -> list[str]:
    """Put the missing lines at the top of an ignore file, so that those that are there still decide; return them.

    Raises:
        IgnoreError: it cannot be read or written.
    """
    path, new = directory / kind, missing(directory, kind)
    if new:
        former = _read(path)
        text = "\n".join([_HEADING, *new, "", ""] if former else [_HEADING, *new, ""]) + former
        try:
            replace(path, text.encode(errors="surrogateescape"), path.stat().st_mode & 0o777 if former else 0o644)
        except OSError as error:
            raise IgnoreError(f"{path} cannot be written: {error.strerror}.") from None
    return new


def exposed(directory: Path) -> list[Exposed]:
    """Return the files in a directory that a build would send to the builder, or that Git has or would take.

    Raises:
        IgnoreError: the directory's ``.dockerignore`` cannot be read.
    """
    tracked, addable = _git(directory, "--cached"), _git(directory, "--others", "--exclude-standard")
    context = _context(directory)
    secret = {path for path in {*context, *tracked, *addable} if is_secret(directory, path)}
    found = [
        *(Exposed(path, "Git tracks it", f"git rm --cached {quote(path)}, and rotate: the history has it")
          for path in tracked),
        *(Exposed(path, "Git would take it", f"strongroom ignore, or a line in {GIT}") for path in addable),
        *(Exposed(path, "it is in the build context", f"strongroom ignore, or a line in {DOCKER}") for path in context),
    ]  # fmt: skip
    return sorted(each for each in found if each.path in secret)


def is_secret(directory: Path, path: str) -> bool:
    """Tell whether a file's name says that it holds a secret, and its content does not say otherwise."""
    from .scan.targets.unwanted import unwanted

    if not unwanted(path):
        return False
    name = path.rpartition("/")[2]
    wanted = next((content for pattern, content in _CONTENTS.items() if fnmatchcase(name, pattern)), None)
    if wanted is None:
        return True
    try:
        with (directory / path).open("rb") as file:
            return wanted.search(file.read(_LOOKED_AT)) is not None
    except OSError:
        return True


def _context(directory: Path) -> list[str]:
    """Return the files of a build context, but Git's own, which are one word."""
    from .scan.targets.context import Context

    files = (path for path, _ in Context(directory).files())
    return sorted({".git" if path.startswith(".git/") else path for path in files})


def _git(directory: Path, *options: str) -> Sequence[str]:
    """Return the paths that Git lists below a directory; none where there is no Git, or no repository."""
    # A repository can name programs that Git would run.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(directory), "ls-files", "-z", *options]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return []
    listed = done.stdout if done.returncode == 0 else b""
    return [each.decode(errors="surrogateescape") for each in listed.split(b"\0") if each]


def _read(path: Path) -> str:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise IgnoreError(f"{path} cannot be read: it is not a file.")
    try:
        return path.read_text(errors="surrogateescape") if path.exists() else ""
    except OSError as error:
        raise IgnoreError(f"{path} cannot be read: {error.strerror}.") from None


def _spelling(line: str) -> str:
    """Return a line in one spelling: ``/secrets/``, ``secrets`` and ``**/secrets`` are the same to us."""
    negated = line.strip().startswith("!")
    return f"{'!' if negated else ''}{line.strip().removeprefix('!').removeprefix('**/').strip('/')}"
