"""The store's tables: rows to model and back, within a transaction that the caller holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime

from ...errors import StoreDamaged
from ...model import Name, Secret, Stage, Version

_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_id() -> str:
    """Return an identifier as Docker makes them: 25 characters of a-z and 0-9."""
    import secrets

    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(25))


def now() -> str:
    """Return the time as the tables keep it."""
    return to_text(datetime.now(UTC))


def to_text(time: datetime) -> str:
    """Return a time as the tables keep it: ISO 8601, UTC, microseconds."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def load_secrets(connection: sqlite3.Connection, name: Name | None = None) -> list[Secret]:
    """Read secrets without their values: all by name, or the one of that name.

    Raises:
        StoreDamaged: a row is not one that strongroom writes.
    """
    try:
        return _load_secrets(connection, *(("", ()) if name is None else ("WHERE secrets.name = ?", (name,))))
    except (ValueError, TypeError):
        raise StoreDamaged("a secret's record was changed without strongroom. Restore the store from a copy.") from None


def _load_secrets(connection: sqlite3.Connection, where: str, values: tuple[str, ...]) -> list[Secret]:
    versions: dict[str, list[Version]] = {}
    for secret_id, number, created, destroyed in connection.execute(
        "SELECT secret, number, versions.created_at, destroyed_at FROM versions "  # noqa: S608 - no text from outside
        f"JOIN secrets ON secrets.id = secret {where} ORDER BY number",
        values,
    ):
        version = Version(number, _time(created), _time(destroyed) if destroyed else None)
        versions.setdefault(secret_id, []).append(version)
    stages: dict[str, dict[Stage, int]] = {}
    for secret_id, stage, number in connection.execute(
        f"SELECT secret, stage, version FROM stages JOIN secrets ON secrets.id = secret {where}",  # noqa: S608
        values,
    ):
        stages.setdefault(secret_id, {})[Stage(stage)] = number
    return [
        Secret(
            secret_id, Name(text), _time(created), _time(updated), json.loads(labels),
            tuple(versions.get(secret_id, ())), stages.get(secret_id, {}),
        )
        for secret_id, text, labels, created, updated in connection.execute(
            f"SELECT id, name, labels, created_at, updated_at FROM secrets {where} ORDER BY name",  # noqa: S608
            values,
        )
    ]  # fmt: skip


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if to_text(time) != text:  # fromisoformat takes a NUL at the end, which is how a cut file reads
        raise ValueError("not a time as the tables keep it")
    return time


def has(connection: sqlite3.Connection, name: Name) -> bool:
    """Tell whether there is a secret of that name."""
    return connection.execute("SELECT 1 FROM secrets WHERE name = ?", (name,)).fetchone() is not None


def readable(secret: Secret) -> list[int]:
    """Return the numbers of the versions that still have a value."""
    return [version.number for version in secret.versions if not version.destroyed_at]


def insert_secret(
    connection: sqlite3.Connection, secret_id: str, name: Name, labels: Mapping[str, str], created: str, updated: str
) -> None:
    """Add a secret, without a version yet."""
    row = (secret_id, name, json.dumps(labels), created, updated)
    connection.execute("INSERT INTO secrets VALUES (?, ?, ?, ?, ?)", row)


def insert_version(
    connection: sqlite3.Connection,
    secret_id: str,
    number: int,
    at: str,
    sealed: bytes | None,
    destroyed: str | None = None,
) -> None:
    """Add a version: its sealed value, or when it was destroyed."""
    connection.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?)", (secret_id, number, at, destroyed, sealed))


def destroy_version(connection: sqlite3.Connection, secret_id: str, number: int, at: str) -> None:
    """Take the value from a version."""
    connection.execute(
        "UPDATE versions SET sealed = NULL, destroyed_at = ? WHERE secret = ? AND number = ?", (at, secret_id, number)
    )


def count_values(connection: sqlite3.Connection) -> int:
    """Return how many versions still have a value."""
    return int(connection.execute("SELECT count(*) FROM versions WHERE sealed IS NOT NULL").fetchone()[0])


def save_stages(connection: sqlite3.Connection, secret_id: str, stages: Mapping[Stage, int]) -> None:
    """Replace the stages of a secret."""
    connection.execute("DELETE FROM stages WHERE secret = ?", (secret_id,))
    rows = [(secret_id, stage, version) for stage, version in stages.items()]
    connection.executemany("INSERT INTO stages VALUES (?, ?, ?)", rows)


def touch(connection: sqlite3.Connection, secret_id: str, at: str) -> None:
    """Note when a secret was changed."""
    connection.execute("UPDATE secrets SET updated_at = ? WHERE id = ?", (at, secret_id))


def meta(connection: sqlite3.Connection, key: str) -> bytes:
    """Return one of the store's own facts.

    Raises:
        StoreDamaged: it is gone.
    """
    row = connection.execute("SELECT CAST(value AS BLOB) FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise StoreDamaged(f"the store has lost its {key.replace('_', ' ')}. Restore it from a copy.")
    return bytes(row[0])


def set_meta(connection: sqlite3.Connection, key: str, value: bytes) -> None:
    """Set one of the store's own facts."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
