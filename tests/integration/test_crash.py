"""Processes killed while they change one store, four at once: what was acknowledged is there, nothing is by half."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import crash_worker
from cli import STRONGROOM, Cli
from crash_worker import SHARED, Operation
from memory_store import MemoryStore
from strongroom.model import Secret, Value
from strongroom.stores.embedded import EmbeddedStore
from strongroom.stores.embedded.identity import load
from support import ORIGIN

KILLS = 200
AT_ONCE = 4


def open_store(cli: Cli) -> EmbeddedStore:
    identity = load(cli.home / ".config/strongroom/identity", lambda _: "")
    return EmbeddedStore(cli.project / ".strongroom", lambda: [identity], ORIGIN)


def test_killed_at_random_moments(cli: Cli, tmp_path: Path) -> None:
    cli("secret", "create", SHARED, "-", stdin="the first value")
    numbers = count()
    lock = threading.Lock()

    def kill_one_after_the_other(seed: int) -> None:
        dice = random.Random(seed)
        while True:
            with lock:
                number = next(numbers)
            if number >= KILLS:
                return
            run_and_kill(cli, tmp_path / f"journal-{number}", f"w{number}", dice)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(kill_one_after_the_other, range(AT_ONCE)))

    store = open_store(cli)
    store.verify()
    shared: list[tuple[Operation, int]] = []
    unacknowledged = done_at_all = 0
    for number in range(KILLS):
        done, doing = crash_worker.journal(tmp_path / f"journal-{number}")
        done_at_all += len(done)
        unacknowledged += doing is not None
        check_own_secrets(store, f"w{number}", [each for each, _ in done], doing)
        shared += [(operation, result) for operation, result in done if operation["name"] == SHARED]
    assert done_at_all >= KILLS, "the processes were killed before they did anything: the test proved nothing"
    assert unacknowledged > KILLS / 10, "hardly a process was killed while it did something: the test proved little"
    for operation, version in shared:
        assert store.read(SHARED, version) == crash_worker.value_of(operation)
    assert len(shared) <= len(store.inspect(SHARED).versions) - 1 <= len(shared) + unacknowledged
    store.close()


def run_and_kill(cli: Cli, journal: Path, prefix: str, dice: random.Random) -> None:
    """Kill a process a random moment after it did a random number of things."""
    identity = cli.home / ".config/strongroom/identity"
    worker = subprocess.Popen(
        [sys.executable, crash_worker.__file__, cli.project / ".strongroom", identity, journal, prefix],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert worker.stdout and worker.stderr
    assert worker.stdout.readline() == b"ready\n", worker.stderr.read().decode()
    wanted = 2 * dice.randrange(1, 8)
    while worker.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < wanted):
        time.sleep(0.001)
    time.sleep(dice.uniform(0, 0.01))
    worker.kill()
    _, errors = worker.communicate()
    assert errors == b"", errors.decode()


def check_own_secrets(store: EmbeddedStore, prefix: str, done: list[Operation], doing: Operation | None) -> None:
    """A process's own secrets are what it acknowledged, with or without the one thing that it was doing, whole."""
    actual = state(store, prefix)
    model = MemoryStore()
    model.create(SHARED, Value(b"the first value"))
    for operation in done:
        crash_worker.apply(model, operation)
    without = state(model, prefix)
    if actual == without:
        return
    assert doing is not None, f"{prefix}: acknowledged was {without}, and the store has {actual}"
    crash_worker.apply(model, doing)
    assert actual == state(model, prefix), f"{prefix}: half of {doing}"


def state(store: EmbeddedStore | MemoryStore, prefix: str) -> list[dict[str, Any]]:
    """Return all there is of a process's secrets but their times and ids; values by their size and end."""
    return [
        without_times(secret)._asdict() | {"values": values_of(store, secret)}
        for secret in store.list()
        if secret.name.startswith(f"{prefix}-")
    ]


def without_times(secret: Secret) -> Secret:
    then = datetime.fromtimestamp(0, UTC)
    versions = tuple(v._replace(created_at=then, destroyed_at=v.destroyed_at and then) for v in secret.versions)
    return secret._replace(id="", created_at=then, updated_at=then, versions=versions)


def values_of(store: EmbeddedStore | MemoryStore, secret: Secret) -> list[tuple[int, bytes]]:
    alive = [version.number for version in secret.versions if not version.destroyed_at]
    return [(number, store.read(secret.name, number).reveal()) for number in alive]


def test_concurrent_writers_all_succeed(cli: Cli) -> None:
    cli("secret", "create", "counter", "-", stdin="start")

    def write(number: int) -> str:
        return cli("secret", "update", "counter", "-", stdin=f"value {number}").out.strip()

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(write, range(40)))
    assert sorted(map(int, versions)) == list(range(2, 42))
    cli("audit", "verify")


def test_killed_while_a_store_is_made(empty: Cli) -> None:
    empty("init")
    identity_kept = (empty.home / ".config/strongroom/identity").read_bytes()
    for step in range(20):
        project = empty.project / str(step)
        project.mkdir()
        process = subprocess.Popen([STRONGROOM, "init"], cwd=project, env=empty.variables(), stdout=subprocess.DEVNULL)
        time.sleep(step * 0.01)
        process.kill()
        process.wait()
        here = Cli(empty.home, project)
        if (project / ".strongroom").exists():
            here("audit", "verify")
        else:
            here("init")
        assert (empty.home / ".config/strongroom/identity").read_bytes() == identity_kept


def test_two_inits_at_once_make_one_store(empty: Cli) -> None:
    def init(_: int) -> int:
        done = subprocess.run([STRONGROOM, "init"], cwd=empty.project, env=empty.variables(), capture_output=True)
        assert b"Traceback" not in done.stderr
        return done.returncode

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(init, range(4)))[0] == 0
    empty.secret("after")
    empty("audit", "verify")
    assert [path.name for path in empty.project.iterdir() if path.name.startswith(".strongroom.")] == []


@pytest.mark.parametrize("operation", ["create", "update"])
def test_a_full_disk_changes_nothing(cli: Cli, operation: str) -> None:
    import os
    import resource

    value = cli.secret("kept")
    if operation == "update":
        cli.secret("big")
    limit = os.stat(cli.project / ".strongroom/store.db").st_size + 50_000  # noqa: PTH116
    done = subprocess.run(
        [STRONGROOM, "secret", operation, "big", "-"], cwd=cli.project, env=cli.variables(), input=b"x" * 400_000,
        capture_output=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert cli.reveal("kept") == value
    cli("audit", "verify")
