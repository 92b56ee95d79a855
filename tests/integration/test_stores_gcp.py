"""``gcp://`` by Google's SDK, against a fake of the REST API."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import leaks
import proxy
from certificates import tls
from fake_gcp import FakeGcp
from proxy import Spoiler
from servers import free_port
from strongroom.errors import (
    AccessDenied,
    InvalidName,
    InvalidReference,
    SecretNotFound,
    StoreRefused,
    StoreUnavailable,
)
from strongroom.model import Name, Stage, Value
from strongroom.references import Reference
from strongroom.stores.base import Store
from strongroom.stores.gcp.client import ENDPOINT
from strongroom.stores.registry import open_store, read_references
from strongroom.stores.testing import StoreConformance

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class TestGcp(StoreConformance):
    max_bytes = 65_536
    labels: Mapping[str, str] = {"team": "payments", "cost_center": "4-711"}

    @pytest.fixture
    def store(self, gcp: FakeGcp) -> Iterator[Store]:
        assert gcp
        store = open_store(f"gcp://shop-1/conf{secrets.token_hex(4)}")
        yield store
        store.close()


@pytest.fixture
def sdk(gcp: FakeGcp) -> Iterator[Any]:
    """Return the SDK's client, as other programs use it."""
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    client: Any = SecretManagerServiceClient(transport="rest", client_options={"api_endpoint": gcp.address})
    yield client
    client.transport.close()


def _create(sdk: Any, *values: str) -> str:
    """Create a secret with versions, and return its name."""
    name = f"x{secrets.token_hex(4)}"
    secret: dict[str, Any] = {"replication": {"automatic": {}}}
    sdk.create_secret(request={"parent": "projects/shop-1", "secret_id": name, "secret": secret})
    for value in values:
        _add(sdk, name, value)
    return name


def _add(sdk: Any, name: str, value: str) -> None:
    parent = f"projects/shop-1/secrets/{name}"
    sdk.add_secret_version(request={"parent": parent, "payload": {"data": value.encode()}})


def _read(*texts: str, limit: float = 30) -> list[str]:
    return [each.value.reveal().decode() for each in read_references([Reference.parse(text) for text in texts], limit)]


def test_fields_and_versions(sdk: Any) -> None:
    old, new = leaks.fresh(), leaks.fresh()
    name = _create(sdk, json.dumps({"password": old}), json.dumps({"password": new, "port": 5432}))
    uri = f"gcp://shop-1/{name}"
    texts = [f"{uri}#password", f"{uri}#port", f"{uri}?version=1#password", f"{uri}?version=previous#password"]
    assert _read(*texts) == [new, "5432", old, old]
    (found,) = read_references([Reference.parse(f"{uri}#*")])
    assert (found.version, sorted(found.values)) == (2, ["password", "port"])


def test_many_at_once(sdk: Any) -> None:
    names = [_create(sdk, f"value {number}") for number in range(25)]
    assert _read(*(f"gcp://shop-1/{name}" for name in names)) == [f"value {number}" for number in range(25)]


def test_what_others_write(sdk: Any) -> None:
    store, values = open_store("gcp://shop-1"), [leaks.fresh() for _ in range(5)]
    name = Name(_create(sdk, values[0]))
    assert store.write(name, Value(values[1].encode())) == 2
    _add(sdk, name, values[2])
    assert store.read(name).reveal().decode() == values[2]
    assert dict(store.inspect(name).stages) == {Stage.CURRENT: 3, Stage.PREVIOUS: 2}
    # Where an alias says which is current, what others add is not, for whoever reads by a reference and for the store.
    store.move_stage(name, Stage.CURRENT, 1)
    _add(sdk, name, values[3])
    assert store.read(name).reveal().decode() == values[0] == _read(f"gcp://shop-1/{name}")[0]
    assert dict(store.inspect(name).stages) == {Stage.CURRENT: 1, Stage.PREVIOUS: 3}
    assert store.write(name, Value(values[4].encode())) == 5
    assert dict(store.inspect(name).stages) == {Stage.CURRENT: 5, Stage.PREVIOUS: 1}
    assert _read(f"gcp://shop-1/{name}") == [values[4]]
    store.close()


def test_an_alias_of_somebodys(sdk: Any) -> None:
    store, name = open_store("gcp://shop-1"), Name(_create(sdk, "one", "two"))
    path = f"projects/shop-1/secrets/{name}"
    content = {
        "secret": {"name": path, "version_aliases": {"stable": 1}},
        "update_mask": {"paths": ["version_aliases"]},
    }
    sdk.update_secret(request=content)
    assert _read(f"gcp://shop-1/{name}?version=stable") == ["one"]
    store.move_stage(name, Stage.CURRENT, 1)
    assert dict(sdk.get_secret(request={"name": path}).version_aliases) == {"stable": 1, "current": 1, "previous": 2}
    store.close()


