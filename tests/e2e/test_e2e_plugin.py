"""strongroom as a command of the real Docker command line, and names that only an Engine knows, completed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import engines
import leaks
from cli import Cli
from engines import Docker


@pytest.fixture
def plugged(manager: Cli) -> Cli:
    """Return the command line with the plugin in a DOCKER_CONFIG of its own, beside the plugins that are there."""
    found = Path(manager.environment["DOCKER_CONFIG"])
    own = manager.home / "docker"
    (own / "cli-plugins").mkdir(parents=True)
    for plugin in found.glob("cli-plugins/*"):
        (own / "cli-plugins" / plugin.name).symlink_to(plugin.resolve())
    (own / "config.json").write_text("{}")  # without one, docker-py finds no contexts
    manager.environment["DOCKER_CONFIG"] = str(own)
    manager("init")
    manager("docker-plugin", "install")
    return manager


def docker(cli: Cli, *words: str, status: int = 0) -> str:
    program = shutil.which("docker", path=cli.variables()["PATH"])
    assert program
    done = subprocess.run([program, *words], cwd=cli.project, env=cli.variables(), capture_output=True, timeout=120)
    leaks.record(done.stdout + done.stderr, f"the output of: docker {' '.join(words)}")
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode() + (done.stderr.decode() if status else "")


def test_docker_strongroom(plugged: Cli) -> None:
    plugged.secret("db_password")
    assert "db_password" in docker(plugged, "strongroom", "secret", "ls")
    assert "strongroom*" in docker(plugged, "--help")
    assert docker(plugged, "strongroom", "--help").startswith("Usage: docker strongroom ")
    assert docker(plugged, "help", "strongroom").startswith("Usage: docker strongroom ")
    assert "Missing argument 'NAME'" in docker(plugged, "strongroom", "secret", "reveal", status=2)
    assert "not in" in docker(plugged, "strongroom", "secret", "inspect", "missing", status=1)
    created = docker(plugged, "strongroom", "audit", "ls", "--last", "1", "--format", "{{.Command}}")
    assert created == "secret create\n"  # by whichever name it was called


def test_dockers_own_options_are_followed(plugged: Cli) -> None:
    there = plugged.environment.pop("DOCKER_HOST", "unix:///var/run/docker.sock")
    plugged.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    assert "cannot be reached" in docker(plugged, "strongroom", "status", status=1)
    assert "SERVICE" in docker(plugged, "-H", there, "strongroom", "status")
    assert "SERVICE" in docker(plugged, f"--host={there}", "-l", "error", "strongroom", "status")
    docker(plugged, "context", "create", "there", "--docker", f"host={there}")
    assert "SERVICE" in docker(plugged, "-c", "there", "strongroom", "status")


def test_docker_completes(plugged: Cli, swarm: Docker, name: str, image: str) -> None:
    plugged.secret("db_password")
    plugged.secret("api_key")
    (plugged.project / "stack.yaml").write_text(f"services: {{one: {{image: {image}, command: [sleep, '600']}}}}")
    swarm("stack", "deploy", "-c", str(plugged.project / "stack.yaml"), name)
    engines.until(lambda: swarm.of_service(f"{name}_one"))

    def completed(*words: str) -> list[str]:
        return docker(plugged, "__complete", "strongroom", *words).splitlines()

    assert completed("secret", "reveal", "") == ["api_key", "db_password", ":4"]
    (described, directive) = completed("secret", "rev")
    assert described.startswith("reveal\tPrint the value of the secret NAME")
    assert directive == ":4"
    assert completed("stack", "rm", name[:6]) == [name, ":4"]
    assert completed("secret", "adopt", "x", "--service", name) == [f"{name}_one", ":4"]
    assert completed("secret", "create", "x", "") == [":0"]  # a file: what the shell does by itself
    assert any(each.startswith("up") for each in completed("compose", ""))


def test_uninstall(plugged: Cli) -> None:
    path = Path(plugged.environment["DOCKER_CONFIG"], "cli-plugins/docker-strongroom")
    assert path.stat().st_mode & 0o777 == 0o755 & ~os.umask(os.umask(0))
    plugged("docker-plugin", "install")  # again: it may have moved
    plugged("docker-plugin", "uninstall")
    assert "nothing is installed" in plugged("docker-plugin", "uninstall", status=1).stderr
    path.write_text("#!/bin/sh\n")
    for verb in ("install", "uninstall"):
        assert "not" in plugged("docker-plugin", verb, status=1).stderr
    assert path.read_text() == "#!/bin/sh\n"
