"""Applies rules to a text with RE2 alone, as slowly and plainly as can be: what the engine finds has to be the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import re2

from strongroom.scan.detect.judge import Candidate, accepts
from strongroom.scan.detect.rules import Rule, RuleSet, load


class Match(NamedTuple):
    """A rule's id, and the secret that it found."""

    rule: str
    secret: str


def find(text: str, path: str = "", rules: RuleSet | None = None) -> list[Match]:
    """Return what is found in a text; of matches that overlap, the one of the rule that comes first."""
    chosen, data = rules or load(), text.encode()
    found: list[Match] = []
    taken: list[tuple[int, int]] = []
    for rule in chosen.rules:
        for candidate, (start, end) in _candidates(rule, data, path):
            if accepts(candidate, chosen) and not any(start < last and first < end for first, last in taken):
                taken.append((start, end))
                found.append(Match(rule.id, candidate.secret.decode()))
    return found


def _candidates(rule: Rule, data: bytes, path: str) -> Iterator[tuple[Candidate, tuple[int, int]]]:
    low = data.lower()
    if not rule.regex or (rule.keywords and not any(word.encode() in low for word in rule.keywords)):
        return
    at = 0
    while match := _compiled(rule.regex).search(data, at):
        group = rule.secret_group or next((index for index in range(1, match.re.groups + 1) if match[index]), 0)
        start = data.rfind(b"\n", 0, match.start()) + 1
        end = data.find(b"\n", match.end())
        line = data[start : end if end >= 0 else len(data)]
        yield (
            Candidate(rule, match[group], match[0], line, data[max(0, start - 200) : start], path),
            match.span(group),
        )
        at = match.start() + 1


@cache
def _compiled(regex: str) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(regex.encode(), options)
