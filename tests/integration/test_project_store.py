"""Vault as a project's own store: the commands do there what they do on the embedded one."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from pathlib import Path

import pytest

import leaks
from cli import STRONGROOM, Cli
from servers import OpenBao, free_port
from strongroom.cli.state import State
from strongroom.errors import StoreUnavailable

_VARIABLES = ("AWS_", "GOOGLE_", "CLOUDSDK_", "IDENTITY_", "REQUESTS_", "PASSWORD_STORE_", "GNUPGHOME", "GIT_")
_SERVICE = {"image": "none", "user": "1000", "secrets": [{"source": "key", "uid": "1000", "mode": 0o400}]}


def _compose(cli: Cli, store: str, **policy: object) -> Path:
    """Let the project's Compose file name its store."""
    path = cli.project / "compose.yaml"
    path.write_text(json.dumps({
        "services": {"api": _SERVICE},
        "secrets": {"key": {"external": True}},
        "x-strongroom": {"store": store, "secrets": {"key": policy} if policy else {}},
    }))  # fmt: skip
    return path


@pytest.fixture
def uri() -> str:
    return f"vault://secret/{secrets.token_hex(4)}"


@pytest.fixture
def there(empty: Cli, openbao: OpenBao, uri: str) -> Cli:
    """Return the command line in a project whose Compose file says that Vault is its store."""
    empty.environment |= openbao.environment
    _compose(empty, uri)
    return empty


def test_the_life_of_a_secret(there: Cli) -> None:
    first = there.secret("key", "-l", "team=web")
    there.secret("other")
    assert there("secret", "ls", "--format", "{{.Name}} {{.Version}}").out == "key 1\nother 1\n"
    second = leaks.fresh()
    assert there("secret", "update", "key", "-l", "owner=ops", "-", stdin=second).out == "2\n"
    assert there.reveal("key") == second
    assert there.reveal("key", "--stage", "previous") == first
    assert there("secret", "versions", "key", "--format", "{{.Version}} {{.Stages}}").out.split("\n")[0].startswith("2")
    (inspected,) = json.loads(there("secret", "inspect", "key").out)
    assert inspected["Spec"] == {"Name": "key", "Labels": {"team": "web", "owner": "ops"}}
    assert inspected["Stages"] == {"current": 2, "previous": 1}
    assert "exists already in vault://" in there("secret", "create", "key", "--generate", "8", status=1).stderr
    there("secret", "rm", "key", "--version", "1")
    assert "has no version 1 of it" in there("secret", "reveal", "key", "--version", "1", status=1).stderr
    there("secret", "rm", "key")
    assert there("secret", "ls", "--format", "{{.Name}}").out == "other\n"
    assert "secret 'key' not found: not in vault://" in there("secret", "reveal", "key", status=1).stderr


def test_rotate_and_roll_back(there: Cli, uri: str) -> None:
    first = there.secret("key")
    done = json.loads(there("rotate", "key", "--store-only", "--format", "json").out)
    assert (done["From"], done["To"]) == (1, 2)
    second = there.reveal("key")
    assert second != first
    assert "current is 2" in there("rotate", "key", "--store-only", "--dry-run").out
    there("rollback", "key", "--store-only")
    assert there.reveal("key") == first
    assert there.reveal("key", "--stage", "previous") == second
    there("rotate", "key", "--store-only")
    assert there("secret", "inspect", "key", "--format", "{{.Stages}}").out.count("3") == 1
    _compose(there, uri, rotate={"every": "30d"})
    assert "nothing is due" in there("rotate", "--due", "--store-only").stderr


