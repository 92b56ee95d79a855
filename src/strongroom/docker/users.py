"""Whom a container's processes run as: the service's ``user`` or the image's USER, in numbers."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..errors import EngineError
from .engine import Engine


class Identity(NamedTuple):
    """A user, the group, and all groups together, in numbers."""

    uid: int
    gid: int
    groups: frozenset[int]

    def may_read(self, uid: int, gid: int, mode: int) -> bool:
        """Tell whether the kernel lets this user read a file of that owner, group and mode (path_resolution(7))."""
        if self.uid == 0:
            return True
        if self.uid == uid:
            return bool(mode & 0o400)
        return bool(mode & (0o040 if gid in self.groups else 0o004))


def identify(engine: Engine, image: str, user: str | None, groups: Sequence[str] = ()) -> Identity | None:
    """Return whom a container of ``image`` runs as; None where the image is not on this Engine, or has no such user.

    A user that is not in the image's /etc/passwd has the group 0, as runc does it.
    """
    try:
        if user is None:
            user = (engine.get(f"/images/{image}/json").get("Config") or {}).get("User") or "0"
        name, _, group = user.partition(":")
        if name in ("0", "root") and not group and not groups:
            return Identity(0, 0, frozenset({0}))
        passwd, entries = _databases(engine, image)
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    account = next((each for each in passwd if name in (each[0], each[2])), None)
    if account is None and not name.isdecimal():
        return None
    uid, gid = (int(account[2]), int(account[3])) if account else (int(name), 0)
    found = {_number(each, entries) for each in groups}
    if group:
        given = _number(group, entries)
        if given is None:
            return None
        gid = given
    elif account:
        found |= {int(entry[2]) for entry in entries if account[0] in entry[3].split(",")}
    return Identity(uid, gid, frozenset({gid} | {each for each in found if each is not None}))


def _number(group: str, entries: Sequence[list[str]]) -> int | None:
    if group.isdecimal():
        return int(group)
    return next((int(entry[2]) for entry in entries if entry[0] == group), None)


def _databases(engine: Engine, image: str) -> tuple[list[list[str]], list[list[str]]]:
    """Return the lines of the image's /etc/passwd and /etc/group, read through a container that never starts."""
    identity = engine.post("/containers/create", {"Image": image, "Cmd": ["never-started"], "Entrypoint": []})["Id"]
    try:
        return list(_lines(engine, identity, "/etc/passwd", 4)), list(_lines(engine, identity, "/etc/group", 4))
    finally:
        with suppress(EngineError):
            engine.delete(f"/containers/{identity}", force=1, v=1)


def _lines(engine: Engine, container: str, path: str, fields: int) -> Iterator[list[str]]:
    with suppress(EngineError):
        archive = engine.get_archive(container, path)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member and member.isfile() else None
            for line in (file.read().decode(errors="replace") if file else "").splitlines():
                parts = line.split(":")
                if len(parts) >= fields and parts[2].isdecimal():
                    yield parts
