"""``aws://`` by the SDK, against moto's server."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

import leaks
import proxy
import strongroom
from servers import Python, free_port
from strongroom.errors import AccessDenied, SecretNotFound, StoreRefused, StoreUnavailable
from strongroom.model import Name, Stage, Value
from strongroom.references import Reference
from strongroom.stores.base import Store
from strongroom.stores.registry import open_store, read_references
from strongroom.stores.testing import StoreConformance


class TestAws(StoreConformance):
    max_bytes = 65_536

    @pytest.fixture
    def store(self, aws: Python) -> Iterator[Store]:
        store = open_store(f"aws://conformance/{secrets.token_hex(4)}")
        yield store
        store.close()


@pytest.fixture
def sdk(aws: Python) -> Iterator[Any]:  # noqa: ARG001 - the variables are set
    """Return the SDK's client, as other programs use it."""
    import boto3

    client = boto3.client("secretsmanager", region_name="eu-central-1")
    yield client
    client.close()


def _read(*texts: str, limit: float = 30) -> list[str]:
    return [each.value.reveal().decode() for each in read_references([Reference.parse(text) for text in texts], limit)]


def test_json_text_binary_and_stages(sdk: Any) -> None:
    name, old, new = f"app/{secrets.token_hex(3)}/db", leaks.fresh(), leaks.fresh()
    first = sdk.create_secret(Name=name, SecretString=json.dumps({"user": "app", "password": old, "port": 5432}))
    sdk.put_secret_value(SecretId=name, SecretString=json.dumps({"user": "app", "password": new, "port": 5432}))
    uri = f"aws://{name}"
    assert _read(f"{uri}#password", f"{uri}#port", f"{uri}?version=previous#password") == [new, "5432", old]
    assert _read(f"{uri}?version={first['VersionId']}#password", f"aws://{first['ARN']}#password") == [old, new]
    (every,) = read_references([Reference.parse(f"{uri}#*")])
    assert sorted(every.values) == ["password", "port", "user"]
    sdk.create_secret(Name=f"{name}-key", SecretBinary=b"\x00\xff" + new.encode())
    (binary,) = read_references([Reference.parse(f"{uri}-key")])
    assert binary.value.reveal() == b"\x00\xff" + new.encode()


def test_many_are_read_in_batches(sdk: Any) -> None:
    prefix, values = f"many/{secrets.token_hex(3)}", [leaks.fresh() for _ in range(45)]
    for number, value in enumerate(values):
        sdk.create_secret(Name=f"{prefix}/{number}", SecretString=value)
    assert _read(*(f"aws://{prefix}/{number}" for number in range(45))) == values
    with pytest.raises(SecretNotFound, match=f"aws://{prefix}/nothing"):
        _read(f"aws://{prefix}/1", f"aws://{prefix}/nothing")


def test_what_others_write(sdk: Any) -> None:
    store, name = open_store("aws://shared"), Name(f"x{secrets.token_hex(3)}")
    values = [leaks.fresh() for _ in range(4)]
    sdk.create_secret(Name=f"shared/{name}", SecretString=values[0])
    assert store.read(name).reveal().decode() == values[0]
    foreign = store.inspect(name).stages[Stage.CURRENT]
    assert foreign > 1_700_000_000
    assert store.read(name, foreign).reveal().decode() == values[0]
    assert store.write(name, Value(values[1].encode())) == foreign + 1
    sdk.put_secret_value(SecretId=f"shared/{name}", SecretString=values[2])
    assert store.read(name).reveal().decode() == values[2]
    assert store.read(name, Stage.PREVIOUS).reveal().decode() == values[1]
    store.close()


def test_an_application_reads_it_directly(sdk: Any) -> None:
    name, password = f"myapp/{secrets.token_hex(3)}", leaks.fresh()
    sdk.create_secret(Name=f"{name}/credentials", SecretString=json.dumps({"user": "app", "password": password}))
    sdk.create_secret(Name=f"{name}/key", SecretBinary=b"\x00\xff")
    with strongroom.open_store("aws://") as store:
        assert store.read(f"{name}/credentials") == {"user": "app", "password": password}
        assert store.read(f"{name}/key") == b"\x00\xff"
    with strongroom.open_store(f"aws://{name}") as store:
        assert store.read("credentials", field="password") == password


def test_faults(aws: Python, sdk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = f"faults/{secrets.token_hex(3)}", leaks.fresh()
    sdk.create_secret(Name=name, SecretString=value)
    throttled = proxy.status(400, "Bad Request", body=b'{"__type": "ThrottlingException", "message": "Rate exceeded"}')
    with proxy.proxy(aws.port, proxy.half, throttled, proxy.nothing, proxy.status(503, "Unavailable")) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.address)
        assert _read(f"aws://{name}") == [value]
        assert between.requests == 5
        between.faults += [throttled] * 50
        with pytest.raises(StoreUnavailable, match=rf"AWS is too busy for aws://{name}"):
            _read(f"aws://{name}", limit=1)
        between.faults[:] = [proxy.half] * 50
        with pytest.raises(StoreUnavailable, match="was cut short"):
            _read(f"aws://{name}", limit=1)
        between.faults[:] = [proxy.slow(3)]
        with pytest.raises(StoreUnavailable, match="did not answer"):
            _read(f"aws://{name}", limit=1)
        denied = b'{"__type": "AccessDeniedException", "Message": "User is not authorized"}'
        between.faults[:] = [proxy.status(400, "Bad Request", body=denied)]
        with pytest.raises(AccessDenied, match=rf"AWS denies access to aws://{name} \(AccessDeniedException\)"):
            _read(f"aws://{name}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        _read(f"aws://{name}", limit=0.5)


@pytest.mark.usefixtures("aws")
def test_no_login_and_no_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(AccessDenied, match="there is no login for AWS"):
        _read("aws://x")
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(StoreRefused, match="set AWS_REGION"):
        _read("aws://x")
