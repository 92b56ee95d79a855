"""``strongroom stack``, ``check`` and ``status`` on a real swarm of one node, with the production example."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import engines
import leaks
from cli import Cli
from engines import ROOT, Docker

SECRETS = ("tls_cert", "tls_key", "db_user", "db_password", "redis_password", "jwt_key", "smtp_password")
# Service: targets with owner and mode, as the file declares them.
DECLARED = {
    "traefik": {"/run/secrets/tls_cert": "444 0:0", "/run/secrets/tls_key": "400 0:0"},
    "api": {
        f"/run/secrets/{name}": "400 1000:1000" for name in ("db_user", "db_password", "redis_password", "jwt_key")
    },
    "postgres": {"/run/secrets/db_user": "440 0:0", "/run/secrets/db_password": "440 0:0"},
    "redis": {"/run/secrets/redis_password": "400 0:0"},
    "worker": {"/run/secrets/redis_password": "400 1001:1001", "/etc/worker/smtp": "400 1001:1001"},
}  # fmt: skip
_NAMES = {"/etc/worker/smtp": "smtp_password"}


@pytest.fixture
def shop(manager: Cli, image: str) -> Cli:
    """Return a project with the production example and a store, whose images are stand-ins."""
    shutil.copytree(ROOT / "examples/production", manager.project, dirs_exist_ok=True)
    manager("init")
    images = dict.fromkeys(("TRAEFIK_IMAGE", "API_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE", "WORKER_IMAGE"), image)
    manager.environment |= images | {"MONITOR": "1s", "DELAY": "0s", "HTTPS_PORT": "18443"}
    return manager


@pytest.fixture
def deployed(shop: Cli, name: str) -> tuple[Cli, dict[str, str]]:
    """Return the example deployed, and its secrets' values."""
    values = {each: shop.secret(each) for each in SECRETS}
    shop("stack", "deploy", "-c", "compose.yaml", name)
    return shop, values


def _tasks(docker: Docker, stack: str) -> dict[str, list[str]]:
    return {service: docker.tasks(f"{stack}_{service}") for service in DECLARED}


def test_the_production_example(shop: Cli, swarm: Docker, name: str) -> None:
    refused = shop("check", "--format", "json", status=1)
    rows = [json.loads(line) for line in refused.out.splitlines()]
    missing = {row["Secret"]: row["Fix"] for row in rows if row["Status"] == "missing"}
    assert missing == {each: f"strongroom secret create {each} FILE" for each in SECRETS}
    refused = shop("stack", "deploy", "-c", "compose.yaml", name, status=1)
    assert refused.stderr.startswith("strongroom: 7 secrets are missing, and nothing was changed.\n")
    assert all(f"strongroom secret create {each} FILE" in refused.stderr for each in SECRETS)
    assert swarm.lines("stack", "ls", "--format", "{{.Name}}").count(name) == 0

    values = {each: shop.secret(each) for each in SECRETS}
    shop("check")
    done = shop("stack", "deploy", "-c", "compose.yaml", name)
    assert f"stack {name} deployed: 5 services converged" in done.out
    assert {line for line in done.out.splitlines() if line.endswith("created")} == {
        f"secret {each}.v1 created" for each in SECRETS
    }
    for service, targets in DECLARED.items():
        container = swarm.of_service(f"{name}_{service}")[0]
        modes = swarm("exec", "-u", "0", container, "stat", "-c", "%n %a %u:%g", *targets).splitlines()
        assert dict(line.split(" ", 1) for line in modes) == targets
        for target in targets:
            user = targets[target].partition(" ")[2]
            assert swarm.read(container, target, user) == values[_NAMES.get(target, Path(target).name)]

    before = _tasks(swarm, name)
    again = json.loads(shop("stack", "deploy", "--format", "json", "-c", "compose.yaml", name).out)
    assert (again["Created"], again["Removed"]) == ([], [])
    assert _tasks(swarm, name) == before

    shop("secret", "update", "jwt_key", "-", stdin=leaks.fresh())
    done = shop("stack", "deploy", "-c", "compose.yaml", name)
    assert "secret jwt_key.v2 created" in done.out
    after = _tasks(swarm, name)
    assert {service for service in after if after[service] != before[service]} == {"api"}
    assert not set(after["api"]) & set(before["api"])
    statuses = [json.loads(line) for line in shop("status", name, "--format", "json").out.splitlines()]
    assert {row["State"] for row in statuses} == {"current"}
    (jwt,) = (row for row in statuses if row["Secret"] == "jwt_key")
    assert (jwt["Version"], jwt["Tasks"]) == (2, {"v2": 3})

    shop("stack", "rm", name)
    assert swarm.lines("secret", "ls", "-q", "--filter", "label=strongroom.secret=jwt_key") == []


