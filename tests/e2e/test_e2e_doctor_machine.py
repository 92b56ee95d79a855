"""``strongroom doctor`` on Engines of its own: what carries secrets is locked, down, too old, or somewhere else.

Commands that start services of systemd or install packages meet stand-ins for these two, which start the real thing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
import leaks
from cli import STRONGROOM, Cli
from engines import ROOT, Docker, until
from patients import Patient, stand_in
from projects import own_engine
from strongroom.delivery.driver import SOCKET

# Starts the Engine, or what the unit of the driver says.
_SYSTEMCTL = """#!/bin/sh
case "$*" in
  "start docker") {revive} ;;
  "restart strongroom-driver.service"|"start strongroom-driver")
    command=$(sed -n 's/^ExecStart=//p' /etc/systemd/system/strongroom-driver.service)
    setsid $command >{directory}/driver.log 2>&1 </dev/null & echo $! >{directory}/driver.pid
    for _ in $(seq 100); do {connects} 2>/dev/null && exit; sleep 0.1; done; exit 1 ;;
esac
"""
# Succeeds when the driver is ready: the socket of one that was killed is there, and refuses.
_CONNECTS = f"{sys.executable} -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{SOCKET}\")'"
# A mount namespace in which the Engine's plugins are where it sees them, and systemd seems to run.
_INSIDE = """
mkdir -p /etc/systemd/system /run/systemd {directory}/units {directory}/systemd/system
mount --bind {directory}/units /etc/systemd/system && mount --bind {directory}/systemd /run/systemd
mkdir -p {home}/run/plugins /run/docker && mount --bind {home}/run /run/docker && exec "$@"
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[Docker]:
    """Return the manager of a swarm of two."""
    yield from own_engine("mend", "2")


@pytest.fixture
def patient(empty: Cli, pair: Docker, tmp_path: Path) -> Iterator[Patient]:
    """Return a project, in which sudo and systemctl are stand-ins."""
    home = Path(pair.environment["DOCKER_HOST"].removeprefix("unix://")).parent
    programs = tmp_path / "programs"
    stand_in(programs, "sudo")
    revive = f"STRONGROOM_ENGINES={home.parent.parent} {ROOT}/.ci/engine revive mend 1"
    stand_in(programs, "systemctl", _SYSTEMCTL.format(revive=revive, directory=tmp_path, connects=_CONNECTS))
    empty.environment |= {key: value for key, value in pair.environment.items() if key != "HOME"}
    empty.environment["PATH"] = f"{programs}:{empty.environment['PATH']}"
    inside = _INSIDE.format(directory=tmp_path, home=home)
    yield Patient(empty, ("unshare", "--mount", "bash", "-ec", inside, "inside"))
    _end_driver(tmp_path)


def _end_driver(directory: Path) -> None:
    if (file := directory / "driver.pid").exists():
        leaks.record((directory / "driver.log").read_text(), "the driver's log")
        pid = int(file.read_text())
        os.kill(pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists())
        file.unlink()


def test_a_swarm(patient: Patient, pair: Docker, tmp_path: Path) -> None:
    image = engines.make_standin(pair)
    engines.make_standin(engines.other(pair, 2))
    create = f"docker service create -q --no-resolve-image --constraint node.role==manager --name app {{}} {image}"
    patient.run(create.format(""))

    # A worker sees no services; the command asks the manager, of which this machine has the socket.
    patient.environment["DOCKER_HOST"] = engines.other(pair, 2).environment["DOCKER_HOST"]
    (row,) = patient.found("app")
    assert (row["Fault"], row["Where"]) == ("not-a-manager", "node2")
    address = pair("info", "--format", "{{.Swarm.NodeAddr}}")
    patient.run(row["Command"].replace(f"ssh://{address}", pair.environment["DOCKER_HOST"]))
    del patient.environment["DOCKER_HOST"]

    # A driver that is not installed, and one that does not run.
    value = leaks.fresh()
    (tmp_path / "value").write_text(value)
    patient.run("sudo strongroom driver install")
    patient.run(f"docker secret create -d strongroom -l strongroom.ref=file://{tmp_path}/value by-driver")
    patient.run("docker service rm app")
    patient.run(f"{create.format('-d --secret by-driver')}")
    _end_driver(tmp_path)
    (tmp_path / "units/strongroom-driver.service").unlink()
    assert ("driver-missing", "node1", "") in patient.faults("app")
    row = next(each for each in patient.found("app") if each["Fault"] == "driver-missing")
    assert row["Command"] == "sudo strongroom driver install"
    patient.run(row["Command"])
    assert "driver-missing" not in {fault for fault, _, _ in patient.faults("app")}
    _end_driver(tmp_path)
    row = next(each for each in patient.found("app") if each["Fault"] == "driver-missing")
    assert row["Command"] == "sudo systemctl start strongroom-driver"
    patient.run(row["Command"])
    assert "driver-missing" not in {fault for fault, _, _ in patient.faults("app")}
    patient.run("docker service rm app && docker secret rm by-driver")

    # An Engine that is down, and whose swarm is locked when it is back.
    patient.cli("init")
    patient.cli.secret("key")
    (patient.cli.project / "compose.yaml").write_text(
        f"name: p\nservices: {{app: {{image: {image}, secrets: [key]}}}}\nsecrets: {{key: {{external: true}}}}\n"
    )
    pair("swarm", "update", "--autolock=true")
    key = pair("swarm", "unlock-key", "-q")
    engines.control("kill", "mend", 1)
    assert patient.faults() == {("engine-unreachable", "", "")}
    assert patient.heal(stdin={"": key}) == ["engine-unreachable", "swarm-locked"]
    assert pair("info", "--format", "{{.Swarm.LocalNodeState}}") == "active"


