"""``strongroom compose`` on a real Engine."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import leaks
from cli import STRONGROOM, Cli
from engines import Docker


def _write(dock: Cli, project: dict[str, object], file: str = "compose.yaml") -> None:
    (dock.project / file).write_text(json.dumps(project))


def _container(docker: Docker, project: str, service: str) -> str:
    filters = [f"label=com.docker.compose.project={project}", f"label=com.docker.compose.service={service}"]
    (found,) = docker.lines("ps", "-q", *(part for each in filters for part in ("--filter", each)))
    return found


def _on_disk(docker: Docker, value: str) -> list[str]:
    """Return the files below the Engine's data root that hold a value."""
    root = docker("info", "--format", "{{.DockerRootDir}}")
    if not os.access(root, os.R_OK | os.X_OK):
        pytest.skip("the Engine's data root can be read by root only")
    found = subprocess.run(["grep", "-rlF", "-f", "-", root], input=value.encode(), capture_output=True)
    return found.stdout.decode().splitlines()


def test_a_secret_with_an_owner_and_a_target_in_an_image_without_a_shell(
    dock: Cli, docker: Docker, bare_image: str, name: str
) -> None:
    dock("init")
    value = dock.secret("db_password")
    grant = {"source": "db_password", "target": "/app/config/db_password", "uid": "1000", "gid": "1000", "mode": 0o400}
    service = {"image": bare_image, "user": "1000", "command": ["/sleep", "600"], "read_only": True, "secrets": [grant],
               "stop_grace_period": "0s"}  # fmt: skip
    _write(dock, {"name": name, "services": {"app": service}, "secrets": {"db_password": {"external": True}}})

    dock("compose", "up", "-d")

    app = _container(docker, name, "app")
    assert docker("exec", app, "/cat", "/app/config/db_password", reveals=True) == value
    docker("exec", "-u", "1001", app, "/cat", "/app/config/db_password", status=1)
    assert value not in docker("inspect", app)
    assert value not in docker("diff", app)
    assert _on_disk(docker, value) == []

    (mount,) = docker.inspect("container", app)["Mounts"]
    assert subprocess.run(["stat", "-f", "-c", "%T", mount["Source"]], capture_output=True).stdout == b"tmpfs\n"
    dock("compose", "down")
    assert not Path(mount["Source"]).exists()


def test_what_compose_ignores_or_refuses_works(dock: Cli, docker: Docker, image: str, name: str) -> None:
    dock("init")
    stored, filed, variable, dotenv = dock.secret("stored"), *(leaks.fresh() for _ in range(3))
    (dock.project / "file.txt").write_text(filed)
    (dock.project / ".env").write_text(f"DOTENV={dotenv}\n")
    (dock.project / "compose.yaml").write_text(f"""
name: {name}
services:
  app:
    image: {image}
    user: "1000:2000"
    read_only: true
    tmpfs: [/tmp]
    environment: {{PRICE: "5$$"}}
    secrets:
      - {{source: stored, uid: "1000", mode: "0400"}}
      - {{source: file, target: deep/er, gid: "2000", mode: 0o440}}
      - {{source: variable, uid: "1000", mode: 0400}}
      - dotenv
  other: {{image: {image}, profiles: [debug], secrets: [absent]}}
secrets:
  stored: {{external: true}}
  file: {{file: ./file.txt}}
  variable: {{environment: VARIABLE}}
  dotenv: {{environment: DOTENV}}
  absent: {{external: true}}
""")
    # A variable is an argument's equal to whoever looks at a process: this one is a test's, and goes with the process.
    environment = {"VARIABLE": "short"}
    dock("compose", "up", "-d", environment=environment)
    app = _container(docker, name, "app")
    assert docker.read(app, "/run/secrets/stored") == stored
    assert docker.read(app, "/run/secrets/deep/er") == filed
    assert docker.read(app, "/run/secrets/variable") == "short"
    assert docker.read(app, "/run/secrets/dotenv") == dotenv
    assert docker("exec", app, "sh", "-c", 'echo "$PRICE"') == "5$"
    modes = docker("exec", app, "sh", "-c", "cd /run/secrets && stat -c '%a %u:%g' stored deep/er variable dotenv")
    assert modes.splitlines() == ["400 1000:0", "440 0:2000", "400 1000:0", "444 0:0"]
    assert variable not in modes

    failed = dock("compose", "--profile", "debug", "up", "-d", status=1, environment=environment)
    assert "absent: not in" in failed.stderr
    assert "strongroom secret create absent" in failed.stderr


@pytest.fixture
def two(dock: Cli, image: str, name: str) -> Iterator[Cli]:
    """Return a project with two services that hold a secret each."""
    dock("init")
    dock.secret("first")
    dock.secret("second")
    services = {
        each: {"image": image, "secrets": [{"source": each, "mode": 0o400}], "stop_grace_period": "0s"}
        for each in ("first", "second")
    }
    _write(dock, {"name": name, "services": services,
                  "secrets": {each: {"external": True} for each in services}})  # fmt: skip
    dock("compose", "up", "-d")
    yield dock
    dock("compose", "down", "-t", "0")


