"""Showing that a value is somewhere without showing it, and showing foreign text without obeying it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

from ...model import Value

_HIDDEN = "*****"
# A shorter one is not worth a hint: its first characters are too much of it.
_LONG = 20
# What vendors put before their tokens, so that people and scanners know them.
_PREFIX = re.compile(
    r"gh[pousr]_|github_pat_|gl[a-z]{2,5}-|xox[a-z]-|xapp-|sk-|[sr]k_(live|test)_|npm_|pypi-|do[opr]_v1_|hf_|hv[sbr]\."
    r"|A[KS]IA|AIza|eyJ|SG\.|shp(at|ca|pa|ss)_|dckr_(pat|oat)_|ya29\.|age-secret-key-1|-----BEGIN ", re.IGNORECASE
)  # fmt: skip
_SHORTEST_FORM = 4
# XML 1.0, section 2.2: the characters that a document may have.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def mask(value: Value) -> str:
    """Return stars, after the public prefix of a long token (``ghp_*****``): never more of a value, nor its length."""
    text = value.reveal().decode("latin-1")
    prefix = _PREFIX.match(text) if len(text) >= _LONG else None
    return f"{prefix[0] if prefix else ''}{_HIDDEN}"


def plain(value: Value) -> str:
    """Return a value itself, for who asked for it."""
    return value.reveal().decode(errors="backslashreplace")


def forms(value: Value) -> list[str]:
    """Return what a value looks like in a text: as it is, in JSON, in a URL, in hexadecimal digits and in base64."""
    data = value.reveal()
    text = data.decode(errors="surrogateescape")
    found = {text, text.strip(), json.dumps(text)[1:-1], quote(data, safe=""), data.hex(), data.hex().upper()}
    for skipped in range(3):
        # Only what is the same whatever stands before and after it.
        coded = base64.b64encode(bytes(skipped) + data).decode().rstrip("=")
        whole = (len(data) + skipped) * 8 // 6
        found.add(coded[(skipped * 8 + 5) // 6 : whole])
    found |= {each.translate({ord("+"): "-", ord("/"): "_"}) for each in found}
    lines = text.splitlines()
    found |= {line.strip() for line in lines if len(lines) > 1 and len(line.strip()) >= _LONG}
    return sorted((each for each in found if len(each) >= _SHORTEST_FORM), key=len, reverse=True)


def hide(text: str, hidden: Iterable[tuple[str, str]]) -> str:
    """Replace forms of values in a text: pairs of a form and what to show instead."""
    for form, shown in hidden:
        if form in text:
            text = text.replace(form, shown)
    return text


def printable(text: str) -> str:
    """Return a text without line ends and control characters (of terminals, or of bidirectional text): escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def for_xml(text: str) -> str:
    """Return a text with what XML cannot have replaced."""
    return _NOT_IN_XML.sub("�", text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", errors="backslashreplace").decode("ascii", errors="replace")
