"""A real PostgreSQL, and an OpenBao that makes users in it for as long as they are leased."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import leaks
from servers import LOCAL, OpenBao, free_port, wait_for

_NAME, _UNTIL = '"{{name}}"', "VALID UNTIL '{{expiration}}'"
_POLICY = """
path "secret/data/app" { capabilities = ["read"] }
path "database/creds/app" { capabilities = ["read"] }
"""


def programs() -> Path | None:
    """Return the directory of PostgreSQL's programs, if this machine has them."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.environ.get("PATH", "").split(":"))]
    return next((path for path in sorted(found, reverse=True) if (path / "initdb").exists()), None)


@dataclass
class Postgres:
    """A PostgreSQL server whose superuser is ``admin``."""

    directory: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=leaks.fresh, repr=False)

    def __post_init__(self) -> None:
        binaries = programs()
        assert binaries
        # initdb and postgres refuse to be root.
        self._user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(self.directory, "postgres", "postgres")
        (self.directory / "password").write_text(self.password)
        data = self.directory / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "admin", "--auth=scram-sha-256", "--no-sync",
             f"--pwfile={self.directory / 'password'}"],
            check=True, capture_output=True, cwd=self.directory, **self._user,  # type: ignore[call-overload]
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(self.port), "-h", LOCAL, "-k", "", "-F"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.directory,
            **self._user,  # type: ignore[call-overload]
        )  # fmt: skip
        wait_for(self.port, self._process)

    def rows(self, query: str) -> list[str]:
        """Return the first column of a query's rows, as the superuser."""
        import psycopg

        with psycopg.connect(
            host=LOCAL, port=self.port, user="admin", password=self.password, dbname="postgres"
        ) as connection:
            return [str(row[0]) for row in connection.execute(query.encode())]

    def stop(self) -> None:
        """End it, whoever is logged in."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a server, and remove it afterwards."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:  # where its own user gets to
        server = Postgres(Path(directory))
        try:
            yield server
        finally:
            server.stop()


@dataclass
class Dynamic:
    """Users of a database that OpenBao makes: ``vault://database/creds/app``, with a login by AppRole."""

    openbao: OpenBao
    postgres: Postgres

    def __post_init__(self) -> None:
        api = self.openbao.api
        self.kept = leaks.fresh()
        api("POST", "secret/data/app", {"data": {"api_key": self.kept, "other": "x"}})
        api("POST", "sys/mounts/database", {"type": "database"})
        api("POST", "database/config/app", {
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "app", "username": "admin",
            "password": self.postgres.password,
            "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{LOCAL}:{self.postgres.port}/postgres",
        })  # fmt: skip
        api("POST", "sys/auth/approle", {"type": "approle"})
        api("PUT", "sys/policies/acl/app", {"policy": _POLICY})

    def role(self, seconds: int, most: int, login_seconds: int = 3600) -> dict[str, str]:
        """Lease users for so many seconds, at most for ``most``; return the variables of a login."""
        api = self.openbao.api
        api("POST", "database/roles/app", {
            "db_name": "app", "default_ttl": f"{seconds}s", "max_ttl": f"{most}s",
            "creation_statements": f"CREATE ROLE {_NAME} LOGIN PASSWORD '{{{{password}}}}' {_UNTIL}",
            "renew_statements": f"ALTER ROLE {_NAME} {_UNTIL}",
        })  # fmt: skip
        name = f"app-{secrets.token_hex(3)}"
        api("POST", f"auth/approle/role/{name}", {"token_policies": "app", "token_ttl": f"{login_seconds}s"})
        role = api("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        self.secret_id = str(api("POST", f"auth/approle/role/{name}/secret-id", {})["data"]["secret_id"])
        return {"VAULT_ADDR": self.openbao.address, "VAULT_ROLE_ID": role}

    def users(self) -> list[str]:
        """Return the users that there are."""
        return self.postgres.rows("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")


# An application that logs in again and again, and reads its files anew when it is told to. It prints whom it was, and
# its own environment's names; and ends with an error when it was ever refused.
APPLICATION = """
import os, signal, sys, time
import psycopg

def read():
    global user, password
    user, password = (open(os.environ[name]).read() for name in ("DB_USERNAME_FILE", "DB_PASSWORD_FILE"))

stopped = False
def stop(*_):
    global stopped
    stopped = True

signal.signal(signal.SIGHUP, lambda *_: read())
signal.signal(signal.SIGTERM, stop)
read()
print("environment", *(name for name in os.environ if name.startswith(("VAULT", "BAO"))), flush=True)
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until and not stopped:
    with psycopg.connect(host="127.0.0.1", port=sys.argv[1], user=user, password=password, dbname="postgres") as login:
        print("user", *login.execute("SELECT current_user").fetchone(), flush=True)
    time.sleep(0.2)
"""
