"""The example services accept the current and the previous key, through a rotation, in every language."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import leaks

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/dual-secrets"
NEEDED = {"python": sys.executable, "node": "node", "go": "go", "sh": "sh"}


def put(directory: Path, name: str, value: str) -> None:
    (directory / ".next").write_text(value + "\n")
    (directory / ".next").rename(directory / name)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def command(language: str, port: int, scratch: Path, environment: dict[str, str]) -> list[str]:
    match language:
        case "python":
            return [sys.executable, str(EXAMPLE / "service.py"), str(port)]
        case "node":
            (scratch / "node_modules").mkdir()
            (scratch / "node_modules/strongroom").symlink_to(ROOT / "clients/node")
            shutil.copy(EXAMPLE / "service.js", scratch)
            return ["node", str(scratch / "service.js"), str(port)]
        case "go":
            program = str(scratch / "service")
            subprocess.run(["go", "build", "-o", program, "."], cwd=EXAMPLE / "go", env=environment, check=True)
            return [program, str(port)]
        case _:
            return [sys.executable, "-c", INETD, str(port), str(EXAMPLE / "service.sh")]


# What inetd does: each connection is a program's standard input and output.
INETD = """
import socket, subprocess, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = server.accept()
    with connection:
        subprocess.run(["sh", sys.argv[2]], stdin=connection, stdout=connection)
"""


@pytest.fixture(params=NEEDED)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Start a service, and give its address and its secrets' directory."""
    if not shutil.which(NEEDED[request.param]):
        if os.environ.get("CI"):
            pytest.fail(f"{request.param} is not installed, and CI must test it")
        pytest.skip(f"{request.param} is not installed: its example is not tested")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    environment = {
        "PATH": os.environ["PATH"], "SECRETS_DIR": str(secrets), "GOCACHE": str(tmp_path / "gocache"), "GOPROXY": "off",
        "HOME": str(tmp_path), "STRONGROOM_SH": str(ROOT / "clients/sh/strongroom.sh"), "PYTHONPATH": str(ROOT / "src"),
    }  # fmt: skip
    port = free_port()
    process = subprocess.Popen(command(request.param, port, tmp_path, environment), env=environment)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.02)
    yield f"http://127.0.0.1:{port}", secrets
    process.kill()
    process.wait()


def ask(address: str, key: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers={"X-Api-Key": key}), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_rotation_refuses_nobody_who_knows_one_of_the_two_keys(service: tuple[str, Path]) -> None:
    address, secrets = service
    first, second, third = leaks.fresh(), leaks.fresh(), leaks.fresh()
    put(secrets, "api_key_current", first)
    assert [ask(address, key) for key in (first, second, "")] == [200, 401, 401]
    put(secrets, "api_key_previous", first)
    put(secrets, "api_key_current", second)
    assert [ask(address, key) for key in (first, second, third)] == [200, 200, 401]
    put(secrets, "api_key_previous", second)
    put(secrets, "api_key_current", third)
    assert [ask(address, key) for key in (first, second, third)] == [401, 200, 200]
