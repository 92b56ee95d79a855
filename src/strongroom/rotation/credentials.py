"""Values that name an account beside its password: JSON with ``username`` and ``password``, or a URL with both.

Two accounts that take turns need such a value, so that the application reads which one it is to log in as.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from ..errors import DeclarationError
from ..model import Value
from .target import text_of


class Credentials(NamedTuple):
    """An account and its password."""

    account: str
    password: str


def read(value: Value, accounts: Sequence[str]) -> Credentials:
    """Return what a value says. One that is a password alone is that of the only account there is.

    Raises:
        DeclarationError: there are two accounts, and it does not say which one it is for.
    """
    text = text_of(value, "the secret")
    if len(accounts) == 1:
        return Credentials(accounts[0], text)
    if found := _json(text):
        return Credentials(str(found["username"]), str(found["password"]))
    parts = urlsplit(text)
    if parts.scheme and parts.username and parts.password:
        return Credentials(unquote(parts.username), unquote(parts.password))
    raise DeclarationError(
        f"the accounts {', '.join(accounts)} take turns, so that the secret has to name the one to log in as: give it "
        'a value such as {"username": "…", "password": "…"}, or a URL with both.'
    )


def following(value: Value, accounts: Sequence[str], password: Value) -> Value:
    """Return the value after this one: the other account, where two take turns, with a new password.

    Raises:
        DeclarationError: as ``read``.
    """
    if len(accounts) == 1:
        return password
    former, new = read(value, accounts), text_of(password, "the new password")
    account = (
        accounts[(accounts.index(former.account) + 1) % len(accounts)] if former.account in accounts else accounts[0]
    )
    text = text_of(value, "the secret")
    if found := _json(text):
        return Value(json.dumps({**found, "username": account, "password": new}).encode())
    parts = urlsplit(text)
    place = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(account, safe='')}:{quote(new, safe='')}@{place}"
    return Value(parts._replace(netloc=netloc).geturl().encode())


def _json(text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"username", "password"} <= found.keys() else None
