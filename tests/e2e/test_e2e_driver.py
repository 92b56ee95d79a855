"""``strongroom driver`` on real Engines in swarm mode: the present release, and the oldest that is supported."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import engines
import leaks
from cli import STRONGROOM, Cli
from engines import Docker, until
from projects import missing, own_openbao
from servers import LOCAL, OpenBao
from strongroom.delivery.driver import nodes

TASKS = int(os.environ.get("STRONGROOM_TEST_TASKS", "40"))  # the figure to try: 300
POLICY = '[[allow]]\nservices = ["srt*-good*"]\nreferences = ["vault://secret/*"]\n'


@dataclass
class Managed:
    """An Engine with its driver, and where the driver's values come from."""

    docker: Docker
    openbao: OpenBao
    image: str
    socket: Path
    log: Path
    driver: subprocess.Popen[bytes]

    def secret(self, **values: str) -> str:
        """Put a secret into OpenBao, and make the Swarm secret that refers to its field ``value``."""
        name = f"{self.docker.prefix}-{leaks.fresh()[:6]}"
        self.openbao.api("POST", f"secret/data/{name}", {"data": values})
        self.docker("secret", "create", "-d", "strongroom", "-l", f"strongroom.ref=vault://secret/{name}#value", name)
        return name

    def service(self, name: str, secret: str, *arguments: str, options: tuple[str, ...] = ()) -> str:
        """Create a service that holds a secret as ``/run/secrets/x``; wait for nothing."""
        name = f"{self.docker.prefix}-{name}"
        self.docker(
            "service", "create", "-d", "--no-resolve-image", "--name", name, "--network", "host",
            "--restart-delay", "1s", "--stop-signal", "KILL",
            *(("--secret", f"source={secret},target=x") if secret else ()), *options, self.image,
            *(arguments or ("sleep", "600")),
        )  # fmt: skip
        return name

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture(scope="module")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    yield from own_openbao(tmp_path_factory.mktemp("openbao"))


@pytest.fixture(scope="module", params=["alone", "old"], ids=["present", "oldest"])
def managed(request: pytest.FixtureRequest, openbao: OpenBao) -> Iterator[Managed]:
    if os.geteuid() != 0:
        missing("it takes root")
    name = f"driver-{request.param}"
    docker = engines.start(name, request.param)
    home = Path(docker.environment["DOCKER_HOST"].removeprefix("unix://")).parent
    with tempfile.TemporaryDirectory() as directory:
        policy, log = Path(directory, "policy.toml"), Path(directory, "log")
        policy.write_text(POLICY)
        socket = home / "run/plugins/strongroom.sock"  # what this Engine sees as /run/docker
        with log.open("wb") as file:
            driver = subprocess.Popen(
                [STRONGROOM, "driver", "--socket", socket, "--policy", policy, "--deadline", "2"],
                stderr=file, env={"PATH": os.environ["PATH"], **openbao.environment},
            )  # fmt: skip
        try:
            until(lambda: nodes.answers(socket))
            docker("swarm", "init", "--advertise-addr", LOCAL)
            yield Managed(docker, openbao, engines.make_standin(docker), socket, log, driver)
        finally:
            leaks.record(log.read_text(), "the driver's log")
            driver.terminate()
            driver.wait(30)
            engines.stop(name)


def test_a_service_gets_a_value_by_reference(managed: Managed) -> None:
    value = leaks.fresh()
    secret = managed.secret(value=value)
    service = managed.service("good", secret)
    until(lambda: managed.docker.of_service(service))
    (container,) = managed.docker.of_service(service)
    assert managed.docker.read(container, "/run/secrets/x") == value
    root = managed.docker("info", "--format", "{{.DockerRootDir}}")
    found = subprocess.run(["grep", "-rlF", "-f", "-", root], input=value.encode(), capture_output=True)
    assert found.stdout == b""
    # A new task gets the value of now.
    changed = leaks.fresh()
    managed.openbao.api("POST", f"secret/data/{secret}", {"data": {"value": changed}})
    time.sleep(1.5)
    managed.docker("service", "update", "-d", "--no-resolve-image", "--force", service)
    until(lambda: [each for each in managed.docker.of_service(service) if each != container])
    (renewed,) = [each for each in managed.docker.of_service(service) if each != container]
    assert managed.docker.read(renewed, "/run/secrets/x") == changed
    managed.docker("service", "rm", service)


