"""What can be seen of a container from outside: whom its processes run as, what its log speaks of, what it has."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..docker.engine import Engine, Json
from ..docker.users import Identity, identify
from ..errors import EngineError
from .model import User

_MENTIONED = re.compile(r"/run/secrets/[A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?")
# capabilities(7): either lets a process read every file.
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_LINES = 200


class File(NamedTuple):
    """A file in a container."""

    uid: int
    gid: int
    mode: int
    directory: bool


def inspect(engine: Engine, container: str) -> Json | None:
    """Return all about a container; None if it is gone by now."""
    try:
        found: Json = engine.get(f"/containers/{container}/json")
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    return found


def users_of_container(engine: Engine, container: Json) -> tuple[User, ...]:
    """Return whom a container's processes run as, its first process first; where none runs, whom they would."""
    pid = container["State"].get("Pid") or 0
    dropped = drops_power(container["HostConfig"].get("CapDrop"))
    if pid and is_here(pid, container["Id"]):
        found = [user for each in _tree(pid) if (user := user_of(each))]
    elif pid:
        found = list(_top(engine, container["Id"], dropped))
    else:
        found = []
    if found:
        return tuple(dict.fromkeys(found))
    config = container["Config"]
    groups = [str(each) for each in container["HostConfig"].get("GroupAdd") or []]
    return configured(engine, container["Image"], config.get("User") or None, groups, dropped)


def configured(engine: Engine, image: str, user: str | None, groups: Iterable[str], dropped: bool) -> tuple[User, ...]:
    """Return whom a container runs as by its configuration and its image; nobody where the image is not here."""
    with suppress(EngineError):
        identity = identify(engine, image, user, list(groups))
        if identity is not None:
            return (User(identity, identity.uid == 0 and not dropped, "it runs as"),)
    return ()


def user_of(pid: int) -> User | None:
    """Return whom a process of this machine runs as, in the numbers of its own user namespace."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        mapping = Path(f"/proc/{pid}/uid_map").read_text(), Path(f"/proc/{pid}/gid_map").read_text()
    except OSError:
        return None
    status = {key: text.split() for key, _, text in (line.partition(":") for line in lines)}
    uid, gid = _inside(int(status["Uid"][1]), mapping[0]), _inside(int(status["Gid"][1]), mapping[1])
    groups = frozenset({gid} | {_inside(int(each), mapping[1]) for each in status.get("Groups", [])})
    powers = int(status["CapEff"][0], 16)
    powerful = bool(powers >> _DAC_OVERRIDE & 1 or powers >> _DAC_READ_SEARCH & 1)
    return User(Identity(uid, gid, groups), powerful, f"the process {status['Name'][0]} runs as")


def is_here(pid: int, container: str) -> bool:
    """Tell whether a process of this machine is that container's: its Engine may be on another machine."""
    with suppress(OSError):
        return container in Path(f"/proc/{pid}/mountinfo").read_text()
    return False


def mentioned(engine: Engine, container: Json) -> frozenset[str]:
    """Return the paths in /run/secrets that the end of a container's log speaks of, and its failing checks."""
    text = ""
    with suppress(EngineError):
        text = engine.logs(container["Id"], _LINES).decode(errors="replace")
    health = container["State"].get("Health") or {}
    if health.get("FailingStreak"):
        text += "".join(str(each.get("Output")) for each in health.get("Log") or [])
    return frozenset(_MENTIONED.findall(text))


def file_of(engine: Engine, container: str, path: str) -> File | None:
    """Return a file of a container; None where there is none. What is in a tmpfs is not seen."""
    try:
        archive = engine.get_archive(container, path)
    except EngineError:
        return None
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.next()
    return File(member.uid, member.gid, member.mode & 0o7777, member.isdir()) if member else None


def absent(engine: Engine, container: Json, paths: Iterable[str]) -> frozenset[str]:
    """Return those paths at which a container has nothing."""
    return frozenset(path for path in paths if not _is_there(engine, container, path))


def _is_there(engine: Engine, container: Json, path: str) -> bool:
    """Tell whether a container has something at a path, or may have: in a tmpfs that may not be looked into."""
    if engine.has(container["Id"], path):
        return True
    pid = container["State"].get("Pid") or 0
    if pid and is_here(pid, container["Id"]):
        try:
            Path(f"/proc/{pid}/root{path}").lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            pass
        else:
            return True
    mounts = [each["Destination"] for each in container["Mounts"] if each["Type"] == "tmpfs"]
    return any(path.startswith(f"{each}/") for each in [*mounts, *(container["HostConfig"].get("Tmpfs") or {})])


def paths_in(variables: Iterable[tuple[str, str]]) -> list[str]:
    """Return the paths that variables called ``<NAME>_FILE`` name."""
    return [text for name, text in variables if name.endswith("_FILE") and text.startswith("/")]


def variables_of(texts: Iterable[str] | None) -> dict[str, str]:
    """Return a container's environment."""
    return {key: text for key, _, text in (each.partition("=") for each in texts or ())}


def drops_power(dropped: Iterable[str] | None) -> bool:
    """Tell whether root in a container may not read every file."""
    names = {each.upper().removeprefix("CAP_") for each in dropped or ()}
    return bool(names & {"ALL", "DAC_OVERRIDE"})


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and those that it started; what 'docker exec' started is not among them."""
    yield pid
    children: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    for child in children:
        yield from _tree(child)


def _top(engine: Engine, container: str, dropped: bool) -> Iterator[User]:
    """Yield whom processes run as, as the Engine's own ps sees them."""
    with suppress(EngineError):
        for row in engine.get(f"/containers/{container}/top", ps_args="-o pid,euid,egid,supgid,comm")["Processes"]:
            _, uid, gid, groups, name = row
            numbers = {int(each) for each in groups.split(",") if each.isdecimal()}
            identity = Identity(int(uid), int(gid), frozenset(numbers | {int(gid)}))
            yield User(identity, int(uid) == 0 and not dropped, f"the process {name} runs as")


def _inside(number: int, mapping: str) -> int:
    """Return a user's or group's number inside a user namespace (user_namespaces(7)): 65534 where it has none."""
    for line in mapping.splitlines():
        inside, outside, length = map(int, line.split())
        if outside <= number < outside + length:
            return inside + number - outside
    return 65534
