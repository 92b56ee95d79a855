"""``.dockerignore``, matched as Docker does (moby/patternmatcher, ``MatchesOrParentMatches``).

The last pattern that fits a path, or a directory above it, decides. ``*`` and ``?`` stop at slashes, ``**`` does not; a
leading or trailing slash means nothing; ``!`` takes back what former patterns excluded.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...errors import DeclarationError


class _Pattern(NamedTuple):
    matches: re.Pattern[str]
    excludes: bool


class Ignore:
    """The patterns of an ignore file."""

    def __init__(self, lines: Iterable[str], where: str = ".dockerignore") -> None:
        """Read ``lines``.

        Raises:
            DeclarationError: a pattern is none; Docker refuses it too.
        """
        self._patterns = [_compiled(pattern, where) for pattern in read(lines)]

    def excludes(self, path: str) -> bool:
        """Tell whether a path, with slashes and from the root of the context, is not sent."""
        parts = path.split("/")
        prefixes = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        excluded = False
        for pattern in self._patterns:
            if pattern.excludes is not excluded and any(map(pattern.matches.fullmatch, reversed(prefixes))):
                excluded = pattern.excludes
        return excluded

    @property
    def has_exceptions(self) -> bool:
        """Whether a file below an excluded directory may be sent all the same."""
        return any(not pattern.excludes for pattern in self._patterns)


def read(lines: Iterable[str]) -> Iterator[str]:
    """Yield the patterns of a file's lines, cleaned as Docker does (moby/patternmatcher, ignorefile)."""
    for number, line in enumerate(lines):
        text = line.removeprefix("\ufeff") if number == 0 else line
        if text.startswith("#") or not (text := text.strip()):
            continue
        exception = text.startswith("!")
        pattern = text[1:].strip() if exception else text
        if pattern:
            pattern = posixpath.normpath(pattern)
            # normpath keeps two leading slashes, as POSIX says; Go's Clean does not.
            pattern = pattern.lstrip("/") if len(pattern) > 1 else pattern
        yield f"!{pattern}" if exception else pattern


def _compiled(pattern: str, where: str) -> _Pattern:
    excludes = not pattern.startswith("!")
    text = pattern.removeprefix("!")
    if not text:
        raise DeclarationError(f"{where}: '!' alone excludes nothing, and Docker refuses it. Name what it takes back.")
    try:
        return _Pattern(re.compile(_expression(text), re.S), excludes)
    except (re.error, ValueError):
        raise DeclarationError(
            f"{where}: '{pattern}' is no pattern, and Docker refuses it. See: Go's path/filepath.Match"
        ) from None


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression for the whole of a path."""
    _check(pattern)
    out: list[str] = []
    at = 0
    # In front of plain text, `**` takes any beginning; elsewhere only whole directories.
    plain = pattern.startswith("**") and pattern[2:3] != "/" and not set(pattern[2:]) & set("*?[]\\")
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if pattern.startswith("**", at - 1):
            at += 1
            at += pattern.startswith("/", at)
            part = ".*" if at >= len(pattern) or plain else "(?:.*/)?"
            if out[-1:] != [part]:  # twice the same says no more, and takes much longer
                out.append(part)
        elif character == "*":
            out.append("[^/]*")
        elif character == "?":
            out.append("[^/]")
        elif character == "[":
            end = _class_end(pattern, at)
            out.append(_class(pattern[at:end]))
            at = end + 1
        elif character == "\\":
            out.append(re.escape(pattern[at]))
            at += 1
        else:
            out.append(re.escape(character))
    return "".join(out)


def _check(pattern: str) -> None:
    """Refuse what Go's filepath.Match refuses: a class without an end, an escape of nothing."""
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
            if at >= len(pattern):
                raise ValueError(pattern)
        elif pattern[at] == "[":
            at = _class_end(pattern, at + 1)
        at += 1


def _class_end(pattern: str, at: int) -> int:
    """Return where the class that begins at ``at`` has its ``]``. No range in it begins with ``-`` or ``]``."""
    at += pattern.startswith("^", at)
    ranges = 0
    while not (pattern.startswith("]", at) and ranges):
        at = _after_character(pattern, at)
        if pattern.startswith("-", at):
            at = _after_character(pattern, at + 1)
        ranges += 1
    return at


def _after_character(pattern: str, at: int) -> int:
    if at >= len(pattern) or pattern[at] in "-]":
        raise ValueError(pattern)
    at += 1 + (pattern[at] == "\\")
    if at >= len(pattern):
        raise ValueError(pattern)
    return at


def _class(inner: str) -> str:
    # Python warns of what may once mean a set of sets.
    negated = "^" if inner.startswith("^") else ""
    return "[" + negated + re.sub(r"([\[&|~])", r"\\\1", inner.removeprefix("^")) + "]"
