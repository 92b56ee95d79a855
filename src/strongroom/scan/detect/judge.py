"""Whether what a rule matched is a secret: its entropy, what is allowed, and what its rule's check says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from .rules import Allowlist, Rule, RuleSet

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Candidate(NamedTuple):
    """What a rule matched, and where.

    ``secret`` is the part that the rule says is the secret; ``line`` is the whole line of ``match``, and ``before`` is
    up to 200 bytes in front of the line. ``path`` is the place's, ``commit`` the Git commit that added it.
    """

    rule: Rule
    secret: bytes
    match: bytes
    line: bytes
    before: bytes = b""
    path: str = ""
    commit: str = ""


def hopeful(rule: Rule, path: str, data: bytes, ends: Iterable[int]) -> list[int]:
    """Return those of the ``ends`` of matches, in order, of which a glance does not tell that they are no findings."""
    if not _has_place(rule, path):
        return []
    from .checks import GLANCES

    glance = GLANCES.get(rule.check)
    return sorted(end for end in ends if glance is None or glance(path, data, end))


def accepts(candidate: Candidate, rules: RuleSet) -> bool:
    """Say whether a candidate is a finding."""
    rule = candidate.rule
    if rule.entropy and entropy(candidate.secret) <= rule.entropy:
        return False
    if not _has_place(rule, candidate.path):
        return False
    if any(_allows(allowlist, candidate) for allowlist in (*rule.allowlists, *rules.allowlists)):
        return False
    if not rule.check:
        return True
    if _CONTROL.search(candidate.secret):  # words of a program, one behind the other
        return False
    from .checks import CHECKS

    return CHECKS[rule.check](candidate)


def _has_place(rule: Rule, path: str) -> bool:
    return not rule.path or bool(_pattern(rule.path).search(path.encode(errors="surrogateescape")))


def entropy(text: bytes) -> float:
    """Return Shannon's entropy, in bits a byte."""
    weight = sum(count * math.log2(count) for count in map(text.count, set(text)) if count > 1)
    return math.log2(len(text)) - weight / len(text)


def _allows(allowlist: Allowlist, candidate: Candidate) -> bool:
    """Say whether an allowlist allows a candidate; with ``AND`` every kind of pattern that it gives has to."""
    kinds = []
    if allowlist.commits:
        kinds.append(candidate.commit.lower() in {commit.lower() for commit in allowlist.commits})
    if allowlist.paths:
        kinds.append(_any(allowlist.paths, candidate.path.encode(errors="surrogateescape")))
    if allowlist.regexes:
        kinds.append(_any(allowlist.regexes, getattr(candidate, allowlist.regex_target)))
    if allowlist.stopwords:
        text = candidate.secret.lower()
        kinds.append(any(word.encode() in text for word in allowlist.stopwords))
    return all(kinds) if allowlist.condition == "AND" else any(kinds)


def _any(patterns: tuple[str, ...], text: bytes) -> bool:
    return any(_pattern(pattern).search(text) for pattern in patterns)


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> Any:  # noqa: ANN401 (re2 has no types)
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # any bytes are text
    return re2.compile(pattern.encode(), options)
