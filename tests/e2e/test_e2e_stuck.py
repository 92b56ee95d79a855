"""An Engine that cannot start a container, once, although nothing is wrong with what the container was to get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli import Cli
from engines import Docker
from projects import missing

# So many bytes take the Engine a while to write, in which a file can be caught.
_BALLAST = {f"ballast{number}": 500_000 for number in range(24)}


# Holds a file of the next container's secrets open for writing. It has no time to lose: it is a process of its own.
_CATCH = """
import errno, os, sys, time
containers = sys.argv[1]
known = set(os.listdir(containers))
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
print("ready", flush=True)
while True:
    for container in set(os.listdir(containers)) - known:
        try:
            secrets = f"{containers}/{container}/mounts/secrets"
            for file in os.listdir(secrets):
                with open(f"{secrets}/{file}", "r+b"):
                    print("caught", flush=True)
                    time.sleep(3)
                sys.exit()
        except OSError as error:
            if error.errno == errno.EROFS:
                known.add(container)
    time.sleep(0.0002)
"""


@contextmanager
def _busy(containers: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let the Engine find the secrets of the next container busy when it makes them read-only."""
    catcher = subprocess.Popen([sys.executable, "-c", _CATCH, containers], stdout=subprocess.PIPE)
    assert catcher.stdout
    with catcher:
        assert catcher.stdout.readline() == b"ready\n"
        yield catcher
        catcher.kill()


@pytest.mark.parametrize("action", ["pause", "rollback"])
def test_an_update_is_started_anew(manager: Cli, swarm: Docker, image: str, name: str, action: str) -> None:
    socket = Path(swarm.environment.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    process = socket.with_name("pid")
    if os.getuid() != 0 or not process.exists():
        missing("only root looks into an Engine, and this one has no pid beside its socket")
    root = swarm("info", "--format", "{{.DockerRootDir}}")
    containers = Path(f"/proc/{process.read_text().strip()}/root{root}/containers")

    manager("init")
    manager.secret("key")
    for each, size in _BALLAST.items():
        (manager.project / each).write_bytes(b"x" * size)
    update = {"monitor": "1s", "delay": "100ms", "failure_action": action}
    app = {
        "image": image, "secrets": ["key", *_BALLAST],
        "deploy": {"replicas": 2, "restart_policy": {"delay": "500ms"}, "update_config": update},
    }  # fmt: skip
    secrets = {"key": {"external": True}} | {each: {"file": f"./{each}"} for each in _BALLAST}
    (manager.project / "compose.yaml").write_text(json.dumps({"services": {"app": app}, "secrets": secrets}))
    manager("stack", "deploy", "-c", "compose.yaml", name)

    with _busy(containers) as catcher:
        manager("rotate", "key")
        assert catcher.wait(30) == 0
    errors = swarm("service", "ps", "--no-trunc", "--format", "{{.Error}}", f"{name}_app")
    assert "device or resource busy" in errors
    (row,) = (
        each for line in manager("status", name, "--format", "json").out.splitlines()
        if (each := json.loads(line))["Secret"] == "key"
    )  # fmt: skip
    assert (row["Version"], row["Tasks"]) == (2, {"v2": 2})
