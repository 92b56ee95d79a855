"""Credentials that have a form of their own: in URLs, headers, commands and the files of programs."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

from . import assignments, checksums, files, keys, values
from .files import Kind

if TYPE_CHECKING:
    from .judge import Candidate

_LONGEST = 4096
_URL = re.compile(r"(?i)^([a-z][a-z0-9+.-]*)://([^:]*):")
_KEY = re.compile(
    r"(?i)key|token|secret|api|pat|auth|pass|pwd|access|licen[sc]e|cert|sas|credential|contribsys|webhook|join"
)
_HOST = re.compile(
    r"(?i)^(?:(?:[\w-]+\.)*example\.(?:com|org|net|edu)|(?:[\w-]+\.)*(?:example|invalid)|host(?:name)?|server|your\S*|"
    r"(?:my|some)?domain\S*)(?![\w.-])"
)
_ANYBODY = re.compile(
    r"(?i)(?:my|your|the|db|api|some|git|proxy|http|smtp|mongo|mysql|database|[_.-])*(?:user(?:[._-]?name)?|u(?:sr)?|name|login|"
    r"foo|bar|me|x+|bob|alice|joe|john|usr|uname|test|a|email)?\d?"
)
_ANYTHING = re.compile(
    r"(?i)(?:my|your|the|db|api|some|git|proxy|secret|user|http|smtp|mongo|mysql|database|[_.-])*"
    r"(?:pass(?:wo?r?d|phrase)?|pw(?:d)?|p|secret|token|key|bar|baz|foo|x+|abc|test|b)?\d{0,3}"
)

_CONNECTS = re.compile(
    rb"""(?i)(?:connect|getconnection|mysqli|pdo)\s*=?\s*\([^"']*["']([^"']*)["'],\s*["'][^"']*["']\Z"""
)
_IDENTIFIED = re.compile(rb"\b(?:user|role)\s+\S+\s+identified")
_PATH = re.compile(rb"""\(\s*["']/""")  # login("/path", "name", "password")
_AT = re.compile(rb"(?i)(?:localhost|db|mysql|[\w-]+\.[\w.-]+)(?::\d+)?")


def in_url(candidate: Candidate) -> bool:
    """Judge a password in a URL: not where both it and the name beside it stand for any."""
    value = _text(candidate)
    if values.left_open(value) or len(value) > 200:
        return False
    match = candidate.match.decode(errors="replace")
    parts = _URL.match(match)
    user = parts[2] if parts else ""
    if "[" in user or "]" in value:  # scheme://user[:password]@[host]
        return False
    if values.is_template(user) or "{" in user + value or "$" in user + value[:1] or "%" in user[:1]:
        return False
    line = candidate.line.decode(errors="replace")
    host = line[line.find(match) + len(match) - 1 :]
    named = value.isupper() and len(value) > 3 and (user.isupper() or ("_" in value and bool(keys.of(value))))
    named = named or (values.is_role(value) and bool(keys.of(value)) and len(keys.parts(value)) > 1)
    if named or (value.isdigit() and len(value) < 4) or values.is_hash(value[1:]):
        return False
    if values.is_random(value):
        return not _HOST.match(host)
    anything = bool(_ANYTHING.fullmatch(value))
    if _HOST.match(host) or (anything and _ANYBODY.fullmatch(user)):
        return False
    return not (anything and user == value and user in {"user", "username"}) and not re.search(r"[()+,;]|&.*=", value)


def plain(candidate: Candidate) -> bool:
    """Judge a value that stands where only a password can."""
    value = _text(candidate).strip()
    if len(value) < 3 or len(value) > _LONGEST or values.left_open(value):
        return False
    if values.is_random(value):
        return not values.is_url(value)
    if values.is_code(value) or values.is_other(value) or values.is_prose(value):
        return False
    named = values.is_role(value) or ("_" in value and values.is_constant(value))
    return not (keys.of(value) and named)


def random(candidate: Candidate) -> bool:
    """Judge a value that has to look made by a machine."""
    value = _text(candidate)
    return not values.left_open(value) and values.is_random(value)


