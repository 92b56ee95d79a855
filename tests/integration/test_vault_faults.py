"""A Vault that fails: each failure ends in its sentence, or in another try that succeeds. Never in half a value."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import leaks
import proxy
from proxy import Spoiler
from servers import OpenBao, free_port
from strongroom.errors import StoreRefused, StoreUnavailable, StrongroomError
from strongroom.model import Name, Value
from strongroom.references import Reference
from strongroom.stores.registry import open_store, read_references

DB = Reference.parse("vault://secret/faults/db#password")


@pytest.fixture
def password(vault: OpenBao) -> str:
    value = leaks.fresh()
    vault.api("POST", "secret/data/faults/db", {"data": {"password": value}})
    return value


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenBao]:
    """Return a server that a test may break."""
    server = OpenBao(tmp_path / "openbao", tls=True)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


def _read(limit: float) -> str:
    (found,) = read_references([DB], limit)
    return found.value.reveal().decode()


@pytest.mark.parametrize(
    "fault",
    [proxy.half, proxy.nothing, proxy.status(429, "Too Many Requests", "Retry-After: 1\r\n"),
     proxy.status(503, "Service Unavailable"), proxy.status(500, "Internal Server Error"),
     proxy.status(200, "OK", body=b'{"data": {"da'), proxy.status(200, "OK", body=b"")],
    ids=["half", "nothing", "429", "503", "500", "no JSON", "empty"],
)  # fmt: skip
def test_what_passes(vault: OpenBao, password: str, monkeypatch: pytest.MonkeyPatch, fault: Spoiler) -> None:
    with proxy.proxy(vault.port, fault, fault) as between:
        monkeypatch.setenv("VAULT_ADDR", between.address)
        assert _read(30) == password
        assert between.requests >= 4


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (proxy.half, r"the answer of http://\S+ was cut short\. It was tried \d+ times within 1 seconds"),
        (proxy.nothing, "was cut short"),
        (proxy.status(429, "Too Many Requests"), r"gets too many requests \(429\)"),
        (proxy.status(503, "Service Unavailable"), r"is sealed or not ready \(503\)"),
        (proxy.slow(3), r"did not answer within 1\.0 seconds"),
        (proxy.dripping, r"did not answer within 1\.0 seconds"),
        (proxy.status(200, "OK", body=b""), "was cut short"),
    ],
    ids=["half", "nothing", "429", "503", "slow", "dripping", "empty"],
)
def test_what_does_not_pass_in_time(
    vault: OpenBao, monkeypatch: pytest.MonkeyPatch, fault: Spoiler, says: str
) -> None:  # fmt: skip
    with proxy.proxy(vault.port, *[fault] * 100) as between:
        monkeypatch.setenv("VAULT_ADDR", between.address)
        with pytest.raises(StoreUnavailable, match=says):
            _read(1)


def test_a_slow_answer_is_waited_for(vault: OpenBao, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy.proxy(vault.port, proxy.slow(1)) as between:
        monkeypatch.setenv("VAULT_ADDR", between.address)
        assert _read(30) == password


def test_a_version_is_not_written_twice(vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    store, name = open_store("vault://secret/faults", 5), Name("once")
    store.create(name, Value(leaks.fresh().encode()))
    store.close()
    with proxy.proxy(vault.port) as between:
        monkeypatch.setenv("VAULT_ADDR", between.address)
        through = open_store("vault://secret/faults", 5)
        between.faults += [lambda answer, _: answer, proxy.nothing]  # the metadata, and the write
        with pytest.raises(StoreUnavailable, match="cut short"):
            through.write(name, Value(leaks.fresh().encode()))
        through.close()
    monkeypatch.setenv("VAULT_ADDR", vault.address)
    store = open_store("vault://secret/faults")
    assert len(store.inspect(name).versions) == 2
    store.close()


@pytest.mark.usefixtures("vault")
def test_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="cannot be reached: Connection refused"):
        _read(0.5)
    monkeypatch.setenv("VAULT_ADDR", "http://vault.invalid:8200")
    with pytest.raises(StoreUnavailable, match=r"the host of http://vault\.invalid:8200 is not known"):
        _read(0.5)


def test_sealed_and_unsealed_while_we_wait(own: OpenBao) -> None:
    value = leaks.fresh()
    own.api("POST", "secret/data/faults/db", {"data": {"password": value}})
    own.seal()
    with pytest.raises(StoreUnavailable, match="is sealed or not ready"):
        _read(0.5)
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(_read(60)))
    waiting.start()
    time.sleep(0.5)
    own.unseal()
    waiting.join()
    assert found == [value]


def test_tls(own: OpenBao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    value = leaks.fresh()
    own.api("POST", "secret/data/faults/db", {"data": {"password": value}})
    assert _read(30) == value
    monkeypatch.setenv("VAULT_CACERT_BYTES", own.ca.read_text())
    monkeypatch.delenv("VAULT_CACERT")
    assert _read(30) == value
    monkeypatch.delenv("VAULT_CACERT_BYTES")
    with pytest.raises(StoreRefused, match=r"the certificate of https://\S+ is not trusted: .*VAULT_CACERT"):
        _read(30)
    monkeypatch.setenv("VAULT_SKIP_VERIFY", "true")
    assert _read(30) == value
    monkeypatch.delenv("VAULT_SKIP_VERIFY")
    monkeypatch.setenv("VAULT_CACERT", str(own.ca))
    monkeypatch.setenv("VAULT_TLS_SERVER_NAME", "another.example")
    with pytest.raises(StoreRefused, match="is not trusted: Hostname mismatch"):
        _read(30)
    monkeypatch.delenv("VAULT_TLS_SERVER_NAME")
    monkeypatch.setenv("VAULT_CACERT", str(tmp_path / "nothing"))
    with pytest.raises(StoreRefused, match="cannot be read"):
        _read(30)


def test_tls_where_there_is_none(vault: OpenBao, own: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", vault.address.replace("http:", "https:"))
    with pytest.raises(StrongroomError, match="does not speak TLS"):
        _read(1)
    monkeypatch.setenv("VAULT_ADDR", own.address.replace("https:", "http:"))
    with pytest.raises(StoreRefused, match="with status 400"):
        _read(1)


@pytest.mark.usefixtures("vault")
def test_a_proxy_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_PROXY_ADDR", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        _read(0.5)
