"""Who may open the store: its recipients, the key that is wrapped to them, and the change of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from ...errors import StoreDamaged
from . import audit, tables
from .audit import Action
from .keys import Recipient, StoreKey
from .unlocked import Unlocked


def wrap(unlocked: Unlocked, recipients: Sequence[Recipient]) -> None:
    """Wrap the key to these recipients, and authenticate their list."""
    encoded = json.dumps([[recipient.key, recipient.comment] for recipient in recipients]).encode()
    tables.set_meta(unlocked.connection, "wrapped_key", unlocked.key.wrap(recipients))
    tables.set_meta(unlocked.connection, "recipients", encoded)
    tables.set_meta(unlocked.connection, "recipients_mac", unlocked.key.audit_mac(b"recipients", encoded))
    unlocked.record(Action.RECIPIENTS, recipients=[recipient.key for recipient in recipients])


def load(connection: sqlite3.Connection) -> Sequence[Recipient]:
    """Return the recipients, as the file has them.

    Raises:
        StoreDamaged: that is no list of recipients.
    """
    with suppress(ValueError, TypeError):
        return [Recipient(*row) for row in json.loads(tables.meta(connection, "recipients"))]
    raise StoreDamaged("the store's list of recipients was changed. Restore it from a copy.")


def verified(connection: sqlite3.Connection, key: StoreKey) -> Sequence[Recipient]:
    """Return the recipients, unless somebody without the key put one in, who would get the key at the next change.

    Raises:
        StoreDamaged: somebody did.
    """
    encoded, code = tables.meta(connection, "recipients"), tables.meta(connection, "recipients_mac")
    if not key.is_audit_mac(code, b"recipients", encoded):
        raise StoreDamaged(
            "the store's list of recipients was changed by somebody without its key. Restore it from a copy."
        )
    return load(connection)


def change_key(unlocked: Unlocked) -> Unlocked:
    """Seal all values, and authenticate the chain, under a new key; return the transaction with it."""
    connection, old, _ = unlocked
    new = StoreKey.generate(tables.meta(connection, "store_id").decode())
    for secret in tables.load_secrets(connection):
        for number in tables.readable(secret):
            sealed = new.seal(unlocked.open(secret, number), secret.id, secret.name, number)
            connection.execute(
                "UPDATE versions SET sealed = ? WHERE secret = ? AND number = ?", (sealed, secret.id, number)
            )
    audit.rechain(connection, old, new)
    changed = unlocked._replace(key=new)
    changed.record(Action.REKEY)
    return changed
