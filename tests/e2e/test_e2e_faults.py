"""What goes wrong with a deployment ends in one sentence, and nothing is half-done."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
import leaks
from cli import Cli
from engines import Docker
from projects import own_engine

SLOW = """
services:
  app:
    image: {image}
    secrets: [{{source: key, mode: 0400}}]
    deploy: {{replicas: 3, update_config: {{parallelism: 1, delay: 1s, monitor: 1s}}}}
secrets: {{key: {{external: true}}}}
"""


def _sentence(text: str) -> str:
    """Return what strongroom said last, which is one line for one problem."""
    (line,) = (line for line in text.splitlines() if line.startswith("strongroom: "))
    return line.removeprefix("strongroom: ")


def _secrets(docker: Docker) -> list[str]:
    return docker.lines("secret", "ls", "--format", "{{.Name}}")


@pytest.fixture
def slow(manager: Cli, image: str, name: str) -> Cli:
    """Return a stack of three tasks that are replaced one after the other, with a new version of its secret."""
    manager("init")
    manager.secret("key")
    (manager.project / "compose.yaml").write_text(SLOW.format(image=image))
    manager("stack", "deploy", "-c", "compose.yaml", name)
    manager("secret", "update", "key", "-", stdin=leaks.fresh())
    return manager


def test_two_deployments_of_one_stack_at_once(slow: Cli, name: str) -> None:
    first = slow.start("stack", "deploy", "-c", "compose.yaml", name)
    first.until("updating")
    second = slow("stack", "deploy", "-c", "compose.yaml", name, status=1)
    assert _sentence(second.stderr) == (
        f"stack '{name}' is being changed by another strongroom (process {first.pid}). Wait for it, and try again."
    )
    assert first.end() == 0


def test_somebody_else_changes_a_service_meanwhile(slow: Cli, swarm: Docker, name: str) -> None:
    deployment = slow.start("stack", "deploy", "-c", "compose.yaml", name)
    deployment.until("1/3 updating")
    swarm("service", "update", "-q", "--detach", "--env-add", "A=1", f"{name}_app")
    assert deployment.end() == 1
    assert f"service {name}_app was changed by somebody else" in _sentence(deployment.said)
    slow("stack", "deploy", "-c", "compose.yaml", name)


def test_a_killed_deployment_is_finished_by_the_next(slow: Cli, swarm: Docker, name: str) -> None:
    deployment = slow.start("stack", "deploy", "-c", "compose.yaml", name)
    deployment.until("updating")
    deployment.kill()
    slow("stack", "deploy", "-c", "compose.yaml", name)
    (row,) = (json.loads(line) for line in slow("status", name, "--format", "json").out.splitlines())
    assert (row["Version"], row["Tasks"], row["State"]) == (2, {"v2": 3}, "current")
    assert len(swarm.of_service(f"{name}_app")) == 3


def test_a_value_that_swarm_does_not_take(manager: Cli, swarm: Docker, image: str, name: str) -> None:
    (manager.project / "compose.yaml").write_text(f"""
