"""``strongroom.open_store``, for applications that read a manager themselves."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import leaks
import strongroom
from strongroom import direct
from strongroom.errors import InvalidReference, SecretNotFound, StoreUnavailable, StrongroomError
from strongroom.stores import registry
from strongroom.stores.managers import Content, Lease, Wanted


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        self.now += 0.001
        return self.now


class Counting:
    """A manager that counts what it is asked, and leases what lies below ``leased``."""

    asked: list[Wanted]
    down = False

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def fetch(self, wanted: Sequence[Wanted]) -> Sequence[Content | StrongroomError]:
        if Counting.down:
            return [StoreUnavailable("counting:// is down.") for _ in wanted]
        Counting.asked += wanted
        lease = Lease("counting", "1", 60, True)
        data = str(len(Counting.asked)).encode()
        return [Content("counting://", data, None, lease if each.path == "leased" else None) for each in wanted]

    def close(self) -> None:
        pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the time, with a manager whose scheme is ``counting``."""
    clock = Clock()
    Counting.asked, Counting.down = [], False
    monkeypatch.setattr(direct, "time", clock)
    original = registry.find
    monkeypatch.setattr(registry, "find", lambda scheme: Counting if scheme == "counting" else original(scheme))
    return clock


def test_what_a_secret_is(tmp_path: Path) -> None:
    password = leaks.fresh()
    (tmp_path / "db.json").write_text(json.dumps({"user": "app", "password": password, "ports": [1, 2]}))
    (tmp_path / "token").write_text(password)
    (tmp_path / "key").write_bytes(b"\x00\xff")
    with strongroom.open_store(f"file://{tmp_path}") as store:
        assert store.read("db.json") == {"user": "app", "password": password, "ports": [1, 2]}
        assert store.read("db.json", field="password") == store.read("token") == password
        assert store.read("key") == b"\x00\xff"
        with pytest.raises(SecretNotFound):
            store.read("nothing")
        store.read("db.json").clear()
        assert store.read("db.json")["user"] == "app"
        assert password not in repr(store)


def test_a_whole_uri_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "value")
    assert strongroom.open_store("env://API_KEY").read() == "value"
    assert strongroom.open_store("env://").read("API_KEY") == "value"


def test_it_is_kept_for_a_while(clock: Clock) -> None:
    store = strongroom.open_store("counting://", ttl=10)
    assert [store.read("a"), store.read("a"), store.read("b"), store.read("a", version=1)] == ["1", "1", "2", "3"]
    clock.now += 11
    assert [store.read("a"), store.read("a")] == ["4", "4"]
    assert store.read("a", fresh=True) == "5"
    assert store.read("a") == "5"


def test_what_was_kept_too_long_is_not_returned(clock: Clock) -> None:
    store = strongroom.open_store("counting://", ttl=10)
    store.read("a")
    Counting.down = True
    assert store.read("a") == "1"
    clock.now += 11
    with pytest.raises(StoreUnavailable, match="is down"):
        store.read("a")


def test_a_lease_ends_sooner(clock: Clock) -> None:
    store = strongroom.open_store("counting://", ttl=1000)
    assert store.read("leased") == "1"
    clock.now += 29
    assert store.read("leased") == "1"
    clock.now += 2
    assert store.read("leased") == "2"


def test_many_threads_ask_once(clock: Clock) -> None:
    assert clock
    store: Any = strongroom.open_store("counting://")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(store.read("a"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["1"] * 20


@pytest.mark.parametrize("uri", ["", "vault", "://x", "vault://a#b", "vault://a?version=1"])
def test_what_is_no_store(uri: str) -> None:
    with pytest.raises(InvalidReference, match="names no store"):
        strongroom.open_store(uri)
