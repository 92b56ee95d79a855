"""The directory in memory where a user's projects have their staged files, private to that user.

It has to outlive the user's session, since containers are started again long after it: /run/strongroom/UID, which only
root may make, so that others let the Engine make it (whoever may use the Engine may do that). Where /run is not in
memory, or not shared with the Engine (rootless), the next best is taken.
"""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...docker.engine import Engine
from ...errors import DeliveryError, EngineError
from .. import linux

_RUN = Path("/run")
_IMAGE = "strongroom/staging"
_INSIDE = "/staging"


def candidates(uid: int) -> list[Path]:
    """Return where a user's staged files may lie, the best place first."""
    places = [_RUN / "strongroom" / str(uid)]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        places.append(Path(runtime, "strongroom"))
    return [*places, Path(f"/dev/shm/strongroom-{uid}")]  # noqa: S108 - the user's own, checked below


def base(engine: Engine | None) -> Path:
    """Return the user's directory, made if need be; without an Engine only root can make the best one.

    Raises:
        DeliveryError: there is nowhere in memory to put it, or it belongs to somebody else.
    """
    uid = os.getuid()
    for place in candidates(uid):
        if not linux.is_in_memory(place.parent if place.parent.exists() else place.parent.parent):
            continue
        former = os.umask(0)
        try:
            place.parent.mkdir(mode=0o711, exist_ok=True)
            place.mkdir(mode=0o700, exist_ok=True)
        except PermissionError:
            if engine is None or _RUN not in place.parents or not _make_by_engine(engine, place, uid):
                continue
        finally:
            os.umask(former)
        status = place.lstat()
        if status.st_uid != uid or status.st_mode & 0o077 or place.is_symlink():
            raise DeliveryError(f"{place} belongs to somebody else, or others may look into it. Remove it first.")
        return place
    raise DeliveryError(
        "there is no directory in memory for the files: /run and /dev/shm are on a disk, or may not be used. Mount a "
        "tmpfs on one of them."
    )


@contextmanager
def container(engine: Engine, directory: Path, name: str) -> Iterator[str]:
    """Yield a container that is never started, and sees ``directory`` as ``INSIDE``: a door for writing as root.

    Raises:
        EngineError: the Engine does not see this directory; it is on another machine, say.
    """
    spec = {
        "Image": _image(engine),
        "Cmd": ["never-started"],
        "HostConfig": {
            "NetworkMode": "none",
            "Mounts": [{"Type": "bind", "Source": str(directory), "Target": _INSIDE}],
        },
    }
    full = f"strongroom-staging-{os.getuid()}-{name}"
    try:
        identity = engine.post("/containers/create", spec, name=full)["Id"]
    except EngineError as error:
        if error.status == 409:  # one that was killed left it
            engine.delete(f"/containers/{full}", force=1)
            identity = engine.post("/containers/create", spec, name=full)["Id"]
        elif "bind source path does not exist" in str(error):
            raise _elsewhere(directory) from None
        else:
            raise
    try:
        yield identity
    finally:
        with suppress(EngineError):
            engine.delete(f"/containers/{identity}", force=1)


def put(engine: Engine, identity: str, inside: str, tar: bytes, directory: Path) -> None:
    """Unpack a tar in ``inside``, a directory below ``directory`` that this process made.

    Raises:
        EngineError: the Engine does not see that directory, so that nothing was written.
    """
    try:
        engine.put_archive(identity, f"{_INSIDE}/{inside}", tar)
    except EngineError as error:
        if error.status == 404:
            raise _elsewhere(directory) from None
        raise


def _elsewhere(directory: Path) -> EngineError:
    return EngineError(
        f"the Engine does not see {directory} of this machine: it runs on another one, or in a virtual machine. "
        "Values would have to lie on its disk, so nothing was done. Run strongroom on the Engine's machine, or deploy "
        "to Swarm: strongroom stack deploy"
    )


def _image(engine: Engine) -> str:
    """Return the name of an image with nothing in it, made if need be: no registry has to be asked."""
    try:
        engine.get(f"/images/{_IMAGE}/json")
    except EngineError as error:
        if error.status != 404:
            raise
        engine.post_bytes("/images/create", _tar([]), fromSrc="-", repo=_IMAGE, tag="latest")
    return _IMAGE


def _make_by_engine(engine: Engine, place: Path, uid: int) -> bool:
    """Let the Engine make a directory below /run for this user; tell whether this machine has it now."""
    shared, own = tarfile.TarInfo("strongroom"), tarfile.TarInfo(f"strongroom/{uid}")
    shared.type = own.type = tarfile.DIRTYPE
    shared.mode, own.mode, own.uid, own.gid = 0o711, 0o700, uid, os.getgid()
    with suppress(EngineError), container(engine, _RUN, "run") as identity:
        engine.put_archive(identity, _INSIDE, _tar([(shared, b""), (own, b"")]))
    return place.is_dir()


def _tar(entries: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, data in entries:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def tar_of(files: list[tuple[str, int, int, int, bytes]]) -> bytes:
    """Return a tar of files, each as name, uid, gid, mode and content."""
    entries = []
    for name, uid, gid, mode, data in files:
        info = tarfile.TarInfo(name)
        info.uid, info.gid, info.mode, info.mtime = uid, gid, mode, time.time()
        entries.append((info, data))
    return _tar(entries)
