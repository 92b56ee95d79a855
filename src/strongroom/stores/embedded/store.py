"""The embedded store behind the store protocol."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import StoreDamaged, StoreNotFound, StoreUnsupported
from ...model import Name, Secret, Stage, Value, check_labels, move_stage
from .. import base
from . import audit, tables
from .audit import Action, Origin
from .database import Database
from .identity import Identity
from .keys import Recipient, StoreKey

DIRECTORY = ".strongroom"
_FILE = "store.db"
Unlock = Callable[[], Iterable[Identity]]


def find(start: Path) -> Path:
    """Return the store directory that belongs to ``start``: found upward, as Git finds ``.git``.

    Raises:
        StoreNotFound: there is none up to the root.
    """
    for directory in (start, *start.parents):
        if (directory / DIRECTORY).is_dir():
            return directory / DIRECTORY
    raise StoreNotFound(f"there is no {DIRECTORY} in {start} or above it. Create a store here: strongroom init")


class EmbeddedStore:
    """A store in one file. Metadata is read without the key; values, and every change, need an identity."""

    capabilities = frozenset(base.Capability)

    def __init__(self, directory: Path, unlock: Unlock, origin: Origin) -> None:
        """Open the store in ``directory``; ``unlock`` gives identities when the first one is needed.

        Raises:
            StoreNotFound, StoreDamaged, StoreUnsupported: as ``database.Database``.
        """
        self.directory = directory
        self._database = Database(directory / _FILE)
        self._unlock = unlock
        self._origin = origin
        self._unwrapped: tuple[bytes, StoreKey] | None = None

    @classmethod
    def init(cls, directory: Path, recipients: Sequence[Recipient], unlock: Unlock, origin: Origin) -> EmbeddedStore:
        """Create a store in ``directory``, which must not exist: whole, or not at all.

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
            database = Database.create(scratch / _FILE)
            store_id = os.urandom(16).hex()
            key = StoreKey.generate(store_id)
            with database.writing() as connection:
                tables.set_meta(connection, "store_id", store_id.encode())
                audit.append(connection, key, origin, Action.INIT)
                _wrap(connection, key, recipients, origin)
            database.close()
            scratch.rename(directory)
        except OSError:
            raise StoreUnsupported(f"there is a store in {directory} already.") from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return cls(directory, unlock, origin)

    @property
    def place(self) -> str:
        """The path of the store's directory."""
        return str(self.directory)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # What the protocol asks for. -----------------------------------------------------------------------------------

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        """See ``stores.base.Store``."""
        checked = check_labels(labels or {})
        secret_id = tables.new_id()
        with self._database.writing() as connection:
            key = self._key(connection)
            if tables.has(connection, name):
                raise base.exists(self, name)
            at = tables.now()
            tables.insert_secret(connection, secret_id, name, checked, at, at)
            tables.insert_version(connection, secret_id, 1, at, key.seal(value, secret_id, name, 1))
            tables.save_stages(connection, secret_id, {Stage.CURRENT: 1})
            audit.append(connection, key, self._origin, Action.CREATE, name, 1, id=secret_id, labels=checked)
            return self._secret(connection, name)

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """See ``stores.base.Store``."""
        with self._database.writing() as connection:
            key = self._key(connection)
            secret = self._secret(connection, name)
            number = max(version.number for version in secret.versions) + 1
            at = tables.now()
            tables.insert_version(connection, secret.id, number, at, key.seal(value, secret.id, name, number))
            tables.save_stages(connection, secret.id, move_stage(secret.stages, stage, number))
            tables.touch(connection, secret.id, at)
            audit.append(connection, key, self._origin, Action.WRITE, name, number, stage=stage)
            return number

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """See ``stores.base.Store``."""
        return self.read_many([(name, version)])[0]

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """See ``stores.base.Store``. The reads are in the audit chain before the values are returned."""
        # Not durable: waiting for the disk would make a read ten times slower, and losing the record of a read takes
        # a crash of the whole machine within the seconds after it.
        with self._database.writing(durable=False) as connection:
            key = self._key(connection)
            return [self._read(connection, key, name, version, Action.READ) for name, version in wanted]

    def inspect(self, name: Name) -> Secret:
        """See ``stores.base.Store``."""
        with self._database.reading() as connection:
            return self._secret(connection, name)

    def list(self) -> Sequence[Secret]:
        """See ``stores.base.Store``."""
        with self._database.reading() as connection:
            return tables.load_secrets(connection)

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        """See ``stores.base.Store``."""
        with self._database.writing() as connection:
            key = self._key(connection)
            secret = self._secret(connection, name)
            if version is None and stage is Stage.CURRENT:
                raise base.current_stays(name)
            if version is not None:
                self._readable(secret, version)
            moved = move_stage(secret.stages, stage, version)
            if moved == secret.stages:
                return
            tables.save_stages(connection, secret.id, moved)
            tables.touch(connection, secret.id, tables.now())
            audit.append(connection, key, self._origin, Action.STAGE, name, version, stage=stage)

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """See ``stores.base.Store``."""
        checked = check_labels(labels)
        with self._database.writing() as connection:
            key = self._key(connection)
            secret = self._secret(connection, name)
            connection.execute("UPDATE secrets SET labels = ? WHERE id = ?", (json.dumps(checked), secret.id))
            tables.touch(connection, secret.id, tables.now())
            audit.append(connection, key, self._origin, Action.LABELS, name, labels=checked)

    def destroy(self, name: Name, version: int) -> None:
        """See ``stores.base.Store``."""
        with self._database.writing() as connection:
            key = self._key(connection)
            secret = self._secret(connection, name)
            found = next((each for each in secret.versions if each.number == version), None)
            if found is None:
                raise base.version_not_found(self, name, version, tables.readable(secret))
            if secret.stages.get(Stage.CURRENT) == version:
                raise base.current_stays(name)
            if found.destroyed_at:
                return
            at = tables.now()
            connection.execute(
                "UPDATE versions SET sealed = NULL, destroyed_at = ? WHERE secret = ? AND number = ?",
                (at, secret.id, version),
            )
            kept = {stage: number for stage, number in secret.stages.items() if number != version}
            tables.save_stages(connection, secret.id, kept)
            tables.touch(connection, secret.id, at)
            audit.append(connection, key, self._origin, Action.DESTROY, name, version)

    def remove(self, name: Name) -> None:
        """See ``stores.base.Store``."""
        with self._database.writing() as connection:
            key = self._key(connection)
            secret = self._secret(connection, name)
            connection.execute("DELETE FROM secrets WHERE id = ?", (secret.id,))
            audit.append(connection, key, self._origin, Action.REMOVE, name)

    # What only this store has. -------------------------------------------------------------------------------------

    def digest(self, name: Name, value: Value) -> str:
        """Return a digest of a value that may be shown: keyed, so that nobody can guess a short value from it."""
        with self._database.reading() as connection:
            return self._key(connection).digest(name, value)

    def record_rotation(self, name: Name, version: int, step: str, outcome: str) -> None:
        """Record a step of a rotation in the audit chain."""
        with self._database.writing() as connection:
            audit.append(
                connection,
                self._key(connection),
                self._origin,
                Action.ROTATE,
                name,
                version,
                step=step,
                outcome=outcome,
            )

    def recipients(self) -> Sequence[Recipient]:
        """Return whom the store's key is wrapped to."""
        with self._database.reading() as connection:
            return _load_recipients(connection)

    def set_recipients(self, recipients: Sequence[Recipient]) -> None:
        """Wrap the store's key to these recipients. With one of the former ones gone, the key is changed too.

        Raises:
            StoreUnsupported: there would be none.
            StoreDamaged: somebody who does not have the key changed the list.
        """
        if not recipients:
            raise StoreUnsupported(
                "the last recipient stays: without one nobody could open the store. Add another first."
            )
        with self._database.writing() as connection:
            key = self._key(connection)
            former = _verified_recipients(connection, key)
            if {each.key for each in former} - {each.key for each in recipients}:
                key = self._change_key(connection, key)
            _wrap(connection, key, recipients, self._origin)

    def rekey(self) -> int:
        """Change the store's key: seal all values and authenticate the chain anew. Return the number of values."""
        with self._database.writing() as connection:
            key = self._key(connection)
            recipients = _verified_recipients(connection, key)
            new = self._change_key(connection, key)
            _wrap(connection, new, recipients, self._origin)
            return int(connection.execute("SELECT count(*) FROM versions WHERE sealed IS NOT NULL").fetchone()[0])

    def audit_entries(self) -> Sequence[audit.Entry]:
        """Return the audit chain, unverified: the first entry first."""
        with self._database.reading() as connection:
            return list(audit.entries(connection))

    def verify(self) -> int:
        """Check the whole store: the chain, that it led to what is in the tables, and that every value opens.

        Returns the number of audit entries.

        Raises:
            StoreDamaged: names the first thing that is wrong.
        """
        from . import verify

        with self._database.reading() as connection:
            key = self._key(connection)
            _verified_recipients(connection, key)
            return verify.check(connection, key)

    def export_secrets(self) -> Sequence[dict[str, Any]]:
        """Return all secrets with their values, as ``bundle`` writes them; each is recorded as exported."""
        from . import bundle

        with self._database.writing() as connection:
            key = self._key(connection)
            exported = []
            for secret in tables.load_secrets(connection):
                values = {
                    version.number: self._open(connection, key, secret, version.number)
                    for version in secret.versions
                    if not version.destroyed_at
                }
                exported.append(bundle.record(secret, values))
                audit.append(connection, key, self._origin, Action.EXPORT, secret.name)
            return exported

    def import_secrets(
        self, records: Sequence[tuple[Secret, Mapping[int, Value]]], *, skip_existing: bool
    ) -> Sequence[Name]:
        """Take over secrets with all their versions, and return the names of those taken.

        Raises:
            SecretExists: one is here already (unless ``skip_existing``); then none was taken.
        """
        taken = []
        with self._database.writing() as connection:
            key = self._key(connection)
            for secret, values in records:
                if tables.has(connection, secret.name):
                    if skip_existing:
                        continue
                    raise base.exists(self, secret.name)
                self._import(connection, key, secret, values)
                taken.append(secret.name)
        return taken

    # Below: with a transaction open. -------------------------------------------------------------------------------

    def _key(self, connection: sqlite3.Connection) -> StoreKey:
        """Return the store's key, unwrapped again only when somebody wrapped another one."""
        wrapped = tables.meta(connection, "wrapped_key")
        if self._unwrapped is None or self._unwrapped[0] != wrapped:
            key = StoreKey.unwrap(wrapped, self._unlock(), tables.meta(connection, "store_id").decode())
            audit.check_head(connection, key)
            self._unwrapped = (wrapped, key)
        return self._unwrapped[1]

    def _secret(self, connection: sqlite3.Connection, name: Name) -> Secret:
        found = tables.load_secrets(connection, name)
        if not found:
            raise base.not_found(self, name)
        return found[0]

    def _readable(self, secret: Secret, version: int | Stage) -> int:
        number = secret.stages.get(version) if isinstance(version, Stage) else version
        readable = tables.readable(secret)
        if number not in readable:
            raise base.version_not_found(self, secret.name, version, readable)
        return number

    def _read(
        self, connection: sqlite3.Connection, key: StoreKey, name: Name, version: int | Stage, action: Action
    ) -> Value:
        secret = self._secret(connection, name)
        number = self._readable(secret, version)
        value = self._open(connection, key, secret, number)
        audit.append(connection, key, self._origin, action, name, number)
        return value

    def _open(self, connection: sqlite3.Connection, key: StoreKey, secret: Secret, number: int) -> Value:
        (sealed,) = connection.execute(
            "SELECT CAST(sealed AS BLOB) FROM versions WHERE secret = ? AND number = ?", (secret.id, number)
        ).fetchone()
        return key.open(sealed, secret.id, secret.name, number)

    def _import(
        self, connection: sqlite3.Connection, key: StoreKey, secret: Secret, values: Mapping[int, Value]
    ) -> None:
        secret_id = tables.new_id()
        labels = dict(secret.labels)
        tables.insert_secret(
            connection, secret_id, secret.name, labels, tables.to_text(secret.created_at), tables.now()
        )
        for version in secret.versions:
            at = tables.to_text(version.created_at)
            if version.destroyed_at:
                destroyed = tables.to_text(version.destroyed_at)
                tables.insert_version(connection, secret_id, version.number, at, None, destroyed)
            else:
                sealed = key.seal(values[version.number], secret_id, secret.name, version.number)
                tables.insert_version(connection, secret_id, version.number, at, sealed)
        tables.save_stages(connection, secret_id, secret.stages)
        numbers = [version.number for version in secret.versions]
        destroyed_numbers = [version.number for version in secret.versions if version.destroyed_at]
        audit.append(
            connection, key, self._origin, Action.IMPORT, secret.name,
            id=secret_id, labels=labels, versions=numbers, destroyed=destroyed_numbers, stages=dict(secret.stages),
        )  # fmt: skip

    def _change_key(self, connection: sqlite3.Connection, old: StoreKey) -> StoreKey:
        new = StoreKey.generate(tables.meta(connection, "store_id").decode())
        for secret in tables.load_secrets(connection):
            for number in tables.readable(secret):
                sealed = new.seal(self._open(connection, old, secret, number), secret.id, secret.name, number)
                connection.execute(
                    "UPDATE versions SET sealed = ? WHERE secret = ? AND number = ?", (sealed, secret.id, number)
                )
        audit.rechain(connection, old, new)
        audit.append(connection, new, self._origin, Action.REKEY)
        return new


