"""Every way to log in to a Vault, against the auth methods of a real OpenBao."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

import pytest

import leaks
import tokens
from servers import OpenBao
from strongroom.errors import AccessDenied, StoreRefused
from strongroom.references import Reference
from strongroom.stores.registry import References, read_references

READER = 'path "secret/data/login/*" { capabilities = ["read"] }'
DB = Reference.parse("vault://secret/login/db#password")


@pytest.fixture
def password(vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what is at ``DB``; nobody is logged in."""
    value = leaks.fresh()
    vault.api("POST", "secret/data/login/db", {"data": {"user": "app", "password": value}})
    vault.api("PUT", "sys/policies/acl/login", {"policy": READER})
    monkeypatch.delenv("VAULT_TOKEN")
    return value


def _mount(vault: OpenBao, method: str) -> str:
    name = f"{method}-{secrets.token_hex(3)}"
    vault.api("POST", f"sys/auth/{name}", {"type": method})
    return name


def _approle(vault: OpenBao, monkeypatch: pytest.MonkeyPatch, **options: object) -> tuple[str, str]:
    mount = _mount(vault, "approle")
    vault.api("POST", f"auth/{mount}/role/app", {"token_policies": ["login"], **options})
    role = vault.api("GET", f"auth/{mount}/role/app/role-id")["data"]["role_id"]
    monkeypatch.setenv("VAULT_AUTH_MOUNT", mount)
    monkeypatch.setenv("VAULT_ROLE_ID", role)
    return mount, role


def _secret_id(vault: OpenBao, mount: str) -> str:
    return leaks.watch_for(
        vault.api("POST", f"auth/{mount}/role/app/secret-id", {})["data"]["secret_id"].encode()
    ).decode()


