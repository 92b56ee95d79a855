"""``azure://`` by Azure's SDK, against a fake of the REST API."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import leaks
import proxy
from fake_azure import FakeAzure
from proxy import Spoiler
from strongroom.errors import (
    AccessDenied,
    InvalidReference,
    InvalidValue,
    SecretExists,
    SecretNotFound,
    StoreRefused,
    StoreUnavailable,
)
from strongroom.model import Name, Stage, Value
from strongroom.references import Reference
from strongroom.stores.base import Store
from strongroom.stores.registry import open_store, read_references
from strongroom.stores.testing import StoreConformance


class TestAzure(StoreConformance):
    max_bytes = 25_600

    @pytest.fixture
    def store(self, azure: FakeAzure) -> Iterator[Store]:
        store = open_store(f"azure://{azure.vault}/conf{secrets.token_hex(4)}")
        yield store
        store.close()


@pytest.fixture
def sdk(azure: FakeAzure) -> Iterator[Any]:
    """Return the SDK's client, as other programs use it."""
    from azure.identity import ManagedIdentityCredential
    from azure.keyvault.secrets import SecretClient

    with ManagedIdentityCredential() as login, SecretClient(f"https://{azure.vault}", login) as client:
        yield client


def _name() -> Name:
    return Name(f"x{secrets.token_hex(4)}")


def _read(*texts: str, limit: float = 30) -> list[str]:
    return [each.value.reveal().decode() for each in read_references([Reference.parse(text) for text in texts], limit)]


def test_fields_and_versions(azure: FakeAzure, sdk: Any) -> None:
    old, new, name = leaks.fresh(), leaks.fresh(), _name()
    first = sdk.set_secret(name, json.dumps({"password": old}))
    sdk.set_secret(name, json.dumps({"password": new, "port": 5432}))
    uri = f"azure://{azure.vault}/{name}"
    texts = [f"{uri}#password", f"{uri}#port", f"{uri}?version=1#password", f"{uri}?version=previous#password"]
    assert _read(*texts, f"{uri}?version={first.properties.version}#password") == [new, "5432", old, old, old]


def test_one_request_reads_the_current_version(azure: FakeAzure) -> None:
    store, name = open_store(f"azure://{azure.vault}"), _name()
    store.create(name, Value(b"one"))
    store.write(name, Value(b"two"))
    azure.requests = 0
    assert _read(f"azure://{azure.vault}/{name}") == ["two"]
    assert azure.requests == 1
    store.close()


def test_many_at_once(azure: FakeAzure, sdk: Any) -> None:
    names = [_name() for _ in range(25)]
    for name in names:
        sdk.set_secret(name, f"value of {name}")
    assert _read(*(f"azure://{azure.vault}/{name}" for name in names)) == [f"value of {name}" for name in names]


def test_what_others_write(azure: FakeAzure, sdk: Any) -> None:
    store, name, values = open_store(f"azure://{azure.vault}"), _name(), [leaks.fresh() for _ in range(4)]
    sdk.set_secret(name, values[0], tags={"team": "web"})
    assert store.write(name, Value(values[1].encode())) == 2
    assert dict(store.inspect(name).labels) == {"team": "web"}
    store.move_stage(name, Stage.CURRENT, 1)
    assert store.read(name).reveal().decode() == values[0] == _read(f"azure://{azure.vault}/{name}")[0]
    sdk.set_secret(name, values[2])
    assert store.read(name).reveal().decode() == values[2] == _read(f"azure://{azure.vault}/{name}")[0]
    assert dict(store.inspect(name).stages) == {Stage.CURRENT: 3, Stage.PREVIOUS: 1}
    assert store.write(name, Value(values[3].encode()), Stage.PENDING) == 4
    assert store.read(name).reveal().decode() == values[2]
    assert dict(store.inspect(name).stages) == {Stage.CURRENT: 3, Stage.PREVIOUS: 1, Stage.PENDING: 4}
    store.close()


def test_names_that_are_the_same_to_azure(azure: FakeAzure) -> None:
    prefix = f"app{secrets.token_hex(3)}"
    store = open_store(f"azure://{azure.vault}/{prefix}")
    store.create(Name("db_password"), Value(b"value"))
    assert [each.name for each in store.list()] == ["db_password"]
    assert _read(f"azure://{azure.vault}/{prefix}-db-password") == ["value"]
    with pytest.raises(SecretExists, match="has 'db_password', whose name is the same to Azure as 'db-password'"):
        store.create(Name("db-password"), Value(b"value"))
    store.close()


def test_disabled_expired_and_not_yet(azure: FakeAzure, sdk: Any) -> None:
    now, names = datetime.now(UTC), [_name() for _ in range(3)]
    sdk.set_secret(names[0], "value", enabled=False)
    sdk.set_secret(names[1], "value", expires_on=now - timedelta(days=1))
    sdk.set_secret(names[2], "value", not_before=now + timedelta(days=1))
    says = ["it is disabled. Enable it", r"it expired at \d{4}-\d\d-\d\d \d\d:\d\d UTC", "it holds from"]
    for name, text in zip(names, says, strict=True):
        with pytest.raises(StoreRefused, match=rf"azure://{azure.vault}/{name} cannot be read: {text}"):
            _read(f"azure://{azure.vault}/{name}")