def test_an_interrupted_rotation_is_undone_or_gone_on_with(there: Cli) -> None:
    first, program = there.secret("key"), there.project / "rotator"
    program.write_text("#!/bin/sh\nkill -9 $PPID\n")
    program.chmod(0o755)
    killed = ["rotate", "key", "--store-only", "--with", f"command://{program}"]
    there(*killed, status=-9)
    assert there.reveal("key") == first
    assert "rotation undone" in there("rotate", "key", "--store-only", "--abort").out
    there(*killed, status=-9)
    assert "version 3 is pending already" in there("rotate", "key", "--store-only").stderr
    assert there.reveal("key") != first
    assert there("secret", "inspect", "key", "--format", "{{.Stages}}").out.strip() == "current=3,previous=1"


def test_a_process_gets_its_files(there: Cli) -> None:
    value = there.secret("key")
    read = ["--", "sh", "-c", 'cat "${KEY_FILE:-/run/secrets/key}"']
    assert there("run", "--secret", "key", *read, reveals=True).out == value
    assert there("run", "--service", "api", *read, reveals=True).out == value


def test_check(there: Cli) -> None:
    there.environment["PATH"] = "/nowhere"  # without Docker, which would render the project
    row = json.loads(there("check", "--format", "json", status=1).out.splitlines()[0])  # the others are practices
    assert (row["Status"], row["Problem"].startswith("not in vault://")) == ("missing", True)
    there.secret("key")
    row = json.loads(there("check", "--format", "json").out.splitlines()[0])
    assert (row["Source"], row["Version"], row["Status"]) == ("store", 1, "ok")


def test_what_the_documentation_says_is_needed(there: Cli, openbao: OpenBao, uri: str) -> None:
    path = uri.removeprefix("vault://secret/")
    data = f'path "secret/data/{path}/*" {{ capabilities = ["create", "read", "update"] }}'
    kept = f'path "secret/metadata/{path}/*" {{ capabilities = ["create", "read", "update", "delete", "list"] }}'
    destroy = f'path "secret/destroy/{path}/*" {{ capabilities = ["update"] }}'
    there.environment["VAULT_TOKEN"] = openbao.token("\n".join((data, kept, destroy)))
    there.secret("key", "-l", "team=web")
    there("rotate", "key", "--store-only")
    there("rotate", "key", "--store-only")
    there("rollback", "key", "--store-only")
    assert there("secret", "ls", "--format", "{{.Name}} {{.Version}}").out == "key 2\n"
    there("secret", "rm", "key")


@pytest.mark.parametrize(
    "words", [["audit", "ls"], ["audit", "verify"], ["recipients", "ls"], ["rekey"], ["export", "-o", "x.age"]]
)
def test_what_the_embedded_store_alone_can_do(there: Cli, uri: str, words: list[str]) -> None:
    said = there(*words, status=1).stderr
    assert f"is for the embedded store, and this project's is {uri}" in said
    assert said.count("\n") == 1
    assert ("audit devices" in said) == (words[0] == "audit")


def test_no_store_is_made_where_vault_is_it(there: Cli, uri: str) -> None:
    assert f"this project's store is {uri}" in there("init", status=1).stderr
    assert not (there.project / ".strongroom").exists()


def test_where_the_store_is_said(cli: Cli, openbao: OpenBao, uri: str) -> None:
    embedded = cli.secret("key")
    cli.environment |= openbao.environment
    there = cli.environment | {"STRONGROOM_STORE": uri}
    cli("--store", uri, "secret", "create", "key", "-", stdin="in vault")
    assert cli("secret", "reveal", "key", reveals=True, environment=there).out == "in vault"
    assert cli.reveal("key") == embedded
    path = _compose(cli, uri)
    assert cli.reveal("key") == "in vault"
    directory = str(cli.project / ".strongroom")
    assert cli("--store", directory, "secret", "reveal", "key", reveals=True).out == embedded
    _compose(cli, "strongroom:")
    assert cli.reveal("key") == embedded
    path.rename(cli.project / "prod.yaml")
    _compose(cli, "strongroom:")
    (cli.project / "prod.yaml").write_text(
        (cli.project / "compose.yaml").read_text().replace('strongroom:"', f'{uri}"')
    )
    read = ["--", "sh", "-c", 'cat "${KEY_FILE:-/run/secrets/key}"']
    assert cli("run", "-f", "prod.yaml", "--service", "api", *read, reveals=True).out == "in vault"


