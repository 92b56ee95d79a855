"""What a project should do with its secrets, and what a check says where it does not."""

from __future__ import annotations

import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from memory_store import MemoryStore
from strongroom.compose import parse
from strongroom.model import Name, Value
from strongroom.practices import age, grants, rest, scanned, variables
from strongroom.practices.base import PROVES, Outcome, Subject, Verdict
from strongroom.practices.variables import file_variable, is_secret
from strongroom.stores.base import Store
from strongroom.stores.embedded import identity

FILE = Path("/project/compose.yaml")


def _subject(text: str, **fields: Any) -> Subject:
    document = yaml.safe_load(text)
    return Subject(parse(document, FILE), document, [FILE], **fields)


def _warnings(verdicts: Any) -> list[Verdict]:
    found = list(verdicts)
    assert {each.practice for each in found} <= set(PROVES)
    assert all(each.fix for each in found if each.outcome is Outcome.WARNING)
    return [each for each in found if each.outcome is Outcome.WARNING]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2hunter2"), ("PGPASSWORD", "x1y2"), ("API_KEY", "k"), ("apiKey", "k"),
        ("JWT_SECRET", "s"),
        ("SECRET_KEY_BASE", "s"), ("GITHUB_TOKEN", "t"), ("DATABASE_URL", "postgres://u:p@db/x"), ("MYSQL_PWD", "p"),
        ("REDIS_URL", "redis://:p@cache:6379"), ("AWS_SECRET_ACCESS_KEY", "x"), ("SMTP_PASS", "x"),
    ],
)  # fmt: skip
def test_variables_that_hold_secrets(name: str, value: str) -> None:
    assert is_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/x"), ("LOG_LEVEL", "debug"), ("SECRETS_DIR", "/run/secrets"),
        ("PASSWORD", ""), ("TOKEN", "/run/secrets/token"), ("AUTH", "true"), ("KEYBOARD", "de"), ("TOKEN_TTL", "3600"),
        ("DATABASE_URL", "postgres://db/x"), ("COMPASS", "north"), ("MONKEY", "x"), ("SECRET_NAME", "db"),
    ],
)  # fmt: skip
def test_variables_that_hold_none(name: str, value: str) -> None:
    assert not is_secret(name, value)


def test_a_long_value_takes_no_time() -> None:
    started = time.monotonic()
    assert is_secret("TLS_PRIVATE_KEY", "x" * 300_000)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("image", "name", "variable"),
    [
        ("postgres", "POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE"),
        ("postgres:16-alpine", "POSTGRES_USER", "POSTGRES_USER_FILE"),
        ("docker.io/library/mysql:8@sha256:00", "MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD_FILE"),
        ("registry.example:5000/mirror/mariadb:11", "MARIADB_PASSWORD", "MARIADB_PASSWORD_FILE"),
        ("grafana/grafana:11", "GF_SECURITY_ADMIN_PASSWORD", "GF_SECURITY_ADMIN_PASSWORD__FILE"),
        ("postgres", "PGPASSWORD", None), ("shop/api", "POSTGRES_PASSWORD", None),
    ],
)  # fmt: skip
def test_the_variables_of_official_images(image: str, name: str, variable: str | None) -> None:
    assert file_variable(image, name) == variable


def test_a_secret_in_a_variable_is_told_with_the_way_out() -> None:
    subject = _subject("""
services:
  db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: hunter2hunter2, POSTGRES_DB: shop}}
  api: {image: shop, environment: [API_TOKEN=abcdef, DEBUG=1, NOTHING]}
""")
    db, api = _warnings(variables.look(subject))
    assert (db.subject, api.subject) == ("db", "api")
    assert "strongroom secret create postgres_password, then " in db.fix
    assert "strongroom grant postgres_password db --instead-of POSTGRES_PASSWORD" in db.fix
    assert "get_secret('api_token')" in api.fix
    assert "hunter2" not in f"{db}{api}"
    assert not _warnings(variables.look(_subject("services: {a: {image: a, environment: {A: b}}}")))


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("redis-server --requirepass hunter2hunter2", "--requirepass"),
        ("[redis-server, --requirepass, hunter2hunter2]", "--requirepass"), ("app --api-key=abc", "--api-key"),
        ("[app, '--admin-password=abc']", "--admin-password"), ("app --token-file /run/x --port 1", None),
        ("app --password-file=/run/secrets/x", None), ("app --token /run/secrets/token", None),
        ("sh -c 'app --token $$(cat /run/secrets/t)'", None), ("app --password --verbose", None),
    ],
)  # fmt: skip
def test_a_secret_among_a_command_s_arguments(command: str, option: str | None) -> None:
    found = _warnings(variables.look(_subject(f"services: {{a: {{command: {command}}}}}")))
    assert [f"({option})" in each.seen for each in found] == ([True] if option else [])
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("image", ["postgres:16", "docker.io/vaultwarden/server:1", "mongo-express"])
def test_a_grant_that_an_official_image_cannot_use(image: str) -> None:
    text = f"""
services:
  db: {{image: "{image}", environment: %s, secrets: [{{source: s, mode: 0400}}]}}
  api: {{image: shop, secrets: [{{source: s, mode: 0440}}]}}
secrets: {{s: {{external: true}}}}
"""
    (found,) = _warnings(grants.look(_subject(text % "{A: b}")))
    assert found.subject == "db"
    assert not _warnings(grants.look(_subject(text % "{SOME_PASSWORD_FILE: /run/secrets/s}")))


