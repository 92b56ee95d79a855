"""References: URIs that name a value in a store, such as ``vault://secret/myapp/db#password?version=3``."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from .errors import InvalidReference
from .model import Stage

EVERY_FIELD = "*"
_SHAPE = re.compile(r"([a-z][a-z0-9+.-]*)://([^#?]*)(?:\?([^#?]*))?(?:#([^?]*))?(?:\?([^?]*))?", re.DOTALL)
_EXAMPLE = "vault://secret/myapp/db#password"


class Reference(NamedTuple):
    """A value in a store: ``scheme://path#field?version=…``.

    ``field`` is one of the fields of what lies at ``path``, ``*`` all of them, and None the whole. ``version`` is one
    of our numbers, a stage, or what the manager itself calls a version; None is the current one.
    """

    scheme: str
    path: str
    field: str | None = None
    version: int | str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference. ``%``, ``#``, ``?`` (and any other character) may stand as ``%25``, ``%23``, ``%3F``.

        The query may stand before the fragment, as RFC 3986 has it, or after it, as people write it.

        Raises:
            InvalidReference: it is none.
        """
        match = _SHAPE.fullmatch(text)
        if not match or not match[2] or not text.isprintable() or (match[3] is not None and match[5] is not None):
            raise InvalidReference(f"{_shown(text)} is not a reference: give SCHEME://PATH#FIELD, such as {_EXAMPLE}.")
        scheme, path, before, field, after = match.groups()
        if field == "":
            raise InvalidReference(f"{_shown(text)} names no field after '#': give one, '#*' for all, or leave it out.")
        query = before if after is None else after
        return cls(scheme, _decode(path), field and _decode(field), None if query is None else _version(query, text))

    def __str__(self) -> str:
        """Return the text that ``parse`` reads."""
        field = "" if self.field is None else f"#{_encode(self.field)}"
        version = "" if self.version is None else f"?version={_encode(str(self.version))}"
        return f"{self.scheme}://{_encode(self.path)}{field}{version}"


def _version(query: str, text: str) -> int | str:
    key, equals, value = query.partition("=")
    if key != "version" or not equals or not value or "&" in value:
        raise InvalidReference(f"{_shown(text)}: after '?' only version=… is understood, a number or a stage.")
    value = _decode(value)
    if value in set(Stage):
        return Stage(value)
    if not (value.isascii() and value.isdecimal()):
        return value
    if not int(value):
        raise InvalidReference(f"{_shown(text)}: versions are counted from 1.")
    return int(value)


def _encode(text: str) -> str:
    return "".join(f"%{ord(each):02X}" if each in "%#?" else each for each in text)


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def _shown(text: str) -> str:
    """Return a text for a message; one without a scheme may be a value that was given by mistake."""
    return f"'{text}'" if "://" in text and text.isprintable() else "this"
