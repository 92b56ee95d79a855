"""Damage is named, and never decrypted into something else."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.errors import IdentityError, StoreDamaged, StoreNotFound, StoreUnsupported, StrongroomError
from strongroom.model import Name, Stage, Value
from strongroom.stores.embedded import EmbeddedStore
from strongroom.stores.embedded.keys import StoreKey
from support import ORIGIN, new_identity, new_store, recipient_of

DB, API = Name("db"), Name("api")
IDENTITY = new_identity()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = new_store(tmp_path, IDENTITY)
    store.create(DB, Value(b"first-db"), {"team": "a"})
    store.write(DB, Value(b"second-db"))
    store.create(API, Value(b"first-api"))
    yield store
    store.close()


@pytest.fixture
def sql(store: EmbeddedStore) -> Iterator[Callable[..., object]]:
    connection = sqlite3.connect(store.directory / "store.db", isolation_level=None)
    yield lambda statement, *values: connection.execute(statement, values)
    connection.close()


def reopen(store: EmbeddedStore) -> EmbeddedStore:
    return EmbeddedStore(store.directory, lambda: [IDENTITY], ORIGIN)


def test_undamaged(store: EmbeddedStore) -> None:
    assert reopen(store).verify() == 5


def test_wrong_identity(store: EmbeddedStore) -> None:
    other = EmbeddedStore(store.directory, lambda: [new_identity("stranger")], ORIGIN)
    with pytest.raises(IdentityError, match="stranger"):
        other.read(DB)
    with pytest.raises(IdentityError):
        other.create(Name("new"), Value(b"x"))
    assert [secret.name for secret in other.list()] == [API, DB]


def test_no_identity(store: EmbeddedStore) -> None:
    with pytest.raises(IdentityError, match="tried: none"):
        EmbeddedStore(store.directory, list, ORIGIN).read(DB)


@pytest.mark.parametrize("position", [0, 12, -1])
def test_flipped_bit_in_a_value(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor], position: int) -> None:
    ((row, sealed),) = sql("SELECT rowid, sealed FROM versions WHERE number = 2").fetchall()
    damaged = bytearray(sealed)
    damaged[position] ^= 1
    sql("UPDATE versions SET sealed = ? WHERE rowid = ?", bytes(damaged), row)
    with pytest.raises(StoreDamaged, match="version 2 of 'db'"):
        store.read(DB)
    with pytest.raises(StoreDamaged, match="version 2 of 'db'"):
        store.verify()
    assert store.read(DB, 1) == Value(b"first-db")


@pytest.mark.parametrize("sealed", [b"", b"short", b"\x00" * 28])
def test_value_that_is_no_ciphertext(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor], sealed: bytes) -> None:
    sql("UPDATE versions SET sealed = ? WHERE number = 2", sealed)
    with pytest.raises(StoreDamaged, match="version 2 of 'db'"):
        store.read(DB)


def swap(sql: Callable[..., sqlite3.Cursor], one: str, other: str) -> None:
    ((first,),) = sql(f"SELECT sealed FROM versions WHERE {one}").fetchall()
    ((second,),) = sql(f"SELECT sealed FROM versions WHERE {other}").fetchall()
    sql(f"UPDATE versions SET sealed = ? WHERE {one}", second)
    sql(f"UPDATE versions SET sealed = ? WHERE {other}", first)


def test_ciphertexts_of_two_versions_swapped(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]) -> None:
    of_db = "secret = (SELECT id FROM secrets WHERE name = 'db')"
    swap(sql, f"number = 1 AND {of_db}", "number = 2")
    for version in (1, 2):
        with pytest.raises(StoreDamaged, match="db"):
            store.read(DB, version)


def test_ciphertexts_of_two_secrets_swapped(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]) -> None:
    of = "number = 1 AND secret = (SELECT id FROM secrets WHERE name = '{}')"
    swap(sql, of.format("db"), of.format("api"))
    with pytest.raises(StoreDamaged, match="api"):
        store.read(API)
    with pytest.raises(StoreDamaged, match="db"):
        store.read(DB, 1)


def test_two_secrets_names_swapped(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]) -> None:
    sql("UPDATE secrets SET name = 'tmp' WHERE name = 'db'")
    sql("UPDATE secrets SET name = 'db' WHERE name = 'api'")
    sql("UPDATE secrets SET name = 'api' WHERE name = 'tmp'")
    for name in (DB, API):
        with pytest.raises(StoreDamaged):
            store.read(name)


def test_ciphertext_of_a_removed_secret_of_the_same_name(
    store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]
) -> None:
    ((old,),) = sql("SELECT sealed FROM versions JOIN secrets ON id = secret WHERE name = 'api'").fetchall()
    store.remove(API)
    store.create(API, Value(b"new-api"))
    sql("UPDATE versions SET sealed = ? WHERE secret = (SELECT id FROM secrets WHERE name = 'api')", old)
    with pytest.raises(StoreDamaged, match="api"):
        store.read(API)


CHANGES = {
    "deleted entry": ("DELETE FROM audit WHERE seq = 3", "entry 3 is missing"),
    "deleted first entry": ("DELETE FROM audit WHERE seq = 1", "entry 1 is missing"),
    "deleted last entry": ("DELETE FROM audit WHERE seq = 5", "entry 5 is missing: the chain does not end"),
    "cut off": ("DELETE FROM audit WHERE seq > 3", "entry 4 is missing: the chain does not end"),
    "emptied": ("DELETE FROM audit", "entry 1 is missing"),
    "edited code": ("UPDATE audit SET mac = zeroblob(32) WHERE seq = 5", "entry 5 was changed"),
    "edited actor": ("UPDATE audit SET actor = 'mallory' WHERE seq = 3", "entry 3 was changed"),
    "edited time": ("UPDATE audit SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 2", "entry 2 was changed"),
    "edited detail": ("UPDATE audit SET detail = '{}' WHERE seq = 3", "entry 3 was changed"),
    "detail that is no JSON": ("UPDATE audit SET detail = '{' WHERE seq = 3", "entry 3 was changed"),
    "unknown action": ("UPDATE audit SET action = 'nap' WHERE seq = 4", "entry 4 was changed"),
    "no secret": ("UPDATE audit SET secret = NULL WHERE seq = 4", "entry 4 was changed"),
    "moved stage": ("UPDATE stages SET version = 1 WHERE stage = 'current'", "stages of secret 'db'"),
    "deleted secret": ("DELETE FROM secrets WHERE name = 'api'", "'api' was taken out"),
    "deleted version": (
        "DELETE FROM versions WHERE number = 1 AND secret = (SELECT id FROM secrets WHERE name = 'db')",
        "versions of secret 'db'",
    ),
    "added label": ("UPDATE secrets SET labels = '{\"team\": \"b\"}' WHERE name = 'db'", "labels of secret 'db'"),
    "labels that are no JSON": ("UPDATE secrets SET labels = '{'", "record was changed"),
    "name that is no name": ("UPDATE secrets SET name = '../x' WHERE name = 'db'", "record was changed"),
    "added secret": (
        "INSERT INTO secrets VALUES ('x', 'extra', '{}', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')",
        "'extra' was put into",
    ),
    "recipients": ("UPDATE meta SET value = '[[\"age1x\", \"\"]]' WHERE key = 'recipients'", "list of recipients"),
    "lost head": ("DELETE FROM meta WHERE key = 'audit_head'", "does not end where it ended"),
    "lost key": ("DELETE FROM meta WHERE key = 'wrapped_key'", "lost its wrapped key"),
    "another store's id": ("UPDATE meta SET value = 'x' WHERE key = 'store_id'", "entry 1 was changed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_verify_names_what_was_changed(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor], change: str) -> None:
    statement, message = CHANGES[change]
    sql("PRAGMA foreign_keys = ON")
    sql(statement)
    with pytest.raises(StoreDamaged, match=message):
        reopen(store).verify()


def test_reordered_entries(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]) -> None:
    for before, after in ((3, 99), (4, 3), (99, 4)):
        sql("UPDATE audit SET seq = ? WHERE seq = ?", after, before)
    with pytest.raises(StoreDamaged, match="entry 3 was changed"):
        store.verify()


def test_chain_cut_off_takes_no_new_entry(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]) -> None:
    sql("DELETE FROM audit WHERE seq > 3")
    for attempt in (lambda: store.write(DB, Value(b"x")), lambda: store.read(DB), lambda: reopen(store).read(DB)):
        with pytest.raises(StoreDamaged, match="does not end where it ended"):
            attempt()
    assert store.inspect(DB).stages[Stage.CURRENT] == 2


def test_recipient_put_in_without_the_key_never_gets_it(
    store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]
) -> None:
    mallory = recipient_of(new_identity()).key
    sql("UPDATE meta SET value = json_array(json_array(?, '')) WHERE key = 'recipients'", mallory)
    for attempt in (store.rekey, lambda: store.set_recipients([*store.recipients(), recipient_of(IDENTITY)])):
        with pytest.raises(StoreDamaged, match="list of recipients"):
            attempt()


def test_truncated_database(store: EmbeddedStore) -> None:
    for number in range(200):
        store.create(Name(f"s{number}"), Value(b"x" * 500))
    store.close()
    path = store.directory / "store.db"
    whole = path.read_bytes()
    for length in (0, 50, 4096, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:length])
        if not whole[length:].strip(b"\0"):
            continue  # SQLite reads zeros where a page ends early: nothing is lost
        with pytest.raises(StoreDamaged):
            reopen(store).verify()


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 4096, b"\0" * 8192])
def test_file_that_is_no_store(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".strongroom").mkdir()
    (tmp_path / ".strongroom" / "store.db").write_bytes(content)
    with pytest.raises(StoreDamaged):
        EmbeddedStore(tmp_path / ".strongroom", list, ORIGIN).list()


def test_garbage_anywhere_in_the_file_is_never_another_value(store: EmbeddedStore) -> None:
    store.close()
    path = store.directory / "store.db"
    whole = path.read_bytes()
    for position in range(0, len(whole), 997):
        damaged = bytearray(whole)
        damaged[position : position + 16] = b"\xa5" * 16
        path.write_bytes(damaged)
        try:
            value = reopen(store).read(DB)
        except StrongroomError:
            continue
        assert value == Value(b"second-db")


def test_other_database(tmp_path: Path) -> None:
    (tmp_path / ".strongroom").mkdir()
    connection = sqlite3.connect(tmp_path / ".strongroom" / "store.db")
    connection.execute("CREATE TABLE meta (key)")
    connection.close()
    with pytest.raises(StoreDamaged, match="not a strongroom store"):
        EmbeddedStore(tmp_path / ".strongroom", list, ORIGIN)


def test_newer_format(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]) -> None:
    sql("PRAGMA user_version = 99")
    with pytest.raises(StoreUnsupported, match="format 99"):
        reopen(store)


def test_missing_store(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFound, match="strongroom init"):
        EmbeddedStore(tmp_path / ".strongroom", list, ORIGIN)


def test_key_of_another_store(store: EmbeddedStore, sql: Callable[..., sqlite3.Cursor]) -> None:
    other = StoreKey.generate("x").wrap([recipient_of(IDENTITY)])
    sql("UPDATE meta SET value = ? WHERE key = 'wrapped_key'", other)
    with pytest.raises(StoreDamaged):
        store.read(DB)


def test_older_copy_opens_as_it_was(store: EmbeddedStore, tmp_path: Path) -> None:
    """No file can tell that it is an older copy of itself; SECURITY.md says so."""
    store.close()
    shutil.copytree(store.directory, tmp_path / "copy")
    later = reopen(store)
    later.write(DB, Value(b"third"))
    later.close()
    assert EmbeddedStore(tmp_path / "copy", lambda: [IDENTITY], ORIGIN).verify() == 5
