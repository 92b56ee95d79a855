"""Many patterns as one Hyperscan database, which says in one pass where each of them ends.

Compiling takes about a second, so that a database is kept, under a name that is a hash of all that it was made of. One
that holds values of the store's never is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from ...errors import RulesError
from . import kept

_NEXT, _FAR = 16, 32 * 1024  # in bytes


class Pattern(NamedTuple):
    """A regular expression, and what is looked for instead where Hyperscan does not take it.

    ``name`` is for errors. Of ``dense`` matches, one after the other, the first is told and one every 32 KiB.
    """

    expression: bytes
    caseless: bool = False
    instead: tuple[bytes, ...] = ()
    name: str = ""
    dense: bool = False


class Database:
    """Patterns, ready to be looked for. A pattern is told by its index."""

    def __init__(self, patterns: Sequence[Pattern], *, keep: bool) -> None:
        """Compile ``patterns``; with ``keep`` the result is taken from the cache directory, or put there.

        Raises:
            RulesError: Hyperscan takes neither a pattern nor what is to be looked for instead.
        """
        self._database = _kept(patterns) if keep else _compile(patterns)
        self._events: list[tuple[int, int]] = []
        self._dense = {index: (0, 0) for index, pattern in enumerate(patterns) if pattern.dense}  # the last, the told
        append, dense = self._events.append, self._dense

        def note(index: int, _start: int, end: int, _flags: int, _context: object) -> None:
            if index in dense:
                last, told = dense[index]
                if last and end - last < _NEXT and end - told < _FAR:
                    dense[index] = (end, told)
                    return
                dense[index] = (end, end)
            append((index, end))

        self._note = note

    def scan(self, data: bytes | memoryview) -> Sequence[tuple[int, int]]:
        """Return the index and the end of each match, valid until the next call."""
        if self._events:
            self._events.clear()
            self._dense.update(dict.fromkeys(self._dense, (0, 0)))
        self._database.scan(data, self._note)
        return self._events


def _kept(patterns: Sequence[Pattern]) -> Any:  # noqa: ANN401 (hyperscan has no types)
    import hyperscan

    digest = hashlib.sha256(f"{_processor()} {list(patterns)!r}".encode())
    name = f"rules-{digest.hexdigest()[:32]}"
    with suppress(hyperscan.HyperscanError):
        if content := kept.load(name):
            database = hyperscan.loadb(content, hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
            return database
    database = _compile(patterns)
    with suppress(hyperscan.HyperscanError):
        kept.keep(name, hyperscan.dumpb(database))
    return database


def _compile(patterns: Sequence[Pattern]) -> Any:  # noqa: ANN401
    import hyperscan

    try:
        return _compiled([(index, pattern.expression, pattern.caseless) for index, pattern in enumerate(patterns)])
    except hyperscan.HyperscanError:
        return _compiled([each for index, pattern in enumerate(patterns) for each in _taken(index, pattern)])


def _taken(index: int, pattern: Pattern) -> list[tuple[int, bytes, bool]]:
    """Return what Hyperscan takes for a pattern."""
    import hyperscan

    instead = [(index, expression, True) for expression in pattern.instead]
    for expressions in ([(index, pattern.expression, pattern.caseless)], instead):
        with suppress(hyperscan.HyperscanError):
            if expressions:
                _compiled(expressions)
                return expressions
    raise RulesError(
        f"rule '{pattern.name}' cannot be looked for: Hyperscan does not take its regex, and it has no keywords. Give "
        "it keywords, words of which each match contains one."
    )


def _compiled(expressions: Sequence[tuple[int, bytes, bool]]) -> Any:  # noqa: ANN401
    import hyperscan

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    if expressions:
        database.compile(
            ids=[index for index, _, _ in expressions],
            expressions=[expression for _, expression, _ in expressions],
            flags=[hyperscan.HS_FLAG_CASELESS if caseless else 0 for _, _, caseless in expressions],
        )
    return database


@cache
def _processor() -> str:
    """Return what a database depends on besides its patterns: Hyperscan's version, and the processor's features."""
    import hyperscan

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[b"a"], ids=[0], flags=[0])
    return str(database.info())