def test_old_versions_go_when_nothing_holds_them(
    deployed: tuple[Cli, dict[str, str]], swarm: Docker, name: str
) -> None:
    shop, _ = deployed

    def versions() -> list[str]:
        listed = swarm.lines(
            "secret", "ls", "--format", "{{.Name}}", "--filter", "label=strongroom.secret=smtp_password"
        )
        return sorted(listed)

    for _ in range(2):
        assert "smtp_password.v1" in versions()
        shop("secret", "update", "smtp_password", "-", stdin=leaks.fresh())
        done = shop("stack", "deploy", "-c", "compose.yaml", name)
    if "secret smtp_password.v1 removed" not in done.out:  # a task that holds it was still stopping
        engines.until(lambda: len(swarm.of_service(f"{name}_worker")) == 2)
        done = shop("stack", "deploy", "-c", "compose.yaml", name)
    assert "secret smtp_password.v1 removed" in done.out
    assert versions() == ["smtp_password.v2", "smtp_password.v3"]


@pytest.fixture
def failing(manager: Cli, image: str, name: str) -> Cli:
    """Return a stack that serves, and whose service ends when its secret starts with 'bad'."""
    manager("init")
    manager.secret("key")
    (manager.project / "compose.yaml").write_text(f"""
services:
  app:
    image: {image}
    environment: {{FAIL_WHEN: /run/secrets/key}}
    secrets: [{{source: key, mode: 0400}}]
    networks: [net]
    healthcheck: {{test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/health"], interval: 1s}}
    deploy:
      replicas: 2
      endpoint_mode: dnsrr
      restart_policy: {{delay: 500ms}}
      # Without a delay Swarm may stop the next task before it sees that the one before failed.
      update_config: {{parallelism: 1, delay: 1s, monitor: 1s, failure_action: "${{ACTION:-pause}}"}}
  client: {{image: {image}, command: [client, app], networks: [net]}}
networks: {{net: {{}}}}
secrets: {{key: {{external: true}}}}
""")
    manager("stack", "deploy", "-c", "compose.yaml", name)
    return manager


@pytest.mark.parametrize("action", ["pause", "rollback", "continue"])
def test_a_version_that_fails_is_rolled_back(failing: Cli, swarm: Docker, name: str, action: str) -> None:
    failing("stack", "deploy", "-c", "compose.yaml", name, environment={"ACTION": action})
    spec = swarm.inspect("service", f"{name}_app")["Spec"]
    client = swarm.of_service(f"{name}_client")[0]
    failing("secret", "update", "key", "-", stdin=leaks.fresh("bad"))
    refused = failing("stack", "deploy", "-c", "compose.yaml", name, status=1, environment={"ACTION": action})
    assert f"service {name}_app failed: task {name}_app." in refused.stderr
    assert "non-zero exit (3)" in refused.stderr
    assert refused.stderr.endswith("The stack is as it was before.\n")
    assert swarm.inspect("service", f"{name}_app")["Spec"] == spec
    assert "key.v2" not in swarm.lines("secret", "ls", "--format", "{{.Name}}")
    assert len(swarm.of_service(f"{name}_app")) == 2
    answers = swarm("logs", client).splitlines()
    assert answers.count("served") > 10
    if action != "continue":
        # Until the first deployment's tasks are healthy, nobody serves.
        assert "lost" not in answers[answers.index("served") :]


