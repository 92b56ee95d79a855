"""Vault as a project's store, on a real swarm and with Compose: what is deployed and rotated comes from there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

import leaks
from cli import Cli
from engines import Docker
from projects import own_openbao
from servers import OpenBao


@pytest.fixture(scope="module")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    yield from own_openbao(tmp_path_factory.mktemp("openbao"))


@pytest.fixture
def there(dock: Cli, docker: Docker, openbao: OpenBao, image: str) -> Iterator[Cli]:
    """Return the command line in a project whose store is Vault, with one service that holds ``key``."""
    dock.environment |= openbao.environment
    uri = f"vault://secret/{secrets.token_hex(4)}"
    granted = {"source": "key", "target": "/odd/key", "uid": "7", "mode": 0o400}
    deploy = {"replicas": 2, "update_config": {"monitor": "500ms", "delay": "100ms"}}
    (dock.project / "compose.yaml").write_text(json.dumps({
        "services": {"one": {"image": image, "secrets": [granted], "deploy": deploy}},
        "secrets": {"key": {"external": True}},
        "x-strongroom": {"store": uri},
    }))  # fmt: skip
    yield dock
    if docker("info", "--format", "{{.Swarm.ControlAvailable}}") == "true":
        for identity in dock("secret", "ls", "--format", "{{.ID}}").out.split():
            for secret in docker.lines("secret", "ls", "-q", "--filter", f"label=strongroom.id={identity}"):
                docker("secret", "rm", secret, status=None)


def _status(cli: Cli, stack: str) -> list[tuple[int, int, str]]:
    rows = [json.loads(line) for line in cli("status", stack, "--format", "json").out.splitlines()]
    return [(row["Version"], row["Current"], row["State"]) for row in rows]


def test_a_stack(there: Cli, swarm: Docker, name: str) -> None:
    assert "key: not in vault://" in there("stack", "deploy", "-c", "compose.yaml", name, status=1).stderr
    first = there.secret("key")
    assert "secret key.v1 created" in there("stack", "deploy", "-c", "compose.yaml", name).out
    assert _status(there, name) == [(1, 1, "current")]
    there("secret", "update", "key", "--generate", "32")
    assert _status(there, name) == [(1, 2, "stale")]
    there("stack", "deploy", "-c", "compose.yaml", name)
    assert _status(there, name) == [(2, 2, "current")]
    done = json.loads(there("rotate", "key", "--format", "json").out)
    assert (done["From"], done["To"], done["Holders"]) == (2, 3, [f"{name}_one"])
    third = there.reveal("key")
    for container in swarm.of_service(f"{name}_one"):
        assert swarm.read(container, "/odd/key", "0") == third != first
        assert swarm("exec", container, "stat", "-c", "%a %u", "/odd/key") == "400 7"
    assert "rolled back from version 3 to 2" in there("rollback", "key").out
    assert _status(there, name) == [(2, 2, "current")]
    pushed = there("secret", "push", "key").out.strip()
    assert pushed in swarm.lines("secret", "ls", "--format", "{{.Name}}")


def test_sealed_in_the_middle_of_a_rotation(there: Cli, swarm: Docker, name: str, openbao: OpenBao) -> None:
    """What was begun waits for Vault, and is finished or undone when it answers again, whatever became of it."""
    values = [there.secret("key")]
    there("stack", "deploy", "-c", "compose.yaml", name)
    for ending, version in ((None, 2), ("rotate", 3), ("--abort", 3)):
        rotation = there.start("rotate", "key")
        rotation.until("updating")
        openbao.seal()
        try:
            rotation.until("converged")
            if ending:
                rotation.kill()
        finally:
            openbao.unseal()
        if ending:
            there("rotate", "key", *([ending] if ending == "--abort" else []))
        else:
            assert rotation.end() == 0
        assert _status(there, name) == [(version, version, "current")]
        values.append(there.reveal("key"))
        for container in swarm.of_service(f"{name}_one"):
            assert swarm.read(container, "/odd/key", "0") == values[-1]
    assert len(set(values)) == 3


def test_a_stack_from_a_store_without_versions(there: Cli, swarm: Docker, name: str) -> None:
    store = ["--store", f"vault://kv1/{name}"]
    first, second = leaks.fresh(), leaks.fresh()
    there(*store, "secret", "create", "key", "-", stdin=first)
    there(*store, "stack", "deploy", "-c", "compose.yaml", name)
    there(*store, "secret", "update", "key", "-", stdin=second)
    there(*store, "stack", "deploy", "-c", "compose.yaml", name)
    for container in swarm.of_service(f"{name}_one"):
        assert swarm.read(container, "/odd/key", "0") == second
    said = there(*store, "secret", "push", "key", status=1).stderr
    assert "keeps one version of a secret, and a Swarm secret has to tell one from the next" in said


def test_compose(there: Cli, docker: Docker, name: str) -> None:
    first = there.secret("key")
    there("compose", "-p", name, "up", "-d")
    (container, _) = docker.containers(f"com.docker.compose.project={name}")
    assert docker.read(container, "/odd/key", "0") == first
    assert docker("exec", container, "stat", "-c", "%a %u", "/odd/key") == "400 7"
    there("rotate", "key")
    (container, _) = docker.containers(f"com.docker.compose.project={name}")
    assert docker.read(container, "/odd/key", "0") == there.reveal("key") != first
    unit = there("compose", "-p", name, "unit").out
    assert "After=network-online.target" in unit
    assert "EnvironmentFile=" in unit
    assert "RequiresMountsFor=/" in unit and "vault://" not in unit
    there("compose", "-p", name, "down")
