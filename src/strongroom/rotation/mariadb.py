"""MariaDB accounts, which may have several passwords: both the old and the new one are valid until a rotation finishes.

``mariadb://ADMIN@HOST:PORT/?admin_secret=NAME&user=USER``, or ``users=A,B`` for two that take turns. An account is
``USER@HOST`` as in MariaDB, and from any host (``%``) where it names none. TLS is used where the server has it; with
``ssl_ca=FILE`` it has to be there, with a certificate of that authority. ``mysql://`` is MySQL, whose accounts are
given one password: two that take turns are what no login fails with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import DeclarationError, RotatorFailed
from ..model import Value
from . import credentials
from .base import Context
from .target import parse

if TYPE_CHECKING:
    import pymysql
    from pymysql.cursors import Cursor

_SECONDS = 10
_ANYWHERE = "%"
_PLUGIN = "mysql_native_password"
_NO_SUCH_ACCOUNT = 1133  # ER_PASSWORD_NO_MATCH
_METHOD = re.compile(r"\b(?:VIA|OR) (\w+)")


class MariadbRotator:
    """Changes passwords with ALTER USER. MariaDB gets their hashes, so that no password is in its log."""

    def __init__(self, uri: str, context: Context) -> None:
        """Use what ``uri`` names.

        Raises:
            DeclarationError: it is not understood.
        """
        self._target = parse(uri, 3306, "user")
        self._context = context
        self._hosts = dict(map(_split, self._target.accounts))
        self._names = list(self._hosts)
        if unknown := self._target.options.keys() - {"ssl_ca"}:
            raise DeclarationError(
                f"'{min(unknown)}' in '{uri}' is not known: admin_secret, user, users and ssl_ca are."
            )

    def next_value(self, current: Value, generated: Value) -> Value:
        """See ``base.Rotator``."""
        return credentials.following(current, self._names, generated)

    def allow(self, value: Value, other: Value) -> None:
        """See ``base.Rotator``. What running tasks log in with comes first: some clients try few methods."""
        user, password = credentials.read(value, self._names)
        if user not in self._hosts:  # the first value may name another, which is never changed
            return
        both = len(self._names) == 1
        self._set(user, *([credentials.read(other, self._names).password] if both else []), password)

    def test(self, value: Value) -> None:
        """See ``base.Rotator``."""
        with self._connect(*credentials.read(value, self._names)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def only(self, value: Value, former: Value) -> None:
        """See ``base.Rotator``. The other one's password, where two take turns, stays for its tasks."""
        if len(self._names) == 1:
            self._set(*credentials.read(value, self._names))

    def _set(self, user: str, *passwords: str) -> None:
        """Give an account these passwords; on MySQL, the last of them."""
        account = (user, self._hosts[user])
        with self._as_admin() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            if "MariaDB" not in str(cursor.fetchone()):
                # Its server writes no password of such a statement to a log.
                cursor.execute("ALTER USER %s@%s IDENTIFIED BY %s", (*account, passwords[-1]))
                return
            _require_passwords_alone(cursor, account)
            methods = " OR ".join(f"{_PLUGIN} USING %s" for _ in passwords)
            cursor.execute(f"ALTER USER %s@%s IDENTIFIED VIA {methods}", (*account, *map(_hash, passwords)))

    def _as_admin(self) -> AbstractContextManager[pymysql.Connection[Any]]:
        return self._connect(self._target.admin, self._target.admin_password(self._context))

    @contextmanager
    def _connect(self, user: str, password: str) -> Iterator[pymysql.Connection[Any]]:
        """Yield a connection whose errors are ours: the server's own may quote what it was given."""
        import pymysql

        target, authority = self._target, self._target.options.get("ssl_ca")
        try:
            with pymysql.connect(
                host=target.host, port=target.port, user=user or None, password=password,
                database=target.database or None, autocommit=True, connect_timeout=_SECONDS, read_timeout=_SECONDS,
                write_timeout=_SECONDS, ssl_ca=authority, ssl_verify_cert=bool(authority) or None,
                ssl_verify_identity=bool(authority) or None,
            ) as connection:  # fmt: skip
                yield connection
        except (pymysql.MySQLError, OSError) as error:
            said = str(error.args[-1] if error.args else error).replace(password or "\0", "<secret>")
            place = f"MariaDB at {target.host}:{target.port}, as {user or 'the present user'}"
            raise RotatorFailed(f"{place}: {said}") from None


def _split(account: str) -> tuple[str, str]:
    user, _, host = account.partition("@")
    return user, host or _ANYWHERE


def _require_passwords_alone(cursor: Cursor, account: tuple[str, str]) -> None:
    """Check that an account logs in with passwords: another way in would be lost, or is no password's business."""
    import pymysql

    try:
        cursor.execute("SHOW CREATE USER %s@%s", account)
    except pymysql.MySQLError as error:
        if error.args[0] != _NO_SUCH_ACCOUNT:
            raise
        raise RotatorFailed(f"MariaDB has no account {'@'.join(account)}.") from None
    (statement,) = cursor.fetchone() or ("",)
    if others := set(_METHOD.findall(statement)) - {_PLUGIN}:
        raise RotatorFailed(
            f"the account {'@'.join(account)} logs in by {', '.join(sorted(others))}: a rotation changes accounts that "
            f"log in by {_PLUGIN} alone."
        )


def _hash(password: str) -> str:
    """Return what MariaDB's PASSWORD() makes of a password."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()  # noqa: S324 - its format