def test_without_rollback_it_stays_as_it_is(failing: Cli, swarm: Docker, name: str) -> None:
    failing("secret", "update", "key", "-", stdin=leaks.fresh("bad"))
    refused = failing("stack", "deploy", "--no-rollback", "-c", "compose.yaml", name, status=1)
    assert "as it was before" not in refused.stderr
    assert _swarm_name(swarm.inspect("service", f"{name}_app")["Spec"]).endswith("v2")


def test_a_new_stack_that_fails_is_removed_again(failing: Cli, swarm: Docker, name: str) -> None:
    failing("stack", "rm", name)
    failing("secret", "update", "key", "-", stdin=leaks.fresh("bad"))
    refused = failing("stack", "deploy", "-c", "compose.yaml", name, status=1)
    assert "What was deployed was removed again." in refused.stderr
    entries = [json.loads(line) for line in failing("audit", "ls", "--format", "json").out.splitlines()]
    told = [(each["Action"], each["Version"], each["To"]) for each in entries if each["To"]]
    assert told[-2:] == [("deliver", 2, f"{name}_app"), ("fail", 2, f"{name}_app")]
    assert swarm.lines("service", "ls", "-q", "--filter", f"label=com.docker.stack.namespace={name}") == []


def _swarm_name(spec: dict[str, object]) -> str:
    (reference,) = spec["TaskTemplate"]["ContainerSpec"]["Secrets"]  # type: ignore[index]
    return str(reference["SecretName"])


def test_files_variables_and_unmanaged_secrets(dock: Cli, swarm: Docker, image: str, name: str) -> None:
    dock("init")
    stored, filed, unmanaged = dock.secret("stored"), leaks.fresh(), leaks.fresh()
    (dock.project / "file.txt").write_text(filed)
    swarm("secret", "create", "--label", f"com.docker.test={name}", f"{name}-own", "-", given=unmanaged.encode())
    (dock.project / "compose.yaml").write_text(f"""
services:
  app:
    image: {image}
    user: "1000"
    read_only: true
    volumes: [{{type: tmpfs, target: /tmp}}]
    secrets:
      - {{source: stored, uid: "1000", mode: "0400"}}
      - {{source: file, target: deep, gid: "2000", mode: 0o440}}
      - {{source: variable, uid: "1000", mode: 0400}}
      - {name}-own
    configs: [{{source: settings, target: /etc/settings}}]
    deploy: {{update_config: {{monitor: 1s}}}}
configs: {{settings: {{file: ./settings}}}}
secrets:
  stored: {{external: true}}
  file: {{file: ./file.txt}}
  variable: {{environment: VARIABLE}}
  {name}-own: {{external: true}}
""")
    (dock.project / "settings").write_text("a: $b")
    environment = {"VARIABLE": "short"}
    done = dock("stack", "deploy", "-c", "compose.yaml", name, environment=environment)
    assert f"secret {name}-own is the swarm's own" in done.stderr
    (app,) = swarm.of_service(f"{name}_app")
    assert swarm.read(app, "/run/secrets/stored") == stored
    assert swarm.read(app, "/run/secrets/deep", "0") == filed
    assert swarm.read(app, "/run/secrets/variable") == "short"
    assert swarm.read(app, f"/run/secrets/{name}-own") == unmanaged
    assert swarm("exec", app, "cat", "/etc/settings") == "a: $b"
    modes = swarm("exec", app, "sh", "-c", "cd /run/secrets && stat -c '%a %u:%g' stored deep variable")
    assert modes.splitlines() == ["400 1000:0", "440 0:2000", "400 1000:0"]

    changed = leaks.fresh()
    (dock.project / "file.txt").write_text(changed)
    done = dock("stack", "deploy", "-c", "compose.yaml", name, environment=environment)
    assert f"secret {name}_file.v2 created" in done.out
    (app,) = swarm.of_service(f"{name}_app")
    assert swarm.read(app, "/run/secrets/deep", "0") == changed

    # A reference to what is ours never shows the value or a bare digest of it.
    labels = swarm.inspect("secret", "stored.v1")["Spec"]["Labels"] if _has(swarm, "stored.v1") else {}
    assert stored not in json.dumps(labels)

    dock("secret", "adopt", f"{name}-own", "--service", f"{name}_app")
    assert dock.reveal(f"{name}-own") == unmanaged
    assert (
        '"adopt' in dock("audit", "ls", "--format", "json").out
        or "adopted-from" in dock("secret", "inspect", f"{name}-own").out
    )