def test_a_secret_that_everybody_has_and_a_file_that_everybody_reads() -> None:
    found = _warnings(grants.look(_subject("""
services: {a: {secrets: [s]}, b: {secrets: [s]}, c: {secrets: [s]}}
secrets: {s: {external: true}}
""")))  # fmt: skip
    assert [(each.practice, each.subject) for each in found] == [
        ("granted-to-who-uses-it", "s"), ("owner-only", "a"), ("owner-only", "b"), ("owner-only", "c"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("user", "uid", "fix"),
    [
        ("1000", 0, "--mode 0400 --uid 1000"), ("1000", 1000, "--mode 0400"), ("root", 0, "--mode 0400"),
        ("app", 0, "--mode 0400, with --uid N where it does not run as root"),
    ],
)  # fmt: skip
def test_the_way_out_of_a_wide_mode_names_who_reads(user: str, uid: int, fix: str) -> None:
    text = f"""
services: {{a: {{user: "{user}", secrets: [{{source: s, uid: "{uid}"}}]}}}}
secrets: {{s: {{external: true}}}}
"""
    (found,) = _warnings(grants.look(_subject(text)))
    assert found.fix == f"strongroom grant s a {fix}"


class _Old(MemoryStore):
    """A store whose secrets were made long ago."""

    def inspect(self, name: Name) -> Any:
        found = super().inspect(name)
        long_ago = datetime.now(UTC) - timedelta(days=40)
        return found._replace(versions=tuple(each._replace(created_at=long_ago) for each in found.versions))


def test_ages() -> None:
    store = _Old()
    for name in "abc":
        store.create(Name(name), Value(b"some value"))
    subject = _subject(
        """
services: {a: {secrets: [a, b, c, d]}}
secrets: {a: {external: true}, b: {external: true}, c: {external: true}, d: {file: ./d}}
x-strongroom: {secrets: {a: {rotate: {every: 30d}}, b: {rotate: {every: 60d}}}}
""",
        store=store,
    )
    found = _warnings(age.look(subject))
    assert [(each.subject, each.seen) for each in found] == [
        ("a", "its rotation is 10 days overdue"), ("c", "it has no policy of rotation"),
    ]  # fmt: skip
    assert found[0].fix == "strongroom rotate a"


class _Vault(MemoryStore):
    place = "vault://secret/shop"


def test_a_password_that_vault_could_make() -> None:
    store: Store = _Vault()
    text = """
services: {a: {secrets: [a]}}
secrets: {a: {external: true}}
x-strongroom: {secrets: {a: {rotate: {every: 30d, with: "%s"}}}}
"""
    found = _warnings(rest.look(_subject(text % "postgres://admin@db/?role=a", store=store)))
    assert [each.practice for each in found] == ["short-lived"]
    assert not _warnings(rest.look(_subject(text % "none", store=store)))


def test_an_identity_without_a_passphrase(tmp_path: Path) -> None:
    plain, locked = tmp_path / "plain", tmp_path / "locked"
    identity.create(plain, None)
    identity.create(locked, "correct horse battery staple")
    subject = _subject("services: {}", identities=(plain, locked))
    (found,) = _warnings(rest.look(subject))
    assert str(plain) in found.seen
    assert found.practice == "encrypted-at-rest"


@pytest.mark.parametrize("cipher", [b"none", b"aes256-ctr"])
def test_ssh_keys_with_and_without_a_passphrase(tmp_path: Path, cipher: bytes) -> None:
    body = b64encode(b"openssh-key-v1\0" + len(cipher).to_bytes(4) + cipher + bytes(200))
    lines = [body[start : start + 70] for start in range(0, len(body), 70)]
    path = tmp_path / "id_ed25519"
    path.write_bytes(b"\n".join([b"-----BEGIN OPENSSH PRIVATE KEY-----", *lines, b"-----END"]))
    assert identity.is_encrypted(path) is (cipher != b"none")


class _Swarm:
    """An Engine that says of its swarm what a test wants."""

    def __init__(self, locks: bool) -> None:
        self.locks = locks

    def get(self, path: str) -> Any:
        cluster = {"Spec": {"EncryptionConfig": {"AutoLockManagers": self.locks}}}
        return {"Swarm": {"ControlAvailable": True, "Cluster": cluster}}


@pytest.mark.parametrize("locks", [True, False])
def test_a_swarm_that_does_not_lock_itself(locks: bool) -> None:
    found = _warnings(rest.look(_subject("services: {}", engine=_Swarm(locks))))
    assert [each.fix.startswith("docker swarm update --autolock=true") for each in found] == [True] * (not locks)


def test_a_secret_that_the_store_has_is_only_granted() -> None:
    store = MemoryStore()
    store.create(Name("api_token"), Value(b"abcdef"), {})
    (found,) = _warnings(variables.look(_subject("services: {api: {environment: {API_TOKEN: abcdef}}}", store=store)))
    assert found.fix.startswith("strongroom grant api_token api --instead-of API_TOKEN")


def test_a_variable_of_an_env_file_is_taken_out_there(tmp_path: Path) -> None:
    written = "services: {api: {env_file: [a.env], environment: [API_TOKEN]}}"
    (tmp_path / "compose.yaml").write_text(written)
    rendered = _subject("services: {api: {environment: {API_TOKEN: abcdef, DB_PASSWORD: ghijkl}}}")
    token, password = _warnings(variables.look(rendered._replace(files=[tmp_path / "compose.yaml"])))
    assert "grant api_token api --instead-of API_TOKEN" in token.fix
    assert (
        "strongroom grant db_password api, take DB_PASSWORD out of the env_file, and set DB_PASSWORD_FILE"
        in password.fix
    )


def test_the_project_is_checked_where_scanning_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanned, "_LIBRARIES", ("a_library_that_nobody_has",))
    verdicts = list(scanned.look(_subject("services: {api: {image: x}}")))
    assert [each.fix for each in verdicts if each.practice == "no-hardcoded-value"] == [
        "pip install 'strongroom[scan]'"
    ]
