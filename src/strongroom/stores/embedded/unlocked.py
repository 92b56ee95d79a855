"""A transaction that has the store's key."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ...model import Secret, Value
from . import audit
from .audit import Action, Origin
from .keys import StoreKey


class Unlocked(NamedTuple):
    """A transaction with the key, and who asked for it: what it does is recorded in it."""

    connection: sqlite3.Connection
    key: StoreKey
    origin: Origin

    def record(self, action: Action, secret: str | None = None, version: int | None = None, **detail: object) -> None:
        """Add an entry to the audit chain; see ``audit.append``."""
        audit.append(self.connection, self.key, self.origin, action, secret, version, **detail)

    def open(self, secret: Secret, number: int) -> Value:
        """Return the value of a version that has one.

        Raises:
            StoreDamaged: it was changed, or belongs elsewhere.
        """
        (sealed,) = self.connection.execute(
            "SELECT CAST(sealed AS BLOB) FROM versions WHERE secret = ? AND number = ?", (secret.id, number)
        ).fetchone()
        return self.key.open(sealed, secret.id, secret.name, number)
