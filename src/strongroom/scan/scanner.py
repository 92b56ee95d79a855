"""The scanner: pieces in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..model import MAX_VALUE_BYTES, Value
from .detect.confirm import compiled
from .detect.engine import Engine, Values
from .detect.hits import Hit
from .detect.rules import Rule, RuleSet
from .detect.windows import Window, characters, windows
from .model import Finding, Notice, Piece, Place

_MASK = b"*****"
_SHOWN = 60  # how much of a line is shown to each side of a value, in bytes


class Scanner:
    """Looks at pieces, one after the other."""

    def __init__(self, rules: RuleSet, known: Values | None = None) -> None:
        """Make ready to look for what ``rules`` describe, and for ``known`` values.

        Raises:
            RulesError: a rule cannot be looked for.
        """
        self._known = known
        self._engine = Engine(rules, known)
        self._paths = [(rule, compiled(rule.path, rule.id)) for rule in rules.rules if rule.path and not rule.regex]

    @property
    def notices(self) -> list[Notice]:
        """What a person should know about the scan itself: values that are not looked for."""
        return list(self._known.notices) if self._known else []

    def scan(self, pieces: Iterable[Piece]) -> Iterator[Finding]:
        """Return what is found, piece by piece, in the order of places."""
        for piece in pieces:
            if self._paths:
                yield from _by_path(piece.place, self._paths)
            told: set[tuple[str, bytes, tuple[str, ...]]] = set()
            for window in windows(piece.chunks):
                if hits := self._engine.find(window.data, piece.place):
                    yield from _findings(window, hits, piece.place, told)


def _by_path(place: Place, rules: list[tuple[Rule, Any]]) -> Iterator[Finding]:
    """Return a finding for each rule that the path of a piece is enough for."""
    path = place.path.encode(errors="surrogateescape")
    for rule, regex in rules:
        if regex.search(path):
            yield Finding(rule.id, rule.description, place, 0, 0, Value(path))


def _findings(
    window: Window, hits: list[Hit], place: Place, told: set[tuple[str, bytes, tuple[str, ...]]]
) -> Iterator[Finding]:
    """Return a window's own findings: the others were told with the window before, or will be with the next one."""
    at, line, column = 0, window.line, window.column
    data = window.data
    for index, hit in enumerate(hits):
        if lines := data.count(b"\n", at, hit.start):
            line, column, at = line + lines, 0, data.rfind(b"\n", at, hit.start) + 1
        column += characters(data, at, hit.start)
        at = hit.start
        if hit.exact:
            if not window.first <= hit.start < window.limit:
                continue
        elif window.offset or window.limit < len(data):
            # The run that hides it may be longer than a window, and is then decoded a part at a time.
            key = (hit.rule, hit.value, hit.encoding)
            if key in told:
                continue
            told.add(key)
        wide = hit.exact and hit.encoding[:1] == ("utf-16",)  # two bytes are a character
        yield Finding(
            hit.rule, hit.description, place, line, (column // 2 if wide else column) + 1,
            Value(hit.value[:MAX_VALUE_BYTES]), hit.encoding, hit.secret, _excerpt(data, hits, index),
        )  # fmt: skip


def _excerpt(data: bytes, hits: list[Hit], index: int) -> str:
    """Return the line of a hit, with each value in it masked."""
    hit = hits[index]
    low, high = max(0, hit.start - _SHOWN), min(len(data), hit.end + _SHOWN)
    low = data.rfind(b"\n", low, hit.start) + 1 or low
    newline = data.find(b"\n", hit.end, high)
    high = high if newline < 0 else newline
    parts, at = [], low
    first = index
    while first and hits[first - 1].end > low:
        first -= 1
    for other in map(hits.__getitem__, range(first, len(hits))):
        if other.start >= high:
            break
        if other.end > at:
            parts += [data[at : max(at, other.start)], _MASK]
            at = other.end
    parts.append(data[at:high] if at < high else b"")
    return " ".join(b"".join(parts).replace(b"\0", b"").decode(errors="replace").split())
