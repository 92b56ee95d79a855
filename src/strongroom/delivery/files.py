"""Writing granted secrets as files: each with its final owner and mode from the moment it exists."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ..errors import DeliveryError
from ..model import Grant, Value

SECRETS_DIR = PurePosixPath("/run/secrets")

Granted = tuple[Grant, Value]


def below_secrets(grant: Grant) -> PurePosixPath | None:
    """Return a grant's path relative to ``/run/secrets``, or None where its target lies elsewhere.

    Raises:
        DeliveryError: the target leads out by ``..``, or is no file's path.
    """
    target = PurePosixPath(grant.target)
    if ".." in target.parts or not target.name or "\0" in grant.target:
        raise DeliveryError(f"'{grant.target}' cannot be a target: give a file's path without '..'.")
    if not target.is_absolute():
        return target
    return target.relative_to(SECRETS_DIR) if target.is_relative_to(SECRETS_DIR) else None


def check_targets(granted: Sequence[Granted]) -> None:
    """Check that no two grants want the same file.

    Raises:
        DeliveryError: names both secrets.
    """
    seen: dict[PurePosixPath, Grant] = {}
    for grant, _ in granted:
        path = SECRETS_DIR / (below_secrets(grant) or grant.target)
        if path in seen:
            raise DeliveryError(
                f"secrets '{seen[path].secret}' and '{grant.secret}' are both granted as {path}. Change one target."
            )
        seen[path] = grant


def variable(name: str) -> str:
    """Return the variable that leads a program to a secret's file, as many images know it: ``DB_PASSWORD_FILE``."""
    return f"{name.upper().replace('-', '_').replace('.', '_')}_FILE"


def replace(directory: Path, granted: Sequence[Granted]) -> None:
    """Write secrets to files in a directory, in the place of those that are there: all of them, or none.

    A reader finds the whole old value or the whole new one.

    Raises:
        DeliveryError: one cannot be written.
    """
    written: list[tuple[Path, Path]] = []
    try:
        for each in granted:
            path = directory / each[0].target
            temporary = path.with_name(f".{path.name}.new")
            temporary.unlink(missing_ok=True)
            written.append((temporary, path))
            write(temporary, each)
        for temporary, path in written:
            temporary.replace(path)
    except OSError as error:
        raise DeliveryError(f"{directory} cannot be written to: {error.strerror}.") from None
    finally:
        for temporary, _ in written:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def write(path: Path, granted: Granted) -> None:
    """Write one secret to a file that must not exist, in directories that are made as needed.

    Raises:
        DeliveryError: the file cannot be written, or not be given to that owner.
    """
    grant, value = granted
    former = os.umask(0)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, grant.mode)
        try:
            if os.geteuid() == 0:
                os.fchown(descriptor, grant.uid, grant.gid)
            data = memoryview(value.reveal())
            while data:
                data = data[os.write(descriptor, data) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DeliveryError(f"secret '{grant.secret}' cannot be written to {path}: {error.strerror}.") from None
    finally:
        os.umask(former)