def _wrapped(vault: OpenBao, path: str) -> str:
    import urllib.request

    request = urllib.request.Request(
        f"{vault.address}/v1/{path}",
        b"{}",
        {"X-Vault-Token": vault.root_token, "X-Vault-Wrap-TTL": "60"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(json.load(response)["wrap_info"]["token"])


def _read() -> str:
    (found,) = read_references([DB])
    return found.value.reveal().decode()


@pytest.mark.usefixtures("password")
def test_no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(AccessDenied, match=r"there is no login for Vault at http.*: set VAULT_TOKEN"):
        _read()


def test_the_token_of_the_command_line(
    password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".vault-token").write_text(vault.token(READER))
    assert _read() == password


def test_bao_variables_come_first(password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    monkeypatch.setenv("BAO_ADDR", vault.address)
    monkeypatch.setenv("VAULT_TOKEN", "wrong")
    monkeypatch.setenv("BAO_TOKEN", vault.token(READER))
    assert _read() == password


def test_approle(password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mount, _ = _approle(vault, monkeypatch)
    (tmp_path / "secret_id").write_text(_secret_id(vault, mount) + "\n")
    monkeypatch.setenv("VAULT_SECRET_ID_FILE", str(tmp_path / "secret_id"))
    assert _read() == password
    (tmp_path / "secret_id").write_text("wrong")
    with pytest.raises(AccessDenied, match="logging in by approle failed"):
        _read()


def test_a_wrapped_secret_id_opens_once(password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    mount, _ = _approle(vault, monkeypatch)
    monkeypatch.setenv("VAULT_WRAPPED_SECRET_ID", _wrapped(vault, f"auth/{mount}/role/app/secret-id"))
    assert _read() == password
    with pytest.raises(AccessDenied, match="somebody opened it before"):
        _read()


@pytest.mark.usefixtures("password")
def test_a_wrapped_secret_id_that_somebody_else_made(vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    _approle(vault, monkeypatch)
    monkeypatch.setenv("VAULT_WRAPPED_SECRET_ID", _wrapped(vault, "sys/wrapping/wrap"))
    with pytest.raises(AccessDenied, match="not made by an AppRole, but by sys/wrapping/wrap"):
        _read()


def test_userpass(password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    mount, word = _mount(vault, "userpass"), leaks.fresh()
    vault.api("POST", f"auth/{mount}/users/ci", {"password": word, "token_policies": "login"})
    monkeypatch.setenv("VAULT_AUTH_MOUNT", mount)
    monkeypatch.setenv("VAULT_USERNAME", "ci")
    monkeypatch.setenv("VAULT_PASSWORD", word)
    assert _read() == password


def test_kubernetes(password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    signer, mount = tokens.Signer(), _mount(vault, "kubernetes")
    (tmp_path / "token").write_text(signer.sign())
    monkeypatch.setenv("VAULT_AUTH_MOUNT", mount)
    monkeypatch.setenv("VAULT_ROLE", "app")
    monkeypatch.setenv("VAULT_JWT_FILE", str(tmp_path / "token"))
    role = {"bound_service_account_names": "myapp", "bound_service_account_namespaces": "production",
            "token_policies": ["login"], "audience": "vault"}  # fmt: skip
    with tokens.token_reviews([(tmp_path / "token").read_text()]) as cluster:
        config = {"kubernetes_host": cluster, "pem_keys": [signer.public_key], "disable_local_ca_jwt": True,
                  "token_reviewer_jwt": signer.sign(), "kubernetes_ca_cert": signer.certificate}  # fmt: skip
        vault.api("POST", f"auth/{mount}/config", config)
        vault.api("POST", f"auth/{mount}/role/app", role)
        assert _read() == password
        (tmp_path / "token").write_text(tokens.Signer().sign())
        with pytest.raises(AccessDenied, match="logging in by kubernetes failed"):
            _read()


def test_jwt(password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    signer, mount = tokens.Signer(), _mount(vault, "jwt")
    vault.api("POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": [signer.public_key]})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_policies": ["login"]}
    vault.api("POST", f"auth/{mount}/role/app", role)
    monkeypatch.setenv("VAULT_AUTH_METHOD", "jwt")
    monkeypatch.setenv("VAULT_AUTH_MOUNT", mount)
    monkeypatch.setenv("VAULT_ROLE", "app")
    monkeypatch.setenv("VAULT_JWT", signer.sign())
    assert _read() == password


def test_a_namespace(vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.request

    name, value = f"team-{secrets.token_hex(3)}", leaks.fresh()
    vault.api("POST", f"sys/namespaces/{name}", {})
    for path, body in (("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}),
                       ("secret/data/login/db", {"data": {"password": value}})):  # fmt: skip
        headers = {"X-Vault-Token": vault.root_token, "X-Vault-Namespace": name}
        request = urllib.request.Request(f"{vault.address}/v1/{path}", json.dumps(body).encode(), headers)
        urllib.request.urlopen(request, timeout=30).close()
    monkeypatch.setenv("VAULT_NAMESPACE", name)
    assert _read() == value


@pytest.mark.usefixtures("vault")
def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_USERNAME", "ci")
    with pytest.raises(StoreRefused, match="logging in by userpass needs VAULT_PASSWORD or VAULT_PASSWORD_FILE"):
        _read()
    monkeypatch.setenv("VAULT_PASSWORD_FILE", str(tmp_path / "nothing"))
    with pytest.raises(StoreRefused, match="which VAULT_PASSWORD_FILE names"):
        _read()
    monkeypatch.setenv("VAULT_AUTH_METHOD", "magic")
    with pytest.raises(StoreRefused, match="VAULT_AUTH_METHOD is 'magic'"):
        _read()


def test_a_login_is_renewed_and_at_its_end_made_anew(
    password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount, _ = _approle(vault, monkeypatch, token_ttl="4s", token_max_ttl="6s")
    monkeypatch.setenv("VAULT_SECRET_ID", _secret_id(vault, mount))
    reader = References()
    reader.read([DB])
    (first,) = reader.logins()
    assert (first.seconds, first.renewable) == (4.0, True)
    assert reader.renew(first).id == first.id
    time.sleep(4.5)  # of the login's six seconds at most less than two are left
    second = reader.renew(first)
    assert second.id != first.id
    assert second.seconds == 4.0
    (found,) = reader.read([DB])
    assert found.value.reveal().decode() == password
    reader.revoke(second)
    reader.close()


def test_a_login_that_was_revoked_is_made_anew(password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    mount, _ = _approle(vault, monkeypatch)
    monkeypatch.setenv("VAULT_SECRET_ID", _secret_id(vault, mount))
    reader = References()
    reader.read([DB])
    for accessor in vault.api("LIST", "auth/token/accessors")["data"]["keys"]:
        found = vault.api("POST", "auth/token/lookup-accessor", {"accessor": accessor})
        if found["data"]["path"] == f"auth/{mount}/login":
            vault.api("POST", "auth/token/revoke-accessor", {"accessor": accessor})
    (found,) = reader.read([DB])
    assert found.value.reveal().decode() == password
    reader.close()


def test_a_given_token_that_was_revoked(password: str, vault: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    token = vault.token(READER)
    monkeypatch.setenv("VAULT_TOKEN", token)
    assert _read() == password
    vault.api("POST", "auth/token/revoke", {"token": token})
    with pytest.raises(AccessDenied, match="has ended, was revoked, or is wrong"):
        _read()
