"""A process that changes a store until it is killed, and writes down what it was about to do and what was done.

Usage: crash_worker.py STORE IDENTITY JOURNAL PREFIX. The journal is written with one ``write`` a line, which a SIGKILL
does not take back. ``replay`` reads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strongroom.model import Name, Stage, Value
from strongroom.stores.base import Store
from strongroom.stores.embedded import EmbeddedStore
from strongroom.stores.embedded.audit import Origin
from strongroom.stores.embedded.identity import load

Operation = dict[str, Any]
SHARED = Name("shared")


def value_of(operation: Operation) -> Value:
    """Return the value that an operation writes; nobody has to keep it."""
    return Value(hashlib.sha256(operation["id"].encode()).hexdigest().encode() * (operation["size"] // 64 + 1))


def apply(store: Store, operation: Operation) -> object:
    """Do an operation, on any store."""
    name = Name(operation["name"])
    result: str | int | None = None
    match operation["do"]:
        case "create":
            result = store.create(name, value_of(operation), {"by": operation["id"]}).name
        case "write":
            result = store.write(name, value_of(operation), Stage(operation["stage"]))
        case "stage":
            store.move_stage(name, Stage(operation["stage"]), operation["version"])
        case "labels":
            store.set_labels(name, {"by": operation["id"]})
        case "destroy":
            store.destroy(name, operation["version"])
        case "read":
            result = len(store.read(name))
        case "remove":
            store.remove(name)
    return result


def journal(path: Path) -> tuple[list[tuple[Operation, Any]], Operation | None]:
    """Return what a process did, each with its result, and what it was doing when it was killed."""
    lines = path.read_bytes().decode().split("\n")[:-1]
    operations = [json.loads(line) for line in lines[0::2]]
    results = [json.loads(line) for line in lines[1::2]]
    done = list(zip(operations, results, strict=False))
    return done, operations[-1] if len(operations) > len(results) else None


def _operations(store: Store, prefix: str, dice: random.Random) -> Iterator[Operation]:
    count = 0
    while True:
        count += 1
        name = f"{prefix}-{dice.randrange(3)}"
        secrets = {secret.name: secret for secret in store.list() if secret.name.startswith(f"{prefix}-")}
        base = {"id": f"{prefix}.{count}", "name": name, "size": dice.choice([64, 64, 64, 4096, 300_000])}
        secret = secrets.get(Name(name))
        if dice.random() < 0.1:
            yield base | {"do": "write", "name": SHARED, "stage": Stage.CURRENT}
        elif secret is None:
            yield base | {"do": "create"}
        else:
            alive = [version.number for version in secret.versions if not version.destroyed_at]
            old = [number for number in alive if number != secret.stages[Stage.CURRENT]]
            choices: list[Operation] = [
                {"do": "write", "stage": dice.choice([Stage.CURRENT, Stage.PENDING])},
                {"do": "stage", "stage": dice.choice(list(Stage)), "version": dice.choice(alive)},
                {"do": "labels"},
                {"do": "read"},
                {"do": "remove"},
                *({"do": "destroy", "version": number} for number in old[:1]),
            ]
            yield base | dice.choice(choices)


def main(store_directory: str, identity: str, path: str, prefix: str) -> None:
    own = load(Path(identity), lambda _: "")
    store = EmbeddedStore(Path(store_directory), lambda: [own], Origin("crash", "test", prefix))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(1, b"ready\n")
    for operation in _operations(store, prefix, random.Random(prefix)):
        os.write(descriptor, json.dumps(operation).encode() + b"\n")
        result = apply(store, operation)
        os.write(descriptor, json.dumps(result).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
