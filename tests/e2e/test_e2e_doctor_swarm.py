"""``strongroom doctor`` on Swarm services: each fault is made, found, and mended by the command that it prints."""

from __future__ import annotations

import pytest

import leaks
from cli import Cli
from engines import Docker, until
from patients import Patient

_STACK = """
x-service: &service
  image: {image}
  user: "1000"
  stop_grace_period: 0s
  deploy: &deploy {{update_config: {{monitor: 500ms, order: start-first}}, restart_policy: {{delay: 500ms}}}}
services:
  fine:
    <<: *service
    secrets: [{{source: db_password, uid: "1000", mode: 0400}}]
  owner:
    <<: *service
    environment: {{API_KEY_FILE: /run/secrets/api_key, COPY: in-the-open, OTHER_KEY_FILE: /run/secrets/other_key}}
    secrets: [{{source: db_password, mode: 0400}}, {{source: api_key, target: key}}]
secrets:
  db_password: {{external: true}}
  api_key: {{external: true}}
"""


@pytest.fixture
def patient(manager: Cli, name: str) -> Patient:
    assert name  # so that the stack goes before its secrets
    manager("init")
    manager("secret", "create", "api_key", "-", stdin="in-the-open")
    manager.secret("db_password")
    return Patient(manager)


def test_a_stack(patient: Patient, swarm: Docker, image: str, name: str) -> None:
    patient.cli.secret("other_key")
    compose = patient.cli.project / "compose.yaml"
    compose.write_text(_STACK.format(image=image))
    patient.cli("stack", "deploy", "-q", "-c", "compose.yaml", name)
    owner = f"{name}_owner"
    assert patient.faults() == {
        ("unreadable", owner, "db_password"), ("other-target", owner, "api_key"),
        ("not-granted", owner, "other_key"), ("plain-variable", owner, "api_key"),
    }  # fmt: skip
    assert patient.faults("fine") == patient.faults(f"{name}_fine") == set()
    container = _container(swarm, owner)
    assert len(patient.found(container)) == 4
    assert len(patient.heal()) == 4
    container = _container(swarm, owner)
    assert swarm.read(container, "/run/secrets/api_key", "1000") == "in-the-open"
    assert swarm.read(container, "/run/secrets/db_password", "1000") == patient.cli.reveal("db_password")

    # A new version; a secret that the file grants by now, and the swarm does not have; one that it has.
    patient.cli("secret", "update", "api_key", "-", stdin=leaks.fresh())
    patient.cli.secret("late")
    patient.run("strongroom grant late fine && strongroom grant other_key fine")
    assert patient.faults() == {
        ("stale-version", owner, "api_key"),
        ("not-in-swarm", f"{name}_fine", "late"), ("not-deployed", f"{name}_fine", "other_key"),
    }  # fmt: skip
    assert len(patient.heal()) == 1  # one deployment mends them all

    swarm("service", "scale", "-d", f"{name}_fine=0")
    until(lambda: not swarm.of_service(f"{name}_fine"))
    assert patient.found() == []
    assert patient.heal(f"{name}_fine") == ["no-task"]


def test_services_of_no_stack(patient: Patient, swarm: Docker, image: str, name: str) -> None:
    """They are mended one by one: docker service update keeps what it is told, and strongroom tells it all."""
    key = patient.cli("secret", "push", "db_password").out.strip()
    service = f"{name}-alone"
    options = ("--label", f"com.docker.stack.namespace={name}-none", "--update-monitor", "500ms", "--user", "1000",
               "--stop-grace-period", "0s", "--restart-condition", "none", "--no-resolve-image")  # fmt: skip
    swarm("service", "create", "-q", "--name", service, *options, "--secret",
          f"source={key},target=/etc/deep/pass,mode=0400", "--env", "API_KEY=in-the-open",
          "--env", "API_KEY_FILE=/run/secrets/api_key", image)  # fmt: skip
    try:
        assert patient.faults(service) == {
            ("unreadable", service, "db_password"), ("not-granted", service, "api_key"),
            ("plain-variable", service, "api_key"),
        }  # fmt: skip
        assert len(patient.heal(service)) == 3
        patient.cli("secret", "update", "db_password", "-", stdin=leaks.fresh())
        assert patient.heal(service) == ["stale-version"]
        container = _container(swarm, service)
        assert swarm.read(container, "/etc/deep/pass", "1000") == patient.cli.reveal("db_password")
        assert swarm("exec", container, "stat", "-c", "%a %u:%g", "/etc/deep/pass") == "400 1000:0"
    finally:
        swarm("service", "rm", service)

    # Tasks that failed, and that Swarm does not start again.
    swarm("volume", "create", "--label", f"com.docker.stack.namespace={name}", name)
    command = ("sh", "-c", "test -e /state/ready && exec sleep 600; touch /state/ready; exit 3")
    swarm("service", "create", "-q", "-d", "--name", service, *options[:-3], "--restart-condition", "none",
          "--no-resolve-image", "--user", "0", "--mount", f"type=volume,src={name},dst=/state", image,
          *command)  # fmt: skip
    try:
        until(lambda: patient.faults(service) == {("no-task", service, "")})
        assert "3" in patient.found(service)[0]["Seen"]
        assert patient.heal(service) == ["no-task"]
    finally:
        swarm("service", "rm", service)
        until(lambda: not swarm.of_service(service))


def _container(swarm: Docker, service: str) -> str:
    """Return a service's container, when the one before it is gone."""
    until(lambda: len(swarm.of_service(service)) == 1)
    return swarm.of_service(service)[0]


def test_wrong_usage(patient: Patient, name: str) -> None:
    assert f"no Swarm service '{name}'" in patient.run(f"strongroom doctor {name}", status=2).stderr