def test_moving_there_as_the_documentation_says(cli: Cli, openbao: OpenBao, uri: str) -> None:
    values = {name: cli.secret(name) for name in ("key", "db_password")}
    text = (Path(__file__).parents[2] / "docs/stores.md").read_text()
    words = text[text.index("$ for name in") : text.index("> done") + len("> done")].replace(
        "vault://secret/myapp", uri
    )
    script = "\n".join(line.removeprefix("$ ").removeprefix("> ") for line in words.splitlines())
    cli.environment |= openbao.environment
    path = f"{Path(STRONGROOM).parent}:{os.environ['PATH']}"
    subprocess.run(["bash", "-c", script], env={**cli.variables(), "PATH": path}, cwd=cli.project, check=True)
    _compose(cli, uri)
    assert {name: cli.reveal(name) for name in values} == values


@pytest.mark.parametrize(
    ("store", "says"),
    [
        ("./secrets", "x-strongroom.store is no store: give a URI such as vault://"),
        ("ftp://secrets", "no store is known for ftp://"),
        ("${STORE}", "which only Docker can fill in"),
        ("vault://", "is no path"),
        ("command:///bin/date", "names a program: only --store and STRONGROOM_STORE may"),
        ("vault://nowhere/app", "is below no engine"),
    ],
)
def test_what_is_no_store(there: Cli, store: str, says: str) -> None:
    _compose(there, store)
    assert says in there("secret", "ls", status=1).stderr


@pytest.mark.usefixtures("vault")
def test_vault_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        State((0, 0), "vault://secret/app", limit=0.5).open_store_if_any()


def test_units_name_the_store_and_its_login(there: Cli, uri: str) -> None:
    unit = there("rotate", "--unit").out
    assert f" --store {uri} rotate --due" in unit
    assert "EnvironmentFile=" in unit


@pytest.mark.parametrize("kind", ["aws", "gcp", "azure", "passwords"])
def test_the_others(empty: Cli, kind: str, request: pytest.FixtureRequest) -> None:
    manager, part = request.getfixturevalue(kind), secrets.token_hex(4)
    empty.environment |= {name: text for name, text in os.environ.items() if name.startswith(_VARIABLES)}
    vault = manager.vault if kind == "azure" else ""
    uris = {"aws": "aws://{}", "gcp": "gcp://shop-1/{}", "azure": f"azure://{vault}/{{}}", "passwords": "pass://{}"}
    empty.environment["STRONGROOM_STORE"] = uris[kind].format(part)
    empty.secret("db_password")
    second = leaks.fresh()
    empty("secret", "update", "db_password", "-", stdin=second)
    assert empty("secret", "ls", "--format", "{{.Name}}").out == "db_password\n"
    if kind != "passwords":
        empty("rotate", "db_password", "--store-only")
        assert empty.reveal("db_password", "--stage", "previous") == second
    empty("secret", "rm", "db_password")
    said = empty("secret", "reveal", "db_password", status=1).stderr
    assert said.startswith("strongroom: secret 'db_password' not found: not in ")
    assert said.count("\n") == 1


def test_a_store_without_versions(empty: Cli, openbao: OpenBao) -> None:
    empty.environment |= openbao.environment | {"STRONGROOM_STORE": "vault://kv1/project"}
    value = empty.secret("key")
    assert empty.reveal("key") == value
    empty("secret", "update", "key", "-", stdin=leaks.fresh())
    said = empty("rotate", "key", "--store-only", status=1).stderr
    assert "keeps one version of a secret, so that none can be 'pending'" in said
    said = empty("watch", "--once", status=1).stderr
    assert (
        "vault://kv1/project keeps one version of a secret, and what follows it has to tell one from the next" in said
    )
    empty("secret", "rm", "key")
