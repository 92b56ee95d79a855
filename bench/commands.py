"""Whole commands: what a person, or a script, waits for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Row, Table, Work, alternate, process, ratio

TOKEN = "bench-only"  # of a server that lives for a minute, on this machine


def tables() -> list[Table]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory, openbao() as bao:
        environment = {"HOME": directory, "PATH": os.environ["PATH"], "PASSWORD_STORE_DIR": f"{directory}/pass"}
        works: dict[str, Work] = {"bare": process(sys.executable, "-c", "", environment=environment)}
        works |= _strongroom(directory, environment)
        if bao:
            address = environment | {"BAO_ADDR": bao, "BAO_TOKEN": TOKEN}
            program = str(Path(sys.executable).with_name("bao"))
            process(program, "kv", "put", "secret/db", "password=x", environment=address)()
            works["bao"] = process(program, "kv", "get", "-field=password", "secret/db", environment=address)
        if shutil.which("pass"):
            _pass(environment)
            works["pass"] = process("pass", "show", "db", environment=environment)
        took = alternate(works, rounds=40)
    rows = []
    for command in ("secret ls", "secret reveal"):
        rows.append(ratio(f"strongroom {command} : a bare interpreter", took[command], took["bare"], 6))
        rows.append(_peer(f"strongroom {command} : bao kv get", took, command, "bao", 1))
    rows.append(_peer("strongroom secret reveal : pass show (C and sh, for honesty)", took, "secret reveal", "pass"))
    return [Table("Commands (whole processes)", rows)]


def _peer(what: str, took: dict[str, float], ours: str, peer: str, aim: float | None = None) -> Row:
    return ratio(what, took[ours], took[peer], aim) if peer in took else Row(what, f"{peer} is not installed")


def _strongroom(directory: str, environment: dict[str, str]) -> dict[str, Work]:
    program = str(Path(sys.executable).with_name("strongroom"))
    process(program, "init", environment=environment, cwd=directory)()
    process(program, "secret", "create", "db", "--generate", "32", environment=environment, cwd=directory)()
    return {
        "secret ls": process(program, "secret", "ls", environment=environment, cwd=directory),
        "secret reveal": process(program, "secret", "reveal", "db", environment=environment, cwd=directory),
    }


@contextmanager
def openbao() -> Iterator[str | None]:
    """Start a real OpenBao for development, and yield its address."""
    program = Path(sys.executable).with_name("bao")
    if not program.exists():
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [program, "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={TOKEN}",
         f"-dev-listen-address={listen}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_up(f"http://{listen}/v1/sys/health")
        yield f"http://{listen}"
    finally:
        server.terminate()
        server.wait()


def _wait_until_up(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url).close()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _pass(environment: dict[str, str]) -> None:
    gnupg = Path(environment["HOME"], ".gnupg")
    gnupg.mkdir(mode=0o700)
    key = ["gpg", "--batch", "--passphrase", "", "--quick-gen-key", "bench@example.org", "default", "default", "never"]
    process(*key, environment=environment)()
    process("pass", "init", "bench@example.org", environment=environment)()
    process("pass", "generate", "db", "32", environment=environment)()