services: {{app: {{image: "{image}", secrets: [small, large]}}}}
secrets: {{small: {{file: ./small}}, large: {{file: ./large}}}}
""")
    (manager.project / "small").write_text("small")
    (manager.project / "large").write_bytes(b"x" * 512_000)
    refused = manager("stack", "deploy", "-c", "compose.yaml", name, status=1)
    assert "large" in _sentence(refused.stderr)
    assert "511,999 bytes" in _sentence(refused.stderr)
    assert not [each for each in _secrets(swarm) if each.startswith(name)]
    (manager.project / "large").write_bytes(b"x" * 511_999)
    manager("stack", "deploy", "-c", "compose.yaml", name)
    assert f"{name}_large.v1" in _secrets(swarm)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("services: [", "line"),
        ("services: {app: {image: x, nonsense: 1}}", "Additional property nonsense is not allowed"),
        ("services: {app: {image: x, secrets: [none]}}\nsecrets: {}", "none"),
        ("services: {app: {image: x, secrets: [a]}}\nsecrets: {a: {external: true, file: b}}", "a"),
        ("services: {app: {image: x}}\nx-strongroom: {secrets: {a: {rotate: {keep: 0}}}}", "keep"),
    ],
)
def test_a_bad_compose_file(manager: Cli, swarm: Docker, name: str, content: str, said: str) -> None:
    (manager.project / "compose.yaml").write_text(content + "\n")
    for command in (("stack", "deploy", "-c", "compose.yaml", name), ("check",), ("compose", "up", "-d")):
        if "keep" in said and command[0] == "compose":
            continue
        refused = manager(*command, status=1)
        assert said in _sentence(refused.stderr), command
    assert swarm.lines("service", "ls", "-q", "--filter", f"label=com.docker.stack.namespace={name}") == []


def test_a_file_that_is_not_there(manager: Cli, name: str) -> None:
    refused = manager("stack", "deploy", "-c", "absent.yaml", name, status=1)
    assert _sentence(refused.stderr) == "absent.yaml cannot be read: No such file or directory."


@pytest.fixture(scope="module")
def plain() -> Iterator[Docker]:
    """Return an Engine of this module's own, which is in no swarm at first."""
    yield from own_engine("plain", "alone")


def test_an_engine_in_no_swarm_and_one_that_goes_away(empty: Cli, plain: Docker) -> None:
    image = engines.make_standin(plain)
    empty.environment |= plain.environment
    empty("init")
    empty.secret("key")
    (empty.project / "compose.yaml").write_text(SLOW.format(image=image))
    for command in (("stack", "deploy", "-c", "compose.yaml", "shop"), ("secret", "push", "key")):
        refused = empty(*command, status=1)
        assert _sentence(refused.stderr) == "this Engine is not in a swarm. Make one: docker swarm init"
    assert "of a compose project" in _sentence(empty("status", status=1).stderr).lower()

    plain("swarm", "init", "--advertise-addr", "eth0")
    deployment = empty.start("stack", "deploy", "-c", "compose.yaml", "shop")
    deployment.until("updating")
    engines.control("kill", "plain", 1)
    assert deployment.end() == 1
    assert "went away" in _sentence(deployment.said)
    refused = empty("stack", "deploy", "-c", "compose.yaml", "shop", status=1)
    assert "cannot be reached" in _sentence(refused.stderr) or "Cannot connect" in _sentence(refused.stderr)

    engines.control("revive", "plain", 1)
    engines.until(lambda: plain("node", "ls", status=None))
    empty("stack", "deploy", "-c", "compose.yaml", "shop")
    assert _secrets(plain) == ["key.v1"]

    # The same for a rotation: it says what to do, and that does it.
    rotation = empty.start("rotate", "key")
    rotation.until("1/3 updating")
    engines.control("kill", "plain", 1)
    assert rotation.end() == 1
    assert "went away" in _sentence(rotation.said)
    assert "pending" in json.loads(empty("secret", "inspect", "key").out)[0]["Stages"]
    engines.control("revive", "plain", 1)
    engines.until(lambda: plain("node", "ls", status=None))
    empty("rotate", "key")
    (row,) = (json.loads(line) for line in empty("status", "--format", "json").out.splitlines())
    assert (row["Version"], row["Tasks"], row["State"]) == (2, {"v2": 3}, "current")


