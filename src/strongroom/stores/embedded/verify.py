"""The whole check of a store: its audit chain, replayed, must lead to exactly what is in its tables."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from ...errors import StoreDamaged
from ...model import Secret, Stage, move_stage
from . import access, tables
from .audit import Action, Entry, verified
from .keys import StoreKey


@dataclass
class _Expected:
    """What a secret must be, after the entries so far."""

    id: str
    labels: dict[str, str]
    versions: set[int] = field(default_factory=lambda: {1})
    destroyed: set[int] = field(default_factory=set)
    stages: dict[Stage, int] = field(default_factory=lambda: {Stage.CURRENT: 1})


def check(connection: sqlite3.Connection, key: StoreKey) -> int:
    """Check everything, and return the number of audit entries.

    Raises:
        StoreDamaged: names the first thing that is wrong.
    """
    (state,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if state != "ok":
        raise StoreDamaged(f"SQLite finds the store's file damaged: {state}. Restore it from a copy.")
    expected: dict[str, _Expected] = {}
    count = 0
    for entry in verified(connection, key):
        _replay(expected, entry)
        count = entry.seq
    access.verified(connection, key)
    actual: dict[str, Secret] = {secret.name: secret for secret in tables.load_secrets(connection)}
    for name in sorted(expected.keys() | actual.keys()):
        _compare(name, expected.get(name), actual.get(name))
    rows = (
        "SELECT name, id, number, CAST(sealed AS BLOB) FROM versions "
        "JOIN secrets ON secrets.id = secret WHERE sealed IS NOT NULL"
    )
    for name, secret_id, number, sealed in connection.execute(rows):
        key.open(sealed, secret_id, name, number)
    return count


def _replay(expected: dict[str, _Expected], entry: Entry) -> None:
    name, version, detail = entry.secret or "", entry.version or 0, entry.detail
    match entry.action:
        case Action.CREATE:
            expected[name] = _Expected(detail["id"], detail["labels"])
        case Action.IMPORT:
            expected[name] = _imported(detail)
        case Action.WRITE:
            expected[name].versions.add(version)
            expected[name].stages = move_stage(expected[name].stages, Stage(detail["stage"]), version)
        case Action.STAGE:
            expected[name].stages = move_stage(expected[name].stages, Stage(detail["stage"]), entry.version)
        case Action.LABELS:
            expected[name].labels = detail["labels"]
        case Action.DESTROY:
            secret = expected[name]
            secret.destroyed.add(version)
            secret.stages = {stage: number for stage, number in secret.stages.items() if number != version}
        case Action.REMOVE:
            del expected[name]
        case _:
            pass


def _imported(detail: dict[str, Any]) -> _Expected:
    stages = {Stage(stage): number for stage, number in detail["stages"].items()}
    return _Expected(detail["id"], detail["labels"], set(detail["versions"]), set(detail["destroyed"]), stages)


def _compare(name: str, expected: _Expected | None, actual: Secret | None) -> None:
    advice = "Restore the store from a copy."
    if expected is None:
        raise StoreDamaged(f"secret '{name}' was put into the store without strongroom. {advice}")
    if actual is None:
        raise StoreDamaged(f"secret '{name}' was taken out of the store without strongroom. {advice}")
    versions = {version.number for version in actual.versions}
    destroyed = {version.number for version in actual.versions if version.destroyed_at}
    pairs: dict[str, tuple[object, object]] = {
        "identity": (expected.id, actual.id),
        "labels": (expected.labels, dict(actual.labels)),
        "versions": (expected.versions, versions),
        "destroyed versions": (expected.destroyed, destroyed),
        "stages": (expected.stages, dict(actual.stages)),
    }
    for what, (before, after) in pairs.items():
        if before != after:
            raise StoreDamaged(f"the {what} of secret '{name}' were changed without strongroom. {advice}")