def test_many_tasks_at_once(managed: Managed) -> None:
    value = leaks.fresh()
    secret = managed.secret(value=value)
    before = metrics(managed)
    service = managed.service(
        "good-many", secret, "sh", "-c", f"test $(wc -c </run/secrets/x) = {len(value)}",
        options=("--mode", "replicated-job", "--replicas", str(TASKS), "--max-concurrent", str(TASKS)),
    )  # fmt: skip
    done = ("service", "ps", service, "--format", "{{.CurrentState}}")
    until(lambda: sum(each.startswith("Complete") for each in managed.docker.lines(*done)) == TASKS, 600)
    assert not [each for each in managed.docker.lines(*done) if not each.startswith("Complete")]
    after = metrics(managed)
    assert after['requests_total{outcome="served"}'] - before['requests_total{outcome="served"}'] >= TASKS
    managed.docker("service", "rm", service)


def test_a_policy_denies_another_service(managed: Managed) -> None:
    service = managed.service("bad", managed.secret(value=leaks.fresh()))
    until(lambda: f"does not allow service '{service}'" in managed.said())
    until(
        lambda: (
            "unable to get secret" in managed.docker("service", "ps", "--no-trunc", service, "--format", "{{.Error}}")
        )
    )
    assert not managed.docker.of_service(service)
    managed.docker("service", "rm", service)


@pytest.mark.parametrize(("fails", "says"), [("sealed", "sealed"), ("hangs", "did not answer within")])
def test_the_manager_is_away(managed: Managed, fails: str, says: str) -> None:
    """Tasks fail and are tried again; meanwhile the Engine does all else, and at the end the service runs."""
    secret = managed.secret(value=leaks.fresh())
    if fails == "sealed":
        managed.openbao.seal()
    else:
        managed.openbao.signal(signal.SIGSTOP)
    try:
        waiting = managed.service(f"good-{fails}", secret, options=("--replicas", "5"))
        until(lambda: says in managed.said())
        other = managed.service(f"other-{fails}", "")
        until(lambda: managed.docker.of_service(other), 30)
        assert managed.docker("node", "ls", "--format", "{{.ManagerStatus}}") == "Leader"
        assert not managed.docker.of_service(waiting)
        until(lambda: watched(managed, "/health")[0] == 503)
    finally:
        if fails == "sealed":
            managed.openbao.unseal()
        else:
            managed.openbao.signal(signal.SIGCONT)
    until(lambda: len(managed.docker.of_service(waiting)) == 5, 90)
    managed.docker("service", "rm", waiting, other)


def test_check(managed: Managed, empty: Cli) -> None:
    empty.environment |= {"DOCKER_HOST": managed.docker.environment["DOCKER_HOST"]}
    shown = empty("driver", "check", "--socket", str(managed.socket)).out
    assert shown == "manager node1 (127.0.0.1): has it: the leader: it took a secret of this driver\n"
    assert "probe" not in managed.docker("secret", "ls")
    shown = empty("driver", "check", "--socket", str(managed.socket.with_name("other.sock")), status=1).out
    assert "HAS IT NOT: this node: nothing answers on" in shown


def watched(managed: Managed, path: str) -> tuple[int, str]:
    connection = nodes.Unix(managed.socket)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def metrics(managed: Managed) -> dict[str, float]:
    lines = (line for line in watched(managed, "/metrics")[1].splitlines() if not line.startswith("#"))
    return {name.removeprefix("strongroom_driver_"): float(number) for name, _, number in (
        line.rpartition(" ") for line in lines)}  # fmt: skip
