"""PostgreSQL roles. One role changes its password at once; of two that take turns, both work all the time.

``postgres://ADMIN@HOST:PORT/DATABASE?admin_secret=NAME&role=ROLE``, or ``roles=A,B`` for two that take turns. Other
parameters, such as ``sslmode=verify-full``, are libpq's; by default it uses TLS where the server has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import RotatorFailed
from ..model import Value
from . import credentials
from .base import Context
from .target import parse

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS = 10


class PostgresRotator:
    """Changes passwords with ALTER ROLE. The server gets a SCRAM verifier, so that no password is in its log."""

    def __init__(self, uri: str, context: Context) -> None:
        """Use what ``uri`` names.

        Raises:
            DeclarationError: it is not understood.
        """
        self._target = parse(uri, 5432, "role")
        self._context = context

    def next_value(self, current: Value, generated: Value) -> Value:
        """See ``base.Rotator``."""
        return credentials.following(current, self._target.accounts, generated)

    def allow(self, value: Value, other: Value) -> None:
        """See ``base.Rotator``."""
        from psycopg import sql

        role, password = credentials.read(value, self._target.accounts)
        if role not in self._target.accounts:  # the first value may name another, which is never changed
            return
        with self._connect(self._target.admin, self._target.admin_password(self._context)) as connection:
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
            )

    def test(self, value: Value) -> None:
        """See ``base.Rotator``."""
        with self._connect(*credentials.read(value, self._target.accounts)) as connection:
            connection.execute("SELECT 1")

    def only(self, value: Value, former: Value) -> None:
        """See ``base.Rotator``. A role has one password; the other one's, where two take turns, stays for its tasks."""

    @contextmanager
    def _connect(self, user: str, password: str) -> Iterator[psycopg.Connection]:
        """Yield a connection whose errors are ours: libpq's own may quote what it was given."""
        import psycopg

        target = self._target
        words = target.options | {"connect_timeout": str(_CONNECT_SECONDS), "dbname": target.database or "postgres"}
        words |= {key: text for key, text in (("user", user), ("password", password)) if text}
        try:
            parameters = psycopg.conninfo.make_conninfo(host=target.host, port=target.port, **words)
            with psycopg.connect(parameters, autocommit=True) as connection:
                yield connection
        except psycopg.Error as error:
            said = " ".join(str(error).split()).replace(password or "\0", "<secret>")
            place = f"PostgreSQL at {target.host}:{target.port}, as {user or 'the present user'}"
            raise RotatorFailed(f"{place}: {said}") from None
