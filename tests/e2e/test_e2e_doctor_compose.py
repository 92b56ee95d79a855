"""``strongroom doctor`` on Compose containers: each fault is made, found, and mended by the command that it prints."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import leaks
from cli import Cli
from engines import Docker, until
from patients import Patient, stand_in

# 'fine' has no fault: it reads by its uid, and by a supplementary group.
_PROJECT = """
# a comment that stays
name: {name}
x-service: &service
  image: {image}
  user: "1000"
  stop_grace_period: 0s
services:
  fine:
    <<: *service
    group_add: ["3000"]
    environment: {{DB_PASSWORD_FILE: /run/secrets/db_password, LOG_FILE: /var/log/x}}
    secrets: [{{source: db_password, uid: "1000", mode: 0400}}, {{source: other, gid: "3000", mode: 0440}}]
  reader: # whose log tells what it misses
    <<: *service
    command: [sh, -c, "cat /run/secrets/api_key 2>&1; sleep 600"]
    environment:
      - SOME_TOKEN_FILE=/etc/some/token
  owner:
    <<: *service
    environment: {{DB_PASSWORD_FILE: /run/secrets/db_password}}
    secrets:
      - source: db_password
        target: pass # there
        mode: 0400
  powerless:
    <<: *service
    user: root
    cap_drop: [ALL]
    environment: {{API_KEY: {value}}}
    env_file: more.env
    secrets: [api_key, {{source: db_password, uid: "7", mode: 0400}}]
secrets:
  db_password: {{external: true}}
  api_key: {{external: true}}
  other: {{external: true}}
  pin: {{file: ./pin}}
"""
_FAULTS = {
    ("not-granted", "reader", "api_key"),
    ("dangling-variable", "reader", "some_token"),
    ("other-target", "owner", "db_password"),
    ("unreadable", "owner", "db_password"),
    ("unreadable", "powerless", "db_password"),
    ("plain-variable", "powerless", "api_key"),
}


@pytest.fixture
def patient(dock: Cli) -> Patient:
    dock("init")
    return Patient(dock)


def test_a_project_with_many_faults(patient: Patient, docker: Docker, image: str, name: str) -> None:
    # What a variable holds is an argument's equal: here it is nothing that is looked for.
    patient.cli("secret", "create", "api_key", "-", stdin="in-the-open")
    patient.cli.secret("db_password")
    patient.cli.secret("other")
    (patient.cli.project / "more.env").write_text("A=b\nSAME=in-the-open\n")
    (patient.cli.project / "pin").write_text("1234")
    compose = patient.cli.project / "compose.yaml"
    compose.write_text(_PROJECT.format(name=name, image=image, value="in-the-open"))
    patient.cli("compose", "up", "-d")
    reader = _container(docker, name, "reader")
    until(lambda: "api_key" in docker("logs", reader))
    assert patient.faults() == _FAULTS
    assert patient.faults("fine") == set()
    assert patient.faults(_container(docker, name, "owner")[:12]) == {each for each in _FAULTS if each[1] == "owner"}
    mended = patient.heal()
    assert sorted(mended) == sorted([fault for fault, _, _ in _FAULTS] + ["plain-variable"])
    assert "# a comment that stays" in compose.read_text()
    assert "target: db_password # there" in compose.read_text()
    for service, path in (("owner", "/run/secrets/db_password"), ("powerless", "/run/secrets/db_password"),
                          ("reader", "/run/secrets/api_key"), ("reader", "/etc/some/token")):  # fmt: skip
        assert docker.read(_container(docker, name, service), path)

    # A new version, and files that a reboot takes.
    patient.cli("secret", "update", "db_password", "-", stdin=leaks.fresh())
    stale = {("stale-version", service, "db_password") for service in ("fine", "owner", "powerless")}
    assert patient.faults() == stale
    assert patient.heal("fine") == ["stale-version"]
    assert patient.faults() == set()
    fine = _container(docker, name, "fine")
    mount = docker.inspect("container", fine)["Mounts"][0]
    shutil.rmtree(Path(mount["Source"]).parent)
    docker("stop", "-t", "0", fine)
    docker("start", fine, status=1)
    assert patient.faults("fine") == {("staging-lost", "fine", name) for name in ("db_password", "other")}
    assert patient.heal("fine") == ["staging-lost"]
    assert docker.read(fine, "/run/secrets/db_password")

    # A grant that nobody deployed.
    patient.run("strongroom grant pin fine")
    assert patient.faults() == {("not-deployed", "fine", "pin")}
    assert patient.heal() == ["not-deployed"]
    patient.cli("compose", "down", "-t", "0")


def _container(docker: Docker, project: str, service: str) -> str:
    filters = [f"label=com.docker.compose.project={project}", f"label=com.docker.compose.service={service}"]
    (found,) = docker.lines("ps", "-aq", "--no-trunc", *(part for each in filters for part in ("--filter", each)))
    return found


_PLAIN = """
name: {name}
services:
  ignored:
    image: {image}
    user: "1000"
    stop_grace_period: 0s
    secrets: [{{source: pin, uid: "1000", mode: 0400}}]
  covered:
    image: {image}
    tmpfs: [/run]
    stop_grace_period: 0s
    secrets: [word]
  made:
    image: {image}
    user: "1000"
    stop_grace_period: 0s
    volumes: ["./absent:/run/secrets/absent", "./pin:/run/secrets/mounted"]
  edited:
    image: {image}
    stop_grace_period: 0s
    secrets: [edited]
secrets:
  pin: {{file: ./pin}}
  edited: {{file: ./edited}}
  word: {{environment: WORD}}
"""


def test_containers_that_docker_compose_made(dock: Cli, docker: Docker, image: str, name: str, tmp_path: Path) -> None:
    """What Compose itself ignores, hides, or makes where a file is missing."""
    stand_in(tmp_path / "programs", "sudo")
    dock.environment["PATH"] = f"{tmp_path / 'programs'}:{dock.environment['PATH']}"
    patient = Patient(dock, environment={"WORD": "in-the-open"})
    for file in ("pin", "edited"):
        (dock.project / file).write_text("1234")
        (dock.project / file).chmod(0o600)
    (dock.project / "compose.yaml").write_text(_PLAIN.format(name=name, image=image))
    patient.run("docker compose up -d")
    fresh = dock.project / "fresh"
    fresh.write_text("12345")
    fresh.rename(dock.project / "edited")
    found = patient.faults()
    assert found >= {
        ("plain-compose", "ignored", "pin"), ("hidden", "covered", "word"), ("file-is-directory", "made", "absent"),
        ("unreadable", "made", "pin"),
    }  # fmt: skip
    assert {fault for fault, where, _ in found if where == "edited"} <= {"plain-compose", "stale-version"}
    mended = patient.heal()
    assert "file-is-directory" in mended
    assert docker("exec", _container(docker, name, "covered"), "cat", "/run/secrets/word") == "in-the-open"
    assert docker("exec", "-u", "1000", _container(docker, name, "ignored"), "cat", "/run/secrets/pin") == "1234"
    assert (dock.project / "absent").is_file()
    patient.run("docker compose down -t 0")
