"""A private directory in memory, for where a system allows no mount namespace (many containers, some distributions).

The process finds it by ``SECRETS_DIR`` and ``<NAME>_FILE``. A small process of its own removes it when the application
ended, whichever way; what was left because both were killed, the next run removes.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import DeliveryError
from . import files, linux
from .files import Granted

_PREFIX = "strongroom-run"


def deliver(granted: Sequence[Granted]) -> dict[str, str]:
    """Write the files to a private directory in memory, and return the variables that lead there.

    Raises:
        DeliveryError: there is no memory-backed directory, or a target lies outside of ``/run/secrets``.
    """
    paths = [(files.below_secrets(each[0]), each) for each in granted]
    for relative, (grant, _) in paths:
        if relative is None:
            raise DeliveryError(
                f"secret '{grant.secret}' is granted as {grant.target}, which takes a mount namespace, and this system "
                "allows none. Grant it below /run/secrets."
            )
    base = _memory_directory()
    _sweep(base)
    directory = Path(tempfile.mkdtemp(dir=base, prefix=f"{_PREFIX}-{os.getpid()}-{_started(os.getpid())}-"))
    _remove_after_us(directory)
    variables = {"SECRETS_DIR": str(directory)}
    for relative, each in paths:
        path = directory / str(relative)
        files.write(path, each)
        if path.parent == directory:
            variables[files.variable(path.name)] = str(path)
    return variables


def _memory_directory() -> Path:
    candidates = [os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}", "/dev/shm"]  # noqa: S108
    for candidate in map(Path, filter(None, candidates)):
        if linux.is_in_memory(candidate) and os.access(candidate, os.W_OK | os.X_OK):
            return candidate
    raise DeliveryError(
        "this system allows no mount namespace, and none of $XDG_RUNTIME_DIR, /run/user/<uid> and /dev/shm is a "
        "directory in memory: nowhere to put secrets but on a disk. Mount a tmpfs and name it in XDG_RUNTIME_DIR."
    )


def _remove_after_us(directory: Path) -> None:
    """Leave a process behind that removes a directory when this process, or what it becomes, has ended."""
    ours = os.pidfd_open(os.getpid())
    child = os.fork()
    if child:
        os.close(ours)
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork():  # so that the application never finds a child that it did not start
            os._exit(0)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        os.closerange(0, ours)
        os.closerange(ours + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        poll = select.poll()
        poll.register(ours, select.POLLIN)
        poll.poll()
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os._exit(0)


def _sweep(base: Path) -> None:
    """Remove what runs left that were killed together with their cleaners."""
    for directory in base.glob(f"{_PREFIX}-*-*-*"):
        _, pid, started, _ = directory.name.removeprefix("strongroom-").split("-", 3)
        with suppress(OSError, ValueError):
            if directory.stat().st_uid == os.getuid() and _started(int(pid)) != started:
                shutil.rmtree(directory)


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks: a process number alone is used again."""
    with suppress(OSError):
        # proc(5): the 22nd field, counted after the name, which may contain anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
