"""A project's Compose file, before it is understood: where it is, and whether it may name a store.

Every command asks that. Reading YAML, or only importing ``compose``, takes as long as all else that a command does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from .errors import DeclarationError

EXTENSION = "x-strongroom"
# The order in which Compose looks for its file.
FILE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


def find(directory: Path) -> Path:
    """Return the Compose file of a directory, or of the nearest one above that has one.

    Raises:
        DeclarationError: there is none up to the root.
    """
    for folder in (directory, *directory.parents):
        for name in FILE_NAMES:
            if (folder / name).is_file():
                return folder / name
    raise DeclarationError(f"there is no {FILE_NAMES[0]} in {directory} or above it. Name one with --file.")


def of_project(files: Sequence[Path], directory: Path) -> Sequence[Path]:
    """Return the files, or the project's own, if there is one."""
    if files:
        return files
    try:
        return [find(directory)]
    except DeclarationError:
        return []


def declared_store(files: Sequence[Path], directory: Path) -> str:
    """Return the URI of the store that the files' extensions name, as ``extension`` does; '' for the embedded one.

    A file without the word is not parsed.

    Raises:
        DeclarationError: as ``load``.
    """
    saying = [path for path in of_project(files, directory) if _may_name_store(path)]
    if not saying:
        return ""
    from .compose import extension

    return extension(saying, directory).store


def _may_name_store(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DeclarationError(f"{path} cannot be read: {error.strerror}.") from None
    return EXTENSION.encode() in content and re.search(rb"\bstore\b", content) is not None