def token(candidate: Candidate) -> bool:
    """Judge a token of a form that only its maker uses: it is one unless it is made up for a text."""
    value = _text(candidate)
    return not values.made_up(value) and (any(map(str.isdigit, value)) or not values.wordlike(value))


def near(candidate: Candidate) -> bool:
    """Judge a value that only its maker's name in front of it tells from others: the name has to be that of a key."""
    name = assignments.read(candidate).name
    return bool(_KEY.search(name)) and token(candidate) and not values.left_open(_text(candidate))


def basic(candidate: Candidate) -> bool:
    """Judge the base64 of ``name:password``."""
    try:
        name, colon, password = checksums.unpadded(candidate.secret).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    if not colon or not password or not (name + password).isprintable():
        return False
    return not values.left_open(password) and not (_ANYBODY.fullmatch(name) and _ANYTHING.fullmatch(password))


def npmrc(candidate: Candidate) -> bool:
    """Judge what a configuration of npm logs in with."""
    value = _text(candidate)
    named = values.is_role(value) or values.wordlike(value) or values.is_constant(value)
    return not values.left_open(value) and not named


def salt(candidate: Candidate) -> bool:
    """Judge one of WordPress' keys, of which the sample says ``put your unique phrase here``."""
    value = _text(candidate)
    return "unique phrase" not in value and len(set(value)) > 12


def netrc(candidate: Candidate) -> bool:
    """Judge the word that follows ``password`` where a machine's login stands before it; else it may be a sentence."""
    if not candidate.match.lower().startswith(b"machine") and not values.is_mixed(_text(candidate)):
        return False
    return files.of(candidate.path).kind is not Kind.CODE and plain(candidate)


def statement(candidate: Candidate) -> bool:
    """Judge a password in a statement: in a sentence, something may be identified by anything."""
    line = candidate.line.lower()
    if b"identified" in candidate.match and not any(word in line for word in (b"user", b"role", b"grant", b"@")):
        return False
    quoted = candidate.match.endswith((b"'", b'"')) or _IDENTIFIED.search(line)
    return plain(candidate) and (bool(quoted) or values.is_mixed(_text(candidate)))


def pair(candidate: Candidate) -> bool:
    """Judge the password behind a name in a call; what stands behind a host is the name."""
    connects = _CONNECTS.match(candidate.match)
    at_host = connects and _AT.fullmatch(connects[1])
    if at_host or _PATH.search(candidate.match) or re.match(r"[a-z]+=", _text(candidate)):
        return False
    return plain(candidate)


def signing(candidate: Candidate) -> bool:
    """Judge what a call is given to sign or encrypt with, which is no algorithm's name."""
    return not values.is_constant(_text(candidate)) and plain(candidate)


def directive(candidate: Candidate) -> bool:
    """Judge what follows a word that a program's configuration has at the start of a line."""
    start = candidate.match.lstrip().partition(b"\n")[0]
    return candidate.line.lstrip(b" \t#;").startswith(start) and plain(candidate)


def option(candidate: Candidate) -> bool:
    """Judge the word behind an option, which may as well go on with the sentence."""
    value = _text(candidate)
    called = candidate.line.partition(candidate.match)[2].startswith(b"(") and candidate.match.endswith(
        candidate.secret
    )
    if called or re.match(r"\w*=|.*[=$]\Z", value):
        return False
    return values.is_mixed(value) and not values.is_expression(value) and plain(candidate)


def prose(candidate: Candidate) -> bool:
    """Judge a word that a sentence says is a password."""
    return not files.of(candidate.path).language and option(candidate)


def said(candidate: Candidate) -> bool:
    """Judge what a message, a comment or a text says after ``Password:``; words alone may go on with the sentence."""
    value = _text(candidate)
    if candidate.match.startswith(b"PASS"):  # the result of a test
        return False
    return any(map(str.isdigit, value)) and not value.endswith(":") and prose(candidate)


def _text(candidate: Candidate) -> str:
    return candidate.secret.decode(errors="replace")
