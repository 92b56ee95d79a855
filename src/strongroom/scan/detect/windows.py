"""A piece's chunks as windows that overlap, so that memory is bounded whatever the piece's size.

A match belongs to the window in whose own part its secret starts. What comes before is context that was told already,
and what comes after is there so that a match that starts in time is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

SIZE = 512 * 1024
# What a window shares with the next one: the longest match, and what a match may need in front of it.
AHEAD = 64 * 1024
BEHIND = 8 * 1024
_INSIDE = bytes(range(0x80, 0xC0))  # what starts no character in UTF-8


class Window(NamedTuple):
    """Bytes of a piece.

    ``first`` and ``limit`` bound the part that is the window's own. ``line`` is the number of the first byte's line,
    and ``column`` how many of its characters came before.
    """

    data: bytes
    first: int
    limit: int
    offset: int = 0
    line: int = 1
    column: int = 0


def windows(chunks: Iterable[bytes]) -> Iterator[Window]:
    """Cut chunks of any size into windows. A piece that is one chunk and fits is not copied."""
    held: list[bytes] = []
    size = 0
    window = Window(b"", 0, 0)
    for chunk in _bounded(chunks):
        held.append(chunk)
        size += len(chunk)
        if size > SIZE + AHEAD:
            data = b"".join(held)
            window = window._replace(data=data, limit=size - AHEAD)
            yield window
            held = [data[window.limit - BEHIND :]]
            size = len(held[0])
            window = _next(window)
    if held:
        data = held[0] if len(held) == 1 else b"".join(held)
        yield window._replace(data=data, limit=len(data)) if window.offset else Window(data, 0, len(data))


def _bounded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if len(chunk) <= SIZE:
            yield chunk
        else:
            for start in range(0, len(chunk), SIZE):
                yield chunk[start : start + SIZE]


def _next(window: Window) -> Window:
    """Return the window that follows, without its bytes."""
    start = window.limit - BEHIND
    lines = window.data.count(b"\n", 0, start)
    column = characters(window.data, window.data.rfind(b"\n", 0, start) + 1, start)
    column += 0 if lines else window.column
    return Window(b"", BEHIND, 0, window.offset + start, window.line + lines, column)


def characters(data: bytes, start: int, end: int) -> int:
    """Return how many characters of UTF-8 start between two places, as an editor counts them."""
    part = data[start:end]
    return len(part) if part.isascii() else len(part.translate(None, _INSIDE))