@pytest.fixture
def dated() -> Iterator[Docker]:
    """Return an Engine of the oldest release that is supported."""
    yield from own_engine("dated", "old")


def test_old_releases(empty: Cli, dated: Docker, tmp_path: Path) -> None:
    """What the file asks for needs a later Engine; Docker's command line and Compose are too old for strongroom."""
    base = Path(dated.environment["DOCKER_HOST"].removeprefix("unix://")).parents[2]
    programs, plugins = tmp_path / "programs", tmp_path / "config/cli-plugins"
    plugins.mkdir(parents=True)
    metadata = '{"SchemaVersion":"0.1.0","Vendor":"tests","Version":"1.29.2","ShortDescription":"Compose"}'
    compose = f"#!/bin/sh\n[ \"$1\" = docker-cli-plugin-metadata ] && echo '{metadata}' || echo 1.29.2\n"
    stand_in(plugins, "docker-compose", compose)
    stand_in(programs, "sudo")
    (programs / "docker").symlink_to(base / "old/usr/bin/docker")
    present = base / "present/usr/libexec/docker/cli-plugins/docker-compose"
    engine = f"STRONGROOM_ENGINES={base} PATH=$PATH:/usr/sbin {ROOT}/.ci/engine"
    stand_in(programs, "apt-get", f"""#!/bin/sh
case "$*" in
  *docker-ce) {engine} stop dated && {engine} start dated alone ;;
  *docker-ce-cli) rm {programs}/docker ;;
  *docker-compose-plugin) ln -sf {present} {plugins}/docker-compose ;;
esac
""")  # fmt: skip
    patient = Patient(empty)
    empty.environment |= {key: value for key, value in dated.environment.items() if key != "HOME"}
    empty.environment |= {"PATH": f"{programs}:{empty.environment['PATH']}", "DOCKER_CONFIG": str(plugins.parent)}
    image = engines.make_standin(dated)
    empty("init")
    empty.secret("key")
    health = "{test: ['CMD', 'true'], start_period: 2s, start_interval: 1s}"
    (empty.project / "compose.yaml").write_text(
        f"name: p\nservices: {{app: {{image: '{image}', healthcheck: {health}, secrets: [key]}}}}\n"
        "secrets: {key: {external: true}}\n"
    )
    dated("swarm", "init", "--advertise-addr", "eth0")
    assert {fault for fault, _, _ in patient.faults()} == {"engine-old", "compose-old", "docker-old"}
    mended = [row for row in patient.found() if row["Fault"] != "engine-old"]
    for row in mended:
        patient.run(row["Command"])
    assert {fault for fault, _, _ in patient.faults()} == {"engine-old"}
    assert "start_interval" in patient.run("strongroom compose up -d", status=1).stderr
    assert patient.heal() == ["engine-old"]
    engines.make_standin(dated)
    patient.run("strongroom compose up -d")
    assert patient.found() == []
    subprocess.run([STRONGROOM, "compose", "down", "-t", "0"], cwd=empty.project, env=empty.variables(), check=True,
                   capture_output=True)  # fmt: skip
