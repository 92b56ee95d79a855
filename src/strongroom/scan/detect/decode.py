"""What is hidden around a place: the whole encoded run, decoded. Nothing here looks for runs (see ``triggers``)."""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from .confirm import compiled
from .windows import windows

_SPACE = b" \t\r\n"
_SAFE = bytes.maketrans(b"-_", b"+/")
_LINE = 48  # the least length of a line of base64 that goes on in the next one
_INFLATED = 16 * 1024 * 1024  # the most that is taken out of one gzip stream, in bytes
_AROUND = 64 * 1024
_SIMPLE = ((rb"\"", b'"'), (rb"\'", b"'"), (rb"\n", b"\n"), (rb"\r", b"\r"), (rb"\t", b"\t"), (rb"\/", b"/"))
_CODED = re.compile(rb"\\(u00|x)([0-9A-Fa-f]{2})")
_CONTROLS = frozenset({*range(32), 127}) - {9, 10, 13}


class Hidden(NamedTuple):
    """A text that was hidden in ``start`` to ``end`` of other data.

    ``step`` is how many bytes of the data make one of the text; 0 where a place in the text has none in the data.
    """

    text: bytes
    encoding: str
    start: int
    end: int
    step: int = 0


class Base64:
    """Runs of base64 in one text, each decoded once for each alignment that something in it has."""

    def __init__(self, data: bytes, alphabet: str) -> None:
        self._data, self._alphabet = data, alphabet
        self._start = self._end = self._at = self._before = 0
        self._wrapped = False
        self._tried: set[int] = set()

    def around(self, place: int, phase: int) -> Iterator[Hidden]:
        """Decode the run around ``place``, which is the character ``phase`` (mod 4) of what was encoded."""
        if not self._start <= place < self._end and not self._find(place):
            return
        if place < self._at:
            self._at, self._before = self._start, 0
        self._before += place - self._at - self._spaces(self._at, place)
        self._at = place
        skip = (self._before - phase) % 4
        if skip in self._tried:
            return
        self._tried.add(skip)
        run = self._data[self._start : self._end].translate(_SAFE, _SPACE + b"=")[skip:]
        text = binascii.a2b_base64(run[: len(run) - (len(run) % 4 == 1)] + b"==")
        yield Hidden(text, "base64", self._start, self._end)

    def _find(self, place: int) -> bool:
        backward, forward = _base64_runs(self._alphabet)
        start = place - _reach_back(backward, self._data, place)
        found = forward.match(self._data, start)
        if found is None or found.end() <= place:
            return False
        self._start, self._end, self._at, self._before = start, found.end(), start, 0
        self._wrapped = b"\n" in self._data[start : self._end]
        self._tried = set()
        return True

    def _spaces(self, start: int, end: int) -> int:
        return sum(self._data.count(each, start, end) for each in (b"\n", b"\r", b" ", b"\t")) if self._wrapped else 0


class Hex:
    """Runs of hexadecimal digits in one text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._ends = [0, 0]  # of the last run that was decoded, for each parity

    def around(self, place: int) -> Iterator[Hidden]:
        """Decode the run around ``place``, where a byte begins."""
        if place < self._ends[place % 2]:
            return
        backward, forward = _hex_runs()
        start = place - _reach_back(backward, self._data, place) // 2 * 2
        end = start + (forward.match(self._data, start).end() - start) // 2 * 2
        self._ends[place % 2] = end
        yield Hidden(binascii.a2b_hex(self._data[start:end]), "hex", start, end)


class Utf16:
    """Runs of UTF-16 in one text, of either byte order: characters below U+0100, with NULs between them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._ends = [0, 0]

    def around(self, place: int) -> Iterator[Hidden]:
        """Decode the run around ``place``, where the lower byte of a character is."""
        if place < self._ends[place % 2]:
            return
        backward, forward = _utf16_runs()
        start = place - _reach_back(backward, self._data, place)
        end = forward.match(self._data, start).end()
        self._ends[place % 2] = end
        text = self._data[start:end:2]
        if text.isascii():
            yield Hidden(text, "utf-16", start, end, 2)
        else:
            yield Hidden(text.decode("latin-1").encode(), "utf-16", start, end)


