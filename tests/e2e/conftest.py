"""A real Docker Engine: the one that this machine has. What the tests make there has names of their own, and goes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
from cli import Cli
from engines import Docker
from projects import missing


@pytest.fixture(scope="session")
def docker() -> Docker:
    found = engines.present()
    if found is None:
        missing("no Docker Engine is reachable")
    assert found
    return found


@pytest.fixture(scope="session")
def image(docker: Docker) -> Iterator[str]:
    """Return an image with busybox and the stand-ins."""
    name = engines.make_standin(docker)
    yield name
    docker("rmi", "-f", name, status=None)


@pytest.fixture(scope="session")
def bare_image(docker: Docker) -> Iterator[str]:
    """Return an image that has no shell: ``/cat`` and ``/sleep``, and nothing else."""
    binary, _ = engines.busybox(docker)
    name = engines.import_image(docker, f"{docker.prefix}/bare:1", {"cat": binary, "sleep": binary})
    yield name
    docker("rmi", "-f", name, status=None)


@pytest.fixture(scope="session")
def swarm(docker: Docker) -> Iterator[Docker]:
    """Return an Engine that manages a swarm; one that was in none leaves it again."""
    state = docker("info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}")
    if state == "inactive false":
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        yield docker
        docker("swarm", "leave", "--force")
    elif state == "active true":
        yield docker
    else:
        missing("the Docker Engine is no manager of a swarm")


@pytest.fixture
def dock(empty: Cli, docker: Docker) -> Iterator[Cli]:
    """Return the command line in a project that has no store, with the Engine. Its Swarm secrets go with it."""
    empty.environment |= {key: value for key, value in docker.environment.items() if key != "HOME"}
    if "DOCKER_CONFIG" not in empty.environment:
        empty.environment["DOCKER_CONFIG"] = str(Path(docker.environment.get("HOME", "~"), ".docker"))
    yield empty
    if (empty.project / ".strongroom").exists() and docker("info", "--format", "{{.Swarm.ControlAvailable}}") == "true":
        for identity in empty("secret", "ls", "--format", "{{.ID}}").out.split():
            for secret in docker.lines("secret", "ls", "-q", "--filter", f"label=strongroom.id={identity}"):
                docker("secret", "rm", secret, status=None)


@pytest.fixture
def manager(dock: Cli, swarm: Docker) -> Cli:
    """Return the command line in a project that has no store, with an Engine that manages a swarm."""
    assert swarm
    return dock


@pytest.fixture
def name(docker: Docker, dock: Cli) -> Iterator[str]:
    """Return a name for a stack or project, of which nothing stays."""
    assert dock  # whose Swarm secrets can only go after the services that hold them
    found = f"{docker.prefix}{secrets.token_hex(2)}"
    yield found
    if docker("info", "--format", "{{.Swarm.ControlAvailable}}") == "true":
        docker("stack", "rm", found, status=None)
        # A network goes when the last container left it.
        engines.until(lambda: not docker.containers(f"com.docker.stack.namespace={found}"))
        for secret in docker.lines("secret", "ls", "-q", "--filter", f"label=com.docker.test={found}"):
            docker("secret", "rm", secret, status=None)
    for container in docker.lines("ps", "-aq", "--filter", f"label=com.docker.compose.project={found}"):
        docker("rm", "-f", container)
    for kind in ("network", "volume"):
        for label in ("com.docker.compose.project", "com.docker.stack.namespace"):
            for identity in docker.lines(kind, "ls", "-q", "--filter", f"label={label}={found}"):
                docker(kind, "rm", identity, status=None)
