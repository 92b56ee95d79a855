"""A mount namespace in which ``/run/secrets`` holds what one process was granted.

It is a tmpfs that no other process sees (with a user namespace where the user is not root), and the kernel drops it
with the last process of the namespace, however that ends. Nothing has to be cleaned up.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import DeliveryError
from . import files, linux
from .files import SECRETS_DIR, Granted


def is_possible() -> bool:
    """Tell whether ``enter`` works here, by doing it in a child process: a namespace once entered is not left."""
    child = os.fork()
    if child == 0:
        try:
            enter()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def enter() -> None:
    """Enter a mount namespace in which ``/run/secrets`` is an empty tmpfs.

    Raises:
        OSError: the system does not allow it.
    """
    try:
        linux.unshare(linux.CLONE_NEWNS)
    except PermissionError:
        uid, gid = os.geteuid(), os.getegid()
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUSER)
        # The user stays who they are; user_namespaces(7) asks for setgroups to be denied before the group is mapped.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_SLAVE)
    if not Path(SECRETS_DIR).is_dir():
        _rebuild(SECRETS_DIR.parent.as_posix())
        Path(SECRETS_DIR).mkdir(mode=0o755)
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    try:
        linux.mount("strongroom", str(SECRETS_DIR), "tmpfs", flags, "mode=0755,noswap")
    except OSError:  # before Linux 6.4, or in a user namespace
        linux.mount("strongroom", str(SECRETS_DIR), "tmpfs", flags, "mode=0755")


def _rebuild(directory: str) -> None:
    """Cover a directory with a writable one that shows the same entries, without changing it for anyone else."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    covered = f"/proc/self/fd/{descriptor}"
    linux.mount("strongroom", directory, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=0755")
    with os.scandir(covered) as entries:
        for entry in entries:
            path = Path(directory, entry.name)
            if entry.is_symlink():
                path.symlink_to(Path(entry.path).readlink())
                continue
            if entry.is_dir():
                path.mkdir(mode=0o755)
            else:
                path.touch(mode=0o644)
            linux.mount(entry.path, str(path), flags=linux.MS_BIND | linux.MS_REC)
    os.close(descriptor)


def fill(granted: Sequence[Granted]) -> None:
    """Write the secrets into the namespace that this process has entered, and make them read-only.

    Raises:
        DeliveryError: a target outside of ``/run/secrets`` is no file, or a file cannot be written.
    """
    read_only = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    for each in granted:
        relative = files.below_secrets(each[0])
        if relative is not None:
            files.write(Path(SECRETS_DIR, relative), each)
            continue
        target = Path(each[0].target)
        if not target.is_file():
            raise DeliveryError(
                f"secret '{each[0].secret}' is granted as {target}, which is not a file on this machine. "
                "Create an empty file there, or grant it below /run/secrets."
            )
        hidden = Path(SECRETS_DIR, ".strongroom-target")
        files.write(hidden, each)
        linux.mount(str(hidden), str(target), flags=linux.MS_BIND)
        linux.mount("none", str(target), flags=read_only)
        hidden.unlink()
    linux.mount("none", str(SECRETS_DIR), flags=read_only)
