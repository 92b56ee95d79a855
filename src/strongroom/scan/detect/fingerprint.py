"""Fingerprints of a store's values: what finds them where the store must not go, and does not tell them.

A fingerprint is a keyed digest (BLAKE2b, RFC 7693) of one form of a value. The key is in the same file, so that whoever
has the file can try guesses: therefore only values that a machine made have one, of which there are too many to try.
A text is cut into words, and each that has the length of a value is digested in turn. So a value is found where it
stands as a word, after ``=``, or between ``:`` and ``@``, and where such a text is hidden that rules decode; its base64
and hexadecimal forms are found where they start with it. What is part of a longer word is not.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self

from ...errors import ScanError
from ...model import Value
from ..model import Notice
from .hits import KNOWN, Hit
from .judge import entropy
from .triggers import Trigger
from .values import is_random

_VERSION = 1
_SHORTEST = 16
_BITS = 56.0  # of entropy that a value has at least, as its characters are spread
# What ends a word whatever it is; of the rest, what may end a value or be a part of it.
_APART = bytes(each for each in range(256) if not 0x21 <= each <= 0x7E or each in b"\"'`<>(){}[],;|\\")
_SPACES = bytes.maketrans(_APART, b" " * len(_APART))
_EDGES = re.compile(rb"[=:@/&?#]")


class _Print(NamedTuple):
    name: str
    version: int
    encoding: str
    length: int
    code: str


class Fingerprints:
    """Values that are known by their fingerprints.

    Attributes:
        notices: none; for what takes known values of any kind.
    """

    def __init__(self, key: bytes, prints: Iterable[_Print]) -> None:
        """Take the key, and the fingerprints under it."""
        self.notices: list[Notice] = []
        self._key = key
        self._prints = {bytes.fromhex(each.code): each for each in prints}
        self._lengths = sorted({each.length for each in self._prints.values()})
        self._shortest = min(self._lengths, default=1 << 30)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that ``write`` made the content of.

        Raises:
            ScanError: it cannot be read, or is none.
        """
        try:
            content = json.loads(path.read_bytes())
            if content["version"] != _VERSION:
                raise ScanError(f"{path} has fingerprints of version {content['version']}, which this strongroom does "
                                "not know. Write them anew: strongroom scan fingerprint")  # fmt: skip
            prints = [_Print(**{name: each[name] for name in _Print._fields}) for each in content["values"]]
            return cls(bytes.fromhex(content["key"]), prints)
        except OSError as error:
            raise ScanError(f"the fingerprints {path} cannot be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ScanError(f"{path} has no fingerprints: write them with strongroom scan fingerprint.") from None

    def look(self, data: bytes) -> tuple[list[Hit], list[tuple[int, Trigger]]]:
        """Return the values that are words of ``data``."""
        words = {word for word in data.translate(_SPACES).split(b" ") if len(word) >= self._shortest}
        found = {part: known for word in words for part in self._parts(word) if (known := self._print(part))}
        return [hit for part, known in found.items() for hit in _hits(data, part, known)], []

    def _parts(self, word: bytes) -> Iterator[bytes]:
        """Return what a word has between two of its edges, if a value has that length."""
        edges = [edge.start() for edge in _EDGES.finditer(word)]
        ends = {*edges, len(word)}
        for first in (0, *(edge + 1 for edge in edges)):
            for length in self._lengths:
                if first + length in ends:
                    yield word[first : first + length]

    def _print(self, part: bytes) -> _Print | None:
        return self._prints.get(_code(part, self._key))


def _hits(data: bytes, part: bytes, known: _Print) -> Iterator[Hit]:
    told = f"Version {known.version} of the secret '{known.name}'"
    encoding = (known.encoding,) if known.encoding else ()
    start = data.find(part)
    while start >= 0:
        end = start + len(part)
        yield Hit(3, start, end, KNOWN, told, part, encoding, known.name)
        start = data.find(part, end)


def write(values: Iterable[tuple[str, int, Value]]) -> tuple[bytes, Sequence[str]]:
    """Return the content of a file of fingerprints, and the names of the secrets that can have none."""
    key = secrets.token_bytes(32)
    rows, without = [], set()
    for name, version, value in values:
        text = _fingerprinted(value.reveal())
        if text is None:
            without.add(name)
            continue
        for encoding, form in _forms(text):
            row = _Print(name, version, encoding, len(form), _code(form, key).hex())
            rows.append(row._asdict())
    content = {"version": _VERSION, "key": key.hex(), "values": rows}
    return (json.dumps(content, indent=1) + "\n").encode(), sorted(without)


def _fingerprinted(value: bytes) -> bytes | None:
    """Return what of a value has a fingerprint: all, or of several lines the first that a machine made."""
    for line in value.splitlines():
        text = line.strip()
        if (
            len(text) >= _SHORTEST
            and not set(text) & set(_APART)
            and is_random(text.decode("latin-1"))
            and entropy(text) * len(text) >= _BITS
        ):
            return text
    return None


def _forms(text: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", text
    # Padding is an edge of a word.
    yield "base64", base64.b64encode(text).rstrip(b"=")
    yield "hex", text.hex().encode()


def _code(text: bytes, key: bytes) -> bytes:
    return blake2b(text, digest_size=16, key=key).digest()
