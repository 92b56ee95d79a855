"""Services that are told of a changed secret by a signal: their files change while their containers run.

Such a service has a folder of its own, which is mounted as ``/run/secrets`` whole. In it, each target is a link to a
file that says its version and never changes, as everywhere; a change replaces the link, so that whoever opens the
target gets the whole former value or the whole new one, with its owner and mode.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

FILES = ".versions"
_FOLDER = "services"
_TOLD = ".told"


def folder(directory: Path, service: str) -> Path:
    """Return a service's folder in its project's directory."""
    return directory / _FOLDER / service


def make(directory: Path, service: str) -> Path:
    """Make a service's folder, if need be. Whoever runs in its containers may look into it; others do not get there."""
    found = folder(directory, service)
    directory.mkdir(mode=0o700, exist_ok=True)
    former = os.umask(0)
    try:
        for path in (found.parent, found, found / FILES):
            path.mkdir(mode=0o755, exist_ok=True)
    finally:
        os.umask(former)
    return found


def point(folder: Path, target: str, name: str) -> None:
    """Let a target lead to the file ``name``. Who was told of what it led to is to be told anew."""
    if target_of(folder, target) != name:
        (folder / _TOLD).unlink(missing_ok=True)
        link = folder / f".{target}.{secrets.token_hex(4)}"
        link.symlink_to(f"{FILES}/{name}")
        link.rename(folder / target)


def target_of(folder: Path, target: str) -> str:
    """Return the name of the file that a target leads to; '' if there is none."""
    try:
        return (folder / target).readlink().name
    except OSError:
        return ""


def held_in(directory: Path, mounted: Path) -> list[str]:
    """Return the names of the files that a mounted folder leads to; none if it is no service's."""
    if mounted.parent != directory / _FOLDER:
        return []
    with suppress(FileNotFoundError):
        return [target_of(mounted, each.name) for each in mounted.iterdir() if each.is_symlink()]
    return []


def is_told(folder: Path) -> bool:
    """Tell whether a service was told of what its targets lead to."""
    return (folder / _TOLD).exists()


def remember_told(folder: Path) -> None:
    """Remember that a service was told of what its targets lead to."""
    with suppress(FileNotFoundError):
        (folder / _TOLD).touch()


def files(directory: Path) -> Iterator[Path]:
    """Yield the files of all services' folders."""
    return directory.glob(f"{_FOLDER}/*/{FILES}/*")


def remove_all_but(directory: Path, mounted: Collection[Path]) -> None:
    """Remove the folders of services that no container has mounted, and links that lead nowhere from the others."""
    for path in directory.glob(f"{_FOLDER}/*"):
        if path not in mounted:
            shutil.rmtree(path, ignore_errors=True)
            continue
        for link in path.iterdir():
            if link.is_symlink() and not link.exists():
                link.unlink()
