"""Bringing projects up: strongroom beside Docker's own commands, on the Engine that is there."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import engines
from bench.measure import Row, Table, duration
from engines import Docker

STRONGROOM = str(Path(sys.executable).with_name("strongroom"))
_EXAMPLE = engines.ROOT / "examples/production"
_SECRETS = ("tls_cert", "tls_key", "db_user", "db_password", "redis_password", "jwt_key", "smtp_password")
_IMAGES = ("TRAEFIK_IMAGE", "API_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE", "WORKER_IMAGE")
_ROUNDS = 5
Way = Callable[[], object]


def tables() -> list[Table]:
    docker = engines.present()
    if docker is None:
        return [Table("Deploying", [Row("everything", "no Docker Engine is reachable")])]
    with tempfile.TemporaryDirectory() as directory, on_swarm(docker), standin(docker) as image:
        variables = dict.fromkeys(_IMAGES, image) | {"MONITOR": "1s", "DELAY": "0s", "HTTPS_PORT": "18443"}
        environment = {**docker.environment, "HOME": directory, **variables}
        environment.setdefault("DOCKER_CONFIG", str(Path(os.environ["HOME"], ".docker")))
        project = Path(directory, "shop")
        shutil.copytree(_EXAMPLE, project)
        run(environment, project, STRONGROOM, "init")
        for name in _SECRETS:
            run(environment, project, STRONGROOM, "secret", "create", name, "--generate", "32")
        return [_stack(docker, environment, project), _compose(environment, project, image)]


def _stack(docker: Docker, environment: Mapping[str, str], project: Path) -> Table:
    for name in _SECRETS:
        docker("secret", "create", name, "-", given=b"by hand")

    def by_hand(*flags: str) -> Way:
        return lambda: run(environment, project, "docker", "stack", "deploy", *flags, "-c", "compose.yaml", "bench")

    def polled() -> None:
        by_hand("--detach")()
        while any(
            running != wanted.split()[0]
            for running, _, wanted in (
                line.partition("/") for line in docker.lines("stack", "services", "bench", "--format", "{{.Replicas}}")
            )
        ):
            time.sleep(0.2)

    def clean() -> None:
        docker("stack", "rm", "bench")
        engines.until(lambda: not docker.lines("ps", "-q", "--filter", "label=com.docker.stack.namespace=bench"))
        engines.until(
            lambda: not docker.lines("network", "ls", "-q", "--filter", "label=com.docker.stack.namespace=bench")
        )

    def ours() -> None:
        run(environment, project, STRONGROOM, "stack", "deploy", "-q", "-c", "compose.yaml", "bench")

    try:
        took = _in_turns({"ours": ours, "docker": by_hand("--detach=false"), "polled": polled}, clean)
    finally:
        for name in _SECRETS:
            docker("secret", "rm", name, status=None)
    return Table(
        "Deploying the production example to Swarm (stand-in images; until every service has converged)",
        [
            _over("strongroom stack deploy, over docker stack deploy and docker stack services until all run",
                  took["ours"], took["polled"], 1),
            _over("strongroom stack deploy, over docker stack deploy --detach=false", took["ours"], took["docker"]),
        ],
    )  # fmt: skip


def _compose(environment: Mapping[str, str], project: Path, image: str) -> Table:
    services = "".join(
        f"  {name}: {{image: {image}, stop_grace_period: 0s, secrets: [one, two]}}\n" for name in ("a", "b", "c")
    )
    for kind, source in (("ours", "external: true"), ("theirs", "file: ./{}")):
        folder = project / kind
        folder.mkdir()
        secrets = "".join(f"  {each}: {{{source.format(each)}}}\n" for each in ("one", "two"))
        (folder / "compose.yaml").write_text(f"name: bench{kind}\nservices:\n{services}secrets:\n{secrets}")
        for each in ("one", "two"):
            (folder / each).write_text("by hand")
    for each in ("one", "two"):
        run(environment, project, STRONGROOM, "secret", "create", each, "--generate", "32")

    def clean() -> None:
        run(environment, project / "ours", STRONGROOM, "compose", "down", "-t", "0")
        run(environment, project / "theirs", "docker", "compose", "down", "-t", "0")

    took = _in_turns(
        {
            "ours": lambda: run(environment, project / "ours", STRONGROOM, "compose", "up", "-d"),
            "theirs": lambda: run(environment, project / "theirs", "docker", "compose", "up", "-d"),
        },
        clean,
    )
    row = _over("strongroom compose up -d, over docker compose up -d with files", took["ours"], took["theirs"], 0.7)
    return Table("Bringing up a Compose project (three services, two secrets each)", [row])


def _in_turns(ways: Mapping[str, Way], clean: Way) -> dict[str, float]:
    """Return the median seconds of each, with everything removed after each."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(_ROUNDS + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                times[name].append(time.perf_counter() - start)
            clean()
    return {name: statistics.median(each) for name, each in times.items()}


def _over(what: str, ours: float, theirs: float, aim: float | None = None) -> Row:
    more = ours - theirs
    figure = f"{more:+.2f} s ({duration(ours)} : {duration(theirs)})"
    return Row(what, figure, f"under {aim:g} s more" if aim else "", more < aim if aim else None)


def run(environment: Mapping[str, str], cwd: Path, *command: str) -> None:
    done = subprocess.run(
        command, check=False, env=dict(environment), cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: {done.stderr.decode()}")


@contextmanager
def on_swarm(docker: Docker) -> Iterator[None]:
    """Have a swarm; one that is made for this goes afterwards."""
    active = docker("info", "--format", "{{.Swarm.LocalNodeState}}") == "active"
    if not active:
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        yield
    finally:
        if not active:
            docker("swarm", "leave", "--force")


@contextmanager
def standin(docker: Docker) -> Iterator[str]:
    name = engines.make_standin(docker)
    try:
        yield name
    finally:
        docker("rmi", "-f", name, status=None)
