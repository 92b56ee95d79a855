"""Becoming another user for good, as an entrypoint that starts as root does before the application."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..errors import DeliveryError


class User(NamedTuple):
    """A user in numbers, with all groups."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def find(text: str) -> User:
    """Find ``USER[:GROUP]``, names or numbers; a number that is in no /etc/passwd has the group 0, as in Docker.

    Raises:
        DeliveryError: there is no such user or group, or this process may not become it.
    """
    import grp
    import pwd

    name, _, group = text.partition(":")
    try:
        account = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError:
        if not name.isdecimal():
            raise DeliveryError(f"there is no user '{name}' in /etc/passwd of this container.") from None
        account = None
    uid, gid = (account.pw_uid, account.pw_gid) if account else (int(name), 0)
    groups = tuple(os.getgrouplist(account.pw_name, gid)) if account and not group else ()
    if group:
        try:
            gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        except KeyError:
            raise DeliveryError(f"there is no group '{group}' in /etc/group of this container.") from None
    if os.geteuid() not in (0, uid):
        raise DeliveryError(f"only root can become '{text}': start the container as root, or leave --user out.")
    return User(uid, gid, groups or (gid,), account.pw_dir if account else "/")


def become(user: User) -> None:
    """Take this process's rights down to a user's, for good.

    Raises:
        DeliveryError: the system does not allow it.
    """
    try:
        os.setgroups(user.groups)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    except OSError as error:
        raise DeliveryError(
            f"this process cannot become user {user.uid}: {error.strerror}. It takes the capabilities SETUID, SETGID."
        ) from None
