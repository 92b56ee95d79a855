"""What is looked for, for each rule.

Hyperscan only has to say where a rule may match: what stands at the start of a regex and may be empty is left out, and
what may repeat at its end is looked for as often as it must, so that a long match is told once and not at each byte.
What may repeat in between may do so without end: to count takes Hyperscan longer. What must not follow such an end, and
how often something repeats, is left to RE2.
"""

from __future__ import annotations

import re

from .database import Pattern
from .rules import Rule

_FLAGS = r"((?:\(\?[a-z]+\))?)"
# Of a regex's text: [\w.-]{0,50}? at its start; ={0,3}, {20,}, + and {20,40}(?:[^\w-]|\z) at its end.
_MAY_START = re.compile(_FLAGS + r"(?:\[(?:\\.|[^]\\])+\]|\\w|\\s)(?:\{0,\d+\}|\*)\??")
_MAY_END = re.compile(r"(?<!\\)=(?:\{0,\d+\}|[*?])\??(\)*)$")
_REPEATS = re.compile(r"(?<!\\)(\{[1-9]\d*),\d*\}\??(\)*)$")
_BOUNDED = re.compile(r"(?<!\\)(\{[1-9]\d*),\d+\}(\)*)\(\?:\[\^(?:\\.|[^]\\])+\]\|(?:\\z|\$)\)$")
_PLUS = re.compile(r"(?<![\\*+?}])\+\??(\)*)$")
# A character or a class, and how often it may repeat: [\w.-]{0,40}, but not what stands in a class.
_COUNTED = re.compile(
    r"(\[\^?\]?(?:\\.|[^]\\])*\]|\\.|[^)}*+?\\])\{([01]),([3-9]|\d\d+)\}\??|\[\^?\]?(?:\\.|[^]\\])*\]|\\."
)


def of_rule(rule: Rule) -> Pattern:
    """Return what Hyperscan looks for, and the keywords where it does not take that."""
    words = tuple(re.escape(word).encode() for word in rule.keywords)
    return Pattern(shortened(rule.regex).encode(), instead=words, name=rule.id)


def shortened(regex: str) -> str:
    """Return a regex whose first end in each match of ``regex`` is not after that match's."""
    regex = _MAY_START.sub(r"\1", regex, count=1) if _MAY_START.match(regex) else regex
    regex = _BOUNDED.sub(r"\1}\2", _MAY_END.sub(r"\1", regex))
    regex = _PLUS.sub(r"\1", _REPEATS.sub(r"\1}\2", regex))
    return _COUNTED.sub(_uncounted, regex)


def _uncounted(found: re.Match[str]) -> str:
    return f"{found[1]}{'+' if found[2] == '1' else '*'}" if found[1] else found[0]
