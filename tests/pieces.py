"""What a target yields, gathered for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from strongroom.model import Value
from strongroom.scan.model import Finding, Piece, Place
from strongroom.scan.targets.base import Target


def everything(target: Target) -> list[tuple[Place, bytes]]:
    """Return all pieces."""
    return [(piece.place, b"".join(piece.chunks)) for piece in target.pieces()]


def texts(target: Target) -> dict[str, bytes]:
    """Return what lies at each path."""
    found: dict[str, bytes] = {}
    for place, data in everything(target):
        found[place.path] = found.get(place.path, b"") + data
    return found


def where(target: Target, token: bytes) -> list[Place]:
    """Return each place where a text lies, as it is told after the last piece."""

    def scan(pieces: Iterable[Piece]) -> Iterator[Finding]:
        for piece in pieces:
            for _ in range(b"".join(piece.chunks).count(token)):
                yield Finding("x", "x", piece.place, 1, 1, Value(b"x"))

    return [finding.place for finding in target.findings(scan)]
