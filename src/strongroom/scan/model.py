"""The words of a scan: pieces of what is looked at, where they lie, and what was found in them. No I/O.

Named tuples, as in ``strongroom.model``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..model import Value


class Layer(NamedTuple):
    """A layer of an image. ``number`` counts from 0, the base; ``instruction`` is what made it, as its history says."""

    number: int
    digest: str
    instruction: str = ""


class Place(NamedTuple):
    """Where a piece lies.

    ``path`` is what a person looks for: a file's path, one in an archive in a file (``app.jar!/conf/db.yml``), or what
    it is where it is no file (``Env DB_PASSWORD``, ``history 3``, ``logs``). ``commit`` is the Git commit that added
    it. ``shown`` says whether who looks at the target as it is now still sees the piece: empty where it does, and
    otherwise why not (``deleted by layer 5``, ``not in the present commit``).
    """

    path: str
    layer: Layer | None = None
    platform: str = ""
    commit: str = ""
    shown: str = ""


class Piece(NamedTuple):
    """Bytes to look at, in order and in chunks of any size; they are read before the next piece is asked for."""

    place: Place
    chunks: Iterator[bytes]


class Finding(NamedTuple):
    """A secret that lies where it should not.

    ``rule`` is the rule's id, ``known-value`` where it is a value of the store's: ``secret`` then names it. ``line``
    and ``column`` count from 1, the column in characters; both are 0 in what has no lines. ``encoding`` is how it was
    hidden, outermost first (``("base64", "utf-16")``). ``excerpt`` is its line, with the value masked.
    """

    rule: str
    description: str
    place: Place
    line: int
    column: int
    value: Value
    encoding: tuple[str, ...] = ()
    secret: str = ""
    excerpt: str = ""


class Notice(NamedTuple):
    """Something about the scan itself that a person should know: what could not be read, or was cut short."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message
