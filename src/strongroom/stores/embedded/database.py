"""The SQLite file: its schema, and transactions that are whole or not there.

WAL with full sync: a transaction that was acknowledged survives a crash of the machine. Writers take the write lock
before they read what they are about to change, and wait for one another.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import StoreBusy, StoreDamaged, StoreNotFound, StoreUnsupported

APPLICATION_ID = 0x5354524D  # "STRM", told by file(1) and checked by us
FORMAT = 1
WAIT_SECONDS = 60.0

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE secrets (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, labels TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE versions (
    secret TEXT NOT NULL REFERENCES secrets ON DELETE CASCADE, number INTEGER NOT NULL,
    created_at TEXT NOT NULL, destroyed_at TEXT, sealed BLOB,
    UNIQUE (secret, number), CHECK ((sealed IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE TABLE stages (
    secret TEXT NOT NULL, stage TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (secret, stage), FOREIGN KEY (secret, version) REFERENCES versions (secret, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, host TEXT NOT NULL, command TEXT NOT NULL,
    action TEXT NOT NULL, secret TEXT, version INTEGER, detail TEXT NOT NULL, mac BLOB NOT NULL
);
"""


class Database:
    """One open store file."""

    def __init__(self, path: Path) -> None:
        """Open the file at ``path``.

        Raises:
            StoreNotFound: there is none.
            StoreDamaged: it is not a store.
            StoreUnsupported: a newer strongroom wrote it.
        """
        self.path = path
        if not path.exists():
            raise StoreNotFound(f"there is no store at {path}. Create one: strongroom init")
        with self._explained():
            self._connection = _connect(path)
            self._check_format()

    @classmethod
    def create(cls, path: Path) -> Database:
        """Create an empty store file, readable by its owner alone, and open it."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = _connect(path)
        connection.executescript(
            f"PRAGMA journal_mode = WAL; BEGIN; {_SCHEMA}"
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
        )
        connection.close()
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a consistent view of the file: what others write meanwhile is not seen."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Give a transaction that is committed at the end, and rolled back when anything is raised.

        Where not ``durable``, a crash of the machine (not of the process) may lose it, whole.
        """
        with self._transaction("BEGIN IMMEDIATE", "FULL" if durable else "NORMAL") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str, sync: str = "FULL") -> Iterator[sqlite3.Connection]:
        connection = self._connection
        with self._explained():
            connection.execute(f"PRAGMA synchronous = {sync}")
            self._begin(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _begin(self, begin: str) -> None:
        # SQLite waits for locks itself, except in a few places (recovery after a crash, the last connection closing).
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self._connection.execute(begin)
                self._connection.execute("SELECT 1 FROM meta").fetchone()
            except sqlite3.OperationalError as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _check_format(self) -> None:
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise StoreDamaged(
                f"{self.path} is not a strongroom store. Restore it from a copy, or remove it and init anew."
            )
        if version > FORMAT:
            raise StoreUnsupported(
                f"{self.path} has format {version}, and this strongroom knows up to {FORMAT}. Upgrade strongroom."
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ours. Its messages name tables and files, never values."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if _is_busy(error):
                raise StoreBusy(
                    f"other processes kept {self.path} locked for {WAIT_SECONDS:.0f} seconds. Try again later."
                ) from None
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
                raise StoreUnsupported(
                    f"{self.path} cannot be opened for writing ({error}). Check who owns it and its directory."
                ) from None
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise StoreUnsupported(f"the disk of {self.path} is full; nothing was changed.") from None
            raise StoreDamaged(_damage(self.path, error)) from None
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(_damage(self.path, error)) from None


def _connect(path: Path) -> sqlite3.Connection:
    # The secret driver records from several threads, one at a time.
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    # What is deleted is overwritten, so that a destroyed value's ciphertext does not linger in free pages.
    connection.executescript("PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;")
    return connection


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _damage(path: Path, error: sqlite3.Error) -> str:
    return f"{path} is damaged ({error}). Restore it from a copy, or import an exported bundle into a new store."
