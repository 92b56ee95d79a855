"""Files whose form says that values are base64: Kubernetes Secrets, and Docker's ``config.json``.

Each value is decoded and shown with its key, so that a rule for ``password: VALUE`` sees what it looks for.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from functools import cache
from typing import Any

from .confirm import compiled
from .decode import Hidden

_AROUND = 64 * 1024


class KubernetesSecrets:
    """The Kubernetes Secrets in one text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = 0

    def around(self, place: int) -> Iterator[Hidden]:
        """Decode the values of the document around ``place``."""
        if place <= self._end:
            return
        low = max(self._end, place - _AROUND)
        start = max(low, self._data.rfind(b"\n---", low, place))
        end = self._data.find(b"\n---", place, place + _AROUND)
        self._end = end = min(len(self._data), place + _AROUND) if end < 0 else end
        for found in _entry().finditer(self._data, start, end):
            if value := _text(found.group(2)):
                yield Hidden(_pair(found.group(1), value), "base64", *found.span(2))


class DockerAuths:
    """The logins in one Docker ``config.json``: each is the base64 of ``user:password``."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def around(self, place: int) -> Iterator[Hidden]:
        """Decode the login whose first characters end at ``place``."""
        found = _login().match(self._data, place - 8)
        user, _, password = _text(found.group()).partition(b":")
        if user and password:
            yield Hidden(_pair(b"password", password), "base64", *found.span())


def _text(run: bytes) -> bytes:
    """Return what base64 says if that is one line of text; nothing otherwise."""
    if len(run) % 4:
        return b""
    try:
        text = binascii.a2b_base64(run, strict_mode=True).strip(b"\r\n")
        return text if text.decode().isprintable() else b""
    except ValueError:
        return b""


def _pair(key: bytes, value: bytes) -> bytes:
    quote = b"'" if b'"' in value else b'"'
    return b"%b: %b%b%b\n" % (key, quote, value, quote)


@cache
def _entry() -> Any:  # noqa: ANN401 (re2 has no types)
    return compiled(r"""["']?([A-Za-z0-9_.-]{1,253})["']?[ \t]*:[ \t]*["']?([A-Za-z0-9+/]{4,}={0,2})""", "kubernetes")


@cache
def _login() -> Any:  # noqa: ANN401
    return compiled("[A-Za-z0-9+/]{8,}={0,2}", "docker")
