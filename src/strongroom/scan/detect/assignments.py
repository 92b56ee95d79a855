"""Values that something with a telling name is given: a secret or not, by the name and the kind of file."""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from . import files, keys, values
from .files import File, Kind
from .keys import Key
from .likely import COMMENT, Assigned, default, likely, thought_up
from .words import words

if TYPE_CHECKING:
    from .judge import Candidate

_LONGEST = 512
_DENSE_LINE = 5000  # bytes: nobody writes such lines by hand
_IN_FRONT = 1000  # bytes of a line in front of a match that are looked at: longer lines are generated
_NAME = ascii_letters + digits + "_.-"
_TAIL = re.compile(r"[\w.\-]*")
_LEAD = re.compile(
    r"[\s\-#;/*>|+$]*(?:(?:export|env|arg|set|setx|declare|local|readonly|run|-e|--env|-x|enviroment|let|var)\s+)*"
    r"(?:-x\s+)?[\"']?(?:[\w\[\]/-]+[.:/])?\Z", re.IGNORECASE,
)  # fmt: skip
_NAMED = re.compile(r"""(?i)(?:name|key|id|variable)["']?\s*[=:>]?\s*["']?[\w.:-]*\Z""")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+\Z")
_ASKED = re.compile(r"""\(\s*["']([\w.-]+)["']\s*,[\w\s=]*["'`]\Z""")
_HASHES = re.compile(r"(?i)(?:password_hash|hash_?password|make_password|password_verify|check_?password(?:_hash)?)\Z")
_COMPARES = frozenset({"equals", "equalsignorecase", "eq", "tobe", "toequal", "compare", "compareto"})
_QUOTES = re.compile(rb"(?i)[\"'`#*;]|//|--|rem\s")  # where a string is open, or a comment
# What a change log and the results of tests have in front of a colon.
_SOURCE = re.compile(r"\.(?:[ch]|cc|cpp|py|sh|xml|\d)\Z")
_SETTINGS = frozenset({Kind.CONFIG, Kind.SHELL})
_LIVELY = re.compile(rb"[^A-Za-z_.:/-]")
_TOLD = re.compile(r"\s*(?:(?:#\s*define|set(?:\s+-\w+)*)\s+)?\Z|(?:.*[\s({])?:\Z")
_COMPANY = re.compile(rb"(?i)user|login|host|mail|smtp|account")
_SESSION = re.compile(rb"(?i)session\w*\(")
_GIVES = re.compile(r"(?i)(?:create|generate|load|read|find|lookup)_?[a-z]")
_ATTRIBUTE = re.compile(r"""\\?["']\s+(?!value)[\w:-]+\s*=""")
_CLOSED = re.compile(r"""\\?["'`][])]+\s*,""")  # f(g("user", "password"), "value")
_CALL = re.compile(r"""\w+\(\s*["'](?=[\w.-]+["']\s*,)""")
_LISTED = re.compile(r"""["'`]\s*,\s*["'`][$%@&]?\Z|^\s*["'`][$%@&]?\Z""")
_ENDS_OPEN = re.compile(r"\$[A-Za-z_]\w*-?\Z")  # a variable goes on
_NEXT = re.compile(rb"""\s*,\s*["'`]""")
_SECTIONS = words("auth credentials creds keys secrets tokens")
_SEVERAL = re.compile(r"\s*[\w.]+\s*,\s*\Z")
_ENDS = re.compile(rb"\s*[;,)}\]]*\s*(?:#.*|//.*|/\*.*)?\Z")
_PUTS = re.compile(r"""(?i)(?:define|putenv|setenv|setproperty|(?:add|set)parameter|\.put|\.add)\(\s*["'`]?\Z""")
_SETOPT = re.compile(r"(?i)setopt\w*\([^,()]*,\s*\Z")
_GETS = re.compile(r"""(?i)(?:env|get|fetch|default|config|setting|option|read)\w*\(\s*["'`]?\Z""")
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


def quoted(candidate: Candidate) -> bool:
    """Judge a value in quotes."""
    return len(candidate.secret) <= _LONGEST and not hopeless(candidate) and _quoted(candidate)


def worded(candidate: Candidate) -> bool:
    """Judge letters in quotes: no words, or the words that somebody thought up to sign sessions with."""
    found = read(candidate)
    if found.name.lower() == "secret" and _SESSION.search(candidate.before[-100:] + candidate.line):
        return thought_up(found._replace(name="session_secret"), _file(candidate))
    return _quoted(candidate)


def _quoted(candidate: Candidate) -> bool:
    found, file = read(candidate), _file(candidate)
    key = _called(found.name) if found.sign == "(" else keys.of(found.name)
    if not key or _elsewhere(found) or (not found.sign and not _told(candidate, found, file)):
        return False
    if _fallback(found) and not _is_name(candidate):
        return (key >= Key.SECRET or values.is_random(found.value)) and default(found, key, file)
    if found.listed and (_is_name(candidate) or not _argument(found, key) or _among(candidate, found)):
        return False
    if found.name.lower() == "pass" and "=" not in found.sign and found.value.isalpha():  # or the result of a test
        return bool(_COMPANY.search(candidate.before + candidate.line)) and likely(found, key, file)
    return likely(found, key, file)


def _is_name(candidate: Candidate) -> bool:
    """Say whether what follows a comma is the name of the next value: ``"a": "password", "b": …``."""
    after = candidate.line[candidate.line.find(candidate.match) + len(candidate.match) :].lstrip(b" \t\\\"'`")
    return after.startswith((b":", b"="))


