"""A swarm of three machines, and the oldest Engine that is supported."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import engines
import leaks
from cli import Cli
from engines import Docker
from projects import own_engine

_SPREAD = """
services:
  app:
    image: {image}
    secrets: [{{source: key, mode: 0400}}]
    deploy:
      replicas: 6
      restart_policy: {{delay: 500ms}}
      update_config: {{parallelism: 1, delay: 1s, monitor: 1s, failure_action: rollback}}
secrets: {{key: {{external: true}}}}
"""


@pytest.fixture(scope="module")
def three() -> Iterator[Docker]:
    """Return the manager of a swarm of three."""
    yield from own_engine("three", "3")


@pytest.fixture
def spread(empty: Cli, three: Docker) -> Cli:
    """Return a project with six tasks on three nodes."""
    for number in (1, 2, 3):
        image = engines.make_standin(engines.other(three, number))
    empty.environment |= three.environment
    empty("init")
    empty.secret("key")
    (empty.project / "compose.yaml").write_text(_SPREAD.format(image=image))
    return empty


def test_a_worker_that_is_no_manager(spread: Cli, three: Docker) -> None:
    worker = engines.other(three, 2).environment["DOCKER_HOST"]
    refused = spread("stack", "deploy", "-c", "compose.yaml", "s", status=1, environment={"DOCKER_HOST": worker})
    assert "this Engine is a worker of its swarm, and only a manager can do this" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_worker_dies_in_the_middle_of_a_deployment(spread: Cli, three: Docker) -> None:
    spread("stack", "deploy", "-c", "compose.yaml", "s")
    nodes = three.lines("service", "ps", "--format", "{{.Node}}", "s_app")
    assert set(nodes) == {"node1", "node2", "node3"}
    spread("secret", "update", "key", "-", stdin=leaks.fresh())
    deployment = spread.start("stack", "deploy", "-c", "compose.yaml", "s")
    deployment.until("1/6 updating")
    engines.control("cut", "three", 3)
    try:
        status = deployment.end()
        if status == 0:
            assert "1 services converged" in deployment.out
        else:
            assert "The stack is as it was before." in deployment.said
        _assert_whole(spread, three, 2 if status == 0 else 1)
        spread("stack", "deploy", "-c", "compose.yaml", "s")
        _assert_whole(spread, three, 2)
    finally:
        _bring_back(spread, three)


def test_a_worker_dies_in_the_middle_of_a_rotation(spread: Cli, three: Docker) -> None:
    spread("stack", "deploy", "-c", "compose.yaml", "s")
    rotation = spread.start("rotate", "key")
    rotation.until("1/6 updating")
    engines.control("cut", "three", 3)
    try:
        status = rotation.end()
        stages = json.loads(spread("secret", "inspect", "key").out)[0]["Stages"]
        assert stages["current"] == (2 if status == 0 else 1), rotation.said
        assert "pending" not in stages
        _assert_whole(spread, three, stages["current"])
        spread("rotate", "key")
        _assert_whole(spread, three, 3)
    finally:
        _bring_back(spread, three)


def _bring_back(spread: Cli, three: Docker) -> None:
    engines.control("join", "three", 3)
    spread("stack", "rm", "s")
    engines.until(lambda: "s_default" not in three.lines("network", "ls", "--format", "{{.Name}}"))
    engines.until(lambda: three.lines("node", "ls", "--format", "{{.Status}}") == ["Ready"] * 3)


def _assert_whole(spread: Cli, three: Docker, version: int) -> None:
    (row,) = (json.loads(line) for line in spread("status", "s", "--format", "json").out.splitlines())
    assert row["Version"] == version
    running = three.lines(
        "service", "ps", "--filter", "desired-state=running", "--format", "{{.CurrentState}}", "s_app"
    )
    assert [each.partition(" ")[0] for each in running] == ["Running"] * 6
    names = {each for each in three.lines("secret", "ls", "--format", "{{.Name}}") if each.startswith("key.")}
    assert f"key.v{version}" in names
    assert not {f"key.v{later}" for later in (2, 3) if later > version} & names


def test_the_oldest_engine(empty: Cli) -> None:
    for docker in own_engine("old", "old"):
        assert docker("version", "--format", "{{.Server.APIVersion}}") == "1.41"
        image = engines.make_standin(docker)
        empty.environment |= docker.environment
        empty("init")
        value = empty.secret("key")
        grant = {"source": "key", "target": "/etc/key", "uid": "1000", "gid": "1000", "mode": 0o400}
        app = {"image": image, "user": "1000", "secrets": [grant], "deploy": {"update_config": {"monitor": "1s"}}}
        project = {"name": "old", "services": {"app": app}, "secrets": {"key": {"external": True}}}
        (empty.project / "compose.yaml").write_text(json.dumps(project))
        empty("compose", "up", "-d")
        (container,) = docker.containers("com.docker.compose.project=old")
        assert docker.read(container, "/etc/key") == value
        assert docker("exec", container, "stat", "-c", "%a %u:%g", "/etc/key") == "400 1000:1000"
        empty("compose", "down", "-t", "0")

        docker("swarm", "init", "--advertise-addr", "eth0")
        (empty.project / "stack.yaml").write_text(json.dumps({key: project[key] for key in ("services", "secrets")}))
        empty("stack", "deploy", "-c", "stack.yaml", "old")
        (container,) = docker.of_service("old_app")
        assert docker.read(container, "/etc/key", "1000") == value
        new = leaks.fresh()
        empty("secret", "update", "key", "-", stdin=new)
        empty("stack", "deploy", "-c", "stack.yaml", "old")
        (container,) = docker.of_service("old_app")
        assert docker.read(container, "/etc/key", "1000") == new
        (row,) = (json.loads(line) for line in empty("status", "--format", "json").out.splitlines())
        assert row["State"] == "current"
        empty("stack", "rm", "old")
