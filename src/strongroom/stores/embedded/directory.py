"""The directory of a store: found as Git finds its own, and made whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...errors import StoreNotFound, StoreUnsupported
from . import access, tables
from .audit import Action, Origin
from .database import Database
from .keys import Recipient, StoreKey
from .unlocked import Unlocked

DIRECTORY = ".strongroom"
FILE = "store.db"


def find(start: Path) -> Path:
    """Return the store directory that belongs to ``start``: found upward, as Git finds ``.git``.

    Raises:
        StoreNotFound: there is none up to the root.
    """
    for directory in (start, *start.parents):
        if (directory / DIRECTORY).is_dir():
            return directory / DIRECTORY
    raise StoreNotFound(f"there is no {DIRECTORY} in {start} or above it. Create a store here: strongroom init")


def make(directory: Path, recipients: Sequence[Recipient], origin: Origin) -> None:
    """Make an empty store in ``directory``, which must not exist.

    Raises:
        StoreUnsupported: the directory exists, or cannot be made.
    """
    import shutil
    import tempfile

    try:
        scratch = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f"{directory.name}."))  # mode 0700
    except OSError as error:
        raise StoreUnsupported(f"no store can be made in {directory.parent}: {error.strerror}.") from None
    try:
        (scratch / ".gitignore").write_text("*\n")
        database = Database.create(scratch / FILE)
        store_id = os.urandom(16).hex()
        with database.writing() as connection:
            tables.set_meta(connection, "store_id", store_id.encode())
            unlocked = Unlocked(connection, StoreKey.generate(store_id), origin)
            unlocked.record(Action.INIT)
            access.wrap(unlocked, recipients)
        database.close()
        scratch.rename(directory)
    except OSError:
        raise StoreUnsupported(f"there is a store in {directory} already.") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