def _called(name: str) -> Key:
    """Return what the argument of a call promises: ``setPassword(``, ``password.equals(``, ``hash_password(``."""
    owner, _, method = name.rpartition(".")
    if _HASHES.search(method):
        return Key.PASSWORD
    if _GIVES.match(method):
        return Key.NONE
    if method.lower() in _COMPARES:
        return keys.of(owner)
    return keys.of(method) if keys.ends(method) else Key.NONE


def fallback(candidate: Candidate) -> bool:
    """Judge the value in ``${DB_PASSWORD:-value}``."""
    name, _, _ = candidate.match.decode(errors="replace").removeprefix("${").partition(":")
    found = Assigned(name, ":", candidate.secret.decode(errors="replace"), "")
    key, file = keys.of(name), _file(candidate)
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
    if len(candidate.secret) > _LONGEST or candidate.secret.endswith(b":"):  # a URL, whose // is no comment
        return False
    found, file = read(candidate), _file(candidate)
    key = keys.of(found.name)
    if not key or not _has_bare(file) or _is_code(found.value) or "](" in found.value:  # the end of a link
        return False
    if found.name.startswith("-") and found.value.isupper() and found.value.isalpha():
        return False
    if found.sign == ":" and (_SOURCE.search(found.name) or (found.name == "PASS" and file.kind not in _SETTINGS)):
        return False
    tight = found.glue == "=" or _VARIABLE.match(found.name)
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
    found, file = read(candidate), _file(candidate)
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


def _fallback(found: Assigned) -> bool:
    """Say whether a value follows the name of a variable, as in ``x = env("DB_PASSWORD", "y")``."""
    if asked := _ASKED.search(found.glue):
        return bool(_VARIABLE.match(asked[1]))
    after = found.sign in {"||", "??", "||="} or (found.sign == "," and bool(_GETS.search(found.lead)))
    return after and bool(_VARIABLE.match(found.name.rpartition(".")[2]))


def _has_bare(file: File) -> bool:
    return not file.strict and file.kind not in {Kind.CODE, Kind.MARKUP}


def _file(candidate: Candidate) -> File:
    file = files.of(candidate.path)
    return file._replace(dense=True) if len(candidate.line) > _DENSE_LINE else file


def _setting(candidate: Candidate) -> File:
    """Return the file, as one that holds settings unless it is a page or holds texts."""
    file = _file(candidate)
    page = candidate.path.lower().endswith((".html", ".htm", ".xhtml", ".vue", ".jsp", ".svg"))
    return file if page else file._replace(kind=Kind.CONFIG)


def _elsewhere(found: Assigned) -> bool:
    """Say whether the name is asked for something of its own (``password.length == "12"``), or is not the value's."""
    if found.lead.endswith("::") and found.sign == ":":  # "AWS::KMS::Key": "…"
        return True
    if found.sign.lstrip("-").startswith(">") and "(" in found.sign:  # a method of it
        return True
    if _SEVERAL.match(found.lead) and "=" in found.sign:  # name, password = "…", "…"
        return True
    call = _CALL.search(found.glue)
    if _ATTRIBUTE.match(found.glue) or _CLOSED.match(found.glue) or (call and not _GETS.search(call[0])):
        return True
    if (found.lead.endswith("<") and _ATTRIBUTE.match(f"'{found.glue}")) or (found.called and found.lead.endswith("/")):
        return True
    return found.name.endswith((".length", ".type", ".name", ".id", ".text", ".html", ".css", ".attr", ".label"))


def _argument(found: Assigned, key: Key) -> bool:
    """Judge what follows a name in a call or a list: words are mostly other names there."""
    mixed, puts = values.is_mixed(found.value), bool(_PUTS.search(found.lead))
    section = found.name.lower() in _SECTIONS or ("." in found.name and not puts and not _GETS.search(found.lead))
    if section and found.sign != "(":
        return False
    setter = found.name.lower().rpartition(".")[2].startswith(("set", "with"))
    named = keys.of(found.value) and not (setter and mixed)
    if named and (setter or puts):
        named = values.is_role(found.value)
    if key < Key.SECRET or named:
        return key is Key.TOKEN and found.sign == "," and found.called and values.is_random(found.value)
    if found.sign == "(":
        return mixed or setter or bool(_HASHES.search(found.name))
    if keys.parts(found.name)[:-1] and keys.parts(found.name)[0] in keys.parts(found.value)[:-1]:
        return False  # the next of many names
    if _SETOPT.search(found.lead):
        return True
    if _VARIABLE.match(found.name) and not puts:
        return False
    return (mixed or (key is Key.PASSWORD and puts)) and (found.called or found.lead.endswith("{"))


def _among(candidate: Candidate, found: Assigned) -> bool:
    """Say whether name and value are two of many texts in a list, none of which is said to be the name of the next."""
    if found.sign != "," or found.name.startswith("-") or not values.wordlike(found.value):
        return False
    if not _LISTED.search(found.lead):
        return False
    rest = candidate.line[candidate.line.find(candidate.match) + len(candidate.match) :]
    return bool(found.lead[:-1].strip() or _NEXT.match(rest))


def _told(candidate: Candidate, found: Assigned, file: File) -> bool:
    """Say whether a statement is the name and the value behind it without a sign: ``storePassword "…"``."""
    rest = candidate.line[candidate.line.find(candidate.match) + len(candidate.match) :]
    alone = _TOLD.match(found.lead) and _ENDS.match(rest) and not found.glue.endswith("`")
    return bool(alone) and file.kind in {Kind.CODE, Kind.CONFIG, Kind.SHELL}


def _is_code(value: str) -> bool:
    return values.is_expression(value) or (not values.is_random(value) and values.is_code(value))


def _in_string(lead: str) -> bool:
    """Say whether a quote is open at the end of ``lead``."""
    return any(lead.count(quote) % 2 for quote in ('"', "'", "`"))
