"""A real Docker Engine: the one that this machine has. What the tests make there has names of their own, and goes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
from cli import Cli
from engines import Docker

# What stands in for the real images of the examples: it serves /health, and checks nothing else.
_STANDIN = b"""#!/bin/sh
trap 'exit 0' TERM INT
mkdir -p /tmp/www && echo ok >/tmp/www/health
[ -z "$FAIL_WHEN" ] || ! grep -q . "$FAIL_WHEN" 2>/dev/null || exit 3
httpd -f -p "${PORT:-8080}" -h /tmp/www &
wait
"""
_TRUE = b"#!/bin/sh\nexit 0\n"


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and in CI nothing is skipped")
    pytest.skip(what)


@pytest.fixture(scope="session")
def docker() -> Docker:
    found = engines.present()
    if found is None:
        _missing("no Docker Engine is reachable")
    assert found
    return found


@pytest.fixture(scope="session")
def image(docker: Docker) -> Iterator[str]:
    """Return an image with busybox and the stand-ins."""
    yield from make_image(docker)


def make_image(docker: Docker) -> Iterator[str]:
    binary, applets = engines.busybox(docker)
    passwd = b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"
    group = b"root:x:0:\napp:x:1000:\nreaders:x:2000:app\n"
    scripts = {f"usr/bin/{name}": _TRUE for name in ("traefik-health", "pg_isready", "redis-cli")}
    scripts |= {f"usr/bin/{name}": _STANDIN for name in ("standin", "redis-server")}
    scripts["usr/bin/traefik"] = b'#!/bin/sh\n[ "$1" = healthcheck ] || exec standin\n'
    files = {"bin/busybox": binary, "etc/passwd": passwd, "etc/group": group, **scripts}
    name = engines.import_image(
        docker, f"{docker.prefix}/standin:1", files, applets, ['CMD ["/usr/bin/standin"]', "STOPSIGNAL SIGKILL"]
    )
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
        _missing("the Docker Engine is no manager of a swarm")


@pytest.fixture
def dock(empty: Cli, docker: Docker) -> Cli:
    """Return the command line in a project that has no store, with the Engine."""
    empty.environment |= {key: value for key, value in docker.environment.items() if key != "HOME"}
    if "DOCKER_CONFIG" not in empty.environment:
        empty.environment["DOCKER_CONFIG"] = str(Path(docker.environment.get("HOME", "~"), ".docker"))
    return empty


@pytest.fixture
def name(docker: Docker) -> Iterator[str]:
    """Return a name for a stack or project, of which nothing stays."""
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
