"""A project's Compose file, before it is understood: where it is, whether it may name a store, and its plain content.

Every command asks the first two. Reading YAML, or only importing ``compose``, takes as long as all else that a command
does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    """Return the URI of the store that the files' extensions name; '' for the embedded one.

    A file without the word is not parsed.

    Raises:
        DeclarationError: as ``extension.parse``.
    """
    saying = [path for path in of_project(files, directory) if _may_name_store(path)]
    if not saying:
        return ""
    from .extension import merged

    return merged(saying, directory).store


def read(path: Path) -> object:
    """Return the content of a YAML file.

    Raises:
        DeclarationError: it cannot be read, or is no YAML.
    """
    import yaml

    try:
        return yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise DeclarationError(f"{path} cannot be read: {error.strerror}.") from None
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DeclarationError(f"{path}{where} is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise DeclarationError(f"{path} is not YAML.") from None


def mapping(value: object, path: Path, where: str) -> Mapping[str, Any]:
    """Return a value that has to be a mapping; ``where`` says what of the file it is.

    Raises:
        DeclarationError: it is none.
    """
    if not isinstance(value, Mapping):
        raise DeclarationError(f"{path}: {where} is not a mapping.")
    return value


def plain(value: object, path: Path, where: str) -> str:
    """Return a text in which nothing is left to be filled in.

    Raises:
        DeclarationError: there is a variable in it.
    """
    text = str(value)
    if "$" in text.replace("$$", ""):
        raise DeclarationError(
            f"{path}: {where} is '{text}', which only Docker can fill in. Put what 'docker compose config' prints "
            "into a file, and name that with --file."
        )
    return text.replace("$$", "$")


def _may_name_store(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DeclarationError(f"{path} cannot be read: {error.strerror}.") from None
    return EXTENSION.encode() in content and re.search(rb"\bstore\b", content) is not None
