"""What takes long to make, kept in the user's cache directory (``XDG_CACHE_HOME``) under a digest of what made it.

It decides what is found: a file there that is damaged, or that others may write, is none.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from ...files import replace

_FORM = b"strongroom scan 1\n"
_NO_WRITERS = stat.S_IWGRP | stat.S_IWOTH


def load(name: str) -> bytes:
    """Return what a file holds that only its user can have written, and that is whole; nothing otherwise."""
    with suppress(OSError, RuntimeError), (_directory() / name).open("rb") as opened:
        status = os.fstat(opened.fileno())
        if status.st_uid != os.geteuid() or status.st_mode & _NO_WRITERS or not stat.S_ISREG(status.st_mode):
            return b""
        content = opened.read()
        head = len(_FORM) + hashlib.sha256().digest_size
        body = content[head:]
        return body if content[:head] == _FORM + hashlib.sha256(body).digest() else b""
    return b""


def keep(name: str, body: bytes) -> None:
    """Keep it; without a home, or on a full disk, the next run makes it again."""
    with suppress(OSError, RuntimeError):
        directory = _directory()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(directory / name, _FORM + hashlib.sha256(body).digest() + body)


def _directory() -> Path:
    """Return where it is kept.

    Raises:
        OSError, RuntimeError: the user has no home, which is nothing to be made.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path.home().resolve(strict=True) / ".cache"
    return base / "strongroom"
