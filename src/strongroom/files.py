"""Writing a file that others read: they find it whole, as it was or as it will be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file in the place of the one that may be there. A link is followed: what it names is replaced.

    A device or a pipe, such as ``/dev/stdout`` or ``/dev/null``, is written to, and stays.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # not what it resolves to: '/proc/self/fd/pipe:[1]' is no name
        return
    target = path.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
