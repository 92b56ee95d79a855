"""The words of a diagnosis: faults, findings, and the facts that they are found in. No I/O.

No text of a finding contains a value; values and environments do not show themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ..compose import Service, ServiceGrant
from ..delivery.declared import Source
from ..docker.users import Identity
from ..model import Value


class Fault(StrEnum):
    """What can be wrong. Each is a section of docs/troubleshooting.md."""

    COMPOSE_FILE = "compose-file"
    STORE_MISSING = "store-missing"
    STORE_CLOSED = "store-closed"
    SECRET_MISSING = "secret-missing"  # noqa: S105 - a fault's name
    FILE_MISSING = "file-missing"
    FILE_IS_DIRECTORY = "file-is-directory"
    FILE_EMPTY = "file-empty"
    VARIABLE_MISSING = "variable-missing"
    TRAILING_NEWLINE = "trailing-newline"
    CRLF = "crlf"
    BYTE_ORDER_MARK = "byte-order-mark"
    NOT_GRANTED = "not-granted"
    OTHER_TARGET = "other-target"
    DANGLING_VARIABLE = "dangling-variable"
    UNREADABLE = "unreadable"
    PLAIN_VARIABLE = "plain-variable"
    HIDDEN = "hidden"
    NOT_DEPLOYED = "not-deployed"
    NOT_IN_SWARM = "not-in-swarm"
    STALE_VERSION = "stale-version"
    STAGING_LOST = "staging-lost"
    PLAIN_COMPOSE = "plain-compose"
    NO_TASK = "no-task"
    ENGINE_UNREACHABLE = "engine-unreachable"
    ENGINE_OLD = "engine-old"
    COMPOSE_OLD = "compose-old"
    DOCKER_OLD = "docker-old"
    SWARM_LOCKED = "swarm-locked"
    NOT_A_MANAGER = "not-a-manager"
    DRIVER_MISSING = "driver-missing"


class Finding(NamedTuple):
    """A fault that was found: where, at which secret, what was seen, and the command that mends it."""

    fault: Fault
    where: str
    secret: str
    seen: str
    command: str


class Shape(NamedTuple):
    """What may be said of a value: its length in bytes, and of which class some of them are."""

    length: int
    lines: int
    newline: bool  # at the end
    crlf: bool
    mark: str  # the byte-order mark's encoding; empty where there is none


class Known(NamedTuple):
    """A secret that the project declares, or that only the store has (``key`` is its name then)."""

    key: str
    name: str
    declared: bool
    source: Source | None = None
    value: Value | None = None
    empty: bool = False  # a file without a byte, which is no value


class User(NamedTuple):
    """Whom a process runs as; ``powerful`` if it may read every file, whoever's it is."""

    identity: Identity
    powerful: bool
    how: str  # where that was seen

    def may_read(self, uid: int, gid: int, mode: int) -> bool:
        """Tell whether the kernel lets it read such a file."""
        if self.powerful:
            return True
        if self.identity.uid == uid:
            return bool(mode & 0o400)
        return bool(mode & (0o040 if gid in self.identity.groups else 0o004))


class Held(NamedTuple):
    """A secret's file as a container, service or process has it. ``version`` None: nobody can tell.

    ``fresh`` is False where it has another content than a delivery would give it now.
    """

    secret: str
    target: str
    uid: int
    gid: int
    mode: int
    version: int | None = None
    current: int | None = None
    fresh: bool | None = None
    staged: bool = False  # by strongroom
    lost: bool = False  # its file on the machine is gone
    swarm_name: str = ""
    path: str = ""  # on the machine, where strongroom did not stage it
    directory: bool = False  # which Docker made in the place of a file
    hidden_by: str = ""


class Kind(StrEnum):
    """What a subject is."""

    DECLARED = "service"  # of the file, and nowhere else
    CONTAINER = "container"
    SWARM = "swarm service"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that reads secrets.

    ``service`` is the Compose file's, if it is one; ``origins`` tells where that gets a variable from: a file, or
    nothing for its own ``environment``. ``deploy`` is the command that gives it what the file says. ``mentioned`` are
    paths in /run/secrets that its log names.
    """

    name: str
    kind: Kind
    service: Service | None = None
    held: tuple[Held, ...] = ()
    users: tuple[User, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    origins: Mapping[str, Path | None] = field(default_factory=dict)
    mentioned: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()  # paths that variables name, and that are not there
    deploy: str = ""
    options: str = ""  # of 'strongroom grant': which file
    well: bool = True  # it runs, and says of itself that it is healthy
    problem: str = ""  # the last error of its tasks, if none runs
    replicas: int | None = None
    drivers: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """What people call it."""
        return self.service.name if self.service and self.kind is not Kind.SWARM else self.name

    @property
    def grants(self) -> tuple[ServiceGrant, ...]:
        """What the Compose file grants it."""
        return self.service.grants if self.service else ()


def absolute(target: str) -> str:
    """Return the path of a grant's target."""
    return target if target.startswith("/") else f"/run/secrets/{target}"


def shape(data: bytes) -> Shape:
    """Return what may be said of a value."""
    marks = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
    mark = next((name for start, name in marks.items() if data.startswith(start)), "")
    return Shape(len(data), len(data.splitlines()), data.endswith((b"\n", b"\r")), b"\r\n" in data, mark)
