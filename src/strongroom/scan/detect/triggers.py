"""How a text shows that it hides something: the encoded forms of what rules look for, in the same database.

To look at each run of base64 in a file would cost as much as all rules together. What a rule's match contains (its
keywords, such as ``ghp_`` or ``password``) looks the same in each base64 text that holds it, but for three alignments;
so in hexadecimal digits and in UTF-16. Where such a form stands, the run around it is decoded, and looked at in turn.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .database import Pattern
from .rules import Rule

_SHORTEST = 4  # of a keyword, so that its encoded forms are rare in other text
_LONGEST = 24
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_GZIP = b"\x1f\x8b\x08"
# What a document that holds passwords says, whatever its rules' keywords are.
_WORDS = ("password", "passwd", "secret", "token", "api_key", "apikey", "auth", "PRIVATE KEY", "-----BEGIN ", "://")
_KEY = r"(?i)(?:passw|pwd|secret|token|api.?key|access.?key|private.?key|credential|auth)[\w.-]{0,30}"
_EXPRESSIONS = (
    ("escape", _KEY + r"""\\+(?:["']|u002[27]|u003[ad]|x2[27]|x3[ad])"""),
    ("escape", r"(?:\\u00[2-7][0-9A-Fa-f]){4}"),
    ("escape", r"(?:\\x[2-7][0-9A-Fa-f]){4}"),
    ("url", _KEY + r"%(?:2[27]|3[ad])"),
    ("url", r"(?i)[a-z]%3a%2f%2f[^\s/@]{1,100}%40"),
    ("url", r"(?:%[2-7][0-9A-Fa-f]){4}"),
    ("kubernetes", r"""(?i)["']?kind["']?[ \t]*:[ \t]*["']?Secret\b"""),
    ("docker", r'"auth"\s{0,10}:\s{0,10}"[A-Za-z0-9+/]{8}'),
)


class Trigger(NamedTuple):
    """What to look for, and how what it shows is decoded: the kind of run, and where in it the trigger stands.

    ``phase`` is the place of the first character in what was encoded, ``length`` how long the trigger is.
    """

    pattern: Pattern
    kind: str
    phase: int = 0
    length: int = 0


def triggers(rules: Iterable[Rule]) -> Iterator[Trigger]:
    """Return what shows that something is hidden that ``rules`` may find."""
    words = sorted({word for rule in rules for word in _spellings(rule)} | {w for word in _WORDS for w in _cases(word)})
    seen = set()
    for trigger in _all(words):
        if (key := (trigger.kind, trigger.pattern.expression, trigger.phase)) not in seen:
            seen.add(key)
            yield trigger


def base64_forms(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Return what base64 texts that hold ``text`` have in common at each alignment, and its phase."""
    for before in range(3):
        for form in _at(text, before):
            yield form, -(-before * 8 // 6) % 4


def _at(text: bytes, before: int) -> Iterator[bytes]:
    """Return what base64 texts have in common in which ``before`` bytes, or three more, stand in front of ``text``."""
    first, last = -(-before * 8 // 6), (before + len(text)) * 8 // 6
    if last - first >= _SHORTEST:
        form = b64encode(b"\0" * before + text)[first:last]
        yield form
        if b"+" in form or b"/" in form:
            yield form.translate(_URL_SAFE)


def _all(words: Iterable[str]) -> Iterator[Trigger]:
    yield from encoded(word.encode()[:_LONGEST] for word in words)
    for word in _WORDS:
        yield from nested(word.encode())
    for form in _at(_GZIP, 0):
        yield _literal(form, "base64")
        yield from _twice(form)
    for kind, expression in _EXPRESSIONS:
        yield Trigger(Pattern(expression.encode(), name=f"({kind})", dense=kind in ("escape", "url")), kind)


def encoded(texts: Iterable[bytes]) -> Iterator[Trigger]:
    """Return what shows that a text with one of ``texts`` in it is hidden."""
    for text in texts:
        for form, phase in base64_forms(text):
            yield _literal(form, "base64", phase)
            if phase == 0:
                yield from _twice(form)
        for form, phase in base64_forms(_wide(text)):
            yield _literal(form, "base64", phase)
        if len(text) >= _SHORTEST:
            yield _literal(text.hex().encode(), "hex", caseless=True)
            yield _literal(_wide(text)[:-1], "utf-16")


def nested(text: bytes) -> Iterator[Trigger]:
    """Return what shows that base64 of base64 hides a text, wherever in it that stands."""
    for form, _ in base64_forms(text):
        for each, phase in base64_forms(form):
            yield _literal(each, "base64", phase)


def _twice(form: bytes) -> Iterator[Trigger]:
    """Return what shows that base64 that begins with ``form`` is itself in base64."""
    return (_literal(each, "base64") for each in _at(form, 0))


def _wide(text: bytes) -> bytes:
    return text.decode("latin-1").encode("utf-16-le")


def _literal(text: bytes, kind: str, phase: int = 0, *, caseless: bool = False) -> Trigger:
    # A pattern ends with a NUL. There are thousands of these, most without anything to escape.
    expression = text if text.isalnum() else re.escape(text).replace(b"\0", rb"\x00")
    return Trigger(Pattern(expression, caseless, name=f"({kind})"), kind, phase, len(text))


def _spellings(rule: Rule) -> Iterator[str]:
    """Return a rule's keywords as its regex spells them; in each case where that leaves it open."""
    for word in rule.keywords:
        if len(word) >= _SHORTEST and len(set(word)) > 2:
            found = None if "(?i" in rule.regex else re.search(re.escape(word), rule.regex, re.IGNORECASE)
            yield from (found.group(),) if found else _cases(word)


def _cases(word: str) -> tuple[str, ...]:
    return word, word.lower(), word.upper(), word.capitalize()
