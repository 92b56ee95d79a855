"""Reading any path of a real OpenBao, with its leases; and what others write beside strongroom."""

from __future__ import annotations

import secrets

import pytest

import leaks
from servers import OpenBao, Postgres
from strongroom.errors import AccessDenied, InvalidReference, SecretNotFound, StoreRefused, StoreUnsupported
from strongroom.model import Name, Stage, Value
from strongroom.references import Reference
from strongroom.stores.registry import References, open_store, read_references


def _read(*texts: str) -> list[str]:
    return [each.value.reveal().decode() for each in read_references([Reference.parse(text) for text in texts])]


def test_versions_fields_and_stages(vault: OpenBao) -> None:
    path, old, new = f"secret/data/app/{secrets.token_hex(3)}", leaks.fresh(), leaks.fresh()
    vault.api("POST", path, {"data": {"user": "app", "password": old}})
    vault.api("POST", path, {"data": {"user": "app", "password": new}})
    uri = f"vault://{path.replace('/data/', '/')}"
    texts = [f"{uri}#password", f"{uri}#password?version=1", f"{uri}?version=previous#password", f"{uri}#user"]
    assert _read(*texts) == [new, old, old, "app"]
    (every,) = read_references([Reference.parse(f"{uri}#*")])
    assert sorted(every.values) == ["password", "user"]
    assert every.version == 2


def test_kv1(vault: OpenBao) -> None:
    value = leaks.fresh()
    vault.api("POST", "kv1/app/db", {"password": value, "port": 5432})
    assert _read("vault://kv1/app/db#password", "vault://kv1/app/db#port") == [value, "5432"]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("vault://secret/app/nothing#x", SecretNotFound, "secret/app/nothing.* Vault has nothing there"),
        ("vault://secret/app/known#nothing", SecretNotFound, "its fields: password, user"),
        ("vault://secret/app/known", SecretNotFound, "it has fields: name one"),
        ("vault://secret/app/known?version=7#user", SecretNotFound, "no 7 version"),
        ("vault://secret/app/known?version=pending#user", SecretNotFound, "no pending version"),
        ("vault://secret/app/known?version=abc#user", SecretNotFound, "neither a number nor a stage"),
        ("vault://kv1/app/known?version=2", StoreUnsupported, "has no versions"),
        ("vault://nowhere/app#x", AccessDenied, "is below no engine"),
        ("vault://secret/../sys#x", InvalidReference, "is no path"),
    ],
)
def test_what_cannot_be_read(vault: OpenBao, text: str, error: type[Exception], says: str) -> None:
    vault.api("POST", "secret/data/app/known", {"data": {"user": "app", "password": leaks.fresh()}})
    with pytest.raises(error, match=says):
        _read(text)


def test_denied_by_a_policy(vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.api("POST", "secret/data/app/mine", {"data": {"x": leaks.fresh()}})
    monkeypatch.setenv("VAULT_TOKEN", vault.token('path "secret/data/app/mine" { capabilities = ["read"] }'))
    _read("vault://secret/app/mine#x")
    with pytest.raises(AccessDenied, match=r"denies access to secret/data/app/other\. Its policies"):
        _read("vault://secret/app/other#x")
    store = open_store("vault://secret/app")
    with pytest.raises(AccessDenied, match="denies access"):
        store.create(Name("other"), Value(leaks.fresh().encode()))
    store.close()


def test_many_at_once_with_one_that_is_missing(vault: OpenBao) -> None:
    values = [leaks.fresh() for _ in range(20)]
    for number, value in enumerate(values):
        vault.api("POST", f"secret/data/many/{number}", {"data": {"password": value}})
    texts = [f"vault://secret/many/{number}#password" for number in range(20)]
    assert _read(*texts) == values
    reader = References()
    found = reader.try_read([Reference.parse(text) for text in [*texts, "vault://secret/many/20#password"]])
    assert isinstance(found[20], SecretNotFound)
    assert not any(isinstance(each, Exception) for each in found[:20])
    reader.close()


def test_what_others_write_becomes_current(vault: OpenBao) -> None:
    store, name = open_store("vault://secret/shared"), Name(f"x{secrets.token_hex(3)}")
    values = [leaks.fresh() for _ in range(5)]
    store.create(name, Value(values[0].encode()), {"team": "web"})
    store.write(name, Value(values[1].encode()), Stage.PENDING)
    assert store.read(name).reveal().decode() == values[0]
    vault.api("POST", f"secret/data/shared/{name}", {"data": {"value": values[2]}})
    assert store.read(name).reveal().decode() == values[2]
    assert dict(store.inspect(name).stages) == {Stage.CURRENT: 3, Stage.PREVIOUS: 1, Stage.PENDING: 2}
    vault.api("POST", f"secret/data/shared/{name}", {"data": {"value": values[3]}})
    assert dict(store.inspect(name).stages) == {Stage.CURRENT: 4, Stage.PREVIOUS: 3, Stage.PENDING: 2}
    assert store.read(name, Stage.PREVIOUS).reveal().decode() == values[2]
    store.move_stage(name, Stage.CURRENT, 1)
    assert store.read(name).reveal().decode() == values[0]
    assert _read(f"vault://secret/shared/{name}#value") == [values[0]]
    assert dict(store.inspect(name).labels) == {"team": "web"}
    store.close()


def test_what_others_delete_is_gone_and_may_be_created_again(vault: OpenBao) -> None:
    store, name = open_store("vault://secret/shared"), Name(f"x{secrets.token_hex(3)}")
    store.create(name, Value(leaks.fresh().encode()))
    vault.api("DELETE", f"secret/data/shared/{name}")
    with pytest.raises(SecretNotFound):
        store.read(name)
    assert name not in [each.name for each in store.list()]
    value = leaks.fresh()
    store.create(name, Value(value.encode()))
    assert store.read(name).reveal().decode() == value
    store.close()


def test_another_engine_is_no_store(vault: OpenBao) -> None:
    vault.api("POST", "sys/mounts/transit-1", {"type": "transit"})
    with pytest.raises(StoreUnsupported, match="an engine of type transit"):
        open_store("vault://transit-1/app")


def test_one_lease_serves_all_fields(vault: OpenBao, postgres: Postgres) -> None:
    mount = postgres.engine(vault)
    uri = f"vault://{mount}/creds/app"
    reader = References()
    user, password, other = reader.read(
        [Reference.parse(text) for text in (f"{uri}#username", f"{uri}#password", f"{uri}#*")]
    )
    assert user.lease
    assert user.lease == password.lease == other.lease
    assert (user.lease.seconds, user.lease.renewable) == (60.0, True)
    name, word = user.value.reveal().decode(), password.value.reveal().decode()
    assert postgres.can_log_in(name, word)
    assert reader.renew(user.lease).id == user.lease.id
    reader.revoke(user.lease)
    assert not postgres.can_log_in(name, word)
    with pytest.raises(StoreRefused):
        reader.renew(user.lease)
    reader.close()
