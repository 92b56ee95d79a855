"""Compose services that are told of a changed secret by a signal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import engines
import leaks
from cli import Cli
from engines import Docker

# Keeps what it read when it was told; ends when what it reads then starts with 'bad'.
_APP = """
trap 'grep -q ^bad /run/secrets/key && exit 3; cat /run/secrets/key > /tmp/key; echo told' HUP
cat /run/secrets/key > /tmp/key; echo started
while :; do sleep 600 & wait $!; done
"""


@pytest.fixture
def told(dock: Cli, image: str, name: str) -> Cli:
    """Return a project of a service that is signalled, and one that is recreated."""
    dock("init")
    dock.secret("key")
    app = {
        "image": image, "user": "1000", "command": ["sh", "-c", _APP.replace("$", "$$")], "stop_grace_period": "0s",
        "secrets": [{"source": "key", "uid": "1000", "gid": "2000", "mode": 0o440}],
        "healthcheck": {"test": "test -e /tmp/key", "interval": "1s"},
    }  # fmt: skip
    other = {"image": image, "secrets": ["key"], "stop_grace_period": "0s"}
    project = {
        "name": name, "services": {"app": app, "other": other}, "secrets": {"key": {"external": True}},
        "x-strongroom": {"services": {"app": {"on_change": "hup"}}},
    }  # fmt: skip
    (dock.project / "compose.yaml").write_text(json.dumps(project))
    dock("compose", "up", "-d")
    return dock


def _container(docker: Docker, project: str, service: str = "app") -> str:
    filters = [f"label=com.docker.compose.project={project}", f"label=com.docker.compose.service={service}"]
    (found,) = docker.lines("ps", "-q", *(part for each in filters for part in ("--filter", each)))
    return found


def _folder(docker: Docker, container: str) -> Path:
    (mount,) = docker.inspect("container", container)["Mounts"]
    return Path(mount["Source"])


def test_a_rotation_signals_it(told: Cli, docker: Docker, name: str) -> None:
    app, other, first = _container(docker, name), _container(docker, name, "other"), told.reveal("key")
    assert docker.read(app, "/run/secrets/key", "1000") == first
    done = json.loads(told("rotate", "key", "--format", "json").out)
    assert done["Holders"] == [f"{name}/app", f"{name}/other"]
    assert _container(docker, name) == app
    assert _container(docker, name, "other") != other
    new = told.reveal("key")
    assert docker.read(app, "/tmp/key", "1000") == new
    assert docker("logs", app).splitlines() == ["started", "told"]
    assert docker("exec", app, "stat", "-Lc", "%a %u:%g", "/run/secrets/key") == "440 1000:2000"
    docker("exec", app, "touch", "/run/secrets/key", status=1)
    assert docker("exec", app, "ls", "/run/secrets") == "key"

    # A version that nobody reads any more is gone, and what 'up' or 'update' changes arrives as well.
    files = [path.name.partition("-")[0] for path in (_folder(docker, app) / ".versions").iterdir()]
    assert files == ["key.v2"]
    told("secret", "update", "key", "-", stdin=leaks.fresh())
    told("compose", "up", "-d", "other")
    assert docker.read(app, "/run/secrets/key", "1000") == new
    told("compose", "up", "-d")
    engines.until(lambda: docker.read(app, "/tmp/key", "1000") == told.reveal("key"))
    assert _container(docker, name) == app

    folder = _folder(docker, app)
    told("compose", "down")
    assert not folder.exists()


def test_one_that_ends_puts_all_back(told: Cli, docker: Docker, name: str) -> None:
    refused = told("rotate", "key", "--value", "-", stdin=leaks.fresh("bad"), status=1)
    assert f"service {name}/app ended when it got SIGHUP. Version 1 of 'key' is current everywhere" in refused.stderr
    app = _container(docker, name)
    assert docker.read(app, "/tmp/key", "1000") == told.reveal("key")
    files = [path.name.partition("-")[0] for path in (_folder(docker, app) / ".versions").iterdir()]
    assert files == ["key.v1"]

    # After a reboot, which emptied the memory, the same version is there again.
    docker("stop", "-t", "0", app)
    folder = _folder(docker, app)
    shutil.rmtree(folder)
    assert told("compose", "restore").out == "1 files restored\n"
    docker("start", app)
    assert docker.read(app, "/run/secrets/key", "1000") == told.reveal("key")
    assert docker("exec", app, "stat", "-Lc", "%a %u:%g", "/run/secrets/key") == "440 1000:2000"


def test_targets_elsewhere_are_refused(told: Cli) -> None:
    file = told.project / "compose.yaml"
    project = json.loads(file.read_text())
    project["services"]["app"]["secrets"][0]["target"] = "/etc/key"
    file.write_text(json.dumps(project))
    said = told("compose", "up", "-d", status=1).stderr
    assert "its secrets lie directly in /run/secrets: 'key' goes to /etc/key" in said
