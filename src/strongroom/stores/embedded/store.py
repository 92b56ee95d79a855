"""The embedded store behind the store protocol."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...errors import SecretNotFound, StoreBusy, StoreUnsupported, StrongroomError
from ...model import Name, Secret, Stage, Value, check_labels, move_stage
from .. import base
from ..audited import Event, Happening
from . import access, audit, tables
from .audit import Action, Origin
from .database import Database
from .directory import FILE, make
from .identity import Identity
from .keys import Recipient, StoreKey
from .unlocked import Unlocked

Unlock = Callable[[], Iterable[Identity]]


class EmbeddedStore:
    """A store in one file. Metadata is read without the key; values, and every change, need an identity."""

    capabilities = frozenset(base.Capability)

    def __init__(self, directory: Path, unlock: Unlock, origin: Origin) -> None:
        """Open the store in ``directory``; ``unlock`` gives identities when the first one is needed.

        Raises:
            StoreNotFound, StoreDamaged, StoreUnsupported: as ``database.Database``.
        """
        self.directory = directory
        self._database = Database(directory / FILE)
        self._unlock = unlock
        self._origin = origin
        self._unwrapped: tuple[bytes, StoreKey] | None = None

    @classmethod
    def init(cls, directory: Path, recipients: Sequence[Recipient], unlock: Unlock, origin: Origin) -> EmbeddedStore:
        """Create a store in ``directory``, which must not exist: whole, or not at all.

        Raises:
            StoreUnsupported: the directory exists, or cannot be made.
        """
        make(directory, recipients, origin)
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
        with self._changing(Action.CREATE, name) as unlocked:
            connection = unlocked.connection
            if tables.has(connection, name):
                raise base.exists(self, name)
            at = tables.now()
            tables.insert_secret(connection, secret_id, name, checked, at, at)
            tables.insert_version(connection, secret_id, 1, at, unlocked.key.seal(value, secret_id, name, 1))
            tables.save_stages(connection, secret_id, {Stage.CURRENT: 1})
            unlocked.record(Action.CREATE, name, 1, id=secret_id, labels=checked)
            return self._secret(connection, name)

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """See ``stores.base.Store``."""
        with self._changing(Action.WRITE, name) as unlocked:
            connection = unlocked.connection
            secret = self._secret(connection, name)
            number = max(version.number for version in secret.versions) + 1
            at = tables.now()
            sealed = unlocked.key.seal(value, secret.id, name, number)
            tables.insert_version(connection, secret.id, number, at, sealed)
            tables.save_stages(connection, secret.id, move_stage(secret.stages, stage, number))
            tables.touch(connection, secret.id, at)
            unlocked.record(Action.WRITE, name, number, stage=stage)
            return number

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """See ``stores.base.Store``."""
        return self.read_many([(name, version)])[0]

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """See ``stores.base.Store``. The reads are in the audit chain before the values are returned."""
        return self._read(wanted, Action.READ)

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
        with self._changing(Action.STAGE, name) as unlocked:
            secret = self._secret(unlocked.connection, name)
            if version is None and stage is Stage.CURRENT:
                raise base.current_stays(name)
            if version is not None:
                self._readable(secret, version)
            moved = move_stage(secret.stages, stage, version)
            if moved == secret.stages:
                return
            tables.save_stages(unlocked.connection, secret.id, moved)
            tables.touch(unlocked.connection, secret.id, tables.now())
            unlocked.record(Action.STAGE, name, version, stage=stage)

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """See ``stores.base.Store``."""
        checked = check_labels(labels)
        with self._changing(Action.LABELS, name) as unlocked:
            secret = self._secret(unlocked.connection, name)
            unlocked.connection.execute("UPDATE secrets SET labels = ? WHERE id = ?", (json.dumps(checked), secret.id))
            tables.touch(unlocked.connection, secret.id, tables.now())
            unlocked.record(Action.LABELS, name, labels=checked)

    def destroy(self, name: Name, version: int) -> None:
        """See ``stores.base.Store``."""
        with self._changing(Action.DESTROY, name) as unlocked:
            connection = unlocked.connection
            secret = self._secret(connection, name)
            found = next((each for each in secret.versions if each.number == version), None)
            if found is None:
                raise base.version_not_found(self, name, version, tables.readable(secret))
            if secret.stages.get(Stage.CURRENT) == version:
                raise base.current_stays(name)
            if found.destroyed_at:
                return
            at = tables.now()
            tables.destroy_version(connection, secret.id, version, at)
            kept = {stage: number for stage, number in secret.stages.items() if number != version}
            tables.save_stages(connection, secret.id, kept)
            tables.touch(connection, secret.id, at)
            unlocked.record(Action.DESTROY, name, version)

    def remove(self, name: Name) -> None:
        """See ``stores.base.Store``."""
        with self._changing(Action.REMOVE, name) as unlocked:
            secret = self._secret(unlocked.connection, name)
            unlocked.connection.execute("DELETE FROM secrets WHERE id = ?", (secret.id,))
            unlocked.record(Action.REMOVE, name)

    # What only this store has. -------------------------------------------------------------------------------------

    def read_for(self, wanted: Sequence[tuple[Name, int | Stage]], to: str) -> Sequence[Value]:
        """See ``stores.audited.Audited``."""
        return self._read(wanted, Action.DELIVER, to=to)

    def record(self, events: Sequence[Event]) -> None:
        """See ``stores.audited.Audited``."""
        with self._database.writing(durable=False) as connection:
            unlocked = Unlocked(connection, self._key(connection), self._origin)
            for each in events:
                unlocked.record(Action(each.happening), each.secret, each.version, **each.detail)

    def digest(self, name: Name, value: Value) -> str:
        """Return a digest of a value that may be shown: keyed, so that nobody can guess a short value from it."""
        with self._database.reading() as connection:
            return self._key(connection).digest(name, value)

    def recipients(self) -> Sequence[Recipient]:
        """Return whom the store's key is wrapped to."""
        with self._database.reading() as connection:
            return access.load(connection)

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
        with self._changing(Action.RECIPIENTS) as unlocked:
            former = access.verified(unlocked.connection, unlocked.key)
            removed = {each.key for each in former} - {each.key for each in recipients}
            access.wrap(access.change_key(unlocked) if removed else unlocked, recipients)

    def rekey(self) -> int:
        """Change the store's key: seal all values and authenticate the chain anew. Return the number of values."""
        with self._changing(Action.REKEY) as unlocked:
            recipients = access.verified(unlocked.connection, unlocked.key)
            access.wrap(access.change_key(unlocked), recipients)
            return tables.count_values(unlocked.connection)

    def audit_entries(self, after: int = 0) -> Sequence[audit.Entry]:
        """Return the audit chain after the entry ``after``, unverified: the first entry first."""
        with self._database.reading() as connection:
            return list(audit.entries(connection, after))

    def verify(self) -> int:
        """Check the whole store: the chain, that it led to what is in the tables, and that every value opens.

        Returns the number of audit entries.

        Raises:
            ChainBroken: names the first entry that is wrong.
            StoreDamaged: names the first thing that is wrong.
        """
        from . import verify

        with self._database.reading() as connection:
            return verify.check(connection, self._unwrap(connection))

    def export_secrets(self) -> Sequence[dict[str, Any]]:
        """Return all secrets with their values, as ``bundle`` writes them; each is recorded as exported."""
        from . import transfer

        with self._changing(Action.EXPORT) as unlocked:
            return transfer.export(unlocked)

    def import_secrets(
        self, records: Sequence[tuple[Secret, Mapping[int, Value]]], *, skip_existing: bool
    ) -> Sequence[Name]:
        """Take over secrets with all their versions, and return the names of those taken.

        Raises:
            SecretExists: one is here already (unless ``skip_existing``); then none was taken.
        """
        from . import transfer

        taken = []
        with self._changing(Action.IMPORT) as unlocked:
            for secret, values in records:
                if tables.has(unlocked.connection, secret.name):
                    if skip_existing:
                        continue
                    raise base.exists(self, secret.name)
                transfer.take(unlocked, secret, values)
                taken.append(secret.name)
        return taken

    # Below: with a transaction open. -------------------------------------------------------------------------------

    @contextmanager
    def _changing(
        self, action: Action, name: Name | None = None, *, durable: bool = True, **about: str
    ) -> Iterator[Unlocked]:
        """Give a transaction with the key. When it fails, that is recorded, in one of its own."""
        try:
            with self._database.writing(durable=durable) as connection:
                yield Unlocked(connection, self._key(connection), self._origin)
        except StrongroomError as error:
            # Who cannot open the store cannot write into its chain; who waited for a minute has waited enough.
            if self._unwrapped and not isinstance(error, StoreBusy):
                secret = error.name if isinstance(error, SecretNotFound) else name or ""
                detail = {"tried": action.value, "error": type(error).__name__, **about}
                with suppress(StrongroomError):
                    self.record([Event(Happening.FAIL, secret, None, detail)])
            raise

    def _read(self, wanted: Sequence[tuple[Name, int | Stage]], action: Action, **detail: str) -> Sequence[Value]:
        # Not durable: waiting for the disk would make a read ten times slower, and losing the record of a read takes
        # a crash of the whole machine within the seconds after it.
        with self._changing(action, None, durable=False, **detail) as unlocked:
            values = []
            for name, version in wanted:
                secret = self._secret(unlocked.connection, name)
                number = self._readable(secret, version)
                values.append(unlocked.open(secret, number))
                unlocked.record(action, name, number, **detail)
            return values

    def _key(self, connection: sqlite3.Connection) -> StoreKey:
        """Return the store's key, unwrapped again only when somebody wrapped another one."""
        wrapped = tables.meta(connection, "wrapped_key")
        if self._unwrapped is None or self._unwrapped[0] != wrapped:
            key = self._unwrap(connection)
            audit.check_head(connection, key)
            self._unwrapped = (wrapped, key)
        return self._unwrapped[1]

    def _unwrap(self, connection: sqlite3.Connection) -> StoreKey:
        wrapped, store_id = tables.meta(connection, "wrapped_key"), tables.meta(connection, "store_id")
        return StoreKey.unwrap(wrapped, self._unlock(), store_id.decode())

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