class Lines:
    """The lines of one text that hold escaped text, each decoded once."""

    def __init__(self, data: bytes, encoding: str) -> None:
        self._data, self._encoding = data, encoding
        self._end = 0

    def around(self, place: int) -> Iterator[Hidden]:
        """Decode the line around ``place``, or what of it is near."""
        if place <= self._end:
            return
        start = max(self._data.rfind(b"\n", 0, place) + 1, self._end, place - _AROUND)
        end = self._data.find(b"\n", place, place + _AROUND)
        end = min(len(self._data), place + _AROUND) if end < 0 else end
        self._end = end
        decode = unquote_to_bytes if self._encoding == "url" else unescaped
        yield Hidden(decode(self._data[start:end]), self._encoding, start, end)


def inflated(data: bytes) -> Iterator[bytes]:
    """Return what a gzip stream at the start of ``data`` holds, in windows; a damaged or huge one ends early."""

    def chunks() -> Iterator[bytes]:
        stream, rest, size = zlib.decompressobj(zlib.MAX_WBITS | 16), data, 0
        while rest and size < _INFLATED and not stream.eof:
            try:
                chunk = stream.decompress(rest, 256 * 1024)
            except zlib.error:
                return
            rest, size = stream.unconsumed_tail, size + len(chunk)
            yield chunk

    return (window.data for window in windows(chunks()))


def unescaped(data: bytes) -> bytes:
    r"""Return a text without the escapes of JSON, YAML and C: ``\n``, ``\"``, ``\\``, ``\u0061``, ``\x61``."""
    return b"\\".join(map(_unescaped, data.split(b"\\\\")))


def _unescaped(part: bytes) -> bytes:
    if b"\\u00" in part or b"\\x" in part:
        part = _CODED.sub(_decoded, part)
    if b"\\" in part:
        for escape, character in _SIMPLE:
            part = part.replace(escape, character)
    return part


def _decoded(escape: re.Match[bytes]) -> bytes:
    """Return what an escape stands for; a control character, which no text has, stays one."""
    code = int(escape[2], 16)
    if code in _CONTROLS:
        return escape[0]
    return chr(code).encode() if escape[1] == b"u00" else bytes((code,))


def _reach_back(backward: Any, data: bytes, place: int) -> int:  # noqa: ANN401 (re2 has no types)
    """Return how many bytes before ``place`` belong to its run, by a regex for the run read backwards."""
    size = 256
    while True:
        before = data[max(0, place - size) : place][::-1]
        reach = int(backward.match(before).end())
        if reach < len(before) - 128 or place <= size:
            return reach
        size *= 8


@cache
def _base64_runs(alphabet: str) -> tuple[Any, Any]:
    one = f"[{alphabet}]"
    wrapped = rf"{one}{{{_LINE},}}(?:\r?\n[ \t]*{one}{{{_LINE},}})*(?:\r?\n[ \t]*{one}{{1,{_LINE - 1}}})?={{0,2}}"
    return (
        compiled(rf"{one}*(?:[ \t]*\n\r?{one}{{{_LINE},}})*", "base64"),
        compiled(rf"{wrapped}|{one}*={{0,2}}", "base64"),
    )


@cache
def _hex_runs() -> tuple[Any, Any]:
    return compiled("[0-9A-Fa-f]*", "hex"), compiled("[0-9A-Fa-f]*", "hex")


@cache
def _utf16_runs() -> tuple[Any, Any]:
    character = r"[\t\n\r\x20-\x7e\xa0-\xff]"
    return compiled(rf"(?:\x00{character})*", "utf-16"), compiled(rf"(?:{character}\x00)*{character}?", "utf-16")
