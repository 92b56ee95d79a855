"""Rotations on a real swarm and with Compose: all that hold a secret follow, or nobody does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import engines
import leaks
from cli import Cli
from engines import Docker

_SERVICES = ("one", "two", "three")


def _project(image: str, names: tuple[str, ...], **more: object) -> str:
    """Return services that hold a secret each with another target, owner and mode, and fail if it starts with 'bad'."""
    services = {
        service: {
            "image": image,
            "environment": {"FAIL_WHEN": f"/odd/{service}"},
            "secrets": [{"source": "key", "target": f"/odd/{service}", "uid": str(number), "mode": 0o400}, *names[1:]],
            "deploy": {
                "replicas": 2,
                "restart_policy": {"delay": "500ms"},
                "update_config": {"monitor": "500ms", "delay": "100ms", "failure_action": "pause"},
            },
        }
        for number, service in enumerate(_SERVICES)
    }
    secrets = {name: {"external": True} for name in names}
    return json.dumps({"services": services, "secrets": secrets, **more})


@pytest.fixture
def held(manager: Cli, image: str, name: str) -> Cli:
    """Return a stack of three services that hold ``key`` and ``other``."""
    manager("init")
    manager.secret("key")
    manager.secret("other")
    (manager.project / "compose.yaml").write_text(_project(image, ("key", "other")))
    manager("stack", "deploy", "-c", "compose.yaml", name)
    return manager


def _references(docker: Docker, stack: str) -> dict[str, list[Any]]:
    return {
        service: docker.inspect("service", f"{stack}_{service}")["Spec"]["TaskTemplate"]["ContainerSpec"]["Secrets"]
        for service in _SERVICES
    }


def _versions(cli: Cli, secret: str) -> set[tuple[int, tuple[tuple[str, int], ...]]]:
    rows = [json.loads(line) for line in cli("status", "--format", "json").out.splitlines()]
    return {(row["Version"], tuple(row["Tasks"].items())) for row in rows if row["Secret"] == secret}


def test_all_that_hold_it_follow(held: Cli, swarm: Docker, name: str) -> None:
    before = _references(swarm, name)
    plan = held("rotate", "key", "--dry-run").out
    assert f"held by: {name}_one, {name}_three, {name}_two" in plan
    assert held("secret", "inspect", "key", "--format", "{{.Stages.current}}").out == "1\n"

    done = json.loads(held("rotate", "key", "--format", "json").out)
    assert (done["From"], done["To"]) == (1, 2)
    assert _versions(held, "key") == {(2, (("v2", 2),))}
    for number, service in enumerate(_SERVICES):
        (container, _) = swarm.of_service(f"{name}_{service}")
        assert swarm.read(container, f"/odd/{service}", "0") == held.reveal("key")
        assert swarm("exec", container, "stat", "-c", "%a %u", f"/odd/{service}") == f"400 {number}"
    after = _references(swarm, name)
    for service in _SERVICES:
        (old, new) = (next(each for each in refs[service] if each["File"]["Name"].startswith("/odd"))
                      for refs in (before, after))  # fmt: skip
        assert old["SecretID"] != new["SecretID"]
        assert old["File"] == new["File"]

    # Past 'keep' a version is gone everywhere; while somebody holds it, nowhere.
    done = json.loads(held("rotate", "key", "--format", "json").out)
    stages = json.loads(held("secret", "inspect", "key").out)[0]["Stages"]
    assert stages == {"current": 3, "previous": 2}
    if not done["Destroyed"]:  # a task that holds it was still stopping
        engines.until(lambda: len(swarm.of_service(f"{name}_one")) == 2)
        done = json.loads(held("rotate", "key", "--format", "json").out)
    assert 1 in done["Destroyed"]
    assert held("secret", "reveal", "key", "--version", "1", status=1).stderr
    assert "key.v1" not in swarm.lines("secret", "ls", "--format", "{{.Name}}")
    entries = [json.loads(line) for line in held("audit", "ls", "--format", "json").out.splitlines()]
    steps = [(each["Version"], each["Detail"]["step"]) for each in entries if each["Action"] == "rotate"]
    assert steps[:5] == [(2, step) for step in ("pending", "allow", "test", "roll", "finish")]
    actors = {each["Actor"] for each in entries if each["Action"] == "rotate"}
    assert actors == {entries[0]["Actor"]}
    held("audit", "verify")


def test_one_that_fails_puts_all_back(held: Cli, swarm: Docker, name: str) -> None:
    before = _references(swarm, name)
    refused = held("rotate", "key", "--value", "-", stdin=leaks.fresh("bad"), status=1)
    assert "non-zero exit (3)" in refused.stderr
    assert refused.stderr.endswith("Version 1 of 'key' is current everywhere, as it was.\n")
    assert _references(swarm, name) == before
    assert _versions(held, "key") == {(1, (("v1", 2),))}
    assert json.loads(held("secret", "inspect", "key").out)[0]["Stages"] == {"current": 1}
    assert "key.v2" not in swarm.lines("secret", "ls", "--format", "{{.Name}}")
    held("rotate", "key")


def test_back_to_the_version_before(held: Cli, name: str) -> None:
    assert name
    first = held.reveal("key")
    held("rotate", "key")
    assert "rolled back from version 2 to 1" in held("rollback", "key").out
    assert held.reveal("key") == first
    assert _versions(held, "key") == {(1, (("v1", 2),))}
    assert "rolled back from version 1 to 2" in held("rollback", "key").out


def test_two_at_once(held: Cli, name: str) -> None:
    """One secret: one proceeds, and the other says so. Two secrets of one service: both land."""
    assert name
    first = held.start("rotate", "key")
    first.until("updating")
    second = held("rotate", "key", status=1)
    assert f"secret 'key' is being changed by another strongroom (process {first.pid})" in second.stderr
    other = held.start("rotate", "other")
    assert (first.end(), other.end()) == (0, 0), first.said + other.said
    assert _versions(held, "key") == {(2, (("v2", 2),))}
    assert _versions(held, "other") == {(2, (("v2", 2),))}


def test_killed_after_any_step_it_is_finished_or_undone(held: Cli, swarm: Docker, name: str) -> None:
    # A rotator that waits before the last step: else it may be over before it is killed.
    gate, rotator = held.project / "gate", held.project / "rotator"
    rotator.write_text(f"#!/bin/sh\ngrep -q '\"only\"' && [ -e {gate} ] && exec sleep 30\nexit 0\n")
    rotator.chmod(0o755)
    current, newest = 1, 1
    for step in ("pending", "allow", "test", "roll"):
        for ending in (("rotate", "key"), ("rotate", "--abort", "key")):
            newest += 1
            gate.touch()
            killed = held.start("rotate", "key", "--with", f"command://{rotator}")
            killed.until(f"key: {step} version {newest}")
            killed.kill()
            gate.unlink()
            held(*ending)
            current = current if "--abort" in ending else newest
            stages = json.loads(held("secret", "inspect", "key").out)[0]["Stages"]
            assert (stages["current"], "pending" in stages) == (current, False), (step, ending)
            assert _versions(held, "key") == {(current, ((f"v{current}", 2),))}, (step, ending)

    # An update that paused while nobody watched it would never go on.
    killed = held.start("rotate", "key", "--value", str(_file(held, leaks.fresh("bad"))))
    killed.until("updating")
    killed.kill()
    engines.until(lambda: all(_update(swarm, f"{name}_{service}") != "updating" for service in _SERVICES))
    refused = held("rotate", "key", status=1)
    assert "non-zero exit (3)" in refused.stderr
    assert refused.stderr.endswith(f"Version {current} of 'key' is current everywhere, as it was.\n")
    assert _versions(held, "key") == {(current, ((f"v{current}", 2),))}


def _file(held: Cli, value: str) -> Path:
    path = held.project / "value"
    path.write_text(value)
    return path


def _update(docker: Docker, service: str) -> str:
    return str(docker.inspect("service", service).get("UpdateStatus", {}).get("State"))


def test_both_versions_for_who_asks_for_them(manager: Cli, swarm: Docker, image: str, name: str) -> None:
    manager("init")
    values = [manager.secret("jwt")]
    app = {
        "image": image,
        "secrets": ["jwt_current", "jwt_previous"],
        "deploy": {"update_config": {"monitor": "500ms"}},
    }
    secrets = {each: {"external": True} for each in ("jwt_current", "jwt_previous")}
    (manager.project / "compose.yaml").write_text(json.dumps({"services": {"app": app}, "secrets": secrets}))
    manager("stack", "deploy", "-c", "compose.yaml", name)

    def held() -> list[str]:
        (container,) = swarm.of_service(f"{name}_app")
        return [swarm.read(container, f"/run/secrets/jwt_{each}") for each in ("current", "previous")]

    assert held() == [values[0], values[0]]
    for _ in range(2):
        manager("rotate", "jwt")
        values.append(manager.reveal("jwt"))
        assert held() == [values[-1], values[-2]]
    manager("stack", "deploy", "-c", "compose.yaml", name)
    assert held() == [values[-1], values[-2]]


def test_compose_projects_follow(dock: Cli, docker: Docker, image: str, name: str) -> None:
    dock("init")
    for each in ("key", "other"):
        dock.secret(each)
    services = {
        each: {
            "image": image, "secrets": [each], "stop_grace_period": "0s",
            "environment": {"FAIL_WHEN": f"/run/secrets/{each}"},
            "healthcheck": {"test": "wget -q -O /dev/null http://127.0.0.1:8080/health", "interval": "1s"},
        }
        for each in ("key", "other")
    }  # fmt: skip
    project = {"name": name, "services": services, "secrets": {each: {"external": True} for each in services}}
    (dock.project / "compose.yaml").write_text(json.dumps(project))
    dock("compose", "up", "-d")

    def containers() -> dict[str, str]:
        found = docker.lines("ps", "-q", "--filter", f"label=com.docker.compose.project={name}")
        return {
            docker.inspect("container", each)["Config"]["Labels"]["com.docker.compose.service"]: each for each in found
        }

    before = containers()
    done = json.loads(dock("rotate", "key", "--format", "json").out)
    assert done["Holders"] == [f"{name}/key"]
    after = containers()
    assert after["other"] == before["other"]
    (mount,) = docker.inspect("container", after["key"])["Mounts"]
    staged = [path.name.partition("-")[0] for path in Path(mount["Source"]).parent.glob("key.*")]
    assert staged == ["key.v2"]
    assert docker.read(after["key"], "/run/secrets/key") == dock.reveal("key")

    refused = dock("rotate", "key", "--value", "-", "--timeout", "20", stdin=leaks.fresh("bad"), status=1)
    assert "Version 2 of 'key' is current everywhere" in refused.stderr
    assert docker.read(containers()["key"], "/run/secrets/key") == dock.reveal("key")
    dock("compose", "down", "-t", "0")


def test_watch_follows_the_store(held: Cli, swarm: Docker, name: str) -> None:
    held("secret", "update", "key", "-", stdin=leaks.fresh())
    assert _versions(held, "key") == {(1, (("v1", 2),))}
    said = held("watch", "--once").stderr
    assert f"key: version 2 is current: giving it to {name}_one" in said
    assert _versions(held, "key") == {(2, (("v2", 2),))}
    tasks = {service: swarm.tasks(f"{name}_{service}") for service in _SERVICES}
    held("watch", "--once")
    assert {service: swarm.tasks(f"{name}_{service}") for service in _SERVICES} == tasks


def test_what_is_due(held: Cli, image: str, name: str) -> None:
    policy = {"secrets": {"key": {"rotate": {"every": "30d", "generate": {"length": 20, "alphabet": "hex"}}}}}
    (held.project / "compose.yaml").write_text(_project(image, ("key", "other"), **{"x-strongroom": policy}))
    assert held("rotate", "--due").stderr == "nothing is due\n"
    rows = [json.loads(line) for line in held("status", name, "--format", "json").out.splitlines()]
    due = {row["Secret"]: row["Due"] for row in rows}
    assert due["key"] == f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    assert due["other"] == ""
