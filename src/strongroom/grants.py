"""Grants as a person writes them on the command line: ``NAME[=TARGET][,uid=N][,gid=N][,mode=OCTAL]``."""

from __future__ import annotations

import re

from .errors import DeclarationError
from .model import Grant, Name

_OCTAL = re.compile(r"(?:0o?)?[0-7]{1,4}")


def parse(text: str) -> Grant:
    """Read a grant. Its target is the secret's name unless one is given, its mode 0444, as in Docker.

    Raises:
        DeclarationError, InvalidName: it cannot be understood.
    """
    head, *options = text.split(",")
    name, _, target = head.partition("=")
    values: dict[str, int] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if key == "target" and value and not target:
            target = value
        elif key in ("uid", "gid") and value.isascii() and value.isdigit():
            values[key] = int(value)
        elif key == "mode" and _OCTAL.fullmatch(value):
            values[key] = mode(value)
        else:
            raise DeclarationError(
                f"'{option}' in '{text}' is not understood: give NAME[=TARGET][,uid=N][,gid=N][,mode=OCTAL]"
                f"{', numbers for uid and gid' if key in ('uid', 'gid') and equals else ''}."
            )
    return Grant(Name(name), target or name, **values)


def mode(text: str) -> int:
    """Read an octal mode, with or without ``0`` or ``0o`` before it."""
    return int(text.removeprefix("0o"), 8)
