"""Real servers, started once for all tests that need them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import servers
from projects import missing, own_openbao
from servers import Mariadb, OpenBao, Postgres, Python, Redis

TESTS = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """Return an OpenBao server."""
    yield from own_openbao(tmp_path_factory.mktemp("openbao"))


@pytest.fixture
def vault(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> OpenBao:
    """Return it, and let the environment lead there."""
    for name in [name for name in os.environ if name.startswith(("VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    for name, value in openbao.environment.items():
        monkeypatch.setenv(name, value)
    return openbao


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Python]:
    """Return a server that is AWS to the SDK."""
    pytest.importorskip("moto")
    server = Python(tmp_path_factory.mktemp("moto"), [str(TESTS / "moto_server.py"), "-H", servers.LOCAL, "-p", "PORT"])
    yield server
    server.stop()


@pytest.fixture
def aws(moto: Python, monkeypatch: pytest.MonkeyPatch) -> Python:
    """Return it, and let the environment lead there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"AWS_ENDPOINT_URL": moto.address, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "tests",
                        "AWS_SECRET_ACCESS_KEY": "tests", "AWS_EC2_METADATA_DISABLED": "true"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return moto


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a PostgreSQL server."""
    if servers.postgres_programs() is None:
        missing("PostgreSQL is not installed")
    # Its socket's path has to be short, and whoever it runs as must get there.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        server = Postgres(Path(directory, "pg"))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Return a Redis server."""
    if shutil.which("redis-server") is None:
        missing("Redis is not installed")
    server = Redis(tmp_path_factory.mktemp("servers") / "redis")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Mariadb]:
    """Return a MariaDB server."""
    if not servers.mariadb_is_installed():
        missing("MariaDB is not installed")
    # As PostgreSQL: a short path, that whoever it runs as gets to.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        server = Mariadb(Path(directory, "m"))
        yield server
        server.stop()
