"""An application that logs in to a database with users that OpenBao makes, each for as long as it is leased."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import leaks
from servers import LOCAL, OpenBao, Postgres


@dataclass
class Dynamic:
    """Users of a PostgreSQL that an OpenBao makes, for a login by AppRole that may read ``secret/app``, too."""

    openbao: OpenBao
    postgres: Postgres

    def __post_init__(self) -> None:
        self.set_key()
        if "approle/" not in self.openbao.api("GET", "sys/auth")["data"]:
            self.openbao.api("POST", "sys/auth/approle", {"type": "approle"})

    def set_key(self) -> None:
        """Give ``secret/app`` another key."""
        self.key = leaks.fresh()
        self.openbao.api("POST", "secret/data/app", {"data": {"api_key": self.key, "other": "x"}})

    def role(self, seconds: int, most: int, login_seconds: int = 3600) -> dict[str, str]:
        """Lease users for so many seconds, at most for ``most``; return the variables of a new login."""
        api, name = self.openbao.api, f"app-{secrets.token_hex(3)}"
        mount = self.postgres.engine(self.openbao, f"{seconds}s", f"{most}s")
        self.users_path = f"{mount}/creds/app"
        policy = "".join(
            f'path "{path}" {{ capabilities = ["read"] }}\n' for path in ("secret/data/app", self.users_path)
        )
        api("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        api("POST", f"auth/approle/role/{name}", {"token_policies": name, "token_ttl": f"{login_seconds}s"})
        role = api("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        self.secret_id = str(api("POST", f"auth/approle/role/{name}/secret-id", {})["data"]["secret_id"])
        return {
            "VAULT_ADDR": self.openbao.address, "VAULT_ROLE_ID": role,
            "STRONGROOM_SECRETS": f"db_=vault://{self.users_path}#*,api_key=vault://secret/app#api_key",
        }  # fmt: skip

    def users(self) -> set[str]:
        """Return the users that there are."""
        import psycopg

        with psycopg.connect(
            host=LOCAL, port=self.postgres.port, user="root", password=self.postgres.password, dbname="postgres"
        ) as connection:
            return {str(row[0]) for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")}


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