def test_disabled_and_destroyed(sdk: Any) -> None:
    name = _create(sdk, "one", "two")
    path, uri = f"projects/shop-1/secrets/{name}/versions", f"gcp://shop-1/{name}"
    sdk.disable_secret_version(request={"name": f"{path}/2"})
    with pytest.raises(StoreRefused, match=rf"{uri} cannot be read: its version 2 is disabled\. Enable it"):
        _read(uri)
    sdk.destroy_secret_version(request={"name": f"{path}/2"})
    with pytest.raises(SecretNotFound, match="its version 2 is destroyed"):
        _read(uri)
    assert _read(f"{uri}?version=1") == ["one"]


def test_a_secret_without_a_version_is_given_its_first(sdk: Any) -> None:
    store, name = open_store("gcp://shop-1"), Name(_create(sdk))
    with pytest.raises(SecretNotFound):
        store.read(name)
    store.create(name, Value(b"first"))
    assert store.read(name).reveal() == b"first"
    store.close()


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("gcp://shop-1/nothing", SecretNotFound, "Google has no such secret or version"),
        ("gcp://shop-1/known?version=7", SecretNotFound, "no such secret or version"),
        ("gcp://shop-1/known?version=nothing", SecretNotFound, "no such secret or version"),
        ("gcp://shop-1/known?version=pending", SecretNotFound, "it has no pending version"),
        ("gcp://shop-1", InvalidReference, "gcp://PROJECT/SECRET"),
        ("gcp://shop-1/a/b", InvalidReference, "gcp://PROJECT/SECRET"),
    ],
)
def test_what_cannot_be_read(sdk: Any, text: str, error: type[Exception], says: str) -> None:
    text = text.replace("known", _create(sdk, "value"))
    with pytest.raises(error, match=f"{text.partition('?')[0]}.*{says}"):
        _read(text)


@pytest.mark.usefixtures("gcp")
def test_names_that_google_does_not_take() -> None:
    store = open_store("gcp://shop-1/app")
    with pytest.raises(InvalidName, match=r"no secret called 'app-tls\.key'"):
        store.create(Name("tls.key"), Value(b"value"))
    store.close()
    with pytest.raises(InvalidReference, match="names no store"):
        open_store("gcp://shop-1/a/b")


_BUSY = proxy.status(503, "Unavailable", body=b'{"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}')
_TOO_MANY = proxy.status(429, "Too Many Requests", body=b'{"error": {"code": 429, "message": "x"}}')
_NO_JSON = proxy.status(200, "OK", body=b'{"name": "projects/')
_EMPTY = proxy.status(200, "OK", body=b"{}")


@pytest.mark.parametrize(
    "fault", [_BUSY, _TOO_MANY, proxy.half, proxy.nothing, _NO_JSON, _EMPTY],
    ids=["503", "429", "half", "nothing", "no JSON", "empty"],
)  # fmt: skip
def test_what_passes(gcp: FakeGcp, sdk: Any, fault: Spoiler) -> None:
    name = _create(sdk, "value")
    gcp.faults += [fault, fault]
    assert _read(f"gcp://shop-1/{name}") == ["value"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (_BUSY, r"is too busy for gcp://shop-1/db, or fails \(503\)"),
        (_TOO_MANY, r"is too busy for gcp://shop-1/db, or fails \(429\)"),
        (proxy.half, "the answer of Google Cloud for gcp://shop-1/db was cut short"),
        (proxy.nothing, "the answer of Google Cloud for gcp://shop-1/db was cut short"),
        (_EMPTY, "the answer of Google Cloud for gcp://shop-1/db was cut short"),
        (proxy.slow(1.5), "did not answer for gcp://shop-1/db in time"),
    ],
    ids=["503", "429", "half", "nothing", "empty", "slow"],
)
def test_what_does_not_pass_in_time(gcp: FakeGcp, fault: Spoiler, says: str) -> None:
    gcp.faults += [fault] * 60
    with pytest.raises(StoreUnavailable, match=says):
        _read("gcp://shop-1/db", limit=0.5)


def test_it_says_when_to_ask_again(gcp: FakeGcp) -> None:
    gcp.faults += [proxy.status(429, "Too Many Requests", "Retry-After: 7\r\n", b'{"error": {"code": 429}}')] * 2
    with pytest.raises(StoreUnavailable) as caught:
        _read("gcp://shop-1/db", limit=1)
    assert caught.value.after == 7


def test_denied(gcp: FakeGcp) -> None:
    gcp.denied = True
    with pytest.raises(AccessDenied, match=r"Google denies access to gcp://shop-1/db \(403\)"):
        _read("gcp://shop-1/db")
    assert gcp.requests == 2  # it was not tried again


@pytest.mark.usefixtures("gcp")
def test_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ca, context = tls(tmp_path)
    fake = FakeGcp(context)
    monkeypatch.setenv(ENDPOINT, fake.address)
    with pytest.raises(StoreRefused, match="the certificate of Google Cloud is not trusted for gcp://shop-1/db"):
        _read("gcp://shop-1/db")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca))
    with pytest.raises(SecretNotFound):
        _read("gcp://shop-1/db")
    fake.stop()


@pytest.mark.usefixtures("gcp")
def test_down_and_no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="Google Cloud cannot be reached for gcp://shop-1/db"):
        _read("gcp://shop-1/db", limit=0.3)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(AccessDenied, match="there is no login for Google Cloud"):
        _read("gcp://shop-1/db")
