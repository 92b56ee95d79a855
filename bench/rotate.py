"""A secret that six services hold: strongroom's rotation beside the loop that everybody copies."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import engines
from bench.deploy import STRONGROOM, on_swarm, run, standin
from bench.measure import Row, Table, ratio
from engines import Docker

_SERVICES = tuple(f"bench-{number}" for number in range(6))


def tables() -> list[Table]:
    title = "Rotating a secret that six services of two tasks hold, each by Docker's own update policy"
    docker = engines.present()
    if docker is None:
        return [Table(title, [Row("everything", "no Docker Engine is reachable")])]
    with tempfile.TemporaryDirectory() as directory, on_swarm(docker), standin(docker) as image:
        environment = {**docker.environment, "HOME": directory}
        environment.setdefault("DOCKER_CONFIG", str(Path(os.environ["HOME"], ".docker")))
        try:
            ours, theirs = _ours(docker, environment, Path(directory), image), _theirs(docker, image)
        finally:
            docker("service", "rm", *_SERVICES, status=None)
    return [Table(title, [ratio("strongroom rotate : docker service update, one after the other", ours, theirs, 0.25)])]


def _create(docker: Docker, image: str, secret: str) -> None:
    for service in _SERVICES:
        docker("service", "create", "-q", "--detach", "--name", service, "--replicas", "2",
               "--secret", f"source={secret},target=key,mode=0400", image)  # fmt: skip
    engines.until(lambda: all(len(docker.of_service(service)) == 2 for service in _SERVICES))


def _ours(docker: Docker, environment: Mapping[str, str], project: Path, image: str) -> float:
    run(environment, project, STRONGROOM, "init")
    run(environment, project, STRONGROOM, "secret", "create", "bench_key", "--generate", "32")
    run(environment, project, STRONGROOM, "secret", "push", "bench_key")
    _create(docker, image, "bench_key.v1")
    start = time.perf_counter()
    run(environment, project, STRONGROOM, "rotate", "-q", "bench_key")
    took = time.perf_counter() - start
    docker("service", "rm", *_SERVICES)
    engines.until(lambda: not any(docker.of_service(service) for service in _SERVICES))
    docker("secret", "rm", "bench_key.v1", "bench_key.v2", status=None)
    return took


def _theirs(docker: Docker, image: str) -> float:
    old, new = (f"bench-{secrets.token_hex(4)}" for _ in range(2))
    docker("secret", "create", old, "-", given=b"old")
    _create(docker, image, old)
    start = time.perf_counter()
    docker("secret", "create", new, "-", given=b"new")
    for service in _SERVICES:
        docker("service", "update", "-q", "--secret-rm", old, "--secret-add", f"source={new},target=key", service)
    took = time.perf_counter() - start
    docker("service", "rm", *_SERVICES)
    engines.until(lambda: not any(docker.of_service(service) for service in _SERVICES))
    docker("secret", "rm", old, new, status=None)
    return took
