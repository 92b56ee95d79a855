"""From where a rule may match to what it matches, with RE2, whose time is linear in what it reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ...errors import RulesError
from .rules import Rule

# How far a match reaches around the place that Hyperscan tells, in bytes. Rules of many lines (private keys) say so by
# a class that takes everything.
_BACK, _AHEAD = 1024, 4096
_WIDE = 32768
_EVERYTHING = ("[\\s\\S", "[\\S\\s", "[\\w\\W", "(?s")


class Text:
    """Bytes that are looked at as one, and what is found out about them once."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def lower(self) -> bytes:
        """The bytes with ASCII's letters in lower case."""
        return self.data.lower()


class Match(NamedTuple):
    """Where a rule matches, and the secret in it: offsets in the data."""

    start: int
    end: int
    secret_start: int
    secret_end: int


class Matcher:
    """The regex of one rule, compiled when it is first needed."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        wide = any(each in rule.regex for each in _EVERYTHING)
        self._back, self._ahead = (_WIDE, _WIDE) if wide else (_BACK, _AHEAD)
        self._keywords = tuple(word.encode() for word in rule.keywords)
        self._regex: Any = None
        self._groups = range(0)

    def matches(self, text: Text, ends: Sequence[int]) -> Iterator[Match]:
        """Return the matches around ``ends``, which grow; what was read without success is not read again."""
        search, data = self._search(), text.data
        done = read = 0
        for end in ends:
            while max(done, read) < end:
                low = max(done, end - self._back)
                near = _line_before(data, low, end)
                found = search(data, near, end + self._ahead)
                if found is None and near > low:
                    found = search(data, low, end + self._ahead)
                if found is None:
                    read = end + self._ahead // 2
                    break
                first, last = found.span()
                done = max(last, done + 1)
                if last > first and self._may(text, data[first:last]):
                    yield Match(first, last, *self._secret(found))

    def _may(self, text: Text, match: bytes) -> bool:
        """Say whether a keyword is in the match, or elsewhere in the text."""
        match = match.lower()
        for word in self._keywords:
            if word in match:
                return True
        return not self._keywords or any(word in text.lower for word in self._keywords)

    def _secret(self, found: Any) -> tuple[int, int]:  # noqa: ANN401 (re2 has no types)
        """Return where the secret is: its group, or else the first that took part and is not empty, or all."""
        if group := self.rule.secret_group:
            span: tuple[int, int] = found.span(group)
            return span if span[0] >= 0 else found.span()
        for group in self._groups:
            span = found.span(group)
            if span[1] > span[0] >= 0:
                return span
        return found.span()  # type: ignore[no-any-return]

    def _search(self) -> Any:  # noqa: ANN401
        if self._regex is None:
            self._regex = compiled(self.rule.regex, self.rule.id)
            self._groups = range(1, self._regex.groups + 1)
        return self._regex.search


def _line_before(data: bytes, low: int, end: int) -> int:
    """Return where the line before that of ``end`` starts, or ``low``: few matches reach further back."""
    newline = data.rfind(b"\n", low, max(low, end - 1))
    return max(data.rfind(b"\n", low, newline), low) if newline > low else low


def compiled(regex: str, name: str) -> Any:  # noqa: ANN401
    """Return a regex that takes any bytes.

    Raises:
        RulesError: it is none that RE2 takes.
    """
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    try:
        return re2.compile(regex.encode(), options)
    except re2.error as error:
        raise RulesError(f"rule '{name}' cannot be used: {error}.") from None
