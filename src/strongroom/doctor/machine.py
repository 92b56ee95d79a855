"""Facts of the machine: the Engine, its swarm, and which releases of Docker's programs there are."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..delivery.driver import SOCKET, nodes
from ..delivery.driver.unit import NAME as UNIT
from ..docker import cli
from ..docker.engine import Engine
from ..errors import EngineError
from .model import Subject

Version = tuple[int, ...]


class Machine(NamedTuple):
    """What there is. Versions are empty where they are not known, ``problem`` is why there is no Engine."""

    engine: Engine | None = None
    problem: str = ""
    host: str = ""
    api: Version = ()
    release: str = ""
    command_line: Version = ()  # Docker's
    compose: Version = ()
    has_docker: bool = False
    swarm: str = "inactive"
    node: str = ""
    manager: bool = False
    managers: tuple[str, ...] = ()


class DriverNode(NamedTuple):
    """A manager that lacks a driver."""

    driver: str
    node: str
    why: str
    here: bool
    installed: bool  # its unit is there, and only does not run


def look() -> Machine:
    """Return what this machine has."""
    has_docker = shutil.which("docker") is not None
    host = os.environ.get("DOCKER_HOST", "")
    found = Machine(host=host, has_docker=has_docker)
    if has_docker:
        found = found._replace(
            compose=version_of(_said("compose", "version", "--short")),
            command_line=version_of(_said("--version").removeprefix("Docker version ")),
        )
    try:
        engine = Engine.connect()
        release, info = engine.get("/version"), engine.get("/info")
    except EngineError as error:
        return found._replace(problem=str(error))
    swarm = info.get("Swarm") or {}
    return found._replace(
        engine=engine,
        api=version_of(str(release.get("ApiVersion"))),
        release=str(release.get("Version")),
        swarm=str(swarm.get("LocalNodeState") or "inactive"),
        node=str(info.get("Name")),
        manager=bool(swarm.get("ControlAvailable")),
        managers=tuple(str(each["Addr"]).rpartition(":")[0] for each in swarm.get("RemoteManagers") or []),
    )


def without_driver(engine: Engine, subjects: Sequence[Subject], node: str) -> list[DriverNode]:
    """Return the managers that lack a driver that a service's secret comes from."""
    found = []
    for driver in sorted({name for subject in subjects for name in subject.drivers}):
        name = driver.partition(":")[0]
        for each in nodes.look(engine, SOCKET.with_name(f"{name}.sock")):
            if each.has is False:
                installed = Path("/etc/systemd/system", UNIT).exists()
                found.append(DriverNode(name, each.name, each.why, each.name == node, installed))
    return found


def version_of(text: str) -> Version:
    """Return a version's numbers, as far as it has some: ``2.26.1-4`` is 2, 26, 1."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", text.strip())
    return tuple(map(int, match[1].split("."))) if match else ()


def _said(*arguments: str) -> str:
    try:
        return cli.run(arguments, "docker")[0].decode()
    except EngineError:
        return ""
