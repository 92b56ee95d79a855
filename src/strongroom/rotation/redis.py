"""Redis ACL users, who may have several passwords: both the old and the new one are valid until a rotation finishes.

``redis://ADMIN@HOST:PORT/?admin_secret=NAME&user=USER``; ``rediss://`` for TLS. Where the server has an ACL file, it is
saved, so that a restart keeps what was changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import RotatorFailed
from ..model import Value
from . import credentials
from .base import Context
from .target import parse

if TYPE_CHECKING:
    import redis

_SECONDS = 10


class RedisRotator:
    """Changes passwords with ACL SETUSER. The server gets their hashes, so that no password is in its log."""

    def __init__(self, uri: str, context: Context) -> None:
        """Use what ``uri`` names.

        Raises:
            DeclarationError: it is not understood.
        """
        self._target = parse(uri, 6379, "user")
        self._tls = uri.startswith("rediss:")
        self._context = context

    def next_value(self, current: Value, generated: Value) -> Value:
        """See ``base.Rotator``."""
        return credentials.following(current, self._target.accounts, generated)

    def allow(self, value: Value, other: Value) -> None:
        """See ``base.Rotator``."""
        self._set_user("on", self._hash(other), self._hash(value))

    def test(self, value: Value) -> None:
        """See ``base.Rotator``."""
        import redis

        def greet(client: redis.Redis) -> None:
            with suppress(redis.exceptions.NoPermissionError):  # it is logged in: what it may do is not our business
                client.ping()

        self._call(self._target.accounts[0], credentials.read(value, self._target.accounts).password, greet)

    def only(self, value: Value, former: Value) -> None:
        """See ``base.Rotator``."""
        self._set_user("on", "resetpass", self._hash(value))

    def _set_user(self, *rules: str) -> None:
        import redis

        def change(client: redis.Redis) -> None:
            if client.acl_getuser(self._target.accounts[0]) is None:  # SETUSER would make one that may do nothing
                raise redis.ResponseError(f"there is no user {self._target.accounts[0]}")
            client.execute_command("ACL SETUSER", self._target.accounts[0], *rules)  # type: ignore[no-untyped-call]
            with suppress(redis.ResponseError):  # it has no ACL file
                client.acl_save()

        self._call(self._target.admin or "default", self._target.admin_password(self._context), change)

    def _call(self, user: str, password: str, work: Callable[[redis.Redis], object]) -> None:
        import redis

        target = self._target
        client = redis.Redis(
            host=target.host, port=target.port, username=user if password else None, password=password or None,
            ssl=self._tls, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS,
        )  # fmt: skip
        try:
            work(client)
        except redis.RedisError as error:
            said = str(error).replace(password or "\0", "<secret>")
            raise RotatorFailed(f"Redis at {target.host}:{target.port}, as {user}: {said}") from None
        finally:
            client.close()

    def _hash(self, value: Value) -> str:
        password = credentials.read(value, self._target.accounts).password
        return "#" + hashlib.sha256(password.encode()).hexdigest()
