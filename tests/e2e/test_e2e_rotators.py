"""Clients in a swarm that log in ten times a second, while the secret that they log in with changes again and again."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

import engines
import leaks
import servers
from cli import Cli
from clients import make_client
from engines import Docker
from projects import missing
from servers import LOCAL, Mariadb, Postgres, Redis

# Few, since CI has little time; 20 rotations and 100 kills are a long run.
ROTATIONS = int(os.environ.get("STRONGROOM_TEST_ROTATIONS", "3"))
KILLS = int(os.environ.get("STRONGROOM_TEST_KILLS", "2"))
# Who logs in where: two roles that take turns, one role, and accounts that may have two passwords.
_KINDS = {"turns": "postgres", "single": "postgres", "cache": "redis", "maria": "mariadb"}
_NEVER_REFUSED = ("turns", "cache", "maria")


class Servers(NamedTuple):
    """What the services log in to."""

    postgres: Postgres
    redis: Redis
    mariadb: Mariadb


@pytest.fixture(scope="module")
def servers_here() -> Iterator[Servers]:
    if servers.postgres_programs() is None or shutil.which("redis-server") is None:
        missing("PostgreSQL and Redis are not installed")
    if not servers.mariadb_is_installed():
        missing("MariaDB is not installed")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        found = Servers(Postgres(Path(directory, "p")), Redis(Path(directory, "r")), Mariadb(Path(directory, "m")))
        found.postgres.execute(*(f"CREATE ROLE shop_{each} LOGIN" for each in "abc"))
        yield found
        for each in found:
            each.stop()


@pytest.fixture(scope="module")
def client_image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = make_client(docker, tmp_path_factory.mktemp("client"))
    yield name
    docker("rmi", "-f", name, status=None)


@pytest.fixture
def shop(manager: Cli, servers_here: Servers, client_image: str, name: str) -> Cli:
    """Return a stack of services whose clients log in; ``with`` of each is in its Compose file."""
    first = {each: leaks.fresh() for each in _KINDS}
    _prepare(servers_here, first)
    manager("init")
    values = first | {"turns": json.dumps({"username": "shop_a", "password": first["turns"]})}
    values |= {f"{kind}_admin": server.password for kind, server in servers_here._asdict().items()}
    for each, value in values.items():
        leaks.watch_for(value.encode())
        manager("secret", "create", each, "-", stdin=value)
    ports = {kind: str(server.port) for kind, server in servers_here._asdict().items()}
    admins = {"postgres": "root", "redis": "default", "mariadb": "admin"}
    accounts = {"turns": "roles=shop_a,shop_b", "single": "role=shop_c", "cache": "user=shop", "maria": "user=shop"}
    rotators = {
        each: f"{kind}://{admins[kind]}@{LOCAL}:{ports[kind]}/?admin_secret={kind}_admin&{accounts[each]}"
        for each, kind in _KINDS.items()
    }
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


def _prepare(servers_here: Servers, passwords: Mapping[str, str]) -> None:
    """Give each account its first password."""
    from redis import Redis as Client

    postgres, redis, mariadb = servers_here
    postgres.execute(
        f"ALTER ROLE shop_a PASSWORD '{passwords['turns']}'", f"ALTER ROLE shop_c PASSWORD '{passwords['single']}'"
    )
    mariadb.execute(f"CREATE OR REPLACE USER shop@'%' IDENTIFIED BY '{passwords['maria']}'")
    with Client(LOCAL, redis.port, password=redis.password) as client:
        client.acl_setuser("shop", enabled=True, reset=True, passwords=[f"+{passwords['cache']}"], commands=["+ping"])


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
    for each in _NEVER_REFUSED:
        answers = _answers(shop, each)
        assert len(answers) > 10 * ROTATIONS
        assert [answer for answer in answers if answer[1] != "ok"] == [], each
    # A single role has one password: from its change until the service has the new one, logins fail.
    engines.until(lambda: _answers(shop, "single")[-1][1] == "ok")
    answers = _answers(shop, "single")
    refused = [at for at, word in answers if word != "ok"]
    total = answers[-1][0] - answers[0][0]
    print(f"single role: {len(refused)} of {len(answers)} logins refused in {ROTATIONS} rotations and {total:.0f} s")
    assert 0 < len(refused) < len(answers)


def _every_task_logs_in(docker: Docker, stack: str, servers_here: Servers) -> None:
    from redis import Redis as Client

    for each in _KINDS:
        (container,) = docker.of_service(f"{stack}_{each}")
        value = leaks.watch_for(docker.read(container, f"/run/secrets/{each}").encode()).decode()
        if each == "cache":
            with Client(LOCAL, servers_here.redis.port, username="shop", password=value) as client:
                assert client.ping()
        elif each == "maria":
            assert servers_here.mariadb.can_log_in("shop", value)
        else:
            found = json.loads(value) if each == "turns" else {"username": "shop_c", "password": value}
            assert servers_here.postgres.can_log_in(found["username"], found["password"]), each


def test_killed_at_any_moment(shop: Cli, swarm: Docker, name: str, servers_here: Servers) -> None:
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
    for each in _NEVER_REFUSED:
        assert [answer for answer in _answers(shop, each) if answer[1] != "ok"] == [], each


def test_the_engine_restarts_and_the_database_is_down(
    shop: Cli, swarm: Docker, name: str, servers_here: Servers
) -> None:
    servers_here.postgres.stop()
    try:
        said = shop("rotate", "turns", status=1).stderr
        assert "is still pending: finish it with: strongroom rotate turns" in said
    finally:
        servers_here.postgres.start()
    shop("rotate", "turns")
    _every_task_logs_in(swarm, name, servers_here)