def test_a_changed_secret_recreates_just_the_services_that_hold_it(two: Cli, docker: Docker, name: str) -> None:
    before = {service: _container(docker, name, service) for service in ("first", "second")}
    (old,) = docker.inspect("container", before["first"])["Mounts"]
    two("compose", "up", "-d")
    assert {service: _container(docker, name, service) for service in before} == before

    new = leaks.fresh()
    two("secret", "update", "first", "-", stdin=new)
    two("compose", "up", "-d")
    after = {service: _container(docker, name, service) for service in before}
    assert after["second"] == before["second"]
    assert after["first"] != before["first"]
    assert docker.read(after["first"], "/run/secrets/first") == new
    assert not Path(old["Source"]).exists()


def test_the_other_commands_of_compose_work(two: Cli) -> None:
    assert "first" in two("compose", "ps").out
    assert two("compose", "exec", "-T", "first", "cat", "/run/secrets/first", reveals=True).out == two.reveal("first")
    ran = two("compose", "run", "--rm", "-T", "second", "cat", "/run/secrets/second", reveals=True)
    assert ran.out == two.reveal("second")
    two("compose", "logs")
    assert two("compose", "exec", "-T", "first", "sh", "-c", "exit 7", status=7).stdout == b""
    assert "Usage:  docker compose up" in two("compose", "up", "--help").out


def test_after_a_reboot_the_files_are_restored(two: Cli, docker: Docker, name: str) -> None:
    containers = [_container(docker, name, service) for service in ("first", "second")]
    sources = [Path(docker.inspect("container", each)["Mounts"][0]["Source"]) for each in containers]
    two("secret", "update", "first", "-", stdin=leaks.fresh())  # what runs holds the version before
    value = two.reveal("first", "--stage", "previous")
    docker("stop", "-t", "0", *containers)
    shutil.rmtree(sources[0].parent)
    docker("start", containers[0], status=1)

    unit = two("compose", "unit").out
    (line,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    command = line.removeprefix("ExecStart=").split()[1:]
    assert "Before=docker.service" in unit
    assert two(*command).out == "2 files restored\n"
    docker("start", *containers)
    assert docker.read(containers[0], "/run/secrets/first") == value

    docker("stop", "-t", "0", *containers)
    shutil.rmtree(sources[0].parent)
    two("compose", "start")
    assert docker.read(containers[0], "/run/secrets/first") == value


def test_root_restores_before_an_engine_runs(two: Cli, docker: Docker, name: str) -> None:
    source = Path(docker.inspect("container", _container(docker, name, "first"))["Mounts"][0]["Source"])
    value, status = source.read_bytes(), source.stat()
    shutil.rmtree(source.parent)
    if os.getuid() != 0:
        pytest.skip("only root restores without an Engine")
    two("compose", "restore", environment={"DOCKER_HOST": "unix:///nowhere"})
    assert source.read_bytes() == value
    assert (source.stat().st_mode, source.stat().st_uid) == (status.st_mode, status.st_uid)


def test_an_engine_elsewhere_is_refused(dock: Cli, docker: Docker, image: str, name: str) -> None:
    """An Engine that sees other directories than we do: its /dev/shm and /run are not ours."""
    if os.getuid() != 0:
        pytest.skip("only root can have a mount namespace with another /dev/shm")
    dock("init")
    dock.secret("key")
    service = {"image": image, "secrets": ["key"]}
    _write(dock, {"name": name, "services": {"app": service}, "secrets": {"key": {"external": True}}})
    script = f"mount -t tmpfs none /dev/shm && mount -t tmpfs none /run && exec {STRONGROOM} compose up -d"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, cwd=dock.project,
        env=dock.variables(),
    )  # fmt: skip
    assert done.returncode == 1
    assert "the Engine does not see" in done.stderr
    assert docker.lines("ps", "-aq", "--filter", f"label=com.docker.compose.project={name}") == []


def test_a_user_who_is_not_root(dock: Cli, docker: Docker, image: str, name: str) -> None:
    """Whoever may use the Engine can give files to any uid."""
    if os.getuid() != 0:
        pytest.skip("the other tests run as one already")
    socket = Path(docker.environment.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    user = pwd.getpwnam("nobody")
    former = socket.stat()
    for path in (dock.home, dock.project):
        os.chown(path, user.pw_uid, user.pw_gid)
    os.chown(socket, user.pw_uid, former.st_gid)
    # It may read everything, since this Python may lie in root's home; it may write and give away nothing.
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
              "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # fmt: skip

    def run(*arguments: str, stdin: str = "") -> None:
        done = subprocess.run(
            [*become, STRONGROOM, *arguments], input=stdin, capture_output=True, text=True, cwd=dock.project,
            env=dock.variables(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    try:
        grant = {"source": "key", "uid": "1000", "gid": "1000", "mode": 0o400}
        _write(dock, {"name": name, "services": {"app": {"image": image, "user": "1000", "secrets": [grant]}},
                      "secrets": {"key": {"external": True}}})  # fmt: skip
        run("init")
        value = leaks.fresh()
        run("secret", "create", "key", "-", stdin=value)
        run("compose", "up", "-d")
        app = _container(docker, name, "app")
        assert docker.read(app, "/run/secrets/key") == value
        source = Path(docker.inspect("container", app)["Mounts"][0]["Source"])
        assert source.parent.stat().st_mode & 0o777 == 0o700
        run("compose", "down", "-t", "0")
        assert not source.exists()
    finally:
        os.chown(socket, former.st_uid, former.st_gid)
