"""The engine: one pass over a text tells where something may be, and only there is looked closer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Protocol

from ..model import Notice, Place
from .confirm import Matcher, Text
from .database import Database
from .decode import Base64, Hex, Hidden, Lines, Utf16, inflated
from .hits import Hit, resolved
from .judge import Candidate, accepts, hopeful
from .manifests import DockerAuths, KubernetesSecrets
from .patterns import of_rule
from .rules import RuleSet
from .triggers import Trigger, triggers

ALLOW = b"gitleaks:allow"
_DEPTH = 5  # of what is hidden in what is hidden
_DECODED = 16 * 1024 * 1024  # the most that is decoded for one window, in bytes
_LINE = 4096  # how much of a line a rule's allowlists see to each side, in bytes
_BEFORE = 200
_BASE64, _BASE64_URL = "A-Za-z0-9+/", "A-Za-z0-9_-"


class Values(Protocol):
    """Known values: what ``known`` and ``fingerprint`` have."""

    notices: list[Notice]

    def look(self, data: bytes) -> tuple[list[Hit], list[tuple[int, Trigger]]]:
        """Return the values that lie in ``data``, and the places around which something else may hide one."""


class Decoder(Protocol):
    """What decodes around the triggers of one kind in one text."""

    def around(self, place: int) -> Iterator[Hidden]:
        """Return what is hidden around ``place``, if it was not told yet."""


_DECODERS: Mapping[str, Callable[[bytes], Decoder]] = {
    "hex": Hex,
    "utf-16": Utf16,
    "kubernetes": KubernetesSecrets,
    "docker": DockerAuths,
    "escape": partial(Lines, encoding="escape"),
    "url": partial(Lines, encoding="url"),
}


class Engine:
    """What finds secrets in texts: rules and known values."""

    def __init__(self, rules: RuleSet, known: Values | None = None) -> None:
        """Make the database.

        Raises:
            RulesError: a rule cannot be looked for.
        """
        self._rules, self._known = rules, known
        self._matchers = [Matcher(rule) for rule in rules.rules if rule.regex]
        self._triggers: Sequence[Trigger] = tuple(triggers(matcher.rule for matcher in self._matchers))
        patterns = [of_rule(matcher.rule) for matcher in self._matchers]
        self._database = Database([*patterns, *(trigger.pattern for trigger in self._triggers)], keep=True)

    def find(self, data: bytes, place: Place) -> list[Hit]:
        """Return what is found in a window, in the order of places."""
        return self._look(data, place, (), [_DECODED])

    def _look(self, data: bytes, place: Place, encoding: tuple[str, ...], left: list[int]) -> list[Hit]:
        events = self._database.scan(data)
        hits, marks = self._known.look(data) if self._known else ([], [])
        if events:
            ends: dict[int, list[int]] = {}
            for index, end in events:
                if index < len(self._matchers):
                    ends.setdefault(index, []).append(end)
                else:
                    trigger = self._triggers[index - len(self._matchers)]
                    marks.append((end - trigger.length, trigger))
            text = Text(data)
            for index, found in ends.items():
                matcher = self._matchers[index]
                if near := hopeful(matcher.rule, place.path, data, found):
                    hits += self._confirmed(matcher, text, near, place)
        if marks and len(encoding) < _DEPTH:
            for hidden in _hidden(data, marks):
                hits += self._revealed(hidden, data, place, encoding, left)
        return resolved(hits) if len(hits) > 1 else hits

    def _confirmed(self, matcher: Matcher, text: Text, ends: list[int], place: Place) -> Iterator[Hit]:
        data, rule = text.data, matcher.rule
        for start, end, first, last in matcher.matches(text, ends):
            line = data.rfind(b"\n", max(0, start - _LINE), start) + 1 or max(0, start - _LINE)
            line_end = data.find(b"\n", end, end + _LINE)
            whole = data[line : line_end if line_end >= 0 else end + _LINE]
            secret = data[first:last]
            before = data[max(0, line - _BEFORE) : line]
            candidate = Candidate(rule, secret, data[start:end], whole, before, place.path, place.commit)
            if ALLOW not in whole and accepts(candidate, self._rules):
                own = any(word in secret.lower() for word in map(str.encode, rule.keywords))
                rank = 0 if "generic" in rule.id else 2 if own else 1
                yield Hit(rank, first, last, rule.id, rule.description, secret)

    def _revealed(
        self, hidden: Hidden, data: bytes, place: Place, encoding: tuple[str, ...], left: list[int]
    ) -> Iterator[Hit]:
        """Return what is found in a hidden text, placed where that is hidden."""
        inner, texts = (*encoding, hidden.encoding), iter((hidden.text,))
        if hidden.text.startswith(b"\x1f\x8b\x08"):
            inner, texts = (*inner, "gzip"), inflated(hidden.text)
        told = set()
        for text in texts:
            left[0] -= len(text)
            if left[0] < 0:
                return
            for hit in self._look(text, place, inner, left):
                if (key := (hit.rule, hit.value)) not in told or hidden.step:
                    told.add(key)
                    yield _outside(hit, hidden, data, inner[len(encoding) :])


def _hidden(data: bytes, marks: list[tuple[int, Trigger]]) -> Iterator[Hidden]:
    """Return what the triggers at ``marks`` show, each run once."""
    runs: dict[str, list[Callable[[int, Trigger], Iterator[Hidden]]]] = {}
    for at, trigger in sorted(marks, key=itemgetter(0)):
        if trigger.kind not in runs:
            runs[trigger.kind] = _runs(trigger.kind, data)
        for each in runs[trigger.kind]:
            yield from each(at, trigger)


def _runs(kind: str, data: bytes) -> list[Callable[[int, Trigger], Iterator[Hidden]]]:
    """Return what decodes around a trigger of one kind."""
    if kind == "base64":
        return [partial(_aligned, Base64(data, alphabet)) for alphabet in (_BASE64, _BASE64_URL)]
    decoder = _DECODERS[kind](data)
    return [lambda at, _trigger: decoder.around(at)]


def _aligned(runs: Base64, at: int, trigger: Trigger) -> Iterator[Hidden]:
    return runs.around(at, trigger.phase)


def _outside(hit: Hit, hidden: Hidden, data: bytes, encoding: tuple[str, ...]) -> Hit:
    """Return a hit in a hidden text as one in the data that hides it."""
    start, end, exact = hidden.start, hidden.end, False
    if hidden.step and hit.exact:
        start, end, exact = start + hit.start * hidden.step, start + hit.end * hidden.step, True
    elif hidden.encoding in ("escape", "url") and (at := data.find(hit.value, start, end)) >= 0:
        start, end, exact = at, at + len(hit.value), True
    elif hidden.encoding == "utf-16" and (at := data.find(wide := _wide(hit.value), start, end)) >= 0:
        start, end, exact = at, at + len(wide), True
    return hit._replace(start=start, end=end, exact=exact, encoding=(*encoding, *hit.encoding))


def _wide(value: bytes) -> bytes:
    """Return a value as it lies in UTF-16 of either byte order, from the lower byte of its first character on."""
    lower = value.decode(errors="replace").encode("latin-1", "replace")
    return b"\0".join(lower[at : at + 1] for at in range(len(lower)))
