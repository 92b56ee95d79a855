"""The audit chain: what happened, each entry authenticated together with the one before it.

An entry is written in the same transaction as what it records. Its code is an HMAC, under a key derived from the
store's, over the code before it and all of its own fields; the last code is kept once more as the *head*, under a code
of its own, so that entries cannot be cut off the end either. Whoever can put back an older copy of the whole file can
go back in time: no file can know of that, which SECURITY.md says.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from ...errors import ChainBroken, StoreDamaged
from . import tables
from .keys import StoreKey

_HEAD = "audit_head"


class Action(StrEnum):
    """What an entry records."""

    INIT = "init"
    CREATE = "create"
    WRITE = "write"
    READ = "read"
    STAGE = "stage"
    LABELS = "labels"
    DESTROY = "destroy"
    REMOVE = "remove"
    EXPORT = "export"
    IMPORT = "import"
    RECIPIENTS = "recipients"
    REKEY = "rekey"
    # What becomes of values outside of the store: see stores.audited.
    DELIVER = "deliver"
    DENY = "deny"
    FAIL = "fail"
    ROTATE = "rotate"


class Origin(NamedTuple):
    """Who acts, and why: the operating system's user, the host, the strongroom command, and what the person says."""

    actor: str
    host: str
    command: str
    reason: str = ""

    @classmethod
    def here(cls, command: str, reason: str = "") -> Origin:
        """Return this process's own. The user comes from the uid: variables such as ``USER`` can be set by anyone."""
        import pwd

        uid = os.getuid()
        try:
            actor = pwd.getpwuid(uid).pw_name
        except KeyError:
            actor = str(uid)
        return cls(actor, os.uname().nodename, command, reason)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the chain."""

    seq: int
    at: str
    actor: str
    host: str
    command: str
    action: Action
    secret: str | None = None
    version: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    mac: bytes = field(default=b"", repr=False)

    @property
    def reason(self) -> str:
        """Why, as the person who did it says."""
        return str(self.detail.get("reason", ""))

    def parts(self, before: bytes) -> tuple[bytes, ...]:
        """Return what this entry's code authenticates, after an entry with the code ``before``."""
        fields = [self.seq, self.at, self.actor, self.host, self.command, self.action, self.secret, self.version]
        return b"entry", before, json.dumps([*fields, self.detail], sort_keys=True).encode()


def append(
    connection: sqlite3.Connection,
    key: StoreKey,
    origin: Origin,
    action: Action,
    secret: str | None = None,
    version: int | None = None,
    **detail: object,
) -> None:
    """Add an entry at the end of the chain.

    Raises:
        StoreDamaged: the chain's end is not what it was, so that nothing can be added to it.
    """
    seq, before = (0, _genesis(key)) if action is Action.INIT else check_head(connection, key)
    if origin.reason:
        detail["reason"] = origin.reason
    entry = Entry(seq + 1, tables.now(), origin.actor, origin.host, origin.command, action, secret, version, detail)
    code = key.audit_mac(*entry.parts(before))
    _insert(connection, entry, code)
    _set_head(connection, key, entry.seq, code)


def check_head(connection: sqlite3.Connection, key: StoreKey) -> tuple[int, bytes]:
    """Return the number and the code of the last entry, after comparing them with the head.

    Raises:
        StoreDamaged: they differ.
    """
    last = connection.execute("SELECT seq, CAST(mac AS BLOB) FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    if last is None or not _is_head(connection, key, last[0], last[1] or b""):
        raise StoreDamaged(
            "the audit chain does not end where it ended: entries were removed from it or changed. "
            "See which: strongroom audit verify. Restore the store from a copy to go on."
        )
    return last[0], last[1]


def entries(connection: sqlite3.Connection, after: int = 0) -> Iterator[Entry]:
    """Yield the entries after the one with the number ``after``, the first one first.

    Raises:
        ChainBroken: one is not what strongroom writes.
    """
    for row in connection.execute("SELECT *, CAST(mac AS BLOB) FROM audit WHERE seq > ? ORDER BY seq", (after,)):
        seq, at, actor, host, command, action, secret, version, detail, _, mac = row
        try:
            if any(isinstance(each, bytes) for each in row[:9]) or mac is None:
                raise TypeError
            yield Entry(seq, at, actor, host, command, Action(action), secret, version, json.loads(detail), mac)
        except (ValueError, TypeError):
            raise ChainBroken(seq, f"audit entry {seq} was changed: it is not one that strongroom writes.") from None


def verified(connection: sqlite3.Connection, key: StoreKey) -> Iterator[Entry]:
    """Yield all entries, each after its code was found right.

    Raises:
        ChainBroken: names the first entry that was changed, or that is missing.
    """
    before, expected = _genesis(key), 1
    for entry in entries(connection):
        if entry.seq != expected:
            raise ChainBroken(expected, f"audit entry {expected} is missing: the next one has number {entry.seq}.")
        if not key.is_audit_mac(entry.mac, *entry.parts(before)):
            raise ChainBroken(
                entry.seq,
                f"audit entry {entry.seq} was changed, or is not the one that followed entry {entry.seq - 1}.",
            )
        yield entry
        before, expected = entry.mac, expected + 1
    if not _is_head(connection, key, expected - 1, before):
        raise ChainBroken(
            expected, f"audit entry {expected} is missing: the chain does not end where it ended, and was cut off."
        )


def rechain(connection: sqlite3.Connection, old: StoreKey, new: StoreKey) -> None:
    """Verify the chain under one key and authenticate it under another.

    Raises:
        ChainBroken: as ``verified``.
    """
    code, seq = _genesis(new), 0
    for entry in list(verified(connection, old)):
        code, seq = new.audit_mac(*entry.parts(code)), entry.seq
        connection.execute("UPDATE audit SET mac = ? WHERE seq = ?", (code, seq))
    _set_head(connection, new, seq, code)


def _genesis(key: StoreKey) -> bytes:
    return key.audit_mac(b"genesis")


def _head(seq: int, code: bytes) -> tuple[bytes, ...]:
    return b"head", str(seq).encode(), code


def _is_head(connection: sqlite3.Connection, key: StoreKey, seq: int, code: bytes) -> bool:
    head = connection.execute("SELECT CAST(value AS BLOB) FROM meta WHERE key = ?", (_HEAD,)).fetchone()
    return head is not None and key.is_audit_mac(head[0] or b"", *_head(seq, code))


def _insert(connection: sqlite3.Connection, entry: Entry, code: bytes) -> None:
    fields = (entry.seq, entry.at, entry.actor, entry.host, entry.command, entry.action, entry.secret, entry.version)
    detail = json.dumps(entry.detail, sort_keys=True)
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*fields, detail, code))


def _set_head(connection: sqlite3.Connection, key: StoreKey, seq: int, code: bytes) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_HEAD, key.audit_mac(*_head(seq, code))))
