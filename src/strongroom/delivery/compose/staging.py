"""One project's staged files: which there are, putting new ones there, and taking old ones away.

A file's name says what it is, and never changes its content: ``db_password.v3-r77gc4.1000.1000.0400``. What comes from
a file or a variable has no version; its content is compared under a key that lies here too, and counted. The files of
services that are signalled lie in a folder each, see ``live.py``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...docker.engine import Engine
from ...errors import DeliveryError
from ...model import Grant, Name, Value
from .. import files
from . import live, memory

_STATE = "state.json"


@dataclass(frozen=True, slots=True)
class Staged:
    """One staged file. ``version`` is the store's, or the count of a file's or variable's contents."""

    secret: str
    version: int
    uid: int
    gid: int
    mode: int
    id: str = ""  # the secret's, in the store
    file: str = ""
    variable: str = ""
    reference: str = ""
    service: str = ""  # where it has a file of its own, as ``target``
    target: str = ""

    @property
    def name(self) -> str:
        """The name of the file, and of the secret in the project that Compose gets."""
        identity = f"-{self.id[:6]}" if self.id else ""
        return f"{self.secret}.v{self.version}{identity}.{self.uid}.{self.gid}.{self.mode:04o}"


class Staging:
    """The directory of one project."""

    def __init__(self, directory: Path) -> None:
        """Use ``directory``, which need not be there yet."""
        self.directory = directory

    def path(self, staged: Staged) -> Path:
        """Return where a staged file is."""
        return (live.folder(self.directory, staged.service) / live.FILES if staged.service else self.directory) / (
            staged.name
        )

    def has(self, staged: Staged) -> bool:
        """Tell whether a file is there: it is there whole, or not at all."""
        return os.path.lexists(self.path(staged))

    def count(self, secret: str, value: Value) -> int:
        """Return the number of a content: that of the last one if it is the same, else the next."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        state = self._state()
        last, mark = state["counts"].get(secret, (0, ""))
        own = hmac.new(
            bytes.fromhex(state["key"]), secret.encode() + b"\0" + value.reveal(), hashlib.sha256
        ).hexdigest()
        if not hmac.compare_digest(own, mark):
            last += 1
            state["counts"][secret] = (last, own)
            _write_private(self.directory / _STATE, json.dumps(state))
        return int(last)

    def set_count(self, secret: str, number: int, value: Value) -> None:
        """Say which number a content has: after a reboot, which forgot it."""
        state = self._state()
        state["counts"][secret] = (number - 1, "")
        _write_private(self.directory / _STATE, json.dumps(state))
        self.count(secret, value)

    def put(self, engine: Engine, wanted: Sequence[tuple[Staged, Value]]) -> None:
        """Stage files through the Engine, which gives them their owners whoever we are.

        Raises:
            EngineError: the Engine refuses, or does not see our directory.
        """
        self.directory.mkdir(mode=0o700, exist_ok=True)
        incoming = self.directory / f".new-{secrets.token_hex(8)}"
        incoming.mkdir(mode=0o700)
        try:
            entries = [
                (str(number), each.uid, each.gid, each.mode, value.reveal())
                for number, (each, value) in enumerate(wanted)
            ]
            with memory.container(engine, self.directory, self.directory.name) as identity:
                memory.put(engine, identity, incoming.name, memory.tar_of(entries), self.directory)
            self._take(incoming, [each for each, _ in wanted])
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def write(self, wanted: Sequence[tuple[Staged, Value]]) -> None:
        """Stage files as root, without an Engine.

        Raises:
            DeliveryError: this is not root, or a file cannot be written.
        """
        if os.geteuid() != 0:
            raise DeliveryError("only root can give files to others while no Engine runs. Start it, or use sudo.")
        self.directory.mkdir(mode=0o700, exist_ok=True)
        incoming = self.directory / f".new-{secrets.token_hex(8)}"
        incoming.mkdir(mode=0o700)
        try:
            for number, (each, value) in enumerate(wanted):
                grant = Grant(Name(each.secret), each.name, each.uid, each.gid, each.mode)
                files.write(incoming / str(number), (grant, value))
            self._take(incoming, [each for each, _ in wanted])
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _take(self, incoming: Path, wanted: Sequence[Staged]) -> None:
        """Put files that came under their number where they belong."""
        for number, each in enumerate(wanted):
            if each.service:
                live.make(self.directory, each.service)
            (incoming / str(number)).rename(self.path(each))

    def point(self, staged: Sequence[Staged], services: Collection[str]) -> None:
        """Let the targets of these services lead to what is staged; and those of others that lead nowhere.

        Of several files for one target the first counts.
        """
        for each in reversed(staged):
            folder = live.folder(self.directory, each.service)
            if each.service and (each.service in services or not (folder / each.target).exists()):
                live.point(folder, each.target, each.name)

    def untold(self, services: Collection[str]) -> list[str]:
        """Return which of these services have not been told, so far, of what they would read now."""
        return [each for each in sorted(services) if not live.is_told(live.folder(self.directory, each))]

    def remember_told(self, services: Collection[str]) -> None:
        """Remember that these services know of what they would read now."""
        for each in services:
            live.remember_told(live.folder(self.directory, each))

    def is_used(self, staged: Staged, mounted: Collection[Path]) -> bool:
        """Tell whether a container has a file mounted, or would read it where it has the service's folder mounted."""
        if not staged.service:
            return self.path(staged) in mounted
        folder = live.folder(self.directory, staged.service)
        return folder in mounted and live.target_of(folder, staged.target) == staged.name

    def sweep(self, staged: Sequence[Staged], mounted: Collection[Path]) -> list[Staged]:
        """Remove all files that no container uses; return those that stay."""
        used = [each for each in staged if self.is_used(each, mounted)]
        kept = {self.path(each) for each in used}
        with suppress(FileNotFoundError):
            for path in (*self.directory.iterdir(), *live.files(self.directory)):
                if path.name != _STATE and path not in kept and path not in mounted and path.is_file():
                    path.unlink(missing_ok=True)
        live.remove_all_but(self.directory, mounted)
        return used

    def remove(self) -> None:
        """Remove all that is staged."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _state(self) -> dict[str, Any]:
        try:
            state = json.loads((self.directory / _STATE).read_text())
        except (OSError, ValueError):
            state = {"key": secrets.token_hex(32), "counts": {}}
        assert isinstance(state, dict)  # noqa: S101 - for the type checker
        return state


def version_of(file: str, secret: str) -> int | None:
    """Return which version of a secret a staged file of that name is; None if it is none."""
    match = re.fullmatch(re.escape(secret) + r"\.v(\d+)(?:-[^.]*)?\.\d+\.\d+\.[0-7]{4}", file)
    return int(match[1]) if match else None


def versions_in(directory: Path, mounted: Path, secret: str) -> set[int]:
    """Return which versions of a secret what a container has mounted from ``directory`` is, or leads to."""
    names = [mounted.name] if mounted.parent == directory else live.held_in(directory, mounted)
    return {version for name in names if (version := version_of(name, secret))}


def manifest_path(project: str) -> Path:
    """Return the file that remembers, over a reboot, what a project has staged. It holds no values."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(state, "strongroom", "compose", f"{project}.json")


def save_manifest(project: str, staging: Staging, staged: Sequence[Staged], origin: Mapping[str, object]) -> None:
    """Remember what is staged; ``origin`` says which store and identity it came from."""
    path = manifest_path(project)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {"directory": str(staging.directory), **origin, "staged": [asdict(each) for each in staged]}
    _write_private(path, json.dumps(content, indent=1))


def load_manifest(path: Path) -> dict[str, Any] | None:
    """Return what was remembered, with ``staged`` as ``Staged``; None if there is nothing.

    Raises:
        DeliveryError: the file is not what ``save_manifest`` wrote.
    """
    try:
        content = json.loads(path.read_text())
        content["staged"] = [Staged(**each) for each in content["staged"]]
        Path(content["directory"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise DeliveryError(f"{path} is damaged. Remove it, and bring the project up again.") from None
    assert isinstance(content, dict)  # noqa: S101 - for the type checker
    return content


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
