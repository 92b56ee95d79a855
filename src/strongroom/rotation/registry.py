"""Finds the rotator that a URI names. Others' are found by entry points (group ``strongroom.rotators``)."""

from __future__ import annotations

from importlib import import_module

from ..errors import DeclarationError
from .base import Context, Rotator

GROUP = "strongroom.rotators"
_OWN = {
    "none": "none:NoRotator",
    "command": "command:CommandRotator",
    "postgres": "postgres:PostgresRotator",
    "postgresql": "postgres:PostgresRotator",
    "mariadb": "mariadb:MariadbRotator",
    "mysql": "mariadb:MariadbRotator",
    "redis": "redis:RedisRotator",
    "rediss": "redis:RedisRotator",
}


def find(uri: str, context: Context) -> Rotator:
    """Return the rotator for a URI, or for ``none`` where there is no backing system.

    Raises:
        DeclarationError: nothing that is installed knows it, or it is not understood.
    """
    scheme = uri.partition(":")[0]
    found: Rotator
    if scheme in _OWN:
        module, _, name = _OWN[scheme].partition(":")
        found = getattr(import_module(f".{module}", __package__), name)(uri, context)
        return found
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=scheme):
        found = entry.load()(uri, context)
        return found
    raise DeclarationError(f"no rotator is known for {scheme}. There are: {', '.join(_OWN)}.")
