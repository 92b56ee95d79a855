"""Facts of one process of this machine, such as 'strongroom run' starts: its files, and whom it runs as."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import DeliveryError, InvalidValue
from ..model import Value
from . import seen
from .model import Held, Kind, Known, Subject, absolute
from .project import Project

_DIRECTORY = "/run/secrets"


class Process(NamedTuple):
    """A process, its environment, and its files: the path here, and the target that it knows."""

    pid: int
    variables: Mapping[str, str]
    files: Sequence[tuple[Path, str]]

    def __repr__(self) -> str:
        return f"<process {self.pid}>"

    def names(self) -> list[str]:
        """Return what its files are called."""
        return [target.rpartition("/")[2] for _, target in self.files]


def look(pid: int, targets: Sequence[str]) -> Process:
    """Look at a process; ``targets`` are paths outside of /run/secrets that it may have been granted.

    Raises:
        DeliveryError: there is no such process, or it may not be looked at.
    """
    try:
        text = os.fsdecode(Path(f"/proc/{pid}/environ").read_bytes())
        variables = seen.variables_of(text.split("\0"))
        root = f"/proc/{pid}/root"
        directory = variables.get("SECRETS_DIR") or _DIRECTORY
        files = [(path, f"{_DIRECTORY}/{name}") for path, name in _files(Path(root + directory))]
        files += [(Path(root + each), each) for each in targets if not each.startswith(_DIRECTORY)]
    except (FileNotFoundError, ProcessLookupError):
        raise DeliveryError(f"there is no process {pid}.") from None
    except PermissionError:
        raise DeliveryError(f"process {pid} is somebody else's. Look at it as root: sudo strongroom doctor") from None
    return Process(pid, variables, [each for each in files if os.path.lexists(each[0])])


def gather(project: Project, process: Process, service: str | None) -> Subject:
    """Return a process as a subject; ``service`` is whose grants 'strongroom run' gave it."""
    declared = project.services[service] if service else None
    names = {absolute(grant.target): grant.source for grant in declared.grants} if declared else {}
    user = seen.user_of(process.pid)
    paths = seen.paths_in(process.variables.items())
    return Subject(
        str(process.pid),
        Kind.PROCESS,
        declared,
        tuple(_held(path, target, names.get(target), project.known) for path, target in process.files),
        (user,) if user else (),
        process.variables,
        absent=frozenset(path for path in paths if not os.path.lexists(f"/proc/{process.pid}/root{path}")),
    )


def _files(directory: Path) -> Iterator[tuple[Path, str]]:
    if directory.is_dir():
        for path in sorted(directory.rglob("*")):
            if not path.is_dir():
                yield path, str(path.relative_to(directory))


def _held(path: Path, target: str, key: str | None, known: Sequence[Known]) -> Held:
    status = path.stat()
    name = target.rpartition("/")[2]
    found = next((each for each in known if (each.key == key if key else name in (each.key, each.name))), None)
    fresh = None
    if found is not None and found.value is not None:
        with suppress(OSError, InvalidValue):
            fresh = Value(path.read_bytes()) == found.value
    return Held(
        found.name if found else name, target, status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), fresh=fresh
    )
