"""Values that a store holds, wherever they lie: no pattern, no entropy, no false alarm.

A value is looked for as it is (without the newline at its end), with Windows' line ends, and as JSON and URLs write it;
its base64, hexadecimal and UTF-16 forms show where to decode, and the value has to stand in what comes out. Of a value
of many lines each line that looks random is looked for as well, since a key may be indented or cut.

A value that may be part of a word by chance (shorter than 8 bytes, letters alone, or letters and digits alone and
shorter than 12 bytes) has to stand as a whole word. One shorter than 4 bytes is not looked for: a notice says so.

The database of them stays in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from ...model import Value
from ..model import Notice
from .database import Database, Pattern
from .hits import KNOWN, Hit
from .triggers import Trigger, encoded, nested

_SHORTEST = 4
_LITERAL = 64  # how much of a value Hyperscan looks for, in bytes; the rest is compared
_COMPARED = 8192  # how much of a value has to be there, in bytes
_APART = 200  # how far apart the lines of one value may be, in bytes
_PIECE = 24  # what of a value shows where to decode, in bytes
_ESCAPED = re.compile(rb"(?:\\[nrtfvb0]|%[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})\Z")
# A line of base64 or of hexadecimal digits, and no header of a key.
_RANDOM = re.compile(rb"^\s*(?:[0-9a-fA-F]{32,}|(?=[^\n]*\d)(?=[^\n]*[a-z])(?=[^\n]*[A-Z])[A-Za-z0-9+/=_-]{20,})\s*$")


class Form(NamedTuple):
    """A way in which a value may be written. ``line`` says that it is a line of one."""

    text: bytes
    name: str
    version: int
    value: bytes
    encoding: tuple[str, ...] = ()
    line: bool = False


class Known:
    """Known values, ready to be looked for.

    Attributes:
        notices: the values that are not looked for.
    """

    def __init__(self, values: Iterable[tuple[str, int, Value]]) -> None:
        """Take the name, version and value of secrets; of equal values the first is told."""
        self.notices: list[Notice] = []
        self._forms: list[Form] = []
        self._triggers: list[Trigger] = []
        taken: set[bytes] = set()
        for name, version, value in values:
            text = value.reveal().rstrip(b"\r\n")
            if len(text) < _SHORTEST:
                self.notices.append(
                    Notice(name, f"version {version} is shorter than {_SHORTEST} bytes, and is not looked for.")
                )
                continue
            for form in forms(name, version, text):
                if form.text not in taken:
                    taken.add(form.text)
                    self._forms.append(form)
                    self._triggers += _shows(form.text)
        self._database = Database(
            [_literal(form.text) for form in self._forms] + [each.pattern for each in self._triggers], keep=False
        )

    def look(self, data: bytes) -> tuple[list[Hit], list[tuple[int, Trigger]]]:
        """Return the values in ``data``, and where something else may hide one."""
        hits: list[Hit] = []
        marks: list[tuple[int, Trigger]] = []
        for index, end in self._database.scan(data):
            if index >= len(self._forms):
                trigger = self._triggers[index - len(self._forms)]
                marks.append((end - trigger.length, trigger))
            elif hit := self._hit(self._forms[index], data, end):
                hits.append(hit)
        return list(_joined(hits)), marks

    def _hit(self, form: Form, data: bytes, end: int) -> Hit | None:
        start = end - min(len(form.text), _LITERAL)
        if not data.startswith(form.text[:_COMPARED], start):
            return None
        end = start + len(form.text[:_COMPARED])
        if _needs_edges(form.text) and not _stands_alone(data, start, end):
            return None
        kind = "A line of version" if form.line else "Version"
        told = f"{kind} {form.version} of the secret '{form.name}'"
        return Hit(3, start, end, KNOWN, told, form.value, form.encoding, form.name)


def forms(name: str, version: int, text: bytes) -> Iterator[Form]:
    """Return how a value is looked for as text."""
    yield from _written(Form(text, name, version, text))
    lines = text.splitlines()
    if len(lines) > 1:
        for line in lines:
            if _RANDOM.search(line):
                yield from _written(Form(line.strip(), name, version, text, line=True))


def _written(form: Form) -> Iterator[Form]:
    yield form
    if b"\n" in form.text:
        yield form._replace(text=form.text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        yield form._replace(text=form.text.replace(b"\r\n", b"\n"))
    for safe in ("", "/"):
        yield form._replace(text=quote(form.text, safe).encode(), encoding=("url",))
    yield form._replace(text=quote_plus(form.text).encode(), encoding=("url",))
    try:
        text = form.text.decode()
    except UnicodeDecodeError:
        return
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        twice = json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        for escaped in (once, once.replace("/", "\\/"), twice):
            yield form._replace(text=escaped.encode(), encoding=("escape",))
    if not text.isascii():
        yield form._replace(text=text.encode("utf-16-le"), encoding=("utf-16",))
        yield form._replace(text=text.encode("utf-16-be"), encoding=("utf-16",))


def _shows(text: bytes) -> Iterator[Trigger]:
    """Return what shows that a text is hidden; its first part also where base64 of base64 hides it."""
    pieces = tuple(_pieces(text))
    yield from encoded(pieces)
    yield from nested(pieces[0])


def _pieces(text: bytes) -> Iterator[bytes]:
    """Return two parts of a text of which one is whole where base64 breaks its lines once."""
    half = min(len(text) // 2, _PIECE)
    yield from (text[:half], text[half : 2 * half]) if half >= 6 else (text[:_PIECE],)


def _literal(text: bytes) -> Pattern:
    return Pattern(re.escape(text[:_LITERAL]).replace(b"\0", rb"\x00"))


def _needs_edges(text: bytes) -> bool:
    return len(text) < 8 or text.isalpha() or (text.isalnum() and len(text) < 12)


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    """Say whether no word goes on at either edge; an escape (``\\n``, ``%3D``, ``\\u003d``) in front ends a word."""
    if _wordy(data[end : end + 1]) and _wordy(data[end - 1 : end]):
        return False
    if not (_wordy(data[start - 1 : start] if start else b"") and _wordy(data[start : start + 1])):
        return True
    return _ESCAPED.search(data, max(0, start - 6), start) is not None


def _wordy(character: bytes) -> bool:
    return character.isalnum() or character == b"_"


def _joined(hits: list[Hit]) -> Iterator[Hit]:
    """Return the hits without the lines that go on with what was told."""
    ends: dict[str, int] = {}
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        line = hit.description.startswith("A line")
        if not line or hit.start > ends.get(hit.secret, -_APART - 1) + _APART:
            yield hit
        ends[hit.secret] = max(hit.end, ends.get(hit.secret, 0))
