"""Whole secrets out of the store, and into it, with all their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...model import Secret, Value
from . import bundle, tables
from .audit import Action
from .unlocked import Unlocked


def export(unlocked: Unlocked) -> Sequence[dict[str, Any]]:
    """Return all secrets with their values, as ``bundle`` writes them; each is recorded as exported."""
    exported = []
    for secret in tables.load_secrets(unlocked.connection):
        values = {number: unlocked.open(secret, number) for number in tables.readable(secret)}
        exported.append(bundle.record(secret, values))
        unlocked.record(Action.EXPORT, secret.name)
    return exported


def take(unlocked: Unlocked, secret: Secret, values: Mapping[int, Value]) -> None:
    """Put a secret into the store that has none of its name."""
    connection, key, _ = unlocked
    identity, labels = tables.new_id(), dict(secret.labels)
    tables.insert_secret(connection, identity, secret.name, labels, tables.to_text(secret.created_at), tables.now())
    for version in secret.versions:
        at = tables.to_text(version.created_at)
        if version.destroyed_at:
            destroyed = tables.to_text(version.destroyed_at)
            tables.insert_version(connection, identity, version.number, at, None, destroyed)
        else:
            sealed = key.seal(values[version.number], identity, secret.name, version.number)
            tables.insert_version(connection, identity, version.number, at, sealed)
    tables.save_stages(connection, identity, secret.stages)
    unlocked.record(
        Action.IMPORT, secret.name, id=identity, labels=labels, stages=dict(secret.stages),
        versions=[version.number for version in secret.versions],
        destroyed=[version.number for version in secret.versions if version.destroyed_at],
    )  # fmt: skip
