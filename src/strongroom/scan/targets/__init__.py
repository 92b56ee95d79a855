"""What is looked at: a ``Target`` for each kind of thing, found by what a person calls it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import EngineError, TargetError
from .base import Target

if TYPE_CHECKING:
    from ...docker.engine import Engine

KINDS = {
    "image": "image:NAME, an image that the Engine has",
    "archive": "archive:FILE, what docker save wrote, or an OCI archive",
    "oci": "oci:DIR, a directory in OCI's layout",
    "dir": "dir:PATH, a directory or a file",
    "context": "context:DIR, a build context as Docker would send it",
    "git": "git:DIR, a repository with its history",
    "container": "container:NAME",
    "service": "service:NAME",
    "compose": "compose:FILE",
    "dockerfile": "dockerfile:FILE",
}
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2")


def find(text: str) -> Target:
    """Return the target that a person means: ``image:shop:1``, ``dir:.``, ``-`` for standard input, or without a kind.

    Raises:
        TargetError: there is no such thing, or it could be several.
        EngineError: what the Engine should have is not there.
        DeclarationError: a context's ignore file has a pattern that Docker refuses.
    """
    if text == "-":
        import sys

        from .text import Input

        return Input(open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))
    if not text:  # a variable that is not set, most likely, and no word for the working directory
        raise TargetError("'' names nothing. For the working directory: strongroom scan .")
    kind, colon, rest = text.partition(":")
    if colon and kind in KINDS:
        if not rest:
            raise TargetError(f"'{text}' names nothing. Write {KINDS[kind]}.")
        return _of_kind(kind, rest)
    path = Path(text)
    if path.exists():
        return _of_kind(_kind_of(path), text)
    return _in_engine(text)


def _of_kind(kind: str, rest: str) -> Target:
    if kind in ("image", "container", "service"):
        from ...docker.engine import Engine

        return _of_engine(kind, rest, Engine.connect())
    path = Path(rest)
    if not path.exists():
        raise TargetError(f"{rest} is not there. What was asked for is {KINDS[kind]}.")
    if kind in ("archive", "compose", "dockerfile") and not path.is_file():
        raise TargetError(f"{rest} is not a file. For a directory: dir:{rest}")
    if kind in ("oci", "git") and not path.is_dir():
        raise TargetError(f"{rest} is not a directory. For a file: dir:{rest}")
    _check_readable(path)
    return _of_path(kind, path)


def _check_readable(path: Path) -> None:
    """Check what a person named; of what lies below it, a notice tells.

    Raises:
        TargetError: it cannot be read, or is neither a file nor a directory.
    """
    try:
        if path.is_dir():
            os.scandir(path).close()
        elif path.is_file():
            path.open("rb").close()
        else:
            raise TargetError(f"{path} is neither a file nor a directory. To read a pipe: strongroom scan - < {path}")
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}.") from None


def _of_path(kind: str, path: Path) -> Target:
    if kind in ("archive", "oci"):
        from .image.target import ImageArchive, OciDirectory

        return ImageArchive(path) if kind == "archive" else OciDirectory(path)
    if kind in ("compose", "dockerfile"):
        from . import text

        return text.compose(path) if kind == "compose" else text.Files(f"dockerfile {path}", [path])
    if kind == "git":
        from .git import Repository

        return Repository(path)
    if kind == "context":
        from .context import Context

        return Context(path)
    from .directory import Directory

    return Directory(path)


def _of_engine(kind: str, name: str, engine: Engine) -> Target:
    if kind == "image":
        from .image.target import EngineImage

        return EngineImage(name, engine)
    from .container import Container, Service

    return Container(name, engine) if kind == "container" else Service(name, engine)


def _kind_of(path: Path) -> str:
    """Return what something in the file system most likely is."""
    if path.is_dir():
        return "oci" if (path / "oci-layout").is_file() and (path / "index.json").is_file() else "dir"
    name = path.name.lower()
    if name.startswith(("compose.", "docker-compose.", "compose-", "docker-compose-")) and name.endswith(
        (".yml", ".yaml")
    ):
        return "compose"
    if name == "dockerfile" or name.startswith("dockerfile.") or name.endswith(".dockerfile"):
        return "dockerfile"
    return "archive" if name.endswith(_ARCHIVES) else "dir"


def _in_engine(text: str) -> Target:
    """Return the only thing of that name that the Engine has."""
    from ...docker.engine import Engine

    advice = f"Say what it is: {'; '.join(KINDS.values())}; or - for standard input."
    try:
        engine = Engine.connect()
    except EngineError:
        raise TargetError(
            f"'{text}' is neither here as a file or directory, nor is an Engine reachable. {advice}"
        ) from None
    found: dict[str, Target] = {}
    for kind in ("image", "container", "service"):
        try:
            found[kind] = _of_engine(kind, text, engine)
        except EngineError:
            continue
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        several = " or ".join(f"{kind}:{text}" for kind in found)
        raise TargetError(f"'{text}' could be several things. Say which: {several}.")
    raise TargetError(f"'{text}' is neither a file or directory here, nor an image, container or service. {advice}")
