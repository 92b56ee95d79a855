"""Clients in a swarm that log in ten times a second, while the secret that they log in with changes again and again."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import engines
import leaks
import servers
from cli import Cli
from clients import make_client
from engines import Docker
from projects import missing
from servers import LOCAL, Postgres, Redis

ROTATIONS = int(os.environ.get("STRONGROOM_TEST_ROTATIONS", "3"))
KILLS = int(os.environ.get("STRONGROOM_TEST_KILLS", "2"))
# Who logs in where: two roles that take turns, one role, and an ACL user.
_KINDS = {"turns": "postgres", "single": "postgres", "cache": "redis"}


@pytest.fixture(scope="module")
def servers_here() -> Iterator[tuple[Postgres, Redis]]:
    if servers.postgres_programs() is None or shutil.which("redis-server") is None:
        missing("PostgreSQL and Redis are not installed")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        postgres, redis = Postgres(Path(directory, "pg")), Redis(Path(directory, "redis"))
        postgres.execute(*(f"CREATE ROLE shop_{each} LOGIN" for each in "abc"))
        yield postgres, redis
        postgres.stop()
        redis.stop()


@pytest.fixture(scope="module")
def client_image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = make_client(docker, tmp_path_factory.mktemp("client"))
    yield name
    docker("rmi", "-f", name, status=None)


@pytest.fixture
def shop(manager: Cli, servers_here: tuple[Postgres, Redis], client_image: str, name: str) -> Cli:
    """Return a stack of three services whose clients log in; ``with`` of each is in its Compose file."""
    postgres, redis = servers_here
    first = {each: leaks.fresh() for each in _KINDS}
    postgres.execute(
        f"ALTER ROLE shop_a PASSWORD '{first['turns']}'", f"ALTER ROLE shop_c PASSWORD '{first['single']}'"
    )
    from redis import Redis as Client

    with Client(LOCAL, redis.port, password=redis.password) as client:
        client.acl_setuser("shop", enabled=True, reset=True, passwords=[f"+{first['cache']}"], commands=["+ping"])
    manager("init")
    values = first | {"turns": json.dumps({"username": "shop_a", "password": first["turns"]})}
    values |= {"db_admin": postgres.password, "redis_admin": redis.password}
    for each, value in values.items():
        leaks.watch_for(value.encode())
        manager("secret", "create", each, "-", stdin=value)
    database = f"postgres://root@{LOCAL}:{postgres.port}/?admin_secret=db_admin"
    rotators = {
        "turns": f"{database}&roles=shop_a,shop_b",
        "single": f"{database}&role=shop_c",
        "cache": f"redis://default@{LOCAL}:{redis.port}/?admin_secret=redis_admin&user=shop",
    }
    ports = {"postgres": str(postgres.port), "redis": str(redis.port)}
    update = {"order": "start-first", "monitor": "500ms", "failure_action": "rollback"}
    services = {
        each: {
            "image": client_image,
            "command": [kind, ports[kind], f"/run/secrets/{each}"],
            "secrets": [{"source": each, "mode": 0o400}],
            "networks": ["host"],
            "volumes": [{"type": "bind", "source": str(_answers_of(manager, each)), "target": "/answers"}],
            "deploy": {"replicas": 1, "update_config": update},
        }
        for each, kind in _KINDS.items()
    }
    project = {
        "services": services,
        "secrets": {each: {"external": True} for each in _KINDS},
        "networks": {"host": {"external": True, "name": "host"}},
        "x-strongroom": {"secrets": {each: {"rotate": {"with": uri}} for each, uri in rotators.items()}},
    }
    (manager.project / "compose.yaml").write_text(json.dumps(project))
    manager("stack", "deploy", "-c", "compose.yaml", name)
    return manager


def _answers_of(shop: Cli, service: str) -> Path:
    path = shop.project / "answers" / service
    path.mkdir(parents=True, exist_ok=True)
    return path


def _answers(shop: Cli, service: str) -> list[tuple[float, str]]:
    lines = [line.split() for path in _answers_of(shop, service).iterdir() for line in path.read_text().splitlines()]
    return sorted((float(at), word) for at, word in lines)


def test_no_login_fails(shop: Cli) -> None:
    def rotate(each: str) -> None:
        for _ in range(ROTATIONS):
            shop("rotate", each)

    with ThreadPoolExecutor() as pool:
        list(pool.map(rotate, _KINDS))
    for each in ("turns", "cache"):
        answers = _answers(shop, each)
        assert len(answers) > 10 * ROTATIONS
        assert [answer for answer in answers if answer[1] != "ok"] == [], each
    # A single role has one password: from its change until the service has the new one, logins fail.
    answers = _answers(shop, "single")
    refused = [at for at, word in answers if word != "ok"]
    total = answers[-1][0] - answers[0][0]
    print(f"single role: {len(refused)} of {len(answers)} logins refused in {ROTATIONS} rotations and {total:.0f} s")
    assert answers[-1][1] == "ok"
    assert 0 < len(refused) < len(answers)


def _every_task_logs_in(docker: Docker, stack: str, servers_here: tuple[Postgres, Redis]) -> None:
    postgres, redis = servers_here
    from redis import Redis as Client

    for each in _KINDS:
        (container,) = docker.of_service(f"{stack}_{each}")
        value = leaks.watch_for(docker.read(container, f"/run/secrets/{each}").encode()).decode()
        if each == "cache":
            with Client(LOCAL, redis.port, username="shop", password=value) as client:
                assert client.ping()
            continue
        found = json.loads(value) if each == "turns" else {"username": "shop_c", "password": value}
        assert postgres.can_log_in(found["username"], found["password"]), each


def test_killed_at_any_moment(shop: Cli, swarm: Docker, name: str, servers_here: tuple[Postgres, Redis]) -> None:
    random.seed(KILLS)
    for _ in range(KILLS):
        each = random.choice(list(_KINDS))
        killed = shop.start("rotate", each)
        time.sleep(random.uniform(0.1, 4))
        killed.kill()
        under_way = "pending" in json.loads(shop("secret", "inspect", each).out)[0]["Stages"]
        shop("rotate", *random.choice([(), ("--abort",)] if under_way else [()]), each)
        assert "pending" not in json.loads(shop("secret", "inspect", each).out)[0]["Stages"]
        engines.until(lambda: all(len(swarm.of_service(f"{name}_{kind}")) == 1 for kind in _KINDS))
        _every_task_logs_in(swarm, name, servers_here)
    shop("audit", "verify")
    for each in ("turns", "cache"):
        assert [answer for answer in _answers(shop, each) if answer[1] != "ok"] == [], each


def test_the_engine_restarts_and_the_database_is_down(
    shop: Cli, swarm: Docker, name: str, servers_here: tuple[Postgres, Redis]
) -> None:
    postgres, _ = servers_here
    postgres.stop()
    try:
        said = shop("rotate", "turns", status=1).stderr
        assert "is still pending: finish it with: strongroom rotate turns" in said
    finally:
        postgres.start()
    shop("rotate", "turns")
    _every_task_logs_in(swarm, name, servers_here)
