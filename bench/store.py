"""The embedded store with ten thousand secrets in it."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import pyrage

from bench.measure import Row, Table, below, duration
from strongroom.model import Name, Value
from strongroom.stores.embedded import EmbeddedStore
from strongroom.stores.embedded.audit import Origin
from strongroom.stores.embedded.identity import Identity
from strongroom.stores.embedded.keys import Recipient

COUNT = 10_000


def tables() -> list[Table]:
    identity = Identity(Path("bench"), [pyrage.x25519.Identity.generate()])
    names = [Name(f"secret-{number}") for number in range(COUNT)]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        recipients = [Recipient(identity.recipient())]
        store = EmbeddedStore.init(Path(directory, "s"), recipients, lambda: [identity], Origin("bench", "", ""))
        create = _each(lambda name: store.create(name, Value(os.urandom(32))), names)
        read = _each(store.read, names)
        start = time.perf_counter()
        assert len(store.list()) == COUNT
        listed = time.perf_counter() - start
        start = time.perf_counter()
        store.verify()
        verified = time.perf_counter() - start
        store.close()
        size = sum(path.stat().st_size for path in Path(directory, "s").iterdir())
    rows = [
        Row("create one, synced to the disk", duration(create)),
        below("read one, audited", read, 0.001),
        below("list all", listed, 1.0),
        Row("audit verify: every entry and every value", duration(verified)),
        Row("size of the store, values of 32 bytes", f"{size / 1e6:.1f} MB"),
    ]
    return [Table(f"A store of {COUNT:,} secrets (in process)", rows)]


def _each(work: object, names: list[Name]) -> float:
    assert callable(work)
    times = []
    for name in names:
        start = time.perf_counter()
        work(name)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
