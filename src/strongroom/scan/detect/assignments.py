"""Values that something with a telling name is given: a secret or not, by the name and the kind of file."""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from . import files, keys, values
from .files import File, Kind
from .keys import Key
from .likely import COMMENT, Assigned, default, likely

if TYPE_CHECKING:
    from .judge import Candidate

LONGEST = 512
_DENSE_LINE = 5000  # bytes: nobody writes such lines by hand
_IN_FRONT = 1000  # bytes of a line in front of a match that are looked at: longer lines are generated
_NAME = ascii_letters + digits + "_.-"
_TAIL = re.compile(r"[\w.\-]*")
_LEAD = re.compile(
    r"[\s\-#;/*>|+$]*(?:(?:export|env|arg|set|setx|declare|local|readonly|run|-e|--env|-x|enviroment|let|var)\s+)*"
    r"(?:-x\s+)?[\"']?(?:[\w\[\]/-]+[.:/])?\Z", re.IGNORECASE,
)  # fmt: skip
_NAMED = re.compile(r"""(?i)(?:name|key|id|variable)["']?\s*[=:>]?\s*["']?[\w.:-]*\Z""")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+\Z")
_QUOTES = re.compile(rb"(?i)[\"'`#*;]|//|--|rem\s")  # where a string is open, or a comment
# What a change log and the results of tests have in front of a colon.
_SOURCE = re.compile(r"\.(?:[ch]|cc|cpp|py|sh|xml|\d)\Z")
_SETTINGS = frozenset({Kind.CONFIG, Kind.SHELL})
_LIVELY = re.compile(rb"[^A-Za-z_.:/-]")
_ENDS_OPEN = re.compile(r"\$[A-Za-z_]\w*-?\Z")  # a variable goes on
_HUMPS = re.compile(rb"[a-z](?=[A-Z])")
# Part of each word for a password, and of what stands before a default.
_PROMISES = re.compile(
    rb"(?i)pass|pw|psw|senha|clave|contrase|kennwort|wachtwoord|motdepasse|mdp|parola|hasl|hesl|salasana|losenord|[,|?]"
)


def read(candidate: Candidate) -> Assigned:
    """Take a match apart that begins in a name and holds a value."""
    match, secret = candidate.match.decode(errors="replace"), candidate.secret.decode(errors="replace")
    start = max(candidate.line.find(candidate.match.partition(b"\n")[0]), 0)
    before = candidate.line[max(0, start - _IN_FRONT) : start].decode(errors="replace")
    lead = before.rstrip(_NAME)
    tail = _TAIL.match(match)
    end = tail.end() if tail else 0
    return Assigned(before[len(lead) :] + match[:end], match[end : match.rfind(secret)], secret, lead)


def hopeless(candidate: Candidate) -> bool:
    """Say whether a glance shows a plain word that no password is given: most of what code has under such names."""
    secret = candidate.secret
    if _LIVELY.search(secret) or len(_HUMPS.findall(secret)) * 6 >= len(secret):
        return False
    return not _PROMISES.search(candidate.match, 0, len(candidate.match) - len(secret))


def fallback(candidate: Candidate) -> bool:
    """Judge the value in ``${DB_PASSWORD:-value}``."""
    name, _, _ = candidate.match.decode(errors="replace").removeprefix("${").partition(":")
    found = Assigned(name, ":", candidate.secret.decode(errors="replace"), "")
    key, file = keys.of(name), file_of(candidate)
    return bool(key) and (key >= Key.SECRET or values.is_random(found.value)) and default(found, key, file)


def tabled(candidate: Candidate) -> bool:
    """Judge the word in the column behind a name: it may as well be a type, or what the name is for."""
    name, value = candidate.match.split(b"|")[1].decode(errors="replace"), candidate.secret.decode(errors="replace")
    key = keys.of(name)
    if not candidate.line.lstrip().startswith(b"|"):
        return False
    if not key or values.left_open(value) or values.is_code(value) or values.is_other(value):
        return False
    return values.is_random(value) or (key is Key.PASSWORD and any(map(str.isdigit, value)) and values.is_mixed(value))


def may_be_bare(path: str, _data: bytes, _end: int) -> bool:
    """Say whether a value without quotes can be a text: not where all texts are quoted."""
    return _has_bare(files.of(path))


