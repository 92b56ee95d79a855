"""One deployment at a time: a lock among the processes of one user on one machine.

Between machines the Engine's version index keeps two changes of one service apart, and a deployment notices when
another one changed its services.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import StoreBusy


@contextmanager
def exclusively(key: str, what: str) -> Iterator[None]:
    """Hold the lock for ``key``, which the kernel gives back however the process ends.

    Raises:
        StoreBusy: another process holds it.
    """
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    path = _folder() / f"strongroom-{os.getuid()}-{name}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreBusy(f"the lock {path} cannot be opened: {error.strerror}. Remove it if it is not yours.") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise StoreBusy(
                f"{what} is being changed by another strongroom (process {holder or '?'}). Wait for it, and try again."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _folder() -> Path:
    """Return where locks lie: one place for a login, cron and systemd, whose variables differ."""
    found = Path.home() / ".local/state/strongroom/locks"
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return found