def test_a_current_version_behind_one_that_is_disabled(azure: FakeAzure, sdk: Any) -> None:
    store, name = open_store(f"azure://{azure.vault}"), _name()
    store.create(name, Value(b"one"))
    store.write(name, Value(b"two"), Stage.PENDING)
    sdk.update_secret_properties(name, enabled=False)
    assert store.read(name).reveal() == b"one"
    store.close()


def test_a_name_that_azure_keeps(azure: FakeAzure) -> None:
    azure.protected = True
    store, name = open_store(f"azure://{azure.vault}"), _name()
    store.create(name, Value(b"value"))
    store.remove(name)
    with pytest.raises(SecretNotFound):
        store.read(name)
    with pytest.raises(StoreRefused, match="was deleted, and Azure keeps its name: recover it, or purge it"):
        store.create(name, Value(b"value"))
    store.close()


def test_binary_takes_more_room(azure: FakeAzure) -> None:
    store, name = open_store(f"azure://{azure.vault}"), _name()
    with pytest.raises(InvalidValue, match="25,600, as text"):
        store.create(name, Value(b"\xff" * 20_000))
    store.create(name, Value(b"\xff" * 19_000))
    assert store.read(name).reveal() == b"\xff" * 19_000
    store.close()


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("/nothing", SecretNotFound, "Azure has no such secret or version"),
        ("/known?version=7", SecretNotFound, "it has no 7 version"),
        ("/known?version=0123456789abcdef0123456789abcdef", SecretNotFound, "no such secret or version"),
        ("/known?version=pending", SecretNotFound, "it has no pending version"),
        ("", InvalidReference, "azure://VAULT/SECRET"),
        ("/a/b", InvalidReference, "azure://VAULT/SECRET"),
    ],
)
def test_what_cannot_be_read(azure: FakeAzure, sdk: Any, path: str, error: type[Exception], says: str) -> None:
    name = _name()
    sdk.set_secret(name, "value")
    text = f"azure://{azure.vault}{path.replace('known', name)}"
    with pytest.raises(error, match=f"{text.partition('?')[0]}.*{says}"):
        _read(text)


_BUSY = proxy.status(503, "Unavailable", body=b'{"error": {"code": "x", "message": "x"}}')
_TOO_MANY = proxy.status(429, "Too Many Requests", body=b'{"error": {"code": "Throttled", "message": "x"}}')
_NO_JSON = proxy.status(200, "OK", "Content-Type: application/json\r\n", body=b'{"value": "')
_EMPTY = proxy.status(200, "OK", "Content-Type: application/json\r\n", body=b"{}")


@pytest.mark.parametrize(
    "fault", [_BUSY, _TOO_MANY, proxy.half, proxy.nothing, _NO_JSON, _EMPTY],
    ids=["503", "429", "half", "nothing", "no JSON", "empty"],
)  # fmt: skip
def test_what_passes(azure: FakeAzure, sdk: Any, fault: Spoiler) -> None:
    name = _name()
    sdk.set_secret(name, "value")
    azure.faults += [fault, fault]
    assert _read(f"azure://{azure.vault}/{name}") == ["value"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (_BUSY, r"Azure is too busy for azure://\S+/db, or fails \(503\)"),
        (_TOO_MANY, r"Azure is too busy for azure://\S+/db, or fails \(429\)"),
        (proxy.half, r"the answer of Azure for azure://\S+/db was cut short"),
        (proxy.nothing, r"the answer of Azure for azure://\S+/db was cut short"),
        (_EMPTY, r"the answer of Azure for azure://\S+/db was cut short"),
        (proxy.slow(1.5), r"Azure did not answer for azure://\S+/db in time"),
    ],
    ids=["503", "429", "half", "nothing", "empty", "slow"],
)
def test_what_does_not_pass_in_time(azure: FakeAzure, fault: Spoiler, says: str) -> None:
    azure.faults += [fault] * 60
    with pytest.raises(StoreUnavailable, match=says):
        _read(f"azure://{azure.vault}/db", limit=0.5)


def test_it_says_when_to_ask_again(azure: FakeAzure) -> None:
    azure.faults += [proxy.status(429, "Too Many Requests", "Retry-After: 7\r\n", b'{"error": {"code": 429}}')] * 2
    with pytest.raises(StoreUnavailable) as caught:
        _read(f"azure://{azure.vault}/db", limit=1)
    assert caught.value.after == 7


def test_denied(azure: FakeAzure) -> None:
    azure.denied = True
    with pytest.raises(AccessDenied, match=r"Azure denies access to azure://\S+/db \(403\)"):
        _read(f"azure://{azure.vault}/db")
    assert azure.requests == 1  # it was not tried again


def test_tls_and_down(azure: FakeAzure, tmp_path: Path) -> None:
    assert azure
    other = FakeAzure(tmp_path)
    with pytest.raises(StoreRefused, match=r"the certificate of azure://\S+/db is not trusted"):
        _read(f"azure://{other.vault}/db")
    other.stop()
    with pytest.raises(StoreUnavailable, match=r"Azure cannot be reached for azure://\S+/db"):
        _read(f"azure://{other.vault}/db", limit=0.3)


def test_no_login(azure: FakeAzure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")  # no others: they look for machines
    with pytest.raises(AccessDenied, match=r"azure://\S+/db"):
        _read(f"azure://{azure.vault}/db")