def _wrap(connection: sqlite3.Connection, key: StoreKey, recipients: Sequence[Recipient], origin: Origin) -> None:
    rows = [[recipient.key, recipient.comment] for recipient in recipients]
    encoded = json.dumps(rows).encode()
    tables.set_meta(connection, "wrapped_key", key.wrap(recipients))
    tables.set_meta(connection, "recipients", encoded)
    tables.set_meta(connection, "recipients_mac", key.audit_mac(b"recipients", encoded))
    audit.append(connection, key, origin, Action.RECIPIENTS, recipients=[recipient.key for recipient in recipients])


def _load_recipients(connection: sqlite3.Connection) -> Sequence[Recipient]:
    with suppress(ValueError, TypeError):
        return [Recipient(*row) for row in json.loads(tables.meta(connection, "recipients"))]
    raise StoreDamaged("the store's list of recipients was changed. Restore it from a copy.")


def _verified_recipients(connection: sqlite3.Connection, key: StoreKey) -> Sequence[Recipient]:
    """Return the recipients, unless somebody without the key put one in, who would get the key at the next change."""
    encoded, code = tables.meta(connection, "recipients"), tables.meta(connection, "recipients_mac")
    if not key.is_audit_mac(code, b"recipients", encoded):
        raise StoreDamaged(
            "the store's list of recipients was changed by somebody without its key. Restore it from a copy."
        )
    return _load_recipients(connection)
