"""What a project needs for development: files for its secrets, kept out of Git and of images."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from . import compose
from .errors import DeclarationError
from .generate import password
from .ignore import add_line

_DEVELOPMENT = ("compose.dev.yaml", "compose.dev.yml", "docker-compose.dev.yaml", "docker-compose.dev.yml")
_DIRECTORY = "secrets"
_LENGTH = 32


@dataclass
class Scaffold:
    """What was made, what was there already, and which lines ignore files got."""

    made: list[Path] = field(default_factory=list)
    present: list[Path] = field(default_factory=list)
    ignored: list[tuple[Path, str]] = field(default_factory=list)


def scaffold(project: Path) -> Scaffold:
    """Make the files that ``project``'s Compose file for development names, each readable by its owner alone.

    Raises:
        DeclarationError: the Compose file cannot be read, or a file cannot be made.
    """
    done = Scaffold()
    files = [path for path in _declared(project) if path.is_relative_to(project)]
    try:
        for path in files:
            if path.exists():
                done.present.append(path)
                continue
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(password(_LENGTH, "alphanumeric"))
            done.made.append(path)
        if not files:
            (project / _DIRECTORY).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise DeclarationError(f"{error.filename} cannot be made: {error.strerror}.") from None
    for line in sorted({_ignored(path.relative_to(project)) for path in files} or {f"{_DIRECTORY}/"}):
        for name in (".gitignore", ".dockerignore"):
            if add_line(project / name, line):
                done.ignored.append((project / name, line))
    return done


def _declared(project: Path) -> list[Path]:
    names = [name for name in (*_DEVELOPMENT, *compose.FILE_NAMES) if (project / name).is_file()]
    secrets = compose.load_secrets(project / names[0]) if names else {}
    return [Path(os.path.abspath(secret.file)) for secret in secrets.values() if secret.file]  # noqa: PTH100 - no links


def _ignored(path: Path) -> str:
    """Return the line for a file: its directory, if it has one of its own."""
    return f"{path.parts[0]}/" if len(path.parts) > 1 else path.name
