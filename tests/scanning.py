"""Scanning bytes in tests: a few rules of one kind each, and what they find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from strongroom.model import Value
from strongroom.scan.detect.engine import Values
from strongroom.scan.detect.known import Known
from strongroom.scan.detect.rules import Rule, RuleSet
from strongroom.scan.model import Finding, Piece, Place
from strongroom.scan.scanner import Scanner

TOKEN = Rule("vendor-token", "A vendor's token", r"\bvnd_[0-9A-Za-z]{20}\b", keywords=("vnd_",))
_ASSIGNED = r"""(?i)password["']?\s{0,5}[:=]\s{0,5}["']?([^\s"']{4,100})"""
PASSWORD = Rule("generic-password", "A password", _ASSIGNED, keywords=("password",))
KEY = Rule(
    "private-key", "A private key", r"-----BEGIN PRIVATE KEY-----[\s\S]{20,}?-----END PRIVATE KEY-----",
    keywords=("-----begin",),
)  # fmt: skip
RULES = RuleSet((TOKEN, PASSWORD, KEY))
A_TOKEN = b"vnd_A1b2C3d4E5f6G7h8I9j0"


class Told(NamedTuple):
    """What a test compares of a finding."""

    rule: str
    line: int
    column: int
    value: bytes
    encoding: tuple[str, ...] = ()


class Scans:
    """A scanner, for as many texts as a test has."""

    def __init__(self, rules: RuleSet = RULES, known: Values | None = None) -> None:
        self.scanner = Scanner(rules, known)

    def findings(self, chunks: Iterable[bytes], path: str = "a/file") -> list[Finding]:
        return list(self.scanner.scan([Piece(Place(path), iter(chunks))]))

    def __call__(self, *chunks: bytes) -> list[Told]:
        return [
            Told(each.rule, each.line, each.column, each.value.reveal(), each.encoding)
            for each in self.findings(chunks)
        ]


def knowing(*values: bytes) -> Known:
    """Return values known under the names ``secret0``, ``secret1`` …"""
    return Known((f"secret{index}", 1, Value(value)) for index, value in enumerate(values))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Return data in chunks of ``size`` bytes."""
    return (data[start : start + size] for start in range(0, len(data), size))
