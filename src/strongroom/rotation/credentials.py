"""Values that name an account beside its password: JSON with ``username`` and ``password``, or a URL with both.

Two accounts that take turns need such a value, so that the application reads which one it is to log in as. Where there
is one account, a value may be such a text or the password alone; whatever it is, the next one is of the same form.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

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
    account, password = "", ""
    if found := _json(text):
        account, password = str(found["username"]), str(found["password"])
    elif parts := _url(text):
        account, password = unquote(parts.username or ""), unquote(parts.password or "")
    if len(accounts) == 1:
        return Credentials(accounts[0], password or text)
    if account:
        return Credentials(account, password)
    raise DeclarationError(
        f"the accounts {', '.join(accounts)} take turns, so that the secret has to name the one to log in as: give it "
        'a value such as {"username": "…", "password": "…"}, or a URL with both.'
    )


def following(value: Value, accounts: Sequence[str], new: Value) -> Value:
    """Return the value after this one: of its form, with the password ``new``, for the account whose turn it is.

    A new value that is of such a form itself is taken as it is.

    Raises:
        DeclarationError: as ``read``.
    """
    text, password = text_of(value, "the secret"), text_of(new, "the new password")
    former, parts = read(value, accounts).account, _url(text)
    if _json(password) or _url(password):
        return new
    account = accounts[(accounts.index(former) + 1) % len(accounts)] if former in accounts else accounts[0]
    if found := _json(text):
        return Value(json.dumps({**found, "username": account, "password": password}).encode())
    if parts:
        user = quote(account, safe="") if parts.username else ""
        netloc = f"{user}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
        return Value(parts._replace(netloc=netloc).geturl().encode())
    return new


def _json(text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"username", "password"} <= found.keys() else None


def _url(text: str) -> SplitResult | None:
    """Return a URL that has a password; None if it is none."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return parts if parts.scheme and parts.password else None