def bare(candidate: Candidate) -> bool:
    """Judge a value without quotes, at the end of a line."""
    if len(candidate.secret) > LONGEST or candidate.secret.endswith(b":"):  # a URL, whose // is no comment
        return False
    found, file = read(candidate), file_of(candidate)
    key = keys.of(found.name)
    if not key or not _has_bare(file) or _is_code(found.value) or "](" in found.value:  # the end of a link
        return False
    if found.name.startswith("-") and found.value.isupper() and found.value.isalpha():
        return False
    if found.sign == ":" and (_SOURCE.search(found.name) or (found.name == "PASS" and file.kind not in _SETTINGS)):
        return False
    tight = found.glue == "=" or VARIABLE.match(found.name)
    if file.kind is Kind.SHELL and found.glue != "=":
        return False
    structured = bool(_LEAD.match(found.lead))
    if not structured and not values.is_random(found.value):
        return False
    if file.kind is Kind.PROSE and tight:
        file = file._replace(kind=Kind.CONFIG)
    elif file.kind is Kind.PROSE and not values.is_mixed(found.value):
        return False
    return likely(found, key, file)


def may_be_inline(path: str, data: bytes, end: int) -> bool:
    """Say whether ``name=value`` may stand in a string or a comment, in a file whose code is full of it."""
    if files.of(path).kind not in {Kind.CODE, Kind.MARKUP}:
        return True
    low = max(0, end - 2 * _IN_FRONT)
    return bool(_QUOTES.search(data, max(low, data.rfind(b"\n", low, end)), end))


def inline(candidate: Candidate) -> bool:
    """Judge ``name=value`` within a line: in a command, a query, a connection string."""
    if hopeless(candidate):
        return False
    found, file = read(candidate), file_of(candidate)
    key = keys.of(found.name)
    if not key or _is_code(found.value) or (found.value.isupper() and found.value.isalpha()):
        return False
    if found.name.lower() == "pass" and found.glue != "=" and found.value.isalpha():
        return False
    if _ENDS_OPEN.search(found.value):
        return False
    if values.is_uuid(found.value):  # a token in a link
        return key >= Key.TOKEN and found.lead.endswith(("?", "&"))
    if file.kind in {Kind.CODE, Kind.MARKUP} and not (_in_string(found.lead) or COMMENT.match(found.lead)):
        told = found.lead.endswith(";") or found.name.startswith("-")  # a connection's parameter, an option
        if file.kind is Kind.CODE or not told:
            return False
    if file.kind is Kind.PROSE:
        file = file._replace(kind=Kind.CONFIG)
    return likely(found, key, file) and (key is Key.PASSWORD or values.is_random(found.value))


def element(candidate: Candidate) -> bool:
    """Judge the text of an XML element that is named after a secret."""
    tag = re.match(r"<(?:[\w-]+:)?([\w.\-]+)", candidate.match.decode(errors="replace"))
    name = tag[1] if tag else ""
    found = Assigned(name, '"', candidate.secret.decode(errors="replace"), "")
    key = keys.of(name)
    return bool(key) and name != "key" and likely(found, key, _setting(candidate))


def instruction(candidate: Candidate) -> bool:
    """Judge the value that ``ENV NAME value`` gives."""
    name = candidate.match.split(None, 2)[1].decode(errors="replace")
    found = Assigned(name, "=", candidate.secret.decode(errors="replace"), "")
    key = keys.of(name)
    return bool(key) and name.isupper() and likely(found, key, _setting(candidate))


def named(candidate: Candidate) -> bool:
    """Judge the value of a variable, a property or a parameter that stands beside its name."""
    text = candidate.match.decode(errors="replace")
    if files.of(candidate.path).kind is Kind.CODE and text[-1:] not in {'"', "'", "<"}:
        return False
    found = read(candidate)
    key = keys.of(found.name)
    return bool(key) and bool(_NAMED.search(found.lead)) and likely(found, key, _setting(candidate))


def _has_bare(file: File) -> bool:
    return not file.strict and file.kind not in {Kind.CODE, Kind.MARKUP}


def file_of(candidate: Candidate) -> File:
    """Return what kind of file a candidate is in, as its path says, and whether its line is generated."""
    file = files.of(candidate.path)
    return file._replace(dense=True) if len(candidate.line) > _DENSE_LINE else file


def _setting(candidate: Candidate) -> File:
    """Return the file, as one that holds settings unless it is a page or holds texts."""
    file = file_of(candidate)
    page = candidate.path.lower().endswith((".html", ".htm", ".xhtml", ".vue", ".jsp", ".svg"))
    return file if page else file._replace(kind=Kind.CONFIG)


def _is_code(value: str) -> bool:
    return values.is_expression(value) or (not values.is_random(value) and values.is_code(value))


def _in_string(lead: str) -> bool:
    """Say whether a quote is open at the end of ``lead``."""
    return any(lead.count(quote) % 2 for quote in ('"', "'", "`"))