def test_every_field_of_a_service_stays(manager: Cli, swarm: Docker, image: str, name: str, tmp_path: Path) -> None:
    """A service with all that Docker lets one say is the same after one of its secrets changed."""
    manager("init")
    manager.secret("changes")
    manager.secret("stays")
    changes, stays = (manager("secret", "push", each).out.strip() for each in ("changes", "stays"))
    (tmp_path / "configuration").write_text("a")
    swarm("config", "create", "--label", f"com.docker.test={name}", f"{name}-c", str(tmp_path / "configuration"))
    swarm("network", "create", "-d", "overlay", "--label", f"com.docker.stack.namespace={name}", f"{name}-n")
    try:
        options = _OPTIONS.format(name=name, changes=changes, stays=stays)
        swarm("service", "create", "--name", f"{name}-all", *shlex.split(options), image, "sleep", "600")
        before = swarm.inspect("service", f"{name}-all")["Spec"]
        manager("secret", "update", "changes", "-", stdin=leaks.fresh())
        done = subprocess.run(
            [engines.PYTHON, "-c", _REPOINT, f"{name}-all", changes, manager("secret", "push", "changes").out.strip()],
            env=manager.variables(), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        after = swarm.inspect("service", f"{name}-all")["Spec"]
        assert after != before
        for reference in after["TaskTemplate"]["ContainerSpec"]["Secrets"]:
            if reference["SecretName"] == "changes.v2" or reference["SecretName"].startswith("changes.v2."):
                reference["SecretName"] = changes
                reference["SecretID"] = swarm("secret", "inspect", "--format", "{{.ID}}", changes)
        assert after == before
        stale = subprocess.run(
            [engines.PYTHON, "-c", _STALE, f"{name}-all"], env=manager.variables(), capture_output=True
        )
        assert stale.stdout.decode() == (
            "somebody else changed it at the same time (update out of sequence). Run it again.\n"
        )
    finally:
        swarm("service", "rm", f"{name}-all", status=None)
        engines.until(lambda: not swarm.of_service(f"{name}-all"))
        swarm("config", "rm", f"{name}-c", status=None)
        swarm("volume", "rm", name, status=None)


_OPTIONS = """
--quiet --detach --no-resolve-image --replicas 2 --label a=b --container-label c=d
--secret source={changes},target=/odd/place,uid=1000,gid=2000,mode=0400 --secret source={changes},target=again,mode=0440
--secret source={stays},target=x.y,uid=7 --config source={name}-c,target=/etc/c,mode=0440,uid=3
--network name={name}-n,alias=other --mount type=tmpfs,dst=/t,tmpfs-size=1000000,tmpfs-mode=1770
--mount type=volume,src={name},dst=/v --env 'E=$5' --user 1000:2000 --group 2000 --workdir /tmp --hostname h
--host some:10.0.0.9 --dns 10.9.9.9 --dns-search example --dns-option ndots:2 --cap-add NET_ADMIN --cap-drop MKNOD
--sysctl net.core.somaxconn=99 --ulimit nofile=99:99 --limit-cpu 0.5 --limit-memory 64M --limit-pids 99
--reserve-memory 8M --constraint node.role==manager --placement-pref spread=node.labels.z --replicas-max-per-node 9
--restart-condition on-failure --restart-delay 2s --restart-max-attempts 4 --restart-window 9s
--update-parallelism 2 --update-delay 1s --update-monitor 1s --update-failure-action rollback
--update-max-failure-ratio 0.5 --update-order start-first --rollback-parallelism 2 --rollback-delay 1s
--rollback-monitor 1s --rollback-failure-action continue --rollback-max-failure-ratio 0.5 --rollback-order start-first
--health-cmd true --health-interval 2s --health-retries 2 --health-start-period 1s --log-driver json-file
--log-opt max-size=1m --stop-grace-period 3s --stop-signal SIGKILL --init --read-only --tty --endpoint-mode dnsrr
"""
_REPOINT = """
import sys
from strongroom.delivery.swarm import secrets, specs
from strongroom.docker.engine import Engine
engine = Engine.connect()
_, service, old, new = sys.argv
managed = {each.name: each for each in secrets.find_managed(engine)}
found = engine.get(f"/services/{service}")
specs.update(engine, found, specs.repoint(found["Spec"], lambda it: managed[new] if it["SecretName"] == old else None))
"""
_STALE = """
import sys
from strongroom.delivery.swarm import specs
from strongroom.docker.engine import Engine
from strongroom.errors import EngineError
engine = Engine.connect()
found = engine.get(f"/services/{sys.argv[1]}")
specs.update(engine, found, found["Spec"])
try:
    specs.update(engine, found, found["Spec"])
except EngineError as error:
    print(error)
"""