def _has(docker: Docker, secret: str) -> bool:
    return secret in docker.lines("secret", "ls", "--format", "{{.Name}}")


def test_push_gives_the_version_to_plain_docker(dock: Cli, swarm: Docker, image: str, name: str) -> None:
    dock("init")
    value = dock.secret(f"{name}-key")
    pushed = dock("secret", "push", f"{name}-key").out.strip()
    assert pushed == dock("secret", "push", f"{name}-key").out.strip() == f"{name}-key.v1"
    try:
        swarm(
            "service", "create", "-q", "--name", name, "--secret", f"source={pushed},target=/etc/key,mode=0400", image
        )
        (container,) = swarm.of_service(name)
        assert swarm.read(container, "/etc/key") == value
        rows = [json.loads(line) for line in dock("status", "--format", "json").out.splitlines()]
        assert [(row["Version"], row["State"]) for row in rows if row["Service"] == name] == [(1, "current")]
    finally:
        swarm("service", "rm", name, status=None)
        swarm("secret", "rm", pushed, status=None)


def test_secrets_are_told_apart_by_what_they_are_not_by_their_names(
    dock: Cli, swarm: Docker, image: str, name: str
) -> None:
    """``api`` is not ``api-prod``, nor ``api.v1``; and a name that somebody else's secret has is no obstacle."""
    dock("init")
    first, second = f"{name}-a", f"{name}-a.v1"
    values = {each: dock.secret(each) for each in (first, second)}
    own = swarm("secret", "create", "--label", f"com.docker.test={name}", f"{second}", "-", given=b"of somebody else")
    services = {"app": {"image": image, "secrets": [*values], "deploy": {"update_config": {"monitor": "1s"}}}}
    project = {"services": services, "secrets": {each: {"external": True} for each in values}}
    (dock.project / "compose.yaml").write_text(json.dumps(project))
    dock("stack", "deploy", "-c", "compose.yaml", name)
    (app,) = swarm.of_service(f"{name}_app")
    assert {each: swarm.read(app, f"/run/secrets/{each}") for each in values} == values
    for _ in range(2):
        dock("secret", "update", first, "-", stdin=leaks.fresh())
        dock("stack", "deploy", "-c", "compose.yaml", name)
    (app,) = swarm.of_service(f"{name}_app")
    assert swarm.read(app, f"/run/secrets/{second}") == values[second]
    assert own in swarm.lines("secret", "ls", "-q")
    dock("stack", "rm", name)
    assert own in swarm.lines("secret", "ls", "-q")


def test_only_current_users_of_the_data_root_hold_no_value(deployed: tuple[Cli, dict[str, str]], swarm: Docker) -> None:
    root = swarm("info", "--format", "{{.DockerRootDir}}")
    if not os.access(root, os.R_OK | os.X_OK):
        pytest.skip("the Engine's data root can be read by root only")
    _, values = deployed
    found = subprocess.run(
        ["grep", "-rlF", "-f", "-", root], input="\n".join(values.values()).encode(), capture_output=True
    )
    assert found.stdout == b""


def test_a_client_of_the_production_example_loses_no_request(
    deployed: tuple[Cli, dict[str, str]], swarm: Docker, image: str, name: str
) -> None:
    """While each secret of the api is rotated, somebody always answers."""
    shop, _ = deployed
    client = {"image": image, "command": ["client", "api"], "networks": ["front"]}
    (shop.project / "client.yaml").write_text(json.dumps({"services": {"client": client}}))
    shop("stack", "deploy", "-c", "compose.yaml", "-c", "client.yaml", name)
    (container,) = swarm.of_service(f"{name}_client")
    for secret in ("jwt_key", "redis_password"):
        shop("rotate", secret)
    answers = swarm("logs", container).splitlines()
    assert len(answers) > 50
    assert "lost" not in answers[answers.index("served") :]
