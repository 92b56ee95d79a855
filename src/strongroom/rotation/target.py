"""Where a backing system is, as a URI says it: ``postgres://admin@host:5432/database?admin_secret=NAME&role=app``."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import DeclarationError
from ..model import Name, Value
from .base import Context


class Target(NamedTuple):
    """A backing system, and who may change passwords in it. ``accounts`` are those whose password the secret is."""

    uri: str
    host: str
    port: int
    admin: str
    admin_secret: str
    database: str
    accounts: tuple[str, ...]
    options: dict[str, str]

    def admin_password(self, context: Context) -> str:
        """Return the admin's password; an empty one where the URI names no secret.

        Raises:
            SecretNotFound: the store does not have it.
            DeclarationError: it is no text.
        """
        if not self.admin_secret:
            return ""
        return text_of(context.read(self.admin_secret), self.admin_secret)


def parse(uri: str, port: int, account: str) -> Target:
    """Read a URI. ``account`` is how the system calls an account: the parameter ``account=``, or ``accounts=A,B``.

    Raises:
        DeclarationError: it is not understood, or holds a password.
    """
    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query))
    if parts.password is not None:
        raise DeclarationError(
            f"the URI of a {parts.scheme} rotator holds a password: keep it in the store, and name it: "
            "admin_secret=NAME."
        )
    try:
        number = parts.port or port
    except ValueError:
        raise DeclarationError(f"'{uri}' has no port that is a number.") from None
    one, several = options.pop(account, ""), options.pop(f"{account}s", "")
    accounts = tuple(filter(None, [one, *several.split(",")]))
    if not parts.hostname or not accounts:
        raise DeclarationError(
            f"'{uri}' is not understood: give {parts.scheme}://ADMIN@HOST/?admin_secret=NAME&{account}=ACCOUNT."
        )
    secret = options.pop("admin_secret", "")
    if secret:
        Name(secret)
    return Target(
        uri,
        parts.hostname,
        number,
        unquote(parts.username or ""),
        secret,
        unquote(parts.path.strip("/")),
        accounts,
        options,
    )


def text_of(value: Value, what: str) -> str:
    """Return a value that is a password.

    Raises:
        DeclarationError: it is no text, so that no client could send it.
    """
    try:
        return value.reveal().decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise DeclarationError(f"{what} is not UTF-8, and can be no password.") from None
