"""Judgements on what carries secrets: the Engine and its swarm, releases of Docker's programs, secret drivers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .machine import DriverNode, Machine, Version
from .model import Fault, Finding

_UPGRADE = "sudo apt-get update && sudo apt-get install --yes {}"
_STACK_CONFIG = (23,)  # docker/cli#3544 brought 'docker stack config', which 'strongroom stack' renders with


class _Need(NamedTuple):
    """What a Compose file may ask for, and the oldest API of an Engine that does it."""

    what: str
    api: Version
    release: str


# docker/compose refuses the first two by name for an older Engine (pkg/compose/create.go).
_START_INTERVAL = _Need("healthcheck.start_interval", (1, 44), "25.0")
_SUBPATH = _Need("volumes.volume.subpath", (1, 45), "26.0")
_IMAGE_MOUNT = _Need("volumes of type image", (1, 48), "28.0")


def judge(machine: Machine, document: Mapping[str, Any], wants_compose: bool) -> Iterator[Finding]:
    """Yield what this machine cannot do. ``wants_compose``: the project is to be rendered by Docker Compose."""
    if machine.engine is None and (machine.has_docker or machine.host):
        yield _unreachable(machine)
    if machine.swarm == "locked":
        seen = "the swarm is locked since the Engine restarted: its secrets stay encrypted until somebody gives the key"
        yield Finding(Fault.SWARM_LOCKED, machine.node, "", seen, "docker swarm unlock")
    for need in _needs(document) if machine.api else ():
        if machine.api < need.api:
            seen = f"the file asks for {need.what}, which Engine {need.release} brought; this one is {machine.release}"
            yield Finding(Fault.ENGINE_OLD, machine.node, "", seen, _UPGRADE.format("docker-ce"))
    if machine.has_docker and wants_compose and machine.compose < (2,):
        have = ".".join(map(str, machine.compose))
        seen = f"docker compose is {have or 'not installed'}; strongroom compose takes release 2"
        yield Finding(Fault.COMPOSE_OLD, "", "", seen, _UPGRADE.format("docker-compose-plugin"))
    if machine.manager and machine.command_line and machine.command_line < _STACK_CONFIG:
        have = ".".join(map(str, machine.command_line))
        seen = f"Docker's command line is {have}; strongroom stack takes release 23, which can render a stack"
        yield Finding(Fault.DOCKER_OLD, "", "", seen, _UPGRADE.format("docker-ce-cli"))


def judge_drivers(lacking: Sequence[DriverNode]) -> Iterator[Finding]:
    """Yield the managers without a driver."""
    for each in lacking:
        if each.driver != "strongroom":
            command = f"docker plugin enable {each.driver}"
        elif each.installed:
            command = "sudo systemctl start strongroom-driver"
        else:
            command = "sudo strongroom driver install"
        seen = f"a service's secret comes from the driver {each.driver}; {each.why}"
        yield Finding(Fault.DRIVER_MISSING, each.node, "", seen, command if each.here else f"ssh {each.node} {command}")


def not_a_manager(machine: Machine, name: str) -> Finding | None:
    """Return the finding that nobody can look for a Swarm service here."""
    if machine.swarm != "active" or machine.manager:
        return None
    seen = f"nothing called {name} runs on this worker; only a manager ({', '.join(machine.managers)}) sees more"
    command = f"DOCKER_HOST=ssh://{(machine.managers or ('MANAGER',))[0]} strongroom doctor {name}"
    return Finding(Fault.NOT_A_MANAGER, machine.node, "", seen, command)


def _unreachable(machine: Machine) -> Finding:
    if "docker[ssh]" in machine.problem:
        command = "pip install 'docker[ssh]'"
    elif "Permission denied" in machine.problem:
        command = 'sudo usermod -aG docker "$USER" && newgrp docker'
    elif remote := re.match(r"ssh://([^/:]+)", machine.host):
        command = f"ssh {remote[1]} sudo systemctl start docker"
    else:
        command = "sudo systemctl start docker"
    if "speaks API" in machine.problem:
        return Finding(Fault.ENGINE_OLD, "", "", machine.problem, _UPGRADE.format("docker-ce"))
    return Finding(Fault.ENGINE_UNREACHABLE, "", "", machine.problem.partition(" Is it running")[0], command)


def _needs(document: Mapping[str, Any]) -> Iterator[_Need]:
    services = [each for each in (document.get("services") or {}).values() if isinstance(each, Mapping)]
    mounts = [each for service in services for each in service.get("volumes") or [] if isinstance(each, Mapping)]
    if any((each.get("healthcheck") or {}).get("start_interval") for each in services):
        yield _START_INTERVAL
    if any((each.get("volume") or {}).get("subpath") for each in mounts):
        yield _SUBPATH
    if any(each.get("type") == "image" for each in mounts):
        yield _IMAGE_MOUNT
